/**
 * What a container is made of, read out of the message log and checked: a message's files against their hashes, and its
 * evidence record. Source: design of the evidence, sections 3 to 5.
 */

import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { crc32 as crc32Of } from 'node:zlib'
import type { GroupFile, Package } from '../../evidence/container.ts'
import type { Content } from '../../evidence/content.ts'
import { contentOf } from '../../evidence/content.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import { ArchiveError } from '../../message-log/record/archive-error.ts'
import type { LogRecord } from '../../message-log/record/log-record.ts'
import { BATCH_HEADER_NAME, HEAD_NAME, RECORD_NAME, SIGNATURE_NAME } from '../../message-log/record/log-record.ts'
import { LogOpenError } from '../../message-log/record/open-error.ts'
import type { StoredRecord } from '../../message-log/record/stored-record.ts'
import { isStoreFailure } from '../../message-log/store/engine.ts'
import { sha256 } from '../../protocol/hash-tree.ts'

/** Why there is no evidence of a record to be had. */
export type Lack = 'missing' | 'unstamped' | 'erased' | 'damaged'

export class NoEvidence extends Error {
  override readonly name = 'NoEvidence'
  readonly lack: Lack

  constructor(lack: Lack, message: string, cause?: unknown) {
    super(message, { cause })
    this.lack = lack
  }
}

export interface RecordPackage extends Package {
  readonly seq: number
  readonly kind: string
  readonly record: LogRecord
  /** Objects of the group that are known by their hash only. */
  readonly absent: readonly string[]
  /** Those that are in memory, by name. */
  readonly atHand: ReadonlyMap<string, Buffer>
}

export interface Packages {
  /** @throws {NoEvidence} any lack */
  read(seq: number): Promise<RecordPackage>
}

/** `signature.jades.json` first, as examples have it; any order is as good. */
const FIRST = SIGNATURE_NAME

export function openPackages(reader: LogReader): Packages {
  const { contents, store } = reader

  async function read(seq: number): Promise<RecordPackage> {
    const row = store.records.get(seq)
    if (row === undefined) throw new NoEvidence('missing', `There is no record ${seq} in this log`)
    try {
      return await assemble(seq, row)
    } catch (error) {
      if (error instanceof NoEvidence || error instanceof ArchiveError || isStoreFailure(error)) throw error
      // The disk, or who may read it: says nothing of the record.
      if (error instanceof LogOpenError || isSystemFailure(error)) throw error
      // What does not open, or has another form than any record, was changed where it lies.
      throw new NoEvidence('damaged', `Record ${seq} is damaged: it cannot be put together`, error)
    }
  }

  async function assemble(seq: number, row: StoredRecord): Promise<RecordPackage> {
    const stored = contents.complete(row)
    const octets = contents.record(stored)
    if (octets === undefined) {
      throw new NoEvidence('erased', `Record ${seq} was erased; what is left of it proves only that there was one`)
    }
    const record = JSON.parse(octets.toString()) as LogRecord
    const evidenceRecord = await reader.evidenceRecord(seq)
    if (evidenceRecord === undefined) {
      // Its key is destroyed already; the rest follows.
      const isGoing = record.objects.some(({ name }) => name === HEAD_NAME) && contents.head(stored) === undefined
      if (isGoing) throw new NoEvidence('erased', `Record ${seq} is being erased`)
      throw new NoEvidence('unstamped', `Record ${seq} is not time-stamped yet`)
    }
    const files: GroupFile[] = []
    const absent: string[] = []
    const atHand = new Map<string, Buffer>()
    for (const { name, sha256: expected } of record.objects) {
      const object = await readObject(stored, name, expected)
      if (object === undefined) {
        absent.push(name)
        continue
      }
      const content = Buffer.isBuffer(object) ? contentOf(object) : object
      if (Buffer.isBuffer(object)) atHand.set(name, object)
      files.push({ name, sha256: Buffer.from(expected, 'hex'), content })
    }
    files.sort((a, b) => Number(b.name === FIRST) - Number(a.name === FIRST))
    files.push({ name: RECORD_NAME, sha256: sha256(octets), content: contentOf(octets) })
    const { kind } = record
    return { seq, kind, record, at: Date.parse(record.at), files, absent, atHand, evidenceRecord }
  }

  /** @returns nothing where the object is erased or was never kept */
  async function readObject(
    stored: StoredRecord,
    name: string,
    expected: string,
  ): Promise<Buffer | Content | undefined> {
    const open = (): Readable | undefined => (placeOf(name) === 'body' ? contents.bodyStream(stored) : undefined)
    const stream = open()
    if (stream !== undefined) return measured(stream, open, stored.seq, expected)
    const octets = contents[placeOf(name)](stored)
    if (octets === undefined) return undefined
    demandSame(sha256(octets).toString('hex') === expected, stored.seq)
    return octets
  }

  return { read }
}

/** Reads a large body through once: nothing leaves here before all of it is known to be what was recorded. */
async function measured(
  stream: Readable,
  open: () => Readable | undefined,
  seq: number,
  expected: string,
): Promise<Content> {
  const digest = createHash('sha256')
  let size = 0
  let crc32 = 0
  for await (const octets of stream as AsyncIterable<Buffer>) {
    digest.update(octets)
    crc32 = crc32Of(octets, crc32)
    size += octets.length
  }
  demandSame(digest.digest('hex') === expected, seq)
  return { size, crc32, read: () => readAgain(open, seq, size) }
}

async function* readAgain(open: () => Readable | undefined, seq: number, size: number): AsyncGenerator<Buffer> {
  const stream = open()
  if (stream === undefined) throw new NoEvidence('erased', `The body of record ${seq} was erased meanwhile`)
  let left = size
  for await (const octets of stream as AsyncIterable<Buffer>) {
    left -= octets.length
    yield octets
  }
  demandSame(left === 0, seq)
}

/** Where the log keeps an object; what is neither head nor signature is the record's one large object. */
function placeOf(name: string): 'head' | 'signature' | 'body' {
  if (name === SIGNATURE_NAME) return 'signature'
  return name === HEAD_NAME || name === BATCH_HEADER_NAME ? 'head' : 'body'
}

function demandSame(isSame: boolean, seq: number): asserts isSame {
  if (!isSame) throw new NoEvidence('damaged', `Record ${seq} is damaged: an object is not the one that was recorded`)
}

/** A body that is not there, `ENOENT`, is missing from the record. */
function isSystemFailure(error: unknown): boolean {
  const { syscall, code } = error as NodeJS.ErrnoException
  return error instanceof Error && syscall !== undefined && code !== 'ENOENT'
}
