/**
 * Judges one exchange as two logs have it: is there a twin, are the two the same, and if not, is there a reason?
 * An alarm is what no honest failure explains. Source: architecture, "Every outcome is evidence" and "Replay and crashes".
 */

import type { ExchangeDigest } from '../../protocol/reconciling.ts'
import type { SharedExchange } from './shared-exchanges.ts'
import { timeOf } from './shared-exchanges.ts'

export type TwinReason =
  /** The other log should have it. */
  | 'missing'
  /** What was asked is another in the other log, who asked whom, or what was answered. */
  | 'other-request'
  | 'other-side'
  | 'other-reply'
  /** One side has a signed reply, the other says there was none. */
  | 'reply-denied'
  /** The provider's record is another than its receipt says: its log was written anew. */
  | 'receipt'
  /** The sender knows that nothing left. */
  | 'never-arrived'
  /** The other gateway refused before it could tell who asks. */
  | 'refused-before-record'
  /** The reply left, and the consumer could not take it. */
  | 'reply-lost'
  | 'in-doubt'
  | 'under-way'
  /** Its record was erased; what is left of it is in the chain. */
  | 'erased'
  /** The two clocks, or the request id, tell a story that cannot be. */
  | 'order'
  | 'time'

export interface Finding {
  readonly requestId: string
  readonly reason: TwinReason
  readonly isAlarm: boolean
  /** In which log it is missing; null: both have it. */
  readonly missingAt: 'here' | 'partner' | null
  /** Our records of request and end: the proof on our side. */
  readonly seqs: readonly number[]
  /** Leaf by which the log that lacks it can say whether it was erased; base64url, or empty. */
  readonly leaf: string
}

/** A gateway's clock may differ by as much; a body may take its time to arrive. */
const SKEW_MS = 60_000
const SLOW_MS = 15 * 60_000

/** Our own gateway says them of the way to its partner; a service's failures end with the same words. */
const NOTHING_LEFT: ReadonlySet<string> = new Set([
  'Server.ClientProxy.NetworkError',
  'Server.ClientProxy.SslAuthenticationFailed',
])
/** A provider calls its service after the request is on its disk. */
const AFTER_RECORD = /^Server\.ServerProxy\.ServiceFailed\./
const UNSIGNED = /^(?:Client|Server\.ServerProxy)\./

/** @returns nothing when both logs say the same */
export function judgeTwins(ours: SharedExchange | undefined, theirs: ExchangeDigest | undefined): Finding | undefined {
  if (ours === undefined) return theirs && judgeAlone(theirs, 'here', [])
  const seqs = [ours.seq, ours.endSeq].filter((seq) => seq > 0)
  if (theirs === undefined) return judgeAlone(ours, 'partner', seqs)
  const reason = judgeBoth(ours, theirs)
  if (reason === undefined) return undefined
  return { requestId: ours.id, reason, isAlarm: !EXPLAINED.has(reason), missingAt: null, seqs, leaf: '' }
}

const EXPLAINED: ReadonlySet<TwinReason> = new Set([
  ...(['never-arrived', 'refused-before-record', 'reply-lost', 'in-doubt', 'under-way', 'erased', 'time'] as const),
])

/** @param exchange as the log says that has it */
function judgeAlone(exchange: ExchangeDigest, missingAt: 'here' | 'partner', seqs: readonly number[]): Finding {
  const reason = whyAlone(exchange)
  const { id: requestId, side, receipt } = exchange
  // Only the provider, which is then the log that lacks it, has a record with the leaf that its receipt names.
  const leaf = side === 'consumer' ? receipt : ''
  return { requestId, reason, isAlarm: !EXPLAINED.has(reason), missingAt, seqs, leaf }
}

function whyAlone({ side, end, kind, code }: ExchangeDigest): TwinReason {
  // A consumer's record is durable before the first octet leaves: what a provider has, its consumer has.
  if (side === 'provider' || end !== '') return 'missing'
  if (kind === 'in-doubt') return 'in-doubt'
  if (kind === 'open') return 'under-way'
  if (NOTHING_LEFT.has(code)) return 'never-arrived'
  if (AFTER_RECORD.test(code)) return 'missing'
  // In the other gateway's own words, which it did not sign.
  return UNSIGNED.test(code) ? 'refused-before-record' : 'in-doubt'
}

function judgeBoth(ours: SharedExchange, theirs: ExchangeDigest): TwinReason | undefined {
  if (ours.side === theirs.side) return 'other-side'
  if (ours.request !== theirs.request) return 'other-request'
  const [consumer, provider] = ours.side === 'consumer' ? [ours, theirs] : [theirs, ours]
  if (consumer.end !== '' && provider.end !== '') {
    if (consumer.end !== provider.end) return 'other-reply'
    return consumer.receipt === provider.receipt ? judgeTimes(consumer, provider) : 'receipt'
  }
  // The provider's record is durable before its reply leaves.
  if (consumer.end !== '') return 'reply-denied'
  if (provider.end === '') return undefined
  if (consumer.kind === 'open') return 'under-way'
  return consumer.kind === 'in-doubt' ? 'in-doubt' : 'reply-lost'
}

function judgeTimes(consumer: ExchangeDigest, provider: ExchangeDigest): TwinReason | undefined {
  if (provider.at < consumer.at - SKEW_MS || consumer.endAt < provider.endAt - SKEW_MS) return 'order'
  const isLate = provider.at > consumer.at + SLOW_MS || consumer.endAt > provider.endAt + SLOW_MS
  return isLate || Math.abs(timeOf(consumer.id) - consumer.at) > SLOW_MS ? 'time' : undefined
}
