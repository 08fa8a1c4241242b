/** The message log: what happened, provably. Source: design of the evidence, sections 3 and 4. */

import type { Body } from '../protocol/body.ts'
import type { Identifier } from '../protocol/identifiers.ts'

/** What a record is about. A request has one end: reply, refusal, failure or in-doubt. */
export type Outcome =
  | 'request'
  | 'reply'
  | 'refusal'
  | 'failure'
  | 'in-doubt'
  | 'configuration'
  | 'batch'
  | 'erasure'
  | 'hold'
  | 'release'
  | 'access'
export type Side = 'consumer' | 'provider'

export interface MessageLog {
  /** `gateway/node/epoch`. */
  readonly id: string
  /**
   * Resolves when the record is on disk, not before; what waits shares one commit.
   *
   * @throws {GatewayError} `LoggingFailed` (nothing was written), `ReplayedMessage` (the replay key is taken; nothing was written)
   */
  append(record: NewRecord): Promise<Appended>
  /** The request of this record gets no end, since none can be signed: it is closed in doubt with the next commit. */
  abandon(request: Appended): void
  /** Was this request id of this sender taken in the last minutes? `append` finds those of the last 24 h. */
  seen(sender: Identifier, requestId: string): boolean
  /** The latest batch as `owl-log-head` names it; `none` before the first. */
  head(): string
  close(): Promise<void>
}

export interface NewRecord {
  readonly outcome: 'request' | 'reply' | 'refusal' | 'failure'
  readonly side: Side
  /** `out` is what this gateway sealed, `in` what it received. */
  readonly direction: 'in' | 'out'
  readonly requestId: string
  readonly xRoadId: string
  readonly client: Identifier
  readonly service: Identifier
  readonly method: string
  /** Code of the purpose catalogue; `refusal` when nothing was delivered. Decides retention. */
  readonly purpose: string
  readonly code?: string
  readonly stage?: string
  /** `message-head.txt`. */
  readonly head: Buffer
  /** `message-body.EXT`; the log adopts a spool file. Absent: no body, or one that is not kept. */
  readonly body?: Body
  /** Set where a body was signed but is not kept (a refusal before delivery): its digest and size stay. */
  readonly bodyDigest?: { readonly sha256: Buffer; readonly size: number }
  /** `json`, `xml`, `pdf`, `zip` or `bin`. */
  readonly extension: string
  /** As it stands in `OWL-Signature`. */
  readonly signature: string
  /** JSON text of the array `etsiU` (certificates and revocation answers relied on): long, the same for many records. */
  readonly etsiU: string
  /** JSON text of `basis`. */
  readonly basis: string
  /** The record of the request that this one ends. */
  readonly request?: Appended
  /** Of a message that came in: what it says of its sender's log. */
  readonly saying?: Saying
  /** Whom the message is about, `type:value` in search form; kept as pseudonyms only. */
  readonly subjects?: readonly string[]
  /** Provider side, outcome `request`: who sent it; judged with the request id for 24 h. */
  readonly replaySender?: Identifier
}

/** What a verified message says of its sender's log. */
export interface Saying {
  readonly sender: Identifier
  /** `owl-log-head` */
  readonly logHead: string
  /** `owl-issued-at` */
  readonly issuedAt: string
}

export interface Appended {
  readonly seq: number
  /** 32 octets. */
  readonly leaf: Buffer
}

/** One record as lists show it. */
export interface RecordSummary {
  readonly seq: number
  readonly requestId: string | null
  readonly xRoadId: string | null
  /** ISO 8601, ms. */
  readonly at: string
  readonly side: Side | null
  readonly direction: 'in' | 'out' | null
  readonly client: Identifier | null
  readonly service: Identifier | null
  readonly method: string | null
  readonly purpose: string | null
  /** Null once the record is erased; what is left besides is its number and leaf. */
  readonly outcome: Outcome | null
  readonly code?: string
  readonly stage?: string
  readonly stamped: boolean
  readonly bodyBytes: number
  /** What is not there any more. */
  readonly erased?: 'body' | 'record'
  /** ISO 8601. */
  readonly erasedAt?: string
  /** Must not be erased. */
  readonly held?: true
}

export interface LogQuery {
  /** ISO 8601, inclusive and exclusive. */
  readonly from?: string
  readonly to?: string
  readonly client?: Identifier
  readonly service?: Identifier
  readonly purpose?: string
  readonly requestId?: string
  readonly outcome?: Outcome
  /** At most 1000; 100 when absent. */
  readonly limit?: number
  /** Newest first: records with a smaller seq than this. */
  readonly after?: number
}
