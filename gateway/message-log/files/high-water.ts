/** The high-water mark: a record the log has reached, kept apart from it, so that a restored copy is told from the log. */

import { LogOpenError } from '../record/open-error.ts'
import { readIfThere, replaceFile } from './durable-file.ts'

export interface HighWater {
  /** `gateway/node/epoch` */
  readonly log: string
  readonly seq: number
  /** Hex. */
  readonly leaf: string
}

export function writeHighWater(path: string, mark: HighWater): void {
  replaceFile(path, `${JSON.stringify(mark)}\n`)
}

/** @throws {LogOpenError} `damaged` */
export function readHighWater(path: string): HighWater | undefined {
  const octets = readIfThere(path)
  if (octets === undefined) return undefined
  try {
    const mark = JSON.parse(octets.toString('utf8')) as HighWater
    if (typeof mark.log === 'string' && Number.isSafeInteger(mark.seq) && /^[0-9a-f]{64}$/.test(mark.leaf)) return mark
  } catch (cause) {
    throw new LogOpenError('damaged', 'The high-water mark of the message log cannot be read', cause)
  }
  throw new LogOpenError('damaged', 'The high-water mark of the message log is not one')
}

/** Of a log whose database is gone. @throws {LogOpenError} `behind` */
export function checkThere({ seq }: HighWater): void {
  if (seq > 0) throw new LogOpenError('behind', `The message log is gone; it had reached record ${seq}`)
}

/**
 * @param leafOf hex, of a record of the log; nothing when it has no such record
 * @throws {LogOpenError} `behind`, `forked`
 */
export function checkHighWater(
  mark: HighWater | undefined,
  log: { readonly id: string; readonly lastSeq: number },
  leafOf: (seq: number) => string | undefined,
): void {
  if (mark === undefined) {
    if (log.lastSeq === 0) return
    throw new LogOpenError('behind', 'The high-water mark is missing: whether the message log is complete is unknown')
  }
  if (mark.log !== log.id) throw new LogOpenError('forked', 'The high-water mark is that of another message log')
  if (mark.seq > log.lastSeq) {
    throw new LogOpenError(
      'behind',
      `The message log ends at record ${log.lastSeq} but has reached ${mark.seq}: it was restored or cut off`,
    )
  }
  if (mark.seq > 0 && leafOf(mark.seq) !== mark.leaf) {
    throw new LogOpenError('forked', `Record ${mark.seq} of the message log is another than the one that was reached`)
  }
}
