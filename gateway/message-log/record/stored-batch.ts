/** One batch as it lies in the log. Nothing in it is believed before `verification/` has looked at it. */

export interface StoredBatch {
  readonly number: number
  /** Of the batch's own record, which comes right behind its last. */
  readonly own: number
  readonly first: number
  readonly last: number
  /** Of its records and its own, milliseconds since the Unix epoch. */
  readonly atMin: number
  readonly atMax: number
  /** The oldest request that had no end when it was closed, or the record behind its own. */
  readonly openFrom: number
  readonly headerSha256: Buffer
  readonly root: Buffer
  /** Null until an authority has answered, as the two times are: of the token, and when its certificate ends. */
  readonly token: Buffer | null
  readonly genTime: number | null
  readonly tokenUntil: number | null
}
