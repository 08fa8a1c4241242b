/**
 * Does a stored record say what its hashes say? Every object is opened and hashed again. Source: design of the evidence,
 * sections 3 and 4. Hashes are compared as hex text here: most of the time goes into making values, not into hashing.
 */

import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { groupLeafHex, sha256Hex } from '../../protocol/hash-tree.ts'
import type { Contents } from '../reading/contents.ts'
import { ArchiveError } from '../record/archive-error.ts'
import type { LogIdentity } from '../record/log-place.ts'
import type { LogRecord } from '../record/log-record.ts'
import {
  BATCH_HEADER_NAME,
  BATCH_LEAVES_NAME,
  bodyName,
  CONFIGURATION_NAME,
  EVENT_NAME,
  HEAD_NAME,
  SIGNATURE_NAME,
} from '../record/log-record.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import { checkColumns, checkEmpty, isMessage, OF_MESSAGES } from './column-check.ts'
import type { DamageKind } from './damage.ts'
import { Damage, demand } from './damage.ts'

export interface CheckedRecord {
  readonly record: LogRecord
  readonly stored: StoredRecord
  /** Hex. */
  readonly leaf: string
  /** The first object of a record that is about no message: the batch header. */
  readonly head: Buffer | undefined
  readonly body: Buffer | undefined
  /** As recorded, of a message that has a body; hex. */
  readonly bodySha256: string | undefined
}

/** All but a body that is a file. @throws {Damage} */
export function checkRecord(row: StoredRecord, contents: Contents, { name, epoch }: LogIdentity): CheckedRecord {
  const { seq } = row
  const stored = completed(row, contents)
  const octets = attempt(seq, 'record', () => contents.record(stored))
  const lost = row.archive === null ? 'missing' : 'key'
  demand(octets !== undefined, seq, lost, 'The contents of the record are not there')
  // Its basis is hashed, not read: it is what others made of it.
  const record = attempt(seq, 'record', () => parseStart(stored))
  const isHere = record.log === name && record.epoch === epoch && record.seq === seq
  demand(isHere, seq, 'swapped', 'It is the record of another place')
  const hashes = attempt(seq, 'record', () => hashesOf(record))
  const names = namesOf(stored)
  const isComplete = names.length === hashes.size && names.every((each) => hashes.has(each))
  demand(isComplete, seq, 'record', 'It names other objects')
  const leaf = groupLeafHex([...hashes.values(), sha256Hex(octets)])
  demand(bufferOf(stored.leaf).toString('hex') === leaf, seq, 'leaf', 'The leaf is not that of the group')

  const head = attempt(seq, 'head', () => contents.head(stored))
  demand(head !== undefined || stored.head === null, seq, 'key', 'The key of the head is not there')
  const body = attempt(seq, 'body', () => contents.body(stored))
  demand(body !== undefined || stored.body === null, seq, 'key', 'The key of the body is not there')
  const bodySha256 = isMessage(stored)
    ? checkMessage(stored, { head, body, hashes }, contents)
    : checkOwn(stored, { head, body, hashes }, names.at(-1) as string)
  checkColumns(stored, record, head, body)
  // A gateway keeps its own refusals under the purpose `refusal`, whatever was asked for.
  if (isMessage(stored) && stored.purpose !== 'refusal') {
    const judged = attempt(seq, 'record', () => contents.purpose(stored))
    demand(stored.purpose === judged, seq, 'columns', 'The purpose is another than the one judged by')
  }
  return { record, stored, leaf, head, body, bodySha256 }
}

interface Objects {
  readonly head: Buffer | undefined
  readonly body: Buffer | undefined
  /** Recorded, by name; hex. */
  readonly hashes: ReadonlyMap<string, string>
}

/** @returns the recorded hash of the body */
function checkMessage(stored: StoredRecord, { head, body, hashes }: Objects, contents: Contents): string | undefined {
  const { seq, extension } = stored
  checkObject(seq, 'head', hashes.get(HEAD_NAME), head)
  const signature = attempt(seq, 'signature', () => contents.signatureSha256(stored))
  const isSigned = signature === hashes.get(SIGNATURE_NAME)
  demand(isSigned, seq, 'signature', 'The signature is not the one that was recorded')
  if (extension === null) {
    checkEmpty(stored, ['body', 'bodyKey', 'bodyShare', 'bodyErasedAt', 'bodyErasedBy'])
    return undefined
  }
  const expected = hashes.get(bodyName(extension))
  checkBody(stored, body, expected)
  return expected
}

/** A record of the log's own. */
function checkOwn(stored: StoredRecord, { head, body, hashes }: Objects, name: string): undefined {
  checkEmpty(stored, OF_MESSAGES)
  if (stored.kind === 'batch') checkObject(stored.seq, 'head', hashes.get(BATCH_HEADER_NAME), head)
  else checkEmpty(stored, ['head'])
  checkObject(stored.seq, 'object', hashes.get(name), body)
}

function checkObject(seq: number, kind: DamageKind, expected: string | undefined, octets: Buffer | undefined): void {
  const isSame = octets !== undefined && sha256Hex(octets) === expected
  demand(isSame, seq, kind, 'The octets are not those that were recorded')
}

function completed(row: StoredRecord, contents: Contents): StoredRecord {
  try {
    return contents.complete(row)
  } catch (error) {
    if (error instanceof ArchiveError) throw new Damage(row.seq, 'archive', error.message)
    throw new Damage(row.seq, 'record', 'The octets cannot be read')
  }
}

/** Of the start, since the basis may be long and is the same in many. */
function parseStart({ record }: StoredRecord): LogRecord {
  return JSON.parse(`${bufferOf(record as Uint8Array).toString('utf8')}null}`) as LogRecord
}

/** By name; hex. @throws when it is not what it should be */
function hashesOf({ objects }: LogRecord): ReadonlyMap<string, string> {
  const hashes = new Map<string, string>()
  for (const { name, sha256 } of objects) {
    if (typeof sha256 !== 'string') throw new TypeError('An object has no hash')
    if (hashes.has(name)) throw new TypeError('An object is named twice')
    hashes.set(name, sha256)
  }
  return hashes
}

/** The last one is `body`, where there is one. */
function namesOf(stored: StoredRecord): string[] {
  const { kind, extension } = stored
  switch (kind) {
    case 'configuration':
      return [CONFIGURATION_NAME]
    case 'in-doubt':
    case 'erasure':
    case 'hold':
    case 'release':
    case 'access':
      return [EVENT_NAME]
    case 'batch':
      return [BATCH_HEADER_NAME, BATCH_LEAVES_NAME]
    default:
      return [HEAD_NAME, SIGNATURE_NAME, ...(extension === null ? [] : [bodyName(extension)])]
  }
}

function checkBody(stored: StoredRecord, body: Buffer | undefined, expected: string | undefined): void {
  const { seq, kind, side, bodyErasedAt, purpose, bodyBytes, bodyKey } = stored
  const isErased = bodyErasedAt !== null
  const isFile = bodyKey !== null
  const isThere = stored.body !== null || isFile
  // What a provider refuses before delivery is kept without its body; any other without its body has lost it.
  const isKept = kind !== 'request' || purpose !== 'refusal' || side === 'consumer'
  demand(!isErased || (isKept && !isThere), seq, 'body', 'The body is marked as erased and is there, or never was')
  demand(!(isFile && stored.body !== null), seq, 'body', 'The body is there twice')
  demand(isThere || isErased || !isKept, seq, 'body', 'The body is not there')
  demand((stored.bodyShare !== null) === isThere, seq, 'key', 'The share of the body is there without it, or not')
  if (isFile || !isThere) return
  checkObject(seq, 'body', expected, body)
  demand(bodyBytes === body?.length, seq, 'columns', 'The size of the body is another')
}

/** A body that is a file. @throws {Damage} */
export async function checkBodyFile({ stored, bodySha256 }: CheckedRecord, contents: Contents): Promise<void> {
  const { seq, bodyBytes } = stored
  const digest = createHash('sha256')
  let size = 0
  try {
    const stream = contents.bodyStream(stored)
    if (stream === undefined) throw new Error('Its key is not there')
    await pipeline(stream, async (octets: AsyncIterable<Buffer>) => {
      for await (const part of octets) {
        digest.update(part)
        size += part.length
      }
    })
  } catch {
    throw new Damage(seq, 'body', 'The file of the body is missing or changed')
  }
  demand(bodySha256 === digest.digest('hex'), seq, 'body', 'The octets are not those that were recorded')
  demand(bodyBytes === size, seq, 'columns', 'The size of the body is another')
}

function attempt<T>(seq: number, kind: DamageKind, read: () => T): T {
  try {
    return read()
  } catch {
    throw new Damage(seq, kind, 'The octets cannot be read')
  }
}
