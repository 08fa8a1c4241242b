/** Who erased a record, when and why, as a decision of the log says it. */

import type { ErasureEvent, What } from '../record/erasure-event.ts'
import { covers, parseDecision } from '../record/erasure-event.ts'
import type { Records } from '../store/log-store.ts'
import type { Contents } from './contents.ts'

/** Decisions kept in memory. */
const KNOWN_MAX = 16

/** Who erased, when and why. */
export interface Reason {
  readonly event: ErasureEvent
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  /** As the event names it for this record. */
  readonly rule: string
}

export type ReasonOf = (seq: number, what: What, by: number) => Reason | undefined

/** @returns what finds the reason of an erasure; nothing when the log's record `by` gives none */
export function openReasons(records: Records, contents: Contents): ReasonOf {
  const known = new Map<number, { readonly event: ErasureEvent; readonly at: number } | undefined>()

  function read(by: number): { readonly event: ErasureEvent; readonly at: number } | undefined {
    const row = records.get(by)
    if (row === undefined) return undefined
    const stored = contents.complete(row)
    const octets = stored.kind === 'erasure' ? contents.body(stored) : undefined
    if (octets === undefined || stored.at === null) return undefined
    const event = parseDecision(octets)
    return event.event === 'erasure' ? { event, at: stored.at } : undefined
  }

  function find(by: number): { readonly event: ErasureEvent; readonly at: number } | undefined {
    if (known.has(by)) return known.get(by)
    if (known.size >= KNOWN_MAX) known.clear()
    const found = read(by)
    // A decision may come while somebody looks: what is not there yet is asked for again.
    if (found !== undefined) known.set(by, found)
    return found
  }

  return (seq, what, by) => {
    const found = find(by)
    const part = found?.event.parts.find((each) => each.what === what && covers(each.records, seq))
    return found === undefined || part === undefined ? undefined : { ...found, rule: part.rule }
  }
}
