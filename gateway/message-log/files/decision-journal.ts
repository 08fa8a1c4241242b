/**
 * What was decided about erasing, once more, apart from the log: an append-only file beside the keys. A log restored from
 * an older copy knows nothing of later erasures and holds; from here they are carried out again before anybody reads.
 */

import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Decision } from '../record/erasure-event.ts'
import { formatDecision, parseDecision } from '../record/erasure-event.ts'
import { LogOpenError } from '../record/open-error.ts'
import { syncPath } from './durable-file.ts'

export interface JournalEntry {
  /** `gateway/node/epoch` */
  readonly log: string
  readonly at: number
  readonly decision: Decision
}

export interface DecisionJournal {
  read(): readonly JournalEntry[]
  /** Returns once it is on the disk. */
  append(entry: JournalEntry): void
}

/** @throws {LogOpenError} `damaged`, when read */
export function openDecisionJournal(path: string): DecisionJournal {
  /** Octets of whole lines. */
  let length: number | undefined
  return {
    read: () => wholeLines(path).map(parseLine),
    append({ log, at, decision }) {
      const isNew = !existsSync(path)
      // What a crash left half-written was never acted upon: the record of the log comes after it.
      length ??= Buffer.byteLength(
        wholeLines(path)
          .map((line) => `${line}\n`)
          .join(''),
      )
      const line = Buffer.from(`{"log":${JSON.stringify(log)},"at":${at},"decision":${formatDecision(decision)}}\n`)
      const file = openSync(path, isNew ? 'w' : 'r+', 0o600)
      try {
        ftruncateSync(file, length)
        for (let done = 0; done < line.length; ) done += writeSync(file, line, done, line.length - done, length + done)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      length += line.length
      if (isNew) syncPath(dirname(path))
    },
  }
}

function wholeLines(path: string): string[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

function parseLine(line: string): JournalEntry {
  try {
    const { log, at, decision } = JSON.parse(line) as { log: string; at: number; decision: object }
    if (typeof log !== 'string' || !Number.isSafeInteger(at)) throw new TypeError('It is no entry')
    return { log, at, decision: parseDecision(JSON.stringify(decision)) }
  } catch (cause) {
    throw new LogOpenError('damaged', 'The journal of erasures beside the keys cannot be read', cause)
  }
}
