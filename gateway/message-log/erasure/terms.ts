/** What is asked of whoever erases, and what becomes of it. */

import type { Actor, What } from '../record/erasure-event.ts'

/** By number, or all of an exchange. */
export type Selection = { readonly seq: number } | { readonly exchange: string }

export interface Asked {
  /** A new one each time. */
  readonly id: string
  readonly by: Actor
  readonly reason: string
  readonly records: Selection
}

export type Request =
  | (Asked & { readonly event: 'erasure'; readonly what: What })
  | (Asked & { readonly event: 'hold' | 'release' })

export type Refusal =
  /** There is no such record or exchange. */
  | 'none'
  /** The log's own: configurations, batches, decisions like this one. */
  | 'own'
  | 'erased'
  | 'no-body'
  | 'held'
  | 'not-held'
  /** The exchange is under way. */
  | 'open'
  /** Its request id guards against replay. */
  | 'fresh'
  /** No batch holds it: after the next one. */
  | 'unbatched'

export type Decided =
  | { readonly seq: number; readonly records: number }
  /** Nothing was changed. */
  | { readonly refused: Refusal; readonly of: number | null }

export interface Moment {
  readonly at: number
  /** Younger records guard against replay and stay. */
  readonly replayedSince: number
}

/** Of a look for what is due. */
export interface DueMoment extends Moment {
  /** Dates before it have passed; never later than `at`. */
  readonly dueAt: number
}

/** Purpose → the rule its dates follow, as it is put on record. */
export type RetentionRules = readonly (readonly [string, string])[]

export interface Step {
  readonly more: boolean
  /** Bodies and records erased in this step. */
  readonly bodies: number
  readonly records: number
  readonly keys: number
  /** Everything is erased, and nothing is due: what is left of it in the WAL can go. */
  readonly isClean: boolean
  /** What stays undone until the next run. */
  readonly problem?: string
}
