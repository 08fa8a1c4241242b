/** The archive files of a log: where they lie, which records they hold, and a record's octets out of them. */

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../protocol/hash-tree.ts'
import { bodyPath } from '../files/body-files.ts'
import { open } from '../keys/content-cipher.ts'
import type { KeyName } from '../keys/key-store.ts'
import { dayOf } from '../keys/key-store.ts'
import { ArchiveError } from '../record/archive-error.ts'
import type { ArchiveRow } from '../record/archive-row.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import type { Archives } from '../store/log-store.ts'
import type { ArchiveFile } from './archive-file.ts'
import { openArchiveFile } from './archive-file.ts'
import type { ArchivedRecord } from './archive-format.ts'
import { BATCH, RECORD, unpackBatch, unpackRecord } from './archive-format.ts'

export type ArchiveState = 'ok' | 'missing' | 'damaged'

export interface ArchiveFiles {
  readonly directory: string
  rows(): readonly ArchiveRow[]
  /** By name and size alone. */
  stateOf(row: ArchiveRow): ArchiveState
  /** @throws {ArchiveError} any flaw */
  file(id: number): ArchiveFile
  /**
   * What the file holds of a record, its body opened as well. Nothing when its key or share is destroyed.
   *
   * @throws {ArchiveError} any flaw @throws {Error} when it does not open
   */
  read(stored: StoredRecord, id: number): ReadRecord | undefined
  /** A text of an archive file, by the number that `read` gave it: below zero. @throws {ArchiveError} any flaw */
  text(number: number): string
  close(): void
}

export interface ReadRecord extends ArchivedRecord {
  /** Path of the encrypted file that is the body. */
  readonly file: string | undefined
}

export interface ArchiveFilesDeps {
  readonly rows: Archives
  readonly directory: string
  /** Nothing when the key was destroyed. */
  readonly keyOf: (name: KeyName) => Buffer | undefined
}

/** Files held open at once: whoever reads goes from one to the next. */
const OPEN_MAX = 4
/** Numbers of texts in one file. */
const TEXTS_MAX = 2 ** 24
const SHARE_INDEX_BYTES = 4
const NONCE_BYTES = 12

export function openArchiveFiles({ rows, directory, keyOf }: ArchiveFilesDeps): ArchiveFiles {
  const known = new Map<number, { readonly row: ArchiveRow; readonly file: ArchiveFile }>()

  function opened(id: number): { readonly row: ArchiveRow; readonly file: ArchiveFile } {
    const found = known.get(id)
    if (found !== undefined) return found
    const row = rows.get(id)
    if (row === undefined) throw new ArchiveError('missing', '', `Archive file ${id} is not entered in the log`)
    const file = openNamed(row)
    const [oldest] = known.keys()
    if (oldest !== undefined && known.size >= OPEN_MAX) forget(oldest)
    const both = { row, file }
    known.set(id, both)
    return both
  }

  function openNamed(row: ArchiveRow): ArchiveFile {
    const path = join(directory, row.name)
    const records = `records ${row.first} to ${row.last}`
    if (!existsSync(path)) {
      const what = `Archive file ${row.name} is not in ${directory}: ${records} cannot be read without it`
      throw new ArchiveError('missing', row.name, what)
    }
    try {
      const file = openArchiveFile(path)
      if (file.header.first === row.first && file.header.last === row.last && file.bytes === row.bytes) return file
      file.close()
      throw file.damaged('it is of another size or of other records')
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error
      throw new ArchiveError(error.flaw, row.name, `${error.message} (${records})`, error.cause)
    }
  }

  function forget(id: number): void {
    known.get(id)?.file.close()
    known.delete(id)
  }

  function read(stored: StoredRecord, id: number): ReadRecord | undefined {
    const { row, file } = opened(id)
    const { seq } = stored
    const section = file.section(seq)
    if (section === undefined) throw file.damaged(`it has no record ${seq}`)
    if (section.tag === BATCH) {
      const { record, header, leaves } = attempt(file, seq, () => unpackBatch(section.octets))
      const plain = { signature: null, basis: null, etsiU: null, extension: null, fileSha256: null, file: undefined }
      // The window they lie in is used again.
      return { ...plain, record: Buffer.from(record), head: Buffer.from(header), body: Buffer.from(leaves) }
    }
    if (section.tag !== RECORD) throw file.damaged(`its index does not lead to record ${seq}`)
    const { share } = stored
    const key = keyOf(recordKey(stored, row.day))
    if (share === null || key === undefined) return undefined
    const length = section.octets.readUInt32BE(0)
    const sealed = section.octets.subarray(4, 4 + length)
    const nonce = nonceOf(file)
    const archived = attempt(file, seq, () => unpackRecord(open('arch', key, bufferOf(share), sealed, nonce)))
    const { basis, etsiU, fileSha256 } = archived
    return {
      ...archived,
      basis: basis === null ? null : virtual(id, basis),
      etsiU: etsiU === null ? null : virtual(id, etsiU),
      body: archived.body ?? bodyOf(stored, section.octets.subarray(4 + length), file),
      file: fileSha256 === null ? undefined : bodyPath(directory, seq, fileSha256),
    }
  }

  /** Sealed as it was in the log. */
  function bodyOf(stored: StoredRecord, sealed: Buffer, file: ArchiveFile): Buffer | null {
    const { seq, at, purpose, bodyShare } = stored
    if (sealed.length === 0 || bodyShare === null || at === null || purpose === null) return null
    const key = keyOf({ day: dayOf(at), purpose, use: 'body' })
    return key === undefined ? null : attempt(file, seq, () => open('body', key, bufferOf(bodyShare), sealed))
  }

  return {
    directory,
    rows: rows.all,
    stateOf({ name, bytes }) {
      const found = statSync(join(directory, name), { throwIfNoEntry: false })
      if (found === undefined) return 'missing'
      return found.size === bytes ? 'ok' : 'damaged'
    },
    file: (id) => opened(id).file,
    read,
    text(number) {
      const id = Math.floor(-number / TEXTS_MAX)
      const { row, file } = opened(id)
      const key = keyOf(fileKey(row.day))
      if (key === undefined) throw new Error('The key of an archive file is not there')
      const index = -number % TEXTS_MAX
      const octets = file.text(index)
      return attempt(file, row.first, () => openText(file.header.salt, key, index, octets)).toString('utf8')
    },
    close() {
      for (const id of [...known.keys()]) forget(id)
    },
  }
}

function attempt<T>(file: ArchiveFile, seq: number, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw file.damaged(`record ${seq} does not open`, cause)
  }
}

/** What is not of one record alone. @param day of the file */
export function fileKey(day: number): KeyName {
  return { day, purpose: 'log', use: 'archive' }
}

const OF_PURPOSES: ReadonlySet<StoredRecord['kind']> = new Set(['request', 'reply', 'refusal', 'failure', 'in-doubt'])

/**
 * A message's record, and what stands for one that never came, goes with the key of its purpose and day; one of the log's
 * own is about no purpose.
 */
export function recordKey({ kind, at, purpose }: Pick<StoredRecord, 'kind' | 'at' | 'purpose'>, day: number): KeyName {
  if (!OF_PURPOSES.has(kind)) return fileKey(day)
  if (at === null || purpose === null) throw new Error('A sealed object has no purpose or time')
  return { day: dayOf(at), purpose, use: 'record' }
}

export function nonceOf({ header }: Pick<ArchiveFile, 'header'>): Buffer {
  return Buffer.from(header.salt.slice(0, 2 * NONCE_BYTES), 'hex')
}

/** Of a text's key, which is the file's and no record's. @param salt hex */
export function textShare(salt: string, index: number): Buffer {
  const octets = Buffer.alloc(SHARE_INDEX_BYTES)
  octets.writeUInt32BE(index)
  return sha256(Buffer.concat([Buffer.from(salt, 'hex'), octets]))
}

/** Of a record that stays in the log as well: a configuration, a decision. @param salt hex */
export function keptShare(salt: string, seq: number): Buffer {
  return sha256(Buffer.from(`${salt} record ${seq}`))
}

export function openText(salt: string, key: Buffer, index: number, octets: Buffer): Buffer {
  return open('arch', key, textShare(salt, index), octets)
}

function virtual(id: number, text: number): number {
  return -(id * TEXTS_MAX + text)
}

function bufferOf(octets: Uint8Array): Buffer {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length)
}
