/**
 * The message log for those who look at it, read-only: beside a running gateway, or without one. Source: architecture,
 * "Commands".
 */

import { dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Readable } from 'node:stream'
import { formatEvidence } from '../../protocol/evidence-record.ts'
import type { HashTree } from '../../protocol/hash-tree.ts'
import { openHashTree, sha256 } from '../../protocol/hash-tree.ts'
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
import { openReadable, readIdentity } from '../store/sqlite/database.ts'
import type { Page } from '../store/sqlite/record-list.ts'
import { openRecordList } from '../store/sqlite/record-list.ts'
import { selectStored, storedRecord } from '../store/sqlite/stored-rows.ts'
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

/** What the export of one record's evidence needs. RFC 4998 §4. */
export interface EvidencePieces {
  readonly batch: number
  /** Leaves of the tree: the batch's own record, then the records in their order. */
  readonly leaves: readonly Buffer[]
  readonly tree: HashTree
  /** This record's place in `leaves`. */
  readonly index: number
  /** The group's hashes, `log-record.json` last. */
  readonly hashes: readonly Buffer[]
  readonly root: Buffer
  /** Absent until an authority has answered. */
  readonly token?: Buffer
}

export interface LogReader {
  readonly identity: LogIdentity
  /** Newest first. @throws {GatewayError} `BadRequest` */
  list(query?: LogQuery): Promise<Page>
  get(seq: number): Promise<RecordDetail | undefined>
  /** Exact octets; a stream where they are a file. In records of the log's own, `head` and `body` are its objects. */
  object(seq: number, part: Part): Promise<Buffer | Readable | undefined>
  /** All records of a request id, oldest first. */
  exchange(requestId: string): Promise<readonly RecordSummary[]>
  /** @returns nothing before the record's batch is closed, or once the record is erased */
  evidence(seq: number): Promise<EvidencePieces | undefined>
  /**
   * The evidence record with every renewal, DER. RFC 4998 §3.1.
   *
   * @returns nothing before the record's batch is time-stamped, or once the record is erased
   */
  evidenceRecord(seq: number): Promise<Buffer | undefined>
  /** What must not be erased, oldest record first. */
  holds(): readonly Held[]
  /** For `verification/verify.ts`. */
  readonly database: DatabaseSync
  readonly contents: Contents
  close(): void
}

interface BatchPlace {
  readonly number: number
  /** seq of the batch's own record, and of those in it. */
  readonly own: number
  readonly first: number
  readonly last: number
}

/** Trees of batches kept at a time: some MB each at the most. */
const TREES_MAX = 4

/** @throws {LogOpenError} `missing`, `format`, `keys` */
export function openLogReader({ file, keyStore, masterKey, bodies, archive }: LogReaderOptions): LogReader {
  const database = openReadable(file)
  const keys = openKeyStore({ directory: keyStore, masterKeyFile: masterKey })
  const contents = openContents({
    database,
    keys,
    files: openBodyFiles(bodies ?? join(dirname(file), 'bodies')),
    archive: archive ?? join(dirname(file), 'archive'),
  })
  const { list, exchange, summary } = openRecordList(database)
  const one = selectStored(database, 'WHERE record.seq = ?')
  const batchOf = database.prepare('SELECT * FROM batch WHERE last >= ? ORDER BY last LIMIT 1')
  const batchBySeq = database.prepare('SELECT * FROM batch WHERE last = ? - 1')
  const heldRows = database.prepare(
    'SELECT hold.seq, event, at FROM hold JOIN record ON record.seq = event ORDER BY hold.seq, event',
  )
  const reasonOf = openReasons(database, contents)
  const trees = new Map<number, Pick<EvidencePieces, 'leaves' | 'tree'>>()
  const chains = openEvidenceChains(database)
  const leavesBetween = database.prepare('SELECT leaf FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq')

  function read(seq: number): StoredRecord | undefined {
    const row = one.get(seq)
    return row === undefined ? undefined : contents.complete(storedRecord(row))
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
    return heldRows.all().flatMap((row) => {
      const { seq, event, at } = row
      const stored = read(Number(event))
      const octets = stored === undefined ? undefined : contents.body(stored)
      if (octets === undefined) return []
      const { by, reason } = parseDecision(octets)
      return [{ seq: Number(seq), hold: Number(event), at: new Date(Number(at)).toISOString(), by, reason }]
    })
  }

  async function object(seq: number, part: Part): Promise<Buffer | Readable | undefined> {
    const stored = read(seq)
    if (stored === undefined) return undefined
    return part === 'body' ? (contents.bodyStream(stored) ?? contents.body(stored)) : contents[part](stored)
  }

  async function evidence(seq: number): Promise<EvidencePieces | undefined> {
    const stored = read(seq)
    const record = stored === undefined ? undefined : contents.record(stored)
    if (record === undefined) return undefined
    const batch = stored?.kind === 'batch' ? batchBySeq.get(seq) : batchOf.get(seq)
    if (batch === undefined) return undefined
    const [own, first, last] = [Number(batch['seq']), Number(batch['first']), Number(batch['last'])]
    const token = batch['token'] as Uint8Array | null
    return {
      batch: Number(batch['number']),
      ...treeOf({ number: Number(batch['number']), own, first, last }),
      index: seq === own ? 0 : seq - first + 1,
      hashes: groupHashes(record),
      root: bufferOf(batch['root'] as Uint8Array),
      ...(token !== null && { token: bufferOf(token) }),
    }
  }

  /** A closed batch never changes, and who asks for one of its records will ask for more. */
  function treeOf(batch: BatchPlace): Pick<EvidencePieces, 'leaves' | 'tree'> {
    const known = trees.get(batch.number)
    if (known !== undefined) return known
    const rows = [...leavesBetween.all(batch.own, batch.own), ...leavesBetween.all(batch.first, batch.last)]
    const leaves = rows.map((row) => bufferOf(row['leaf'] as Uint8Array))
    const made = { leaves, tree: openHashTree(leaves) }
    if (trees.size >= TREES_MAX) trees.clear()
    trees.set(batch.number, made)
    return made
  }

  async function evidenceRecord(seq: number): Promise<Buffer | undefined> {
    const stored = read(seq)
    const group = stored === undefined ? undefined : readGroup(stored, contents)
    const evidence = group === undefined ? undefined : chains.of(group)
    return evidence === undefined ? undefined : formatEvidence(evidence)
  }

  return {
    identity: readIdentity(database),
    list,
    get,
    object,
    exchange: async (requestId) => exchange(requestId),
    evidence,
    holds,
    evidenceRecord,
    database,
    contents,
    close() {
      contents.close()
      database.close()
    },
  }
}

function groupHashes(record: Buffer): Buffer[] {
  const { objects } = JSON.parse(record.toString('utf8')) as LogRecord
  return [...objects.map((object) => Buffer.from(object.sha256, 'hex')), sha256(record)]
}

function isKept({ head, body, bodyKey, extension }: StoredRecord, name: string): boolean {
  if (name === HEAD_NAME) return head !== null
  if (extension !== null && name === bodyName(extension)) return body !== null || bodyKey !== null
  return true
}
