/**
 * Whoever looks into the log from the console reads files, beside a running gateway or without one, and only the gateway
 * writes the log. So a note of it is on the disk before anything is shown, and the gateway puts it on record.
 */

import { randomBytes } from 'node:crypto'
import { chownSync, mkdirSync, statSync } from 'node:fs'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { GatewayError } from '../../errors.ts'
import type { Access } from '../record/access-event.ts'
import { formatAccess, parseAccess } from '../record/access-event.ts'
import { replaceFile } from './durable-file.ts'

export interface AccessNotesOptions {
  /** The database: the notes are beside it. */
  readonly file: string
  /** Puts an `event.json` on record. @throws {GatewayError} `LoggingFailed` */
  readonly append: (event: Buffer) => Promise<unknown>
  readonly report: (event: { readonly event: 'log-trouble'; readonly problem: string }) => void
}

const LOOK_MS = 2000
const NOTE_BYTES_MAX = 4096
const NOTE = '.json'
const notesOf = (file: string): string => join(dirname(file), 'access-notes')

/** @param file the database @throws {GatewayError} `LoggingFailed`: then nothing may be shown */
export function noteAccess(file: string, access: Access, at: number): void {
  const directory = notesOf(file)
  const event = formatAccess(access, at)
  if (event.length > NOTE_BYTES_MAX) throw new TypeError('An access takes more than a note')
  try {
    const { uid, gid } = statSync(dirname(file))
    const note = join(directory, `${at}-${randomBytes(8).toString('hex')}${NOTE}`)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    replaceFile(note, event)
    // An administrator is another user than the gateway, which has to read and remove it.
    for (const path of [directory, note]) chownSync(path, uid, gid)
  } catch (cause) {
    throw new GatewayError('LoggingFailed', {
      reason: `that you look is put on record first, and no note can be written to ${directory}`,
      cause,
    })
  }
}

/** The gateway's side: takes up what is noted, now and from time to time. */
export function openAccessNotes(options: AccessNotesOptions): { readonly close: () => Promise<void> } {
  const told = new Set<string>()
  let taking = takeUp(options, told)
  const looking = setInterval(() => {
    taking = taking.then(() => takeUp(options, told))
  }, LOOK_MS).unref()
  return {
    async close() {
      clearInterval(looking)
      await taking
    },
  }
}

/**
 * A note is removed once it is on record: after a crash in between it is there twice, never not at all.
 *
 * @param told problems, each of which is reported once
 */
async function takeUp({ file, append, report }: AccessNotesOptions, told: Set<string>): Promise<void> {
  const directory = notesOf(file)
  const tell = (problem: string): void => {
    if (!told.has(problem)) report({ event: 'log-trouble', problem })
    told.add(problem)
  }
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') tell(`notes of accesses cannot be read: ${directory}, ${error.code}`)
    return []
  })
  for (const name of names.filter((each) => each.endsWith(NOTE)).sort()) {
    const path = join(directory, name)
    const event = await readFile(path).catch(({ code }: NodeJS.ErrnoException) =>
      tell(`a note of an access cannot be read: ${path}, ${code}`),
    )
    if (!Buffer.isBuffer(event)) continue
    try {
      if (event.length > NOTE_BYTES_MAX || !parseAccess(event)?.by.startsWith('console:')) {
        await rename(path, `${path}.bad`)
        tell(`a note of an access is none, and kept as ${name}.bad`)
        continue
      }
      await append(event)
      await rm(path)
    } catch {
      // The log or the disk is in trouble, which is told elsewhere: the notes wait.
      return
    }
  }
}
