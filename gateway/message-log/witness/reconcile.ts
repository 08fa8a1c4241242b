/**
 * Compares this log with a partner's: digests by the hour first, then only what differs; and the heads that each holds of
 * the other's and of third logs. Source: design of the evidence, section 4. In constant memory: a page of each at a time.
 */

import { gatewayOfLog } from '../../protocol/log-head.ts'
import type { Ask, ExchangeDigest, Found, HeadTuple } from '../../protocol/reconciling.ts'
import { HEADS_MAX, HOUR_MS, MINUTE_MS, NO_BATCH, PAGE_MAX, SPAN_MS_MAX } from '../../protocol/reconciling.ts'
import type { HeadList } from '../record/heads.ts'
import type { Parties, SharedExchange, Span } from './shared-exchanges.ts'
import { timeOf } from './shared-exchanges.ts'
import type { Finding } from './twins.ts'
import { judgeTwins } from './twins.ts'

export interface ReconcileDeps {
  readonly parties: Parties
  /** `gateway/node/epoch` */
  readonly ownLog: string
  readonly own: OwnLog
  /** @throws {GatewayError} when there is no answer that can be believed */
  ask<A extends Ask>(ask: A): Promise<Found & { readonly what: A['what'] }>
  readonly heads: HeadList
  /** SHA-256 of the header of one of our batches, base64url. */
  ownHeader(batch: number): string | undefined
  /** Was anything of our own log that was made around this time erased? */
  erasedAround(at: number): boolean
  /** Is the date past on which this record of ours may be erased, and its twin with it? */
  isDue(seq: number): boolean
  /** Told of what contradicts as soon as it is found: the answer just had is the proof. */
  proved(): void
}

export interface OwnLog {
  find(parties: Parties, ask: Ask): Promise<Found>
  page(parties: Parties, span: Span, after: string): Promise<readonly SharedExchange[]>
}

/** What a comparison needs to know of the one before it. */
export interface Before {
  /** Log → highest batch whose heads were compared. */
  readonly compared: Readonly<Record<string, number>>
}

/**
 * `rewritten`: the log of `log` now has another header for the batch than it once said. `cut-off`: it ends before it.
 * `fork`: it told the partner another one than us.
 */
export interface HeadConflict {
  readonly kind: 'rewritten' | 'cut-off' | 'fork'
  readonly log: string
  readonly batch: number
  /** Our record that holds the message with the head; 0 where the log is our own. */
  readonly seq: number
  /** What the partner says. */
  readonly sha256: string
}

export interface Reconciliation {
  readonly from: number
  readonly to: number
  /** Shared exchanges in our log and in the partner's. */
  readonly ours: number
  readonly theirs: number
  readonly alarms: number
  readonly explained: number
  /** Alarms first; at most `FINDINGS_MAX` of each. */
  readonly findings: readonly Finding[]
  readonly conflicts: readonly HeadConflict[]
  /** The latest head that the partner holds of our log, when it is ours. */
  readonly anchor: HeadTuple | null
  readonly compared: Readonly<Record<string, number>>
}

export const FINDINGS_MAX = 500
/** Exchanges of one stretch: more than a thousand in a minute do not fit into one page, nor do a million. */
const STRETCH_MAX = 1_000_000

export async function reconcile(deps: ReconcileDeps, span: Span, before: Before): Promise<Reconciliation> {
  const conflicts: HeadConflict[] = []
  const conflict = (found: HeadConflict): void => {
    if (conflicts.length < FINDINGS_MAX) conflicts.push(found)
    deps.proved()
  }
  const compared: Record<string, number> = { ...before.compared }
  const anchor = await compareOwnHeads(deps, compared, conflict)
  await compareReceivedHeads(deps, compared, conflict)

  const totals = { ours: 0, theirs: 0 }
  const alarms: Finding[] = []
  const explained: Finding[] = []
  const counts = { alarms: 0, explained: 0 }
  const note = (finding: Finding): void => {
    counts[finding.isAlarm ? 'alarms' : 'explained'] += 1
    const list = finding.isAlarm ? alarms : explained
    if (list.length < FINDINGS_MAX) list.push(finding)
    if (finding.isAlarm) deps.proved()
  }
  const from = Math.floor(span.from / HOUR_MS) * HOUR_MS
  for (let start = from; start < span.to; start += SPAN_MS_MAX) {
    const part = { from: start, to: Math.min(start + SPAN_MS_MAX, span.to) }
    for await (const hours of differing(deps, part, HOUR_MS, totals)) {
      for await (const stretch of hours.count <= PAGE_MAX ? [hours] : differing(deps, hours, MINUTE_MS)) {
        for (const finding of await judgeStretch(deps, stretch)) note(finding)
      }
    }
  }
  const findings = [...alarms, ...explained]
  return { from, to: span.to, ...totals, ...counts, findings, conflicts, anchor, compared }
}

/** What the partner holds of our log: whoever rewrites ours cannot reach it. */
async function compareOwnHeads(
  { ask, ownLog, ownHeader }: ReconcileDeps,
  compared: Record<string, number>,
  conflict: (found: HeadConflict) => void,
): Promise<HeadTuple | null> {
  let anchor: HeadTuple | null = null
  for (let batch = compared[ownLog] ?? 0; ; ) {
    const { heads } = await ask({ what: 'heads', log: ownLog, batch })
    for (const head of heads) {
      const [log, number, sha256] = head
      // Nobody asked about other logs or other batches.
      if (log !== ownLog || number < batch) continue
      const own = ownHeader(number)
      if (own === sha256) anchor = head
      else conflict({ kind: own === undefined ? 'cut-off' : 'rewritten', log, batch: number, seq: 0, sha256 })
    }
    const last = heads.at(-1)?.[1] ?? 0
    if (anchor !== null) compared[ownLog] = Math.max(compared[ownLog] ?? 0, anchor[1])
    if (heads.length < HEADS_MAX || last < batch) return anchor
    batch = last + 1
  }
}

/** What we hold: of the partner's own log, and of others' that it may have been told something else about. */
async function compareReceivedHeads(
  { ask, heads, parties }: ReconcileDeps,
  compared: Record<string, number>,
  conflict: (found: HeadConflict) => void,
): Promise<void> {
  for (const log of heads.logs()) {
    if (gatewayOfLog(log) === parties.own) continue
    for (let batch = compared[log] ?? 0; ; ) {
      const held = heads.from(log, batch, HEADS_MAX)
      const last = held.at(-1)
      if (last === undefined) break
      const { heads: others } = await ask({
        what: 'compare',
        heads: held.map((head): HeadTuple => [head.log, head.batch, head.sha256]),
      })
      const isPartners = gatewayOfLog(log) === parties.partner
      for (const [name, number, sha256] of others) {
        const own = held.find((head) => head.batch === number)
        // Of a log that has forked before our eyes we hold both.
        const isHeld = held.some((head) => head.batch === number && head.sha256 === sha256)
        if (name !== log || own === undefined || (isHeld && !isPartners)) continue
        const kind = !isPartners ? 'fork' : sha256 === NO_BATCH ? 'cut-off' : 'rewritten'
        conflict({ kind, log, batch: number, seq: own.seq, sha256 })
      }
      compared[log] = last.batch
      if (held.length < HEADS_MAX) break
      batch = last.batch + 1
    }
  }
}

interface Stretch extends Span {
  /** Exchanges in it, at the side that has more. */
  readonly count: number
}

/** Steps whose digests differ; neighbours together while they fit into one page. */
async function* differing(
  { own, ask, parties }: ReconcileDeps,
  { from, to }: Span,
  stepMs: number,
  totals = { ours: 0, theirs: 0 },
): AsyncGenerator<Stretch> {
  let open: Stretch | undefined
  for (let at = from; at < to; ) {
    const question = { what: 'digests', from: at, to, stepMs } as const
    const [ours, theirs] = await Promise.all([own.find(parties, question), ask(question)])
    if (ours.what !== 'digests') throw new TypeError('The log answers another question')
    // Both sides stop between two steps when there is much; a partner that does not get on is not followed for ever.
    const end = Math.min(ours.to, theirs.to, to)
    if (end <= at) throw new Error('The partner answers nothing about the time it was asked for')
    for (const { start, our, their } of pairs(ours.digests, theirs.digests, at, end)) {
      totals.ours += our?.[1] ?? 0
      totals.theirs += their?.[1] ?? 0
      if (our?.[2] === their?.[2]) continue
      const count = Math.max(our?.[1] ?? 0, their?.[1] ?? 0)
      if (open !== undefined && open.count + count <= PAGE_MAX) {
        open = { from: open.from, to: Math.min(start + stepMs, to), count: open.count + count }
        continue
      }
      if (open !== undefined) yield open
      open = { from: start, to: Math.min(start + stepMs, to), count }
    }
    at = end
  }
  if (open !== undefined) yield open
}

type Digest = readonly [number, number, string]

function pairs(
  ours: readonly Digest[],
  theirs: readonly Digest[],
  from: number,
  to: number,
): { readonly start: number; readonly our: Digest | undefined; readonly their: Digest | undefined }[] {
  const inside = ([start]: Digest): boolean => start >= from && start < to
  const byStart = (digests: readonly Digest[]): Map<number, Digest> =>
    new Map(digests.filter(inside).map((digest) => [digest[0], digest]))
  const [our, their] = [byStart(ours), byStart(theirs)]
  const starts = [...new Set([...our.keys(), ...their.keys()])].sort((a, b) => a - b)
  return starts.map((start) => ({ start, our: our.get(start), their: their.get(start) }))
}

/** Exchange by exchange: both sides come in the order of the ids. */
async function judgeStretch(deps: ReconcileDeps, span: Span): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const [ours, theirs] = [oursIn(deps, span), theirsIn(deps, span)]
  let our = (await ours.next()).value as SharedExchange | undefined
  let their = (await theirs.next()).value as ExchangeDigest | undefined
  while (our !== undefined || their !== undefined) {
    const isOurs = their === undefined || (our !== undefined && our.id <= their.id)
    const isTheirs = our === undefined || (their !== undefined && their.id <= our.id)
    const finding = judgeTwins(isOurs ? our : undefined, isTheirs ? their : undefined)
    if (finding !== undefined) findings.push(finding)
    if (isOurs) our = (await ours.next()).value as SharedExchange | undefined
    if (isTheirs) their = (await theirs.next()).value as ExchangeDigest | undefined
  }
  return explainErased(deps, findings)
}

async function* oursIn({ own, parties }: ReconcileDeps, span: Span): AsyncGenerator<SharedExchange> {
  for (let after = ''; ; ) {
    const page = await own.page(parties, span, after)
    yield* page
    if (page.length < PAGE_MAX) return
    after = page.at(-1)?.id ?? ''
  }
}

async function* theirsIn({ ask }: ReconcileDeps, { from, to }: Span): AsyncGenerator<ExchangeDigest> {
  let count = 0
  for (let after = ''; ; ) {
    const { exchanges, next } = await ask({ what: 'exchanges', from, to, after })
    for (const exchange of exchanges) {
      const at = timeOf(exchange.id)
      count += 1
      // A partner could make us compare for ever.
      if (exchange.id <= after || at < from || at >= to || count > STRETCH_MAX)
        throw new Error('The partner names exchanges that were not asked for')
      after = exchange.id
      yield exchange
    }
    if (next === '' || next !== after) return
  }
}

/** What is missing may have been erased: its leaf is in the chain still, or its date is past. */
async function explainErased(deps: ReconcileDeps, findings: readonly Finding[]): Promise<readonly Finding[]> {
  const missing = findings.filter(({ reason }) => reason === 'missing')
  if (missing.length === 0) return findings
  const { own, ask, parties } = deps
  const here = await erasedOf(missing, 'here', (leaves) => own.find(parties, { what: 'leaves', leaves }))
  const there = await erasedOf(missing, 'partner', (leaves) => ask({ what: 'leaves', leaves }))
  const isErased = ({ leaf, missingAt, requestId, seqs }: Finding): boolean => {
    if (leaf !== '') return (missingAt === 'here' ? here : there).has(leaf)
    return missingAt === 'here' ? deps.erasedAround(timeOf(requestId)) : deps.isDue(seqs[0] as number)
  }
  return findings.map((finding) =>
    finding.reason === 'missing' && isErased(finding) ? { ...finding, reason: 'erased', isAlarm: false } : finding,
  )
}

async function erasedOf(
  missing: readonly Finding[],
  at: 'here' | 'partner',
  find: (leaves: readonly string[]) => Promise<Found>,
): Promise<ReadonlySet<string>> {
  const leaves = missing.filter(({ missingAt, leaf }) => missingAt === at && leaf !== '').map(({ leaf }) => leaf)
  const erased = new Set<string>()
  for (let from = 0; from < leaves.length; from += HEADS_MAX) {
    const found = await find(leaves.slice(from, from + HEADS_MAX))
    if (found.what !== 'leaves') throw new TypeError('It answers another question')
    for (const [leaf, erasedAt] of found.leaves) if (erasedAt > 0) erased.add(leaf)
  }
  return erased
}
