/** Large bodies of the message log: encrypted spool files (`protocol/chunked-cipher.ts`) that the log has adopted. */

import { constants, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { archivedBodies } from '../archive/archive-files.ts'
import { syncPath } from './durable-file.ts'

export interface BodyFiles {
  pathOf(seq: number): string
  /** Takes a file, which must be on the disk already, as the body of this record. The spool's own name stays valid. */
  adopt(path: string, seq: number): void
  /** After `adopt`, before the row is committed. */
  sync(): void
  remove(seq: number): void
  /** The same, without waiting: a large file takes its time. */
  removeSoon(seq: number, done: (isRemoved: boolean) => void): void
  /** Removes what a crash between adoption and commit left behind. */
  sweep(lastSeq: number): void
}

const FILE = /^(\d+)\.body$/

/** @param archive directory of archive files: a body that was moved there is removed there */
export function openBodyFiles(directory: string, create = false, archive?: string): BodyFiles {
  if (create && !existsSync(directory)) mkdirSync(directory, { recursive: true, mode: 0o700 })
  const pathOf = (seq: number): string => join(directory, `${seq}.body`)
  const placesOf = (seq: number): string[] => [
    pathOf(seq),
    ...(archive === undefined ? [] : archivedBodies(archive, seq)),
  ]
  const remove = (seq: number): void => {
    for (const path of placesOf(seq)) rmSync(path, { force: true })
  }
  return {
    pathOf,
    remove,
    removeSoon(seq, done) {
      const removals = placesOf(seq).map((path) => rm(path, { force: true }))
      void Promise.all(removals).then(
        () => done(true),
        () => done(false),
      )
    },
    adopt(path, seq) {
      // What lies there belongs to a commit that failed: the number was given again.
      remove(seq)
      try {
        // A second name instead of a new one: the exchange goes on reading under the first.
        linkSync(path, pathOf(seq))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
        copyFileSync(path, pathOf(seq), constants.COPYFILE_EXCL)
        syncPath(pathOf(seq))
      }
    },
    sync: () => syncPath(directory),
    sweep(lastSeq) {
      for (const name of readdirSync(directory)) {
        const seq = Number(FILE.exec(name)?.[1] ?? 0)
        if (seq > lastSeq) remove(seq)
      }
    },
  }
}

/** Returns when the file's octets are on the disk. Off the writer's thread: a large file takes its time. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
