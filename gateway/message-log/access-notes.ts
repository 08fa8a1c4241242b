/**
 * Whoever looks into the log from the console reads files, beside a running gateway or without one, and only the gateway
 * writes the log. So a note of it is on the disk before anything is shown, and the gateway puts it on record.
 */

import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { GatewayError } from '../errors.ts'
import type { Access } from './access-event.ts'
import { formatAccess, parseAccess } from './access-event.ts'
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
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    replaceFile(join(directory, `${at}-${randomBytes(8).toString('hex')}${NOTE}`), event)
  } catch (cause) {
    throw new GatewayError('LoggingFailed', {
      reason: `that you look is put on record first, and no note can be written to ${directory}`,
      cause,
    })
  }
}

/** The gateway's side: takes up what is noted, now and from time to time. */
export function openAccessNotes(options: AccessNotesOptions): { readonly close: () => Promise<void> } {
  let taking = takeUp(options)
  const looking = setInterval(() => {
    taking = taking.then(() => takeUp(options))
  }, LOOK_MS).unref()
  return {
    async close() {
      clearInterval(looking)
      await taking
    },
  }
}

/** A note is removed once it is on record: after a crash in between it is there twice, never not at all. */
async function takeUp({ file, append, report }: AccessNotesOptions): Promise<void> {
  const directory = notesOf(file)
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter((each) => each.endsWith(NOTE)).sort()) {
    const path = join(directory, name)
    try {
      const event = await readFile(path)
      if (event.length > NOTE_BYTES_MAX || !parseAccess(event)?.by.startsWith('console:')) {
        await rename(path, `${path}.bad`)
        report({ event: 'log-trouble', problem: `a note of an access is none, and kept as ${name}.bad` })
        continue
      }
      await append(event)
      await rm(path)
    } catch {
      // The log or the disk is in trouble, which is told elsewhere: the note waits.
      return
    }
  }
}
