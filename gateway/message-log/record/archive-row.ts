/** One archive file as it is entered in the log. */

export interface ArchiveRow {
  readonly id: number
  /** Days since the Unix epoch. */
  readonly day: number
  readonly name: string
  readonly sha256: Buffer
  readonly bytes: number
  readonly first: number
  readonly last: number
  readonly lastBatch: number
  readonly madeAt: number
  /** Contents up to this record are in the file alone. */
  readonly emptiedTo: number
}
