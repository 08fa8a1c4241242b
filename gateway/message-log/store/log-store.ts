/**
 * THE PORT: what the message log asks of whatever stores it. An engine is a folder beside this file; nothing outside of it
 * knows which one there is. `test/gateway/message-log/store/log-store-contract.ts` runs against every engine.
 *
 * Each role is what one kind of caller needs. Rows are what lies there: who reads a record through `reading/` gets it
 * completed and opened, who verifies believes none of it. `seq` is a record's number, times are milliseconds since the Unix
 * epoch. Iterables are read while they are walked: leave them, or walk them to the end, before the store is closed.
 */

import type { LogQuery, RecordSummary } from '../message-log.ts'
import type { ArchiveRow } from '../record/archive-row.ts'
import type { HeadList, ReceivedHead } from '../record/heads.ts'
import type { LogIdentity } from '../record/log-place.ts'
import type { RecordedConfiguration, Tip } from '../record/log-state.ts'
import type { StoredBatch } from '../record/stored-batch.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import type { Renewal, StampedRenewal, StoredRenewal, TreeBlock } from '../record/stored-renewal.ts'

/** What a reader has of a store. */
export interface LogStore {
  readonly identity: LogIdentity
  readonly records: Records
  readonly list: RecordList
  readonly exchanges: Exchanges
  readonly batches: Batches
  readonly texts: Texts
  readonly configurations: Configurations
  readonly heads: Heads
  readonly renewals: Renewals
  readonly trees: RenewalTrees
  readonly archives: Archives
  readonly decisions: Decisions
  readonly subjects: Subjects
  close(): void
}

/** Records by number. */
export interface Records {
  /** @param options bodies false: as if there were none, for who has no use for their octets */
  get(seq: number, options?: { readonly bodies?: boolean }): StoredRecord | undefined
  /** Ascending; what is missing is not in it. */
  between(first: number, last: number): StoredRecord[]
  /** Those behind `after`, some at a time: `count` of them, or fewer where they are large, but one where there is one. */
  scan(after: number, count: number): StoredRecord[]
  /** 32 octets each, ascending by seq. */
  leaves(first: number, last: number): Uint8Array[]
  /** How they are tied together, ascending. */
  links(first: number, last: number): Iterable<RecordLink>
  /** The last one; seq 0 when there is none. */
  tip(): Tip
  /** A number that has contents and is below 1, or above `last` and no record's: somebody put it there. */
  stray(last: number): number | undefined
}

export interface RecordLink {
  readonly seq: number
  readonly leaf: Uint8Array
  /** Null once the record is erased. */
  readonly at: number | null
  readonly kind: StoredRecord['kind']
  readonly ends: number | null
}

/** Records as lists show them. */
export interface RecordList {
  /** Newest first. @throws {GatewayError} `BadRequest` */
  list(query?: LogQuery): Promise<Page>
  /** All records of a request id, oldest first. */
  exchange(requestId: string): readonly RecordSummary[]
  summary(seq: number): RecordSummary | undefined
}

export interface Page {
  readonly records: readonly RecordSummary[]
  /** For `after`, when there may be more. */
  readonly next: number | null
}

/** Records by what messages say of themselves. */
export interface Exchanges {
  /** Has a sender used this request id after that time? */
  isTaken(requestId: string, sender: string, since: number): boolean
  /** Which of these have been used after that time, by `replayKey`: one question for all that is written together. */
  taken(keys: readonly ReplayKey[], since: number): Set<string>
  /** Request ids that others have used, the latest first, to the first record that is older or erased. */
  takenSince(at: number): Iterable<string>
  /** In the order of request ids, from one to another. */
  between(fromId: string, toId: string): Iterable<ExchangeRecord>
  /** Which of these leaves are there. */
  withLeaves(leaves: readonly Buffer[]): readonly { readonly leaf: Buffer; readonly erasedAt: number | null }[]
}

/** What a request is known by when it comes again. */
export interface ReplayKey {
  readonly requestId: string
  readonly sender: string
}

export function replayKey({ requestId, sender }: ReplayKey): string {
  return `${requestId} ${sender}`
}

/** As much of a record as comparing exchanges needs. What is archived has to be read whole. */
export type ExchangeRecord = Pick<
  StoredRecord,
  | 'seq'
  | 'leaf'
  | 'at'
  | 'kind'
  | 'side'
  | 'direction'
  | 'requestId'
  | 'purpose'
  | 'code'
  | 'ends'
  | 'record'
  | 'share'
  | 'head'
  | 'archive'
>

/** Batches, and which records they hold. */
export interface Batches {
  /** The batch that a record is in, or whose own record it is; nothing before it is closed. */
  of(seq: number): StoredBatch | undefined
  numbered(number: number): StoredBatch | undefined
  latest(): StoredBatch | undefined
  /** Ascending by number. */
  after(number: number): Iterable<StoredBatch>
  /** Those without a token, oldest first. Tokens come in the order of the batches. */
  unstamped(): readonly StoredBatch[]
  /** Of the batches that have one, ascending. */
  tokens(first: number, last: number): Iterable<Buffer>
  /** When the first certificate ends that one of these tokens rests on. */
  tokenUntil(first: number, last: number): number | undefined
}

/** Texts that many records have in common. */
export interface Texts {
  get(id: number): string | undefined
  /** The smallest numbers that these records name. */
  oldest(first: number, last: number): { readonly basis: number | null; readonly etsiU: number | null }
}

/** Records that hold the registry's configurations. */
export interface Configurations {
  /** Newest first. */
  before(seq: number): Iterable<StoredRecord>
  latest(): RecordedConfiguration | undefined
}

/** Heads of other gateways' logs. */
export interface Heads extends HeadList {
  /** By log and batch. */
  all(): Iterable<ReceivedHead>
}

export interface Renewals {
  /** Ascending by number, done or not. */
  all(): readonly StoredRenewal[]
  get(number: number): StoredRenewal | undefined
  /** Those with a token that cover the batch, oldest first. @param before only those with a smaller number */
  covering(batch: number, before: number): readonly StampedRenewal[]
  /** The latest of them. */
  latest(batch: number, before: number): Renewal | undefined
  /** One that was begun and has no token yet. */
  unfinished(): Renewal | undefined
}

/** The trees of renewals, and what of a record is in them beside what can be hashed again. */
export interface RenewalTrees {
  /** Level 0 has the leaves. */
  block(renewal: number, level: number, place: number): Buffer | undefined
  blocks(renewal: number, level: number): Iterable<TreeBlock>
  /** Of its blocks, in their order. */
  roots(renewal: number, level: number): readonly Buffer[]
  /** The hash of a record's body in the renewal's algorithm. */
  bodyHash(seq: number, renewal: number): Buffer | undefined
  /** The first record whose body is kept and has no such hash. */
  bodyWithoutHash(first: number, last: number, renewal: number): number | undefined
}

/** Archive files that are entered. */
export interface Archives {
  /** In the order in which they were made. */
  all(): readonly ArchiveRow[]
  get(id: number): ArchiveRow | undefined
}

/** What was decided about erasing and keeping, and how long records are kept without a decision. */
export interface Decisions {
  /** Records of the log's own that hold one, ascending, up to `last`. */
  upTo(last: number): readonly number[]
  /** What must not be erased, and the record that says so; ascending. */
  holds(): Iterable<Hold>
  /** Is any record of about that time erased? By the times of batches. */
  isErasedBetween(from: number, to: number): boolean
  /** Days since the Unix epoch; nothing where there is no such record. */
  dates(seq: number): RecordDates | undefined
}

export interface Hold {
  readonly seq: number
  readonly event: number
}

export interface RecordDates {
  readonly requestId: string | null
  /** Null where there is no body, or none any more. */
  readonly bodyUntil: number | null
  readonly recordUntil: number | null
}

/** Which records are about whom. */
export interface Subjects {
  /** @param pseudonyms one behind the other @returns seqs, ascending */
  find(pseudonyms: Buffer): Promise<number[]>
}
/**
 * Who renews writes beside the log's writer, in transactions of a few milliseconds, each when nobody else writes. All but
 * the last wait for no disk: what a crash takes away of them is made again.
 */
export interface RenewalWriter {
  readonly store: LogStore
  /** @param at milliseconds since the Unix epoch */
  begin(renewal: Omit<Renewal, 'number'>, at: number): Promise<Renewal>
  /** One block of a tree, and hashes of the bodies in it. */
  write(renewal: number, block: LevelBlock, bodies?: readonly BodyHash[]): Promise<void>
  /** Drops what is above the leaves. */
  clearAbove(renewal: number): Promise<void>
  /** On the disk when it resolves. */
  finish(renewal: number, done: RenewalStamp): Promise<void>
  close(): void
}

export interface LevelBlock extends TreeBlock {
  readonly level: number
}

export interface BodyHash {
  readonly seq: number
  readonly hash: Buffer
}

export interface RenewalStamp {
  readonly root: Buffer
  readonly token: Uint8Array
  readonly genTime: number
  /** When the certificate ends that the token rests on. */
  readonly until: number
}
