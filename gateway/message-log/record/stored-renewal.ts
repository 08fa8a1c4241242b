/** One renewal as it lies in the log. RFC 4998 §5.2 and §5.3. */

import type { DigestName } from '../../protocol/signed-data.ts'

export type RenewalKind = 'time-stamp' | 'hash-tree'

export interface Renewal {
  readonly number: number
  readonly kind: RenewalKind
  readonly digest: DigestName
  readonly firstBatch: number
  readonly lastBatch: number
  readonly leaves: number
}

/** What is null is not there until the renewal is done. Times are milliseconds since the Unix epoch. */
export interface StoredRenewal extends Renewal {
  readonly root: Buffer | null
  readonly token: Buffer | null
  readonly genTime: number | null
  readonly tokenUntil: number | null
}

export interface StampedRenewal extends Renewal {
  readonly token: Buffer
}

/** Up to 512 hashes of one level of a renewal's tree. */
export interface TreeBlock {
  readonly place: number
  readonly root: Buffer
  readonly hashes: Buffer
}
