/** What archiving asks of the log's writer, piece by piece, and what comes back. */

/** Which batches go into the next file. */
export interface ArchivePlan {
  /** On which they were closed, days since the Unix epoch. */
  readonly day: number
  readonly first: number
  readonly last: number
  readonly firstBatch: number
  readonly lastBatch: number
  /** Name of the file before; it has to be where this one goes. */
  readonly before: string | null
}

export interface MadeArchive {
  readonly plan: ArchivePlan
  readonly sha256: Uint8Array
  readonly bytes: number
  /** Texts in common with smaller numbers are used by no record that is left. */
  readonly textsBefore: number
  /** Shares of records that had none are made of it. */
  readonly seed: Uint8Array
}

export type ArchiveWork =
  | {
      readonly work: 'plan'
      /** Batches closed before this time are old enough. */
      readonly closedBefore: number
    }
  | { readonly work: 'enter'; readonly made: MadeArchive }
  | { readonly work: 'empty'; readonly records: number }

export type ArchiveOutcome =
  | { readonly worked: 'plan'; readonly plan: ArchivePlan | null; readonly isUnfinished: boolean }
  | { readonly worked: 'enter' }
  | { readonly worked: 'empty'; readonly records: number; readonly isDone: boolean }
  | { readonly worked: 'nothing'; readonly problem: string }
