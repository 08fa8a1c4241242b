/** Heads of other gateways' logs as signed messages have brought them, and what among them contradicts. */

import type { LogHead } from '../../protocol/log-head.ts'

export interface ReceivedHead extends LogHead {
  /** Record of the first message that carried it. */
  readonly seq: number
  /** When that message was issued, as it says itself: milliseconds since the Unix epoch. */
  readonly issuedAt: number
}

/**
 * `fork`: two headers of one batch. `backwards`: a message names an older batch than one that was issued before it.
 */
export type ContradictionKind = 'fork' | 'backwards'

/** Two signed messages of one gateway that cannot both be true of one log. */
export interface Contradiction {
  readonly kind: ContradictionKind
  readonly log: string
  readonly batch: number
  /** The records that hold them; the evidence of both together is the proof. */
  readonly seqs: readonly [number, number]
  readonly foundAt: number
}

/** What the writer stores, in one transaction. */
export interface NewHeads {
  readonly heads: readonly ReceivedHead[]
  readonly contradictions: readonly Contradiction[]
}

export interface HeadList {
  /** Every log that was ever heard of. */
  logs(): readonly string[]
  /** The head of the highest batch. */
  latest(log: string): ReceivedHead | undefined
  /** Of one batch: more than one where the log has forked. */
  of(log: string, batch: number): readonly ReceivedHead[]
  /** From a batch on, ascending. */
  from(log: string, batch: number, limit: number): readonly ReceivedHead[]
  contradictions(): readonly Contradiction[]
}
