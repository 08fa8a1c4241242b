/**
 * The port's write side: what the one writer of a log has. What is to be written is computed before, from what the writer
 * keeps in memory; then one call writes it in one transaction, all of it or nothing, on the disk when it returns.
 *
 * Errors of the engine come as {@link StoreError} where something can be done: `busy`, try again; `full`, refuse. After any
 * error of a write nobody knows what is on the disk: the store is closed and another opened.
 */

import type { ArchiveRow } from '../record/archive-row.ts'
import type { Content } from '../record/draft.ts'
import type { Columns } from '../record/entry.ts'
import type { What } from '../record/erasure-event.ts'
import type { NewHeads } from '../record/heads.ts'
import type { StampedBatch } from '../record/log-state.ts'
import type { StoredBatch } from '../record/stored-batch.ts'
import type { LogStore } from './log-store.ts'

export interface WritableStore extends LogStore {
  write(changes: Changes): void
  readonly erasing: ErasingRows
  readonly retention: RetentionRows
  readonly archiving: ArchivingRows
  /** The number of the next text: they ascend, and none is given twice while anything names it. */
  nextText(): number
  /** A write that changes nothing, to see whether writing is possible. */
  probe(at: number): void
  /** Moves what was written to where it stays; whoever reads keeps what he has from being moved. */
  fold(): void
  /** The same of everything, waiting for nobody. @returns whether nothing that was erased is left where it was written */
  foldAll(options?: { readonly wait?: boolean }): boolean
}

/** In the order in which they are made. */
export interface Changes {
  readonly texts?: readonly NewText[]
  readonly records?: readonly NewRecordRow[]
  readonly batch?: NewBatch
  readonly token?: StampedBatch
  readonly heads?: NewHeads
  readonly decision?: NewDecision
}

export interface NewText {
  readonly id: number
  readonly text: string
}

export interface NewRecordRow {
  readonly seq: number
  readonly leaf: Buffer
  readonly columns: Columns
  /** `log-record.json` up to its basis. */
  readonly record: Buffer
  readonly content: Content
  /** Whom it is about: pseudonyms, one behind the other. */
  readonly subjects: Buffer | null
}

export type NewBatch = Omit<StoredBatch, 'token' | 'genTime' | 'tokenUntil'>

/** A decision that the record of this number holds. */
export interface NewDecision {
  readonly seq: number
  readonly id: string
  /** It has to be carried out yet. */
  readonly isPending: boolean
  /** Records that must not be erased from here on. */
  readonly held: Iterable<number>
  /** Holds that end. */
  readonly released: Iterable<{ readonly seq: number; readonly event: number }>
}

/** Decisions, and what they are carried out on. Each of what writes is one transaction. */
export interface ErasingRows {
  /** By number, or all of an exchange. */
  select(selection: { readonly seq: number } | { readonly exchange: string }): readonly SelectedRecord[]
  /** Ids of the decisions that keep a record. */
  holdsOf(seq: number): readonly string[]
  /** The record of the log that holds it. */
  seqOf(decision: string): number | undefined
  decisions(options?: { readonly pendingOnly?: boolean }): Iterable<StoredDecision>
  /** The record of the first that is not carried out. */
  nextPending(): StoredDecision | undefined
  /** What is erased already stays as it is. @param event the record that says so */
  erase(parts: readonly (readonly [What, number])[], by: { readonly at: number; readonly event: number }): ErasedRows
  finish(event: number): void
}

/** Records by their dates. */
export interface RetentionRows {
  /** Records whose dates have passed and that nothing holds. */
  due(range: DueRange): readonly DueRecord[]
  /** Which days and purposes records have that are there. */
  live(first: number, last: number): readonly LiveDay[]
}

export interface SelectedRecord {
  readonly seq: number
  readonly at: number | null
  readonly purpose: string | null
  readonly isErased: boolean
  readonly hasBody: boolean
  readonly isHeld: boolean
}

export interface StoredDecision {
  readonly seq: number
  readonly id: string
  readonly at: number
  /** The event, JSON; null once its record has lost it. */
  readonly body: Uint8Array | null
}

export interface ErasedRows {
  readonly bodies: number
  readonly records: number
  /** Those of the records whose body is a file, erased now or not. */
  readonly files: readonly number[]
}

export interface DueRange {
  readonly first: number
  readonly last: number
  /** Days since the Unix epoch: dates before it have passed. */
  readonly day: number
  /** Younger records guard against replay and stay. */
  readonly replayedSince: number
}

export interface DueRecord {
  readonly seq: number
  readonly purpose: string
  readonly what: What
}

export interface LiveDay {
  /** Days since the Unix epoch. */
  readonly day: number
  readonly purpose: string
  readonly hasBody: boolean
}

/** Archive files, and giving up what is in them. Each of what writes is one transaction. */
export interface ArchivingRows {
  latest(): ArchiveRow | undefined
  /** Batches behind one, ascending: what the next file could be of. */
  closedAfter(batch: number): Iterable<ClosedBatchRow>
  /** The first whose contents are not given up yet. */
  unfinished(): UnfinishedArchive | undefined
  enter(archive: NewArchive): void
  /** Records whose body is a file. */
  withFiles(first: number, last: number): readonly number[]
  /**
   * Leaves the shares and keys of these records alone; configurations and decisions stay as they are.
   *
   * @param inDoubtShare of a record that stands for an end that never came: it had no share
   */
  empty(archive: ArchiveRow, range: readonly [number, number], inDoubtShare: (seq: number) => Buffer): void
  /** Deletes some of the texts that no record has any more, and with the last of them what the archive kept. */
  dropTexts(archive: UnfinishedArchive, count: number): number
}

export interface ClosedBatchRow {
  readonly number: number
  /** Of the batch's own record, the last of the batch and when it was closed. */
  readonly own: number
  readonly last: number
  readonly closedAt: number
  readonly isStamped: boolean
}

export interface UnfinishedArchive extends ArchiveRow {
  /** Shares of records that had none are made of it. */
  readonly seed: Uint8Array
  /** Texts with smaller numbers are used by no record that is left. */
  readonly textsBefore: number
}

export type NewArchive = Omit<UnfinishedArchive, 'id' | 'name' | 'emptiedTo'>

export type StoreTrouble = 'busy' | 'full'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly trouble: StoreTrouble

  constructor(trouble: StoreTrouble, cause: unknown) {
    super(cause instanceof Error ? cause.message : trouble, { cause })
    this.trouble = trouble
  }
}
