/**
 * Is what was erased named by a decision of the log? Whoever removes octets and marks them as erased has to leave a record
 * of it in the chain, and one with the same holds. Source: design of the evidence, section 3.
 */

import type { Contents } from '../reading/contents.ts'
import { openReasons } from '../reading/erasure-reasons.ts'
import type { Decision, What } from '../record/erasure-event.ts'
import { DECISIONS, parseDecision, seqsOf } from '../record/erasure-event.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import type { LogStore } from '../store/log-store.ts'
import { demand } from './damage.ts'

export interface ErasureCheck {
  /** A record of which only the leaf is left. @throws {Damage} */
  record(stored: StoredRecord): void
  /** Any other. @throws {Damage} */
  body(stored: StoredRecord): void
  /** @param body the event of the log's own record */
  decision(stored: StoredRecord, body: Buffer | undefined): void
  /** After every record. @throws {Damage} */
  finish(): void
}

const LEFT: ReadonlySet<keyof StoredRecord> = new Set(['seq', 'leaf', 'ends', 'recordErasedAt', 'recordErasedBy'])

export function openErasureCheck(
  { records, decisions }: Pick<LogStore, 'records' | 'decisions'>,
  contents: Contents,
): ErasureCheck {
  const reasonOf = openReasons(records, contents)
  const holds = new Set<string>()
  const seqOfId = new Map<string, number>()

  function check(seq: number, what: What, at: number | null, by: number | null): void {
    const reason = by === null || by <= seq ? undefined : attempt(() => reasonOf(seq, what, by))
    demand(reason !== undefined, seq, 'object', 'It is marked as erased and no decision of the log says so')
    demand(reason.at === at, seq, 'columns', 'It was erased at another time')
  }

  function note(stored: StoredRecord, decision: Decision): void {
    if (decision.event === 'erasure') return
    if (decision.event === 'hold') {
      seqOfId.set(decision.id, stored.seq)
      for (const seq of seqsOf(decision.records)) holds.add(`${seq} ${stored.seq}`)
      return
    }
    const events = decision.holds.map((id) => seqOfId.get(id))
    for (const seq of seqsOf(decision.records)) for (const event of events) holds.delete(`${seq} ${event}`)
  }

  return {
    record(stored) {
      const { seq, recordErasedAt, recordErasedBy } = stored
      const names = Object.keys(stored) as (keyof StoredRecord)[]
      const isEmpty = names.every((name) => LEFT.has(name) || stored[name] === null)
      demand(isEmpty, seq, 'object', 'The record is marked as erased and is there')
      demand(stored.ends === null || stored.ends < seq, seq, 'end', 'It ends no request')
      check(seq, 'record', recordErasedAt, recordErasedBy)
    },
    body({ seq, bodyErasedAt, bodyErasedBy, recordErasedAt, recordErasedBy }) {
      const isRecord = recordErasedAt === null && recordErasedBy === null
      demand(isRecord, seq, 'object', 'The record is marked as erased and is there')
      if (bodyErasedAt !== null || bodyErasedBy !== null) check(seq, 'body', bodyErasedAt, bodyErasedBy)
    },
    decision(stored, body) {
      if (!DECISIONS.has(stored.kind)) return
      const decision = body === undefined ? undefined : attempt(() => parseDecision(body))
      demand(decision?.event === stored.kind, stored.seq, 'object', 'It is no decision')
      note(stored, decision)
    },
    finish() {
      for (const { seq, event } of decisions.holds()) {
        demand(holds.delete(`${seq} ${event}`), seq, 'columns', 'It is held, and no decision of the log says so')
      }
      const [missing] = holds
      demand(missing === undefined, Number.parseInt(missing ?? '0', 10), 'columns', 'It is not held as was decided')
    },
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
