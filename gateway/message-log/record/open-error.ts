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
  /** A file or directory of it was deleted or replaced while the gateway ran. */
  | 'replaced'

/** What an operator does about it. */
export const NEXT_STEP: Readonly<Record<LogOpenFlaw, string>> = {
  missing: 'see that its directory is there and can be written',
  locked: 'end the other process, or use its admin port',
  format: 'see that directory and log of the configuration are those of this gateway',
  keys: 'restore master key and key store from where their copies are kept',
  damaged: 'stop the gateway, keep what is there for examination, put back the newest copy that holds, start it again',
  behind:
    'stop the gateway, put back the newest database with its -wal file, beside the key store as it is, start it again',
  forked: 'stop the gateway, put back the database and the key store that belong together, start it again',
  replaced: 'stop the gateway, put back what was there before, start it again',
}

/** Why the log is closed until somebody has seen to it: exchanges are refused, what is there can still be read. */
export interface LogFault {
  readonly flaw: LogOpenFlaw
  readonly message: string
  /** What to do. */
  readonly next: string
}

export function faultOf({ flaw, message }: LogOpenError): LogFault {
  return { flaw, message, next: NEXT_STEP[flaw] }
}

/** Flaws of a log that has to be seen to; a gateway need not end for them. */
export const STAYS_CLOSED: ReadonlySet<LogOpenFlaw> = new Set(['behind', 'forked', 'damaged', 'replaced'])

export class LogOpenError extends Error {
  override readonly name = 'LogOpenError'
  readonly flaw: LogOpenFlaw

  constructor(flaw: LogOpenFlaw, message: string, cause?: unknown) {
    super(message, { cause })
    this.flaw = flaw
  }
}
