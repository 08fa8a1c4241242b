/**
 * Erasing, in the writer's thread: what is decided is written down first, apart from the log and as a record of it; then
 * carried out in small transactions, so that exchanges wait for none of them. Source: design of the evidence, section 3;
 * architecture, "Message log".
 *
 * The order is what makes it safe to stop at any moment: journal, record, octets. What is written down and not carried
 * out is carried out when the log is opened again; doing it twice changes nothing.
 */

import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { BodyFiles } from '../files/body-files.ts'
import type { DecisionJournal } from '../files/decision-journal.ts'
import type { KeyStore } from '../keys/key-store.ts'
import type { Decision, ErasureEvent, Ranges, What } from '../record/erasure-event.ts'
import { covers, parseDecision, seqsOf, toRanges } from '../record/erasure-event.ts'
import type { Place } from '../record/log-state.ts'
import { openSubjectErasing } from '../store/sqlite/subject-table.ts'
import type { RetentionScan } from './retention-scan.ts'
import { openRetentionScan } from './retention-scan.ts'
import { openSelection } from './selection.ts'
import type { Decided, DueMoment, Moment, Request, RetentionRules, Step } from './terms.ts'

export interface ErasingDeps {
  readonly database: DatabaseSync
  /** `gateway/node/epoch` */
  readonly log: string
  readonly keys: KeyStore
  readonly files: BodyFiles
  readonly journal: DecisionJournal
  /** Requests that have no end yet. */
  readonly open: ReadonlySet<number>
  /** Puts a decision on record; `also` in the same transaction. */
  record(decision: Decision, at: number, also: (place: Place) => void): Place
  transact<T>(work: () => T): T
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
  const { database, log, keys, files, journal, open, record, transact } = deps
  const insertDecision = database.prepare('INSERT INTO decision (seq, id, pending) VALUES (?, ?, ?)')
  const knownDecision = database.prepare('SELECT seq FROM decision WHERE id = ?')
  const nextPending = database.prepare(
    'SELECT decision.seq, at, body FROM decision JOIN record USING (seq) JOIN content USING (seq) WHERE pending = 1 LIMIT 1',
  )
  const pendingAll = database.prepare(
    'SELECT body FROM decision JOIN content USING (seq) WHERE pending = 1 ORDER BY decision.seq',
  )
  const finish = database.prepare('UPDATE decision SET pending = 0 WHERE seq = ?')
  const hasFile = database.prepare('SELECT body_key IS NOT NULL AS has FROM content WHERE seq = ?')
  const eraseBody = database.prepare(
    `UPDATE record SET body_until = NULL, body_erased_at = ?, body_erased_by = ?
     WHERE seq = ? AND body_until IS NOT NULL AND purpose IS NOT NULL`,
  )
  const emptyBody = database.prepare('UPDATE content SET body = NULL, body_share = NULL, body_key = NULL WHERE seq = ?')
  const eraseRecord = database.prepare(
    `UPDATE record SET ${EMPTIED.map((column) => `${column} = NULL`).join(', ')},
     record_erased_at = ?, record_erased_by = ? WHERE seq = ? AND record_erased_at IS NULL AND purpose IS NOT NULL`,
  )
  const eraseSubjects = openSubjectErasing(database)
  const deleteContent = database.prepare('DELETE FROM content WHERE seq = ?')
  const insertHold = database.prepare('INSERT OR IGNORE INTO hold SELECT seq, ? FROM record WHERE seq = ?')
  const endHold = database.prepare('DELETE FROM hold WHERE seq = ? AND event = ?')
  const lastBatched = database.prepare('SELECT max(last) AS last FROM batch')
  const selection = openSelection({ database, open })
  const scan: RetentionScan = openRetentionScan({ database, keys, open })
  let work: Work | undefined
  /** Files that are being unlinked: a large one takes its time. */
  let unlinking = 0
  let failed: number[] = []
  const resumedTo = Number(
    database.prepare('SELECT max(seq) AS seq FROM decision WHERE pending = 1').get()?.['seq'] ?? 0,
  )

  function write(decision: Decision, at: number): Place {
    return record(decision, at, ({ seq }) => {
      insertDecision.run(seq, decision.id, decision.event === 'erasure' ? 1 : 0)
      if (decision.event === 'hold') for (const each of seqsOf(decision.records)) insertHold.run(seq, each)
      if (decision.event !== 'release') return
      for (const id of decision.holds) {
        const event = knownDecision.get(id)?.['seq']
        if (event !== undefined) for (const each of seqsOf(decision.records)) endHold.run(each, Number(event))
      }
    })
  }

  function enter(decision: Decision, at: number): Place {
    journal.append({ log, at, decision })
    return write(decision, at)
  }

  function begin(row: Record<string, unknown>): Work {
    const decision = parseDecision(row['body'] as Uint8Array) as ErasureEvent
    const rest = partsOf(decision, Number(lastBatched.get()?.['last'] ?? 0))
    const seq = Number(row['seq'])
    return { seq, at: Number(row['at']), rest, isResumed: seq <= resumedTo }
  }

  /** @returns nothing when there is no work */
  function carryOn(unlink: (seq: number) => void): Step | undefined {
    const row = work === undefined ? nextPending.get() : undefined
    if (row !== undefined) work = begin(row)
    if (work === undefined) return undefined
    const { seq: event, at, rest, isResumed } = work
    const part = take(rest, STEP_RECORDS)
    if (part.length === 0) return end(event)
    const gone: number[] = []
    const forgotten: number[] = []
    let bodies = 0
    transact(() => {
      for (const [what, seq] of part) {
        if (isResumed || hasFile.get(seq)?.['has'] === 1) gone.push(seq)
        const { changes } = (what === 'body' ? eraseBody : eraseRecord).run(at, event, seq)
        if (changes === 0) continue
        if (what === 'body') {
          emptyBody.run(seq)
          bodies += 1
        } else {
          deleteContent.run(seq)
          forgotten.push(seq)
        }
      }
      eraseSubjects(forgotten)
    })
    for (const seq of gone) unlink(seq)
    return { more: true, bodies, records: forgotten.length, keys: 0, isClean: false }
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
    transact(() => finish.run(event))
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
    return pendingAll.all().some((row) => {
      const { parts } = parseDecision(row['body'] as Uint8Array) as ErasureEvent
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
        if (of !== log || knownDecision.get(decision.id) !== undefined) continue
        write({ ...decision, decided: decision.decided ?? new Date(then).toISOString() }, at)
      }
      complete(new Set(known.map(({ decision }) => decision.id)))
      while (carryOn((seq) => files.remove(seq)) !== undefined);
    },
  }

  /** A journal that was lost is made again from the log. */
  function complete(ids: ReadonlySet<string>): void {
    const rows = database.prepare(
      'SELECT id, at, body FROM decision JOIN record USING (seq) JOIN content USING (seq) ORDER BY seq',
    )
    for (const row of rows.all()) {
      if (ids.has(String(row['id'])) || row['body'] === null) continue
      journal.append({ log, at: Number(row['at']), decision: parseDecision(row['body'] as Uint8Array) })
    }
  }
}

const REASON = 'The date that the purpose sets has passed'

/** All of `record` but seq, leaf and what it ends. */
const EMPTIED = [
  ...['at', 'kind', 'side', 'direction', 'request_id', 'x_road_id', 'client', 'service', 'method', 'purpose', 'code'],
  ...['stage', 'sender', 'body_bytes', 'body_until', 'record_until', 'body_erased_at', 'body_erased_by'],
]

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
