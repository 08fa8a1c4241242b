/** Large bodies of the message log: encrypted spool files (`protocol/chunked-cipher.ts`) that the log has adopted. */

import { constants, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
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

/** A directory of archived body files holds those of this many records. */
const BODIES_PER_DIRECTORY = 1000
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

/** Content-addressed: the name has the hash of the encrypted file. */
export function bodyPath(directory: string, seq: number, sha256: Buffer): string {
  return join(bodyDirectory(directory, seq), `${seq}.${sha256.toString('hex')}.body`)
}

export function bodyDirectory(directory: string, seq: number): string {
  return join(directory, 'bodies', String(Math.floor(seq / BODIES_PER_DIRECTORY)))
}

/** Paths of the body of one record, whichever hash their names have. */
export function archivedBodies(directory: string, seq: number): string[] {
  const home = bodyDirectory(directory, seq)
  if (!existsSync(home)) return []
  return readdirSync(home)
    .filter((name) => name.startsWith(`${seq}.`))
    .map((name) => join(home, name))
}
