/**
 * Erasing, in the writer's thread: what is decided is written down first, apart from the log and as a record of it; then
 * carried out in small transactions, so that exchanges wait for none of them. Source: design of the evidence, section 3;
 * architecture, "Message log".
 *
 * The order is what makes it safe to stop at any moment: journal, record, octets. What is written down and not carried
 * out is carried out when the log is opened again; doing it twice changes nothing.
 */

import { randomUUID } from 'node:crypto'
import type { BodyFiles } from '../files/body-files.ts'
import type { DecisionJournal } from '../files/decision-journal.ts'
import type { KeyStore } from '../keys/key-store.ts'
import type { Decision, ErasureEvent, Ranges, ReleaseEvent, What } from '../record/erasure-event.ts'
import { covers, parseDecision, seqsOf, toRanges } from '../record/erasure-event.ts'
import type { Place } from '../record/log-state.ts'
import type { NewDecision, StoredDecision, WritableStore } from '../store/writable-store.ts'
import type { RetentionScan } from './retention-scan.ts'
import { openRetentionScan } from './retention-scan.ts'
import { openSelection } from './selection.ts'
import type { Decided, DueMoment, Moment, Request, RetentionRules, Step } from './terms.ts'

export interface ErasingDeps {
  readonly store: Pick<WritableStore, 'batches' | 'erasing' | 'retention' | 'records'>
  /** `gateway/node/epoch` */
  readonly log: string
  readonly keys: KeyStore
  readonly files: BodyFiles
  readonly journal: DecisionJournal
  /** Requests that have no end yet. */
  readonly open: ReadonlySet<number>
  /** Puts a decision on record, and what follows from it, in one transaction. */
  record(decision: Decision, at: number, effect: Omit<NewDecision, 'seq' | 'id'>): Place
}

export interface Erasing {
  decide(request: Request, now: Moment): Decided
  /**
   * One piece of what is to be done: milliseconds.
   *
   * @param rules of purposes, to look for what is due; nothing: only what is decided already
   * @returns whether there is more
   */
  step(now: DueMoment, rules: RetentionRules | null): Step
  /** All that is decided and not carried out, and what the journal knows and the log does not. Before anybody reads. */
  settle(at: number): void
}

/** Records erased in one transaction. */
const STEP_RECORDS = 32
const NOTHING: Step = { more: false, bodies: 0, records: 0, keys: 0, isClean: true }

interface Work {
  readonly seq: number
  readonly at: number
  readonly rest: Iterator<readonly [What, number]>
  /** Decided before the log was opened: a file may be left whose row is not. */
  readonly isResumed: boolean
}

export function openErasing(deps: ErasingDeps): Erasing {
  const { store, log, keys, files, journal, open, record } = deps
  const { batches, erasing } = store
  const selection = openSelection({ store, open })
  const scan: RetentionScan = openRetentionScan({ store, keys, open })
  let work: Work | undefined
  /** Files that are being unlinked: a large one takes its time. */
  let unlinking = 0
  let failed: number[] = []
  const resumedTo = Math.max(0, ...Array.from(erasing.decisions({ pendingOnly: true }), ({ seq }) => seq))

  function write(decision: Decision, at: number): Place {
    return record(decision, at, {
      isPending: decision.event === 'erasure',
      held: decision.event === 'hold' ? seqsOf(decision.records) : [],
      released: decision.event === 'release' ? releasedBy(decision) : [],
    })
  }

  function* releasedBy({ holds, records }: ReleaseEvent): Generator<{ seq: number; event: number }> {
    for (const id of holds) {
      const event = erasing.seqOf(id)
      if (event !== undefined) for (const seq of seqsOf(records)) yield { seq, event }
    }
  }

  function enter(decision: Decision, at: number): Place {
    journal.append({ log, at, decision })
    return write(decision, at)
  }

  function begin({ seq, at, body }: StoredDecision): Work {
    const decision = parseDecision(body as Uint8Array) as ErasureEvent
    const rest = partsOf(decision, batches.latest()?.last ?? 0)
    return { seq, at, rest, isResumed: seq <= resumedTo }
  }

  /** @returns nothing when there is no work */
  function carryOn(unlink: (seq: number) => void): Step | undefined {
    const row = work === undefined ? erasing.nextPending() : undefined
    if (row !== undefined) work = begin(row)
    if (work === undefined) return undefined
    const { seq: event, at, rest, isResumed } = work
    const part = take(rest, STEP_RECORDS)
    if (part.length === 0) return end(event)
    const { bodies, records, files: gone } = erasing.erase(part, { at, event })
    for (const seq of isResumed ? part.map(([, each]) => each) : gone) unlink(seq)
    return { more: true, bodies, records, keys: 0, isClean: false }
  }

  function end(event: number): Step {
    if (unlinking > 0) return { ...NOTHING, more: true, isClean: false }
    if (failed.length > 0) {
      const again = failed
      failed = []
      for (const seq of again) unlinkSoon(seq)
      const problem = `${again.length} files of erased bodies cannot be removed`
      return { ...NOTHING, isClean: false, problem }
    }
    erasing.finish(event)
    work = undefined
    return { ...NOTHING, more: true, isClean: false }
  }

  function unlinkSoon(seq: number): void {
    unlinking += 1
    files.removeSoon(seq, (isRemoved) => {
      unlinking -= 1
      if (!isRemoved) failed.push(seq)
    })
  }

  function decideDue(at: number, rules: RetentionRules): boolean {
    const due = scan.takeDue()
    if (due.length === 0) return false
    const texts = new Map(rules)
    const parts = due.map(({ what, purpose, seqs }) => ({
      what,
      rule: texts.get(purpose) ?? `retention of purpose ${purpose}`,
      records: toRanges(seqs),
    }))
    enter({ event: 'erasure', id: randomUUID(), by: 'retention', reason: REASON, parts }, at)
    return true
  }

  function isDoomed(seq: number): boolean {
    return [...erasing.decisions({ pendingOnly: true })].some(({ body }) => {
      const { parts } = parseDecision(body as Uint8Array) as ErasureEvent
      return parts.some(({ records }) => covers(records, seq))
    })
  }

  return {
    decide(request, now) {
      const chosen = selection.choose(request, now)
      if ('refused' in chosen) return chosen
      const { decision, seqs } = chosen
      const doomed = seqs.find(isDoomed)
      if (doomed !== undefined) return { refused: 'erased', of: doomed }
      const { seq } = enter(decision, now.at)
      scan.forget()
      return { seq, records: seqs.length }
    },
    step(now, rules) {
      const carried = carryOn(unlinkSoon)
      if (carried !== undefined) return carried
      if (rules === null) return NOTHING
      if (scan.step(now)) return { ...NOTHING, more: true }
      if (decideDue(now.at, rules)) return { ...NOTHING, more: true }
      return { ...NOTHING, keys: scan.destroyKeys(now.dueAt) }
    },
    settle(at) {
      const known = journal.read()
      for (const { log: of, at: then, decision } of known) {
        if (of !== log || erasing.seqOf(decision.id) !== undefined) continue
        write({ ...decision, decided: decision.decided ?? new Date(then).toISOString() }, at)
      }
      complete(new Set(known.map(({ decision }) => decision.id)))
      while (carryOn((seq) => files.remove(seq)) !== undefined);
    },
  }

  /** A journal that was lost is made again from the log. */
  function complete(ids: ReadonlySet<string>): void {
    for (const { id, at, body } of erasing.decisions()) {
      if (!ids.has(id) && body !== null) journal.append({ log, at, decision: parseDecision(body) })
    }
  }
}

const REASON = 'The date that the purpose sets has passed'

function* partsOf({ parts }: ErasureEvent, last: number): Generator<readonly [What, number]> {
  for (const { what, records } of parts) {
    // Of a log restored from a copy that ends before.
    for (const seq of seqsOf(clamped(records, last))) yield [what, seq]
  }
}

function clamped(ranges: Ranges, last: number): Ranges {
  return ranges.filter(([first]) => first <= last).map(([first, end]) => [first, Math.min(end, last)] as const)
}

function take<T>(from: Iterator<T>, count: number): T[] {
  const taken: T[] = []
  while (taken.length < count) {
    const next = from.next()
    if (next.done === true) break
    taken.push(next.value)
  }
  return taken
}
