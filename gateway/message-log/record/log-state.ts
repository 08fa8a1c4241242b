/** What the parts of a log tell each other of how far it has come: its end, its batches, what waits for a time-stamp. */

import type { LogFault } from './open-error.ts'

/** Where the chain ends. */
export interface Tip {
  readonly seq: number
  /** Nothing before the first record. */
  readonly leaf: Buffer | undefined
}

export interface Place {
  readonly seq: number
  readonly leaf: Buffer
}

/** What became of an entry: its place, or why it alone got none. */
export type Result = Place | 'replayed' | 'ended' | 'unreadable'

export interface ClosedBatch {
  readonly number: number
  /** seq and leaf of the batch's own record. */
  readonly seq: number
  readonly leaf: Buffer
  readonly headerSha256: Buffer
  readonly root: Buffer
  /** Records of the tree besides the batch's own. */
  readonly count: number
  /** When its oldest record was made. */
  readonly since: number
}

export interface StampedBatch {
  readonly number: number
  readonly token: Uint8Array
  readonly genTime: number
  /** When the certificate ends that the token rests on. */
  readonly until: number
}

/** The latest batch; number 0 before the first. */
export interface LatestBatch {
  readonly number: number
  readonly headerSha256: Buffer | undefined
}

export interface PendingBatch {
  readonly number: number
  readonly root: Uint8Array
  /** When its oldest record was made. */
  readonly since: number
  readonly count: number
}

/** A batch as heads name it. */
export interface NamedBatch extends PendingBatch {
  /** SHA-256 of its header. */
  readonly head: Uint8Array
}

/** What the gateway's thread keeps of the log. */
export interface Known {
  /** SHA-256 of the latest batch header, and the batch's number; 0 before the first. */
  readonly head: Uint8Array | null
  readonly headBatch: number
  /** Oldest first. */
  readonly unstamped: readonly PendingBatch[]
  /** genTime of the latest token. */
  readonly stampedAt: number | null
}

export interface WriterState {
  /** False: nothing is taken until a recovery succeeds, and the rest says nothing. */
  readonly isWritable: boolean
  readonly seq: number
  readonly unbatched: number
  readonly unbatchedSince: number | null
  /** Set: it is closed for good, and no recovery is tried. */
  readonly fault?: LogFault
}

/** Of a log that is closed. */
export const NOTHING_KNOWN: Known = { head: null, headBatch: 0, unstamped: [], stampedAt: null }

/** The record that holds the configuration recorded last. */
export interface RecordedConfiguration {
  readonly seq: number
  readonly leaf: Uint8Array
  readonly sha256: Uint8Array
}
