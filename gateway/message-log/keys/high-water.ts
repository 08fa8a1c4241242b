/**
 * The high-water mark: a record the log has reached, kept apart from it, so that a restored copy is told from the log.
 * Authenticated by a key from the master key: who can write files and has no key cannot move it. RFC 2104, RFC 5869.
 */

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { readIfThere, replaceFile } from '../files/durable-file.ts'
import type { LogPlace } from '../record/log-place.ts'
import { LogOpenError } from '../record/open-error.ts'
import { hasKeys, isOlderForm, openKeyStore, readMasterKey } from './key-store.ts'

export interface HighWater {
  /** `gateway/node/epoch` */
  readonly log: string
  readonly seq: number
  /** Hex. */
  readonly leaf: string
  /** Without a MAC; absent otherwise. */
  readonly isOlderForm?: true
}

export type MarkPlace = Pick<LogPlace, 'highWaterFile' | 'keys'>

/** Beside the keys, where readers look for it. */
export function markPlaceOf(log: { readonly keyStore: string; readonly masterKey: string }): MarkPlace {
  const { keyStore: directory, masterKey: masterKeyFile } = log
  return { highWaterFile: join(directory, 'high-water.json'), keys: { directory, masterKeyFile } }
}

const INFO = 'owl-gateway message log, high-water mark'
const MAC_BYTES = 32

export function writeHighWater({ highWaterFile, keys }: MarkPlace, { log, seq, leaf }: HighWater): void {
  const mark = JSON.stringify({ log, seq, leaf })
  const mac = macOf(readMasterKey(keys.masterKeyFile), mark).toString('hex')
  replaceFile(highWaterFile, `${JSON.stringify({ mark, mac })}\n`)
}

/**
 * A mark without a MAC, as older gateways wrote it, counts as long as every key of the store is of the older form as
 * well; whoever opens the log for writing ends that.
 *
 * @throws {LogOpenError} `damaged`, `keys`
 */
export function readHighWater({ highWaterFile, keys }: MarkPlace): HighWater | undefined {
  const octets = readIfThere(highWaterFile)
  if (octets === undefined) return undefined
  const file: { readonly mark?: unknown; readonly mac?: unknown } = parseMark(octets.toString('utf8'))
  if (file.mark === undefined) {
    if (isOlderForm(keys)) return { ...checkedMark(file), isOlderForm: true }
    throw new LogOpenError(
      'damaged',
      'The high-water mark has an older form than the key store: somebody without the master key has put it there',
    )
  }
  const { mark, mac } = file
  const found = Buffer.from(String(mac), 'hex')
  const master = readMasterKey(keys.masterKeyFile)
  if (found.length !== MAC_BYTES || !timingSafeEqual(found, macOf(master, String(mark)))) {
    // Another master key makes no mark a changed one.
    if (hasKeys(keys.directory)) openKeyStore(keys)
    throw new LogOpenError('damaged', 'The high-water mark was changed by somebody without the master key')
  }
  return checkedMark(parseMark(String(mark)))
}

function parseMark(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    throw new LogOpenError('damaged', 'The high-water mark of the message log cannot be read', cause)
  }
  throw new LogOpenError('damaged', 'The high-water mark of the message log is not one')
}

function checkedMark(value: object): HighWater {
  const { log, seq, leaf } = value as Partial<HighWater>
  const isMark = typeof log === 'string' && Number.isSafeInteger(seq) && /^[0-9a-f]{64}$/.test(String(leaf))
  if (isMark) return { log, seq: Number(seq), leaf: String(leaf) }
  throw new LogOpenError('damaged', 'The high-water mark of the message log is not one')
}

function macOf(master: Buffer, text: string): Buffer {
  const key = hkdfSync('sha256', master, Buffer.alloc(0), INFO, MAC_BYTES)
  return createHmac('sha256', Buffer.from(key)).update(text).digest()
}

/** Of a log whose database is gone. @param hasKeys they are made for the first record @throws {LogOpenError} `behind` */
export function checkGone(mark: HighWater | undefined, hasKeys: boolean): void {
  const seq = mark?.seq ?? 0
  if (seq === 0 && hasKeys) {
    throw new LogOpenError('behind', 'The message log is gone; its key store says that it had records')
  }
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
