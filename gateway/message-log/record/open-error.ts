/** Why a message log does not open. These are for the operator; no caller of the gateway ever sees one. */

export type LogOpenFlaw =
  /** No file, no directory, no permission. */
  | 'missing'
  /** Another process writes it. */
  | 'locked'
  /** Not a message log, a later format, or the log of another gateway. */
  | 'format'
  /** The master key is missing or opens no key of the store. */
  | 'keys'
  /** The end of the chain does not hold. */
  | 'damaged'
  /** Older than its high-water mark: restored from a backup. */
  | 'behind'
  /** Other than its high-water mark: another history. */
  | 'forked'

export class LogOpenError extends Error {
  override readonly name = 'LogOpenError'
  readonly flaw: LogOpenFlaw

  constructor(flaw: LogOpenFlaw, message: string, cause?: unknown) {
    super(message, { cause })
    this.flaw = flaw
  }
}
