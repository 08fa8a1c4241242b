/** Finds what is due, and the keys under which nothing is left: reads the whole log, a few thousand records at a time. */

import type { KeyStore } from '../keys/key-store.ts'
import { dayOf } from '../keys/key-store.ts'
import type { What } from '../record/erasure-event.ts'
import type { DueRecord, WritableStore } from '../store/writable-store.ts'
import type { DueMoment } from './terms.ts'

export interface ScanDeps {
  readonly store: Pick<WritableStore, 'batches' | 'records' | 'retention'>
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

export function openRetentionScan({ store, keys, open }: ScanDeps): RetentionScan {
  const { records, batches, retention } = store
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

  function note({ seq, what, purpose }: DueRecord): void {
    if (what === 'record' && open.has(seq)) return
    const id = `${what} ${purpose}`
    const group = found.get(id) ?? { what, purpose, seqs: [] }
    found.set(id, group)
    group.seqs.push(seq)
    count += 1
  }

  return {
    step({ dueAt, replayedSince }) {
      if (count >= DUE_MAX) return false
      last ??= records.tip().seq
      if (next > last) {
        if (!wasDue || count > 0) return false
        forget()
        return true
      }
      const to = Math.min(last, next + STEP_RECORDS - 1)
      // What is in no batch yet is not erased; the high-water mark would not know of it.
      const dueTo = Math.min(to, batches.latest()?.last ?? 0)
      for (const record of retention.due({ first: next, last: dueTo, day: dayOf(dueAt), replayedSince })) note(record)
      for (const { day, purpose, hasBody } of retention.live(next, to)) {
        inUse.add(idOf('record', day, purpose))
        if (hasBody) inUse.add(idOf('body', day, purpose))
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
