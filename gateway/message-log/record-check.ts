/**
 * Does a stored record say what its hashes say? Every object is hashed again, and the columns that lists are made from
 * are compared with the objects they were taken from. Source: design of the evidence, sections 3 and 4.
 *
 * Not covered by any hash: how long something is to be kept; the size of a body that never was; the stage at which another
 * gateway says it refused; the method of a call that was refused before there was a request.
 */

import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { groupLeaf, sha256 } from '../protocol/hash-tree.ts'
import { parseRequestHead } from '../protocol/head-parser.ts'
import { ArchiveError } from './archive-error.ts'
import type { DamageKind } from './damage.ts'
import { Damage, demand } from './damage.ts'
import type { LogRecord } from './log-record.ts'
import {
  BATCH_HEADER_NAME,
  BATCH_LEAVES_NAME,
  bodyName,
  CONFIGURATION_NAME,
  EVENT_NAME,
  HEAD_NAME,
  SIGNATURE_NAME,
} from './log-record.ts'
import type { LogIdentity } from './store.ts'
import type { Contents, StoredRecord } from './stored-record.ts'
import { bufferOf } from './stored-record.ts'

export interface CheckedRecord {
  readonly record: LogRecord
  readonly stored: StoredRecord
  /** The first object of a record that is about no message: the batch header. */
  readonly head: Buffer | undefined
  readonly body: Buffer | undefined
  /** As recorded, of a message that has a body. */
  readonly bodySha256?: Buffer
}

/** All but a body that is a file. @throws {Damage} */
export function checkRecord(row: StoredRecord, contents: Contents, { name, epoch }: LogIdentity): CheckedRecord {
  const { seq } = row
  const stored = completed(row, contents)
  checkEmpty(stored, ['archive'])
  const octets = attempt(seq, 'record', () => contents.record(stored))
  if (octets === undefined) throw new Damage(seq, 'missing', 'The contents of the record are not there')
  // Its basis is hashed, not read: it is what others made of it.
  const record = attempt(seq, 'record', () => parseStart(stored))
  demand(record.log === name && record.epoch === epoch && record.seq === seq, seq, 'record', 'It is of another place')

  const head = attempt(seq, 'object', () => contents.head(stored))
  const body = attempt(seq, 'object', () => contents.body(stored))
  const hashes = attempt(seq, 'record', () => hashesOf(record))
  const expected = namesOf(stored)
  demand(
    expected.length === hashes.size && expected.every((each) => hashes.has(each)),
    seq,
    'record',
    'It names other objects',
  )
  const leaf = groupLeaf([...hashes.values(), sha256(octets)])
  demand(leaf.equals(stored.leaf), seq, 'leaf', 'The leaf is not that of the group')

  const check = (object: string, found: Buffer | undefined): void => {
    const same = found !== undefined && hashes.get(object)?.equals(found) === true
    demand(same, seq, 'object', `${object} is not the one that was recorded`)
  }
  let bodySha256: Buffer | undefined
  if (isMessage(stored)) {
    check(HEAD_NAME, head && sha256(head))
    check(
      SIGNATURE_NAME,
      attempt(seq, 'object', () => contents.signatureSha256(stored)),
    )
    if (stored.extension !== null) {
      bodySha256 = hashes.get(bodyName(stored.extension))
      checkBody(stored, body, bodySha256)
    } else checkEmpty(stored, ['body', 'bodyKey', 'bodyShare', 'bodyErasedAt', 'bodyErasedBy'])
  } else {
    checkEmpty(stored, OF_MESSAGES)
    if (stored.kind !== 'batch') checkEmpty(stored, ['head'])
    if (stored.kind === 'batch') check(BATCH_HEADER_NAME, head && sha256(head))
    check(expected.at(-1) as string, body && sha256(body))
  }
  checkColumns(stored, record, head, body)
  // A gateway keeps its own refusals under the purpose `refusal`, whatever was asked for.
  if (isMessage(stored) && stored.purpose !== 'refusal') {
    const judged = attempt(seq, 'record', () => contents.purpose(stored))
    demand(stored.purpose === judged, seq, 'columns', 'The purpose is another than the one judged by')
  }
  return { record, stored, head, body, ...(bodySha256 !== undefined && { bodySha256 }) }
}

function completed(row: StoredRecord, contents: Contents): StoredRecord {
  try {
    return contents.complete(row)
  } catch (error) {
    if (error instanceof ArchiveError) throw new Damage(row.seq, 'archive', error.message)
    throw new Damage(row.seq, 'object', 'The octets cannot be read')
  }
}

const OF_MESSAGES = [
  'basis',
  'signature',
  'etsiU',
  'extension',
  'share',
  'bodyShare',
  'bodyKey',
  'bodyErasedAt',
  'bodyErasedBy',
  'sender',
  'stage',
] as const

function checkEmpty(stored: StoredRecord, names: readonly (keyof StoredRecord)[]): void {
  const { seq } = stored
  demand(
    names.every((name) => stored[name] === null),
    seq,
    'columns',
    'It has more than was recorded',
  )
}

/** Of the start, since the basis may be long and is the same in many. */
function parseStart({ record }: StoredRecord): LogRecord {
  return JSON.parse(`${bufferOf(record as Uint8Array).toString('utf8')}null}`) as LogRecord
}

/** By name. @throws when it is not what it should be */
function hashesOf({ objects }: LogRecord): ReadonlyMap<string, Buffer> {
  const hashes = new Map<string, Buffer>()
  for (const { name, sha256 } of objects) {
    if (hashes.has(name)) throw new TypeError('An object is named twice')
    hashes.set(name, Buffer.from(sha256, 'hex'))
  }
  return hashes
}

function isMessage({ kind }: StoredRecord): boolean {
  return kind === 'request' || kind === 'reply' || kind === 'refusal' || kind === 'failure'
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

function checkBody(stored: StoredRecord, body: Buffer | undefined, expected: Buffer | undefined): void {
  const { seq, kind, bodyErasedAt, purpose, bodyBytes, bodyKey } = stored
  const isErased = bodyErasedAt !== null
  const isFile = bodyKey !== null
  const isThere = stored.body !== null || isFile
  // A request that is refused before delivery is kept without its body; any other without its body has lost it.
  const isKept = kind !== 'request' || purpose !== 'refusal'
  demand(!isErased || (isKept && !isThere), seq, 'object', 'The body is marked as erased and is there, or never was')
  demand((stored.bodyShare !== null) === isThere, seq, 'object', 'The share of the body is there without it, or not')
  demand(!(isFile && stored.body !== null), seq, 'object', 'The body is there twice')
  demand(isThere || isErased || !isKept, seq, 'object', 'The body is not there')
  if (isFile || !isThere) return
  demand(
    body !== undefined && expected?.equals(sha256(body)) === true,
    seq,
    'object',
    'The body is not the recorded one',
  )
  demand(bodyBytes === body.length, seq, 'columns', 'The size of the body is another')
}

/** A body that is a file. @throws {Damage} */
export async function checkBodyFile({ stored, bodySha256 }: CheckedRecord, contents: Contents): Promise<void> {
  const { seq, bodyBytes } = stored
  const hash = createHash('sha256')
  let size = 0
  try {
    const stream = contents.bodyStream(stored)
    if (stream === undefined) throw new Error('Its key is not there')
    await pipeline(stream, async (octets: AsyncIterable<Buffer>) => {
      for await (const part of octets) {
        hash.update(part)
        size += part.length
      }
    })
  } catch {
    throw new Damage(seq, 'object', 'The file of the body is missing or changed')
  }
  demand(bodySha256?.equals(hash.digest()) === true, seq, 'object', 'The body is not the one that was recorded')
  demand(bodyBytes === size, seq, 'columns', 'The size of the body is another')
}

function checkColumns(
  stored: StoredRecord,
  record: LogRecord,
  head: Buffer | undefined,
  body: Buffer | undefined,
): void {
  const { seq, at } = stored
  const fits =
    record.kind === stored.kind &&
    record.id === stored.requestId &&
    record.direction === stored.direction &&
    record.side === stored.side &&
    record.outcome === stored.code &&
    at !== null &&
    record.at === new Date(at).toISOString() &&
    (record.request === null) === (stored.ends === null)
  demand(fits, seq, 'columns', 'Place, time or outcome are others than recorded')
  if (!isMessage(stored)) {
    demand(stored.bodyBytes === body?.length, seq, 'columns', 'The size is another')
    // What an in-doubt record has besides is compared with its request.
    if (stored.kind !== 'in-doubt') checkEmpty(stored, OF_EXCHANGES)
    return
  }
  const text = head?.toString('latin1') ?? ''
  // The end of a request is compared with the request.
  if (stored.kind === 'request') checkRequest(stored, text, head as Buffer)
  else {
    checkEmpty(stored, ['sender'])
    if (stored.ends === null) checkOwnRefusal(stored, text)
  }
  checkStage(stored, text)
  demand(stored.extension !== null || stored.bodyBytes === 0, seq, 'columns', 'The size of the body is another')
}

/** What another gateway refuses, it names the stage of twice; which one is taken is the pipeline's affair. */
function checkStage({ seq, kind, direction, stage }: StoredRecord, text: string): void {
  const isRefused = kind === 'refusal' || kind === 'failure'
  const signed = isRefused ? lineOf(text, '\r\nowl-stage:') : null
  demand(stage === signed || (isRefused && direction === 'in'), seq, 'columns', 'The stage is another than signed')
}

const OF_EXCHANGES = ['client', 'service', 'method', 'xRoadId', 'purpose'] as const

function checkRequest(stored: StoredRecord, text: string, head: Buffer): void {
  const { seq, method, service, client, xRoadId, requestId, sender, side, purpose } = stored
  const path = `${method}\r\n/r1/${service}`
  const isPlain =
    text.startsWith(path) &&
    '/?\r'.includes(text.charAt(path.length)) &&
    text.includes(`\r\nX-Road-Client:${client}\r\n`) &&
    text.includes(`\r\nx-road-id:${xRoadId}\r\n`) &&
    text.includes(`\r\nx-road-request-id:${requestId}\r\n`)
  // Other spellings are legal, and rare: they are read as the gateway read them.
  if (!isPlain) {
    const read = attempt(seq, 'columns', () => parseRequestHead(head))
    const { call } = read
    const same =
      call.method === method && call.service === service && call.client === client && read.xRoadId === xRoadId
    demand(
      same && read.requestId === requestId,
      seq,
      'columns',
      'Client, service, method or ids are others than signed',
    )
  }
  const replayed = side === 'provider' && purpose !== 'refusal'
  const signed = lineOf(text, '\r\nowl-sender:')
  const fits = sender === null ? !replayed : side === 'provider' && sender === signed
  demand(fits, seq, 'columns', 'The sender is another than signed')
}

/** What a gateway says to its own client, in the form of a reply. */
function checkOwnRefusal(stored: StoredRecord, text: string): void {
  const { seq, client, service, xRoadId, requestId } = stored
  const ids = `\r\nx-road-id:${xRoadId}\r\nx-road-client:${client}\r\nx-road-service:${service}\r\nx-road-request-id:${requestId}\r\n`
  demand(text.includes(ids), seq, 'columns', 'Client, service or ids are others than signed')
}

function lineOf(text: string, start: string): string | null {
  const at = text.lastIndexOf(start)
  if (at === -1) return null
  return text.slice(at + start.length, text.indexOf('\r\n', at + start.length))
}

function attempt<T>(seq: number, kind: DamageKind, read: () => T): T {
  try {
    return read()
  } catch {
    throw new Damage(seq, kind, 'The octets cannot be read')
  }
}
