/** What is found wrong with a log, and where. */

export type DamageKind =
  /** A record or its contents are not there. */
  | 'missing'
  /** `log-record.json` cannot be read, or is that of another place. */
  | 'record'
  /** It names another record before it. */
  | 'chain'
  /** The leaf is not that of the group. */
  | 'leaf'
  /** An object is not the one that was recorded. */
  | 'object'
  /** What lists show is not what was recorded. */
  | 'columns'
  /** A request has two ends, or an end no request. */
  | 'end'
  | 'batch'
  | 'token'
  /** An archive file is missing or damaged. */
  | 'archive'
  /** The log ends before a record that it has had. */
  | 'cut-off'

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
