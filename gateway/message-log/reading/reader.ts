/**
 * The message log for those who look at it, read-only: beside a running gateway, or without one. Source: architecture,
 * "Commands".
 */

import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { formatEvidence } from '../../protocol/evidence-record.ts'
import { openBodyFiles } from '../files/body-files.ts'
import { openKeyStore } from '../keys/key-store.ts'
import type { LogQuery, RecordSummary } from '../message-log.ts'
import type { Actor } from '../record/erasure-event.ts'
import { parseDecision } from '../record/erasure-event.ts'
import type { LogIdentity } from '../record/log-place.ts'
import type { LogRecord } from '../record/log-record.ts'
import { bodyName, HEAD_NAME } from '../record/log-record.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import { openStore } from '../store/engine.ts'
import type { LogStore, Page } from '../store/log-store.ts'
import type { Contents } from './contents.ts'
import { openContents } from './contents.ts'
import { openReasons } from './erasure-reasons.ts'
import { openEvidenceChains } from './evidence-chains.ts'
import { readGroup } from './object-group.ts'

export interface LogReaderOptions {
  /** The database. */
  readonly file: string
  /** Directory of wrapped keys. */
  readonly keyStore: string
  /** Path; 32 octets. */
  readonly masterKey: string
  /** `bodies` beside the database when absent. */
  readonly bodies?: string
  /** Directory of archive files; `archive` beside the database when absent. */
  readonly archive?: string
  /** What a log is called whose database is gone: it has no records. Absent: that is an error. */
  readonly gone?: LogIdentity
}

/** One record with what it says of itself. */
export interface RecordDetail extends RecordSummary {
  /** Hex. */
  readonly leaf: string
  /** `log-record.json`, parsed; absent once the record is erased. */
  readonly record?: LogRecord
  readonly objects: readonly ObjectState[]
  /** Who erased, and why. */
  readonly erasure?: ErasureOf
}

export interface ErasureOf {
  /** The record of the log that says so. */
  readonly seq: number
  readonly by: Actor
  readonly reason: string
  readonly rule: string
}

/** A record that must not be erased, and the record of the log that says so. */
export interface Held {
  readonly seq: number
  readonly hold: number
  /** ISO 8601. */
  readonly at: string
  readonly by: Actor
  readonly reason: string
}

export interface ObjectState {
  readonly name: string
  /** Hex. */
  readonly sha256: string
  /** False: erased or never kept; only the digest says what it was. */
  readonly isKept: boolean
}

export type Part = 'head' | 'body' | 'signature' | 'record'

export interface LogReader {
  readonly identity: LogIdentity
  /** Newest first. @throws {GatewayError} `BadRequest` */
  list(query?: LogQuery): Promise<Page>
  get(seq: number): Promise<RecordDetail | undefined>
  /** Exact octets; a stream where they are a file. In records of the log's own, `head` and `body` are its objects. */
  object(seq: number, part: Part): Promise<Buffer | Readable | undefined>
  /** All records of a request id, oldest first. */
  exchange(requestId: string): Promise<readonly RecordSummary[]>
  /**
   * The evidence record with every renewal, DER. RFC 4998 §3.1.
   *
   * @returns nothing before the record's batch is time-stamped, or once the record is erased
   */
  evidenceRecord(seq: number): Promise<Buffer | undefined>
  /** What must not be erased, oldest record first. */
  holds(): readonly Held[]
  readonly store: LogStore
  readonly contents: Contents
  close(): void
}

/** @throws {LogOpenError} `missing`, `format`, `keys` */
export function openLogReader({ file, keyStore, masterKey, bodies, archive, gone }: LogReaderOptions): LogReader {
  const store = openStore(file, gone)
  const keys = openKeyStore({ directory: keyStore, masterKeyFile: masterKey })
  const contents = openContents({
    store,
    keys,
    files: openBodyFiles(bodies ?? join(dirname(file), 'bodies')),
    archive: archive ?? join(dirname(file), 'archive'),
  })
  const { list, exchange, summary } = store.list
  const reasonOf = openReasons(store.records, contents)
  const chains = openEvidenceChains(store)

  function read(seq: number): StoredRecord | undefined {
    const row = store.records.get(seq)
    return row === undefined ? undefined : contents.complete(row)
  }

  async function get(seq: number): Promise<RecordDetail | undefined> {
    const stored = read(seq)
    const shown = summary(seq)
    if (stored === undefined || shown === undefined) return undefined
    const octets = contents.record(stored)
    const leaf = bufferOf(stored.leaf).toString('hex')
    const erasure = erasureOf(stored)
    const known = { ...shown, leaf, ...(erasure !== undefined && { erasure }) }
    if (octets === undefined) return { ...known, objects: [] }
    const record = JSON.parse(octets.toString('utf8')) as LogRecord
    const objects = record.objects.map((object) => ({ ...object, isKept: isKept(stored, object.name) }))
    return { ...known, record, objects }
  }

  function erasureOf({ seq, recordErasedBy, bodyErasedBy }: StoredRecord): ErasureOf | undefined {
    const event = recordErasedBy ?? bodyErasedBy
    if (event === null) return undefined
    const reason = reasonOf(seq, recordErasedBy === null ? 'body' : 'record', event)
    if (reason === undefined) return undefined
    return { seq: event, by: reason.event.by, reason: reason.event.reason, rule: reason.rule }
  }

  function holds(): Held[] {
    return [...store.decisions.holds()].flatMap(({ seq, event }) => {
      const stored = read(event)
      const octets = stored === undefined ? undefined : contents.body(stored)
      if (octets === undefined || stored?.at == null) return []
      const { by, reason } = parseDecision(octets)
      return [{ seq, hold: event, at: new Date(stored.at).toISOString(), by, reason }]
    })
  }

  async function object(seq: number, part: Part): Promise<Buffer | Readable | undefined> {
    const stored = read(seq)
    if (stored === undefined) return undefined
    return part === 'body' ? (contents.bodyStream(stored) ?? contents.body(stored)) : contents[part](stored)
  }

  async function evidenceRecord(seq: number): Promise<Buffer | undefined> {
    const stored = read(seq)
    const group = stored === undefined ? undefined : readGroup(stored, contents)
    const evidence = group === undefined ? undefined : chains.of(group)
    return evidence === undefined ? undefined : formatEvidence(evidence)
  }

  return {
    identity: store.identity,
    list,
    get,
    object,
    exchange: async (requestId) => exchange(requestId),
    holds,
    evidenceRecord,
    store,
    contents,
    close() {
      contents.close()
      store.close()
    },
  }
}

function isKept({ head, body, bodyKey, extension }: StoredRecord, name: string): boolean {
  if (name === HEAD_NAME) return head !== null
  if (extension !== null && name === bodyName(extension)) return body !== null || bodyKey !== null
  return true
}
