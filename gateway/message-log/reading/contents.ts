/** The objects of a stored record put together again, octet for octet, and what is sealed in them opened. */

import type { Readable } from 'node:stream'
import { openBodyFile } from '../../protocol/body-file.ts'
import type { ArchiveFiles } from '../archive/archive-files.ts'
import { openArchiveFiles } from '../archive/archive-files.ts'
import type { BodyFiles } from '../files/body-files.ts'
import { open } from '../keys/content-cipher.ts'
import type { KeyName, KeyStore } from '../keys/key-store.ts'
import { dayOf } from '../keys/key-store.ts'
import { openArchiveHash } from '../record/kept-signature.ts'
import { completeRecord, formatArchiveRest, formatArchiveStart } from '../record/log-record.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import type { LogStore } from '../store/log-store.ts'

/** Puts objects together and opens what is sealed. */
export interface Contents {
  /**
   * The record with what an archive file holds of it, as if nothing had been archived; itself where nothing was. Whoever
   * looks at the octets' columns (`record`, `head`, `body`, `extension`, …) asks for this before; the functions below
   * take either.
   *
   * @throws {ArchiveError} when the file is missing or damaged
   */
  complete(stored: StoredRecord): StoredRecord
  /** `log-record.json` */
  record(stored: StoredRecord): Buffer | undefined
  /** `signature.jades.json` */
  signature(stored: StoredRecord): Buffer | undefined
  signatureSha256(stored: StoredRecord): string | undefined
  /** What the basis says the message was judged for. */
  purpose(stored: StoredRecord): unknown
  /** `message-head.txt`, or the first object of a record of the log's own. @throws {Error} when it does not open */
  head(stored: StoredRecord): Buffer | undefined
  /** The body or second object, when it lies in the database. @throws {Error} when it does not open */
  body(stored: StoredRecord): Buffer | undefined
  /** The body, when it is a file. The stream fails when the file was changed. */
  bodyStream(stored: StoredRecord): Readable | undefined
  readonly archives: ArchiveFiles
  /** Of archive files. */
  close(): void
}

export interface ContentsDeps {
  readonly store: Pick<LogStore, 'texts' | 'archives'>
  readonly keys: KeyStore
  readonly files: BodyFiles
  /** Directory of archive files. */
  readonly archive: string
}

const REPEATED_MAX = 4096

export function openContents({ store, keys, files, archive }: ContentsDeps): Contents {
  const texts = new Map<number, string>()
  const recordEnds = new Map<number, Buffer>()
  const purposes = new Map<number, unknown>()
  const archiveHash = openArchiveHash()
  const keysOfDay = new Map<string, Buffer>()
  let today = 0
  const archives = openArchiveFiles({ rows: store.archives, directory: archive, keyOf: keyNamed })
  /** The record completed last: its parts are asked for one after the other. */
  let latest: { readonly stored: StoredRecord; readonly complete: StoredRecord } | undefined
  /** Of completed records. */
  const paths = new WeakMap<StoredRecord, string>()

  function complete(stored: StoredRecord): StoredRecord {
    if (stored.archive === null) return stored
    if (latest?.stored === stored) return latest.complete
    const { record, signature, head, body } = stored
    if (record !== null || signature !== null || head !== null || body !== null) {
      throw new Error('An archived record is in the log as well')
    }
    const read = archives.read(stored, stored.archive)
    if (read === undefined) return { ...stored, archive: null }
    const { file, fileSha256: _, ...octets } = read
    // Nothing in it is sealed any more.
    const made = { ...stored, ...octets, share: null, archive: null }
    if (file !== undefined) paths.set(made, file)
    latest = { stored, complete: made }
    return made
  }

  function textOf(id: number): string {
    const known = texts.get(id)
    if (known !== undefined) return known
    const text = id < 0 ? archives.text(id) : store.texts.get(id)
    if (text === undefined) throw new Error('A text that many records have in common is missing')
    if (texts.size >= REPEATED_MAX) texts.clear()
    texts.set(id, text)
    return text
  }

  /** What a record ends with: the same octets in many. */
  function endOf(basis: number): Buffer {
    const known = recordEnds.get(basis)
    if (known !== undefined) return known
    const made = completeRecord(Buffer.alloc(0), textOf(basis))
    // A small buffer is a slice of a larger one, all of which would stay as long as this does.
    const end = Buffer.allocUnsafeSlow(made.length)
    made.copy(end)
    if (recordEnds.size >= REPEATED_MAX) recordEnds.clear()
    recordEnds.set(basis, end)
    return end
  }

  /** Nothing when its key was destroyed: that is how a message is erased from every copy of the log. */
  function keyNamed({ day, purpose, use }: KeyName): Buffer | undefined {
    if (day !== today) keysOfDay.clear()
    today = day
    const id = use + purpose
    const known = keysOfDay.get(id)
    if (known !== undefined) return known
    const key = keys.read({ day, purpose, use })
    if (key !== undefined) keysOfDay.set(id, key)
    return key
  }

  function keyOf({ at, purpose }: StoredRecord, use: 'record' | 'body'): Buffer | undefined {
    if (at === null || purpose === null) throw new Error('A sealed object has no purpose or time')
    return keyNamed({ day: dayOf(at), purpose, use })
  }

  function unseal(stored: StoredRecord, part: 'head' | 'body'): Buffer | undefined {
    const octets = stored[part]
    if (octets === null) return undefined
    // The log's own records are not sealed.
    if (stored.share === null) return bufferOf(octets)
    const share = part === 'head' ? stored.share : stored.bodyShare
    const key = keyOf(stored, part === 'head' ? 'record' : 'body')
    return key === undefined || share === null ? undefined : open(part, key, bufferOf(share), bufferOf(octets))
  }

  return {
    complete,
    record(stored) {
      const { record, basis } = complete(stored)
      if (record === null) return undefined
      return basis === null ? completeRecord(bufferOf(record), null) : Buffer.concat([record, endOf(basis)])
    },
    signature(stored) {
      const { signature, etsiU } = complete(stored)
      if (signature === null || etsiU === null) return undefined
      return Buffer.from(formatArchiveStart(textOf(etsiU)) + formatArchiveRest(signature), 'latin1')
    },
    signatureSha256(stored) {
      const { signature, etsiU } = complete(stored)
      return signature === null || etsiU === null ? undefined : archiveHash(signature, textOf(etsiU))
    },
    purpose(stored) {
      const { basis } = complete(stored)
      if (basis === null) return null
      const known = purposes.get(basis)
      if (known !== undefined) return known
      const { purpose } = JSON.parse(textOf(basis)) as { purpose?: unknown }
      if (purposes.size >= REPEATED_MAX) purposes.clear()
      purposes.set(basis, purpose)
      return purpose
    },
    head: (stored) => unseal(complete(stored), 'head'),
    body: (stored) => unseal(complete(stored), 'body'),
    bodyStream(given) {
      const stored = complete(given)
      const { seq, bodyShare, bodyKey } = stored
      if (bodyKey === null || bodyShare === null) return undefined
      const key = keyOf(stored, 'body')
      if (key === undefined) return undefined
      const fileKey = open('file', key, bufferOf(bodyShare), bufferOf(bodyKey))
      return openBodyFile({ path: paths.get(stored) ?? files.pathOf(seq), key: fileKey })
    },
    archives,
    close: () => archives.close(),
  }
}
