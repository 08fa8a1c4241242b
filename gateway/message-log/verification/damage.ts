/** What is found wrong with a log, and where. */

export type DamageKind =
  /** A record or its contents were deleted. */
  | 'missing'
  /** A record was inserted. */
  | 'extra'
  /** It is the record of another place. */
  | 'swapped'
  /** `log-record.json` cannot be read, or names other objects. */
  | 'record'
  /** It names another record before it. */
  | 'chain'
  /** The leaf is not that of the group. */
  | 'leaf'
  | 'head'
  | 'body'
  | 'signature'
  /** What it is sealed under is not there. */
  | 'key'
  /** Of a record of the log's own; or it is said to be erased, and no decision says so. */
  | 'object'
  /** What lists show is not what was recorded. */
  | 'columns'
  /** A request has two ends, or an end no request. */
  | 'end'
  | 'batch'
  | 'token'
  /** A renewal's tree or token is another than the one that was made. */
  | 'renewal'
  /** An archive file is missing or damaged. */
  | 'archive'
  /** The log ends before a record that it has had: it was cut off, or an older copy of it was restored. */
  | 'cut-off'
  /** It has another record than it once had: it was written again after an older copy was restored. */
  | 'forked'
  /** It says of partners' logs what no message has brought. */
  | 'witness'

export class Damage extends Error {
  override readonly name = 'Damage'
  readonly seq: number
  readonly kind: DamageKind

  constructor(seq: number, kind: DamageKind, message: string) {
    super(message)
    this.seq = seq
    this.kind = kind
  }
}

export function demand(condition: boolean, seq: number, kind: DamageKind, message: string): asserts condition {
  if (!condition) throw new Damage(seq, kind, message)
}
