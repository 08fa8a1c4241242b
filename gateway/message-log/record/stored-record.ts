/** One record as it lies in the log. */

import type { Outcome, Side } from '../message-log.ts'

/** A row of `record` with its `content`. Nothing in it is believed before `verification/verify.ts` has looked at it. */
export interface StoredRecord {
  readonly seq: number
  readonly leaf: Uint8Array
  readonly at: number | null
  readonly kind: Outcome | null
  readonly side: Side | null
  readonly direction: 'in' | 'out' | null
  readonly requestId: string | null
  readonly xRoadId: string | null
  readonly client: string | null
  readonly service: string | null
  readonly method: string | null
  readonly purpose: string | null
  readonly code: string | null
  readonly stage: string | null
  readonly sender: string | null
  readonly ends: number | null
  readonly bodyBytes: number | null
  readonly bodyErasedAt: number | null
  readonly recordErasedAt: number | null
  /** The record of the log that says why. */
  readonly bodyErasedBy: number | null
  readonly recordErasedBy: number | null
  /** Absent once the record is erased. */
  readonly record: Uint8Array | null
  readonly basis: number | null
  readonly signature: string | null
  readonly etsiU: number | null
  readonly extension: string | null
  readonly share: Uint8Array | null
  readonly bodyKey: Uint8Array | null
  readonly head: Uint8Array | null
  readonly body: Uint8Array | null
  /** The archive file that holds what is empty here; `Contents` looks there. */
  readonly archive: number | null
  /** Of the body's own key: erasing it leaves the head. */
  readonly bodyShare: Uint8Array | null
}

export function bufferOf(octets: Uint8Array): Buffer {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length)
}
