/**
 * Watches what other gateways say of their logs. A head that was heard before costs one look-up; a new one waits a moment
 * for others and goes to the log's writer with them. What contradicts is told, and stops nothing.
 */

import type { Identifier } from '../../protocol/identifiers.ts'
import { gatewayOfLog, NO_HEAD, parseLogHead } from '../../protocol/log-head.ts'
import type { Saying } from '../message-log.ts'
import type { Contradiction, ContradictionKind, HeadList, NewHeads, ReceivedHead } from '../record/heads.ts'

export interface WitnessDeps {
  readonly now: () => number
  /** What is stored. */
  readonly list: HeadList
  /** @throws when the log cannot be written */
  store(heard: NewHeads): Promise<void>
  report(event: WitnessEvent): void
  /** How long new heads wait for others. */
  readonly gatherMs?: number
}

export interface WitnessEvent extends Contradiction {
  readonly event: 'contradiction'
}

export interface WitnessHealth {
  readonly contradictions: number
  /** When the latest was found. */
  readonly contradictedAt?: number
}

export interface Witness {
  /** @param seq of the record that keeps the message */
  heard(saying: Saying, seq: number): void
  health(): WitnessHealth
  /** Stores what waits. */
  close(): Promise<void>
}

/** Messages are sealed in one order and recorded in another, and a clock may be set back a little. */
const BACKWARDS_MS = 10_000
const GATHER_MS = 1000
/** While the log cannot be written; the messages are on record all the same. */
const WAITING_MAX = 10_000
/** Whoever makes up logs, or contradicts himself in every message, fills no memory, and takes nobody else's room. */
const LOGS_PER_GATEWAY_MAX = 100
const CONTRADICTIONS_PER_GATEWAY_MAX = 100

interface Latest extends ReceivedHead {
  readonly text: string
}

export function openWitness({ now, list, store, report, gatherMs = GATHER_MS }: WitnessDeps): Witness {
  const latest = new Map<string, Latest>()
  /** What each gateway said last: nearly always the same as before. */
  const said = new Map<Identifier, Latest>()
  const found = new Set<string>()
  /** Of each gateway, how many logs and how many contradictions. */
  const logs = new Map<Identifier, number>()
  const contradicted = new Map<Identifier, number>()
  let heads: ReceivedHead[] = []
  let contradictions: Contradiction[] = []
  let gathering: NodeJS.Timeout | undefined
  let count = 0
  let contradictedAt: number | undefined

  for (const log of list.logs()) {
    const head = list.latest(log)
    if (head !== undefined) remember({ ...head, text: `${log};${head.batch};${head.sha256}` })
  }
  for (const { kind, log, batch, foundAt } of list.contradictions()) {
    found.add(`${kind} ${log} ${batch}`)
    countOne(contradicted, log)
    count += 1
    contradictedAt = foundAt
  }

  function remember(head: Latest): void {
    if (!latest.has(head.log)) countOne(logs, head.log)
    latest.set(head.log, head)
    said.set(gatewayOfLog(head.log), head)
  }

  function heard({ sender, logHead, issuedAt }: Saying, seq: number): void {
    const before = said.get(sender)
    if (before?.text === logHead) return
    const at = Date.parse(issuedAt)
    if (logHead === NO_HEAD) {
      // It had batches before: whoever says now that it never had any has lost them.
      if (before !== undefined) checkOrder(before, before.batch, at, seq)
      return
    }
    const head = parseLogHead(logHead)
    if (head !== undefined) take({ ...head, seq, issuedAt: at, text: logHead })
  }

  function take(head: Latest): void {
    const { log, batch, sha256, seq, issuedAt } = head
    const newest = latest.get(log)
    if (newest?.text === head.text) return
    if (newest === undefined && countOf(logs, log) >= LOGS_PER_GATEWAY_MAX) return
    if (newest === undefined || batch > newest.batch) {
      remember(head)
      keep(head)
      return
    }
    const known = [...list.of(log, batch), ...heads.filter((each) => each.log === log && each.batch === batch)]
    const other = known.find((each) => each.sha256 !== sha256)
    if (other !== undefined) contradict('fork', log, batch, [other.seq, seq])
    if (!known.some((each) => each.sha256 === sha256)) keep(head)
    if (batch < newest.batch) checkOrder(newest, batch, issuedAt, seq)
  }

  function checkOrder(newest: Latest, batch: number, issuedAt: number, seq: number): void {
    if (issuedAt > newest.issuedAt + BACKWARDS_MS) contradict('backwards', newest.log, batch, [newest.seq, seq])
  }

  function contradict(kind: ContradictionKind, log: string, batch: number, seqs: readonly [number, number]): void {
    const name = `${kind} ${log} ${batch}`
    if (found.has(name) || countOf(contradicted, log) >= CONTRADICTIONS_PER_GATEWAY_MAX) return
    found.add(name)
    countOne(contradicted, log)
    contradictedAt = now()
    count += 1
    const contradiction = { kind, log, batch, seqs, foundAt: contradictedAt }
    contradictions.push(contradiction)
    report({ event: 'contradiction', ...contradiction })
    gather()
  }

  function keep({ log, batch, sha256, seq, issuedAt }: ReceivedHead): void {
    if (heads.length < WAITING_MAX) heads.push({ log, batch, sha256, seq, issuedAt })
    gather()
  }

  function gather(): void {
    if (gathering !== undefined) return
    gathering = setTimeout(() => void flush(), gatherMs)
    gathering.unref()
  }

  async function flush(): Promise<void> {
    clearTimeout(gathering)
    gathering = undefined
    const [headCount, contradictionCount] = [heads.length, contradictions.length]
    if (headCount + contradictionCount === 0) return
    try {
      await store({ heads: [...heads], contradictions: [...contradictions] })
      heads = heads.slice(headCount)
      contradictions = contradictions.slice(contradictionCount)
    } catch {
      // That the log cannot be written others have said.
      gather()
    }
  }

  return {
    heard,
    health: () => ({ contradictions: count, ...(contradictedAt !== undefined && { contradictedAt }) }),
    async close() {
      await flush()
      clearTimeout(gathering)
    },
  }
}

function countOf(counts: ReadonlyMap<Identifier, number>, log: string): number {
  return counts.get(gatewayOfLog(log)) ?? 0
}

function countOne(counts: Map<Identifier, number>, log: string): void {
  counts.set(gatewayOfLog(log), countOf(counts, log) + 1)
}
