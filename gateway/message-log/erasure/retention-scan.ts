/** Finds what is due, and the keys under which nothing is left: reads the whole log, a few thousand records at a time. */

import type { DatabaseSync } from 'node:sqlite'
import type { KeyStore } from '../keys/key-store.ts'
import { dayOf } from '../keys/key-store.ts'
import type { What } from '../record/erasure-event.ts'
import type { DueMoment } from './terms.ts'

export interface ScanDeps {
  readonly database: DatabaseSync
  readonly keys: KeyStore
  /** Requests that have no end yet. */
  readonly open: ReadonlySet<number>
}

export interface Due {
  readonly what: What
  readonly purpose: string
  /** Ascending. */
  readonly seqs: number[]
}

export interface RetentionScan {
  /** @returns whether there is more to read */
  step(now: DueMoment): boolean
  /** What was found so far. */
  takeDue(): readonly Due[]
  /** When everything was read and nothing was due. @returns how many */
  destroyKeys(at: number): number
  /** What was read is not true any more. */
  forget(): void
}

/** Read at once: about two milliseconds. */
const STEP_RECORDS = 2000
/** In one decision; the rest comes in the next. */
const DUE_MAX = 10_000
/** Keys of these days are in use, or may be: the gateway's clock and the writer's meet at midnight. */
const DAYS_IN_USE = 2

export function openRetentionScan({ database, keys, open }: ScanDeps): RetentionScan {
  const lastSeq = database.prepare('SELECT max(seq) AS last FROM record')
  const lastBatched = database.prepare('SELECT max(last) AS last FROM batch')
  const due = database.prepare(
    `SELECT seq, purpose, record_until < ?1 AND at < ?2 AS whole FROM record
     WHERE seq BETWEEN ?3 AND ?4 AND purpose IS NOT NULL AND (body_until < ?1 OR (record_until < ?1 AND at < ?2))
     AND NOT EXISTS (SELECT 1 FROM hold WHERE hold.seq = record.seq) ORDER BY seq`,
  )
  const live = database.prepare(
    `SELECT DISTINCT at / 86400000 AS day, purpose, body_until IS NOT NULL AS body FROM record
     WHERE seq BETWEEN ? AND ? AND purpose IS NOT NULL`,
  )
  let next = 1
  /** What comes after the pass began is of a day in use. */
  let last: number | undefined
  let found = new Map<string, Due>()
  let count = 0
  /** In this pass: what it found in use need not be any more. */
  let wasDue = false
  const inUse = new Set<string>()

  function forget(): void {
    next = 1
    last = undefined
    found = new Map()
    count = 0
    wasDue = false
    inUse.clear()
  }

  function note(row: Record<string, unknown>): void {
    const seq = Number(row['seq'])
    const what = row['whole'] === 1 ? 'record' : 'body'
    if (what === 'record' && open.has(seq)) return
    const purpose = String(row['purpose'])
    const id = `${what} ${purpose}`
    const group = found.get(id) ?? { what, purpose, seqs: [] }
    found.set(id, group)
    group.seqs.push(seq)
    count += 1
  }

  return {
    step({ dueAt, replayedSince }) {
      if (count >= DUE_MAX) return false
      last ??= Number(lastSeq.get()?.['last'] ?? 0)
      if (next > last) {
        if (!wasDue || count > 0) return false
        forget()
        return true
      }
      const to = Math.min(last, next + STEP_RECORDS - 1)
      // What is in no batch yet is not erased; the high-water mark would not know of it.
      const dueTo = Math.min(to, Number(lastBatched.get()?.['last'] ?? 0))
      for (const row of due.all(dayOf(dueAt), replayedSince, next, dueTo)) note(row)
      for (const row of live.all(next, to)) {
        const { day, purpose, body } = row
        inUse.add(idOf('record', Number(day), String(purpose)))
        if (body === 1) inUse.add(idOf('body', Number(day), String(purpose)))
      }
      next = to + 1
      return true
    },
    takeDue() {
      const groups = [...found.values()]
      wasDue ||= groups.length > 0
      found = new Map()
      count = 0
      return groups
    },
    destroyKeys(at) {
      let destroyed = 0
      for (const name of keys.names()) {
        if (name.use === 'archive' || name.day > dayOf(at) - DAYS_IN_USE) continue
        if (inUse.has(idOf(name.use, name.day, name.purpose))) continue
        keys.destroy(name)
        destroyed += 1
      }
      forget()
      return destroyed
    },
    forget,
  }
}

function idOf(use: 'record' | 'body', day: number, purpose: string): string {
  return `${use} ${day} ${purpose}`
}
