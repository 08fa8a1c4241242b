/** Does the log's own record name exactly these objects, and say of the message what the message says of itself? Design of the evidence, section 3. */

import { groupLeaf, sha256 } from '../protocol/hash-tree.ts'
import type { RequestHead } from '../protocol/head.ts'
import { parseStrictJson } from '../protocol/json.ts'
import type { Checks } from './checks.ts'
import { instant, reasonOf } from './checks.ts'
import type { EvidenceFile } from './files.ts'
import type { Basis, ReadRecord } from './log-record-reader.ts'
import { keyOf } from './memory.ts'
import type { MessageHead } from './message-head.ts'
import type { Signature } from './signature-checks.ts'

export const LOG_RECORD_NAME = 'log-record.json'
export const SIGNATURE_NAME = 'signature.jades.json'
export const HEAD_NAME = 'message-head.txt'
export const BODY_NAME = /^message-body\.[a-z]{3,4}$/
const BATCH = ['batch-header.json', 'batch-leaves.bin']
/** Half a million leaves: a batch may be larger than agreed after a long standstill. */
const BATCH_BYTES_MAX = 16 * 1024 * 1024
/** Of what a provider refuses before it judges a purpose, and of what a consumer sent under a purpose that nobody registered. */
const REFUSAL = 'refusal'
/** Outcomes of messages; everything else is about the log itself. */
const KINDS: Readonly<Record<string, readonly MessageHead['kind'][]>> = {
  request: ['request'],
  reply: ['reply'],
  refusal: ['refusal'],
  failure: ['refusal', 'reply'],
}

/** @param digests SHA-256 of the files that are there, without `log-record.json` */
export function checkObjects(
  { objects, kind }: ReadRecord,
  digests: ReadonlyMap<string, Buffer>,
  checks: Checks,
): void {
  const flaw = groupFlaw(kind, objects)
  if (flaw !== undefined) {
    checks.fail('log-record.objects', flaw)
    return
  }
  for (const [name, digest] of digests) {
    const object = objects.find((each) => each.name === name)
    if (object === undefined) {
      checks.fail('log-record.objects', 'a file is not among the objects of the record')
      return
    }
    if (!object.sha256.equals(digest)) {
      checks.fail('log-record.objects', `${object.name} is not the one that was recorded`)
      return
    }
  }
  const missing = objects.filter(({ name }) => !digests.has(name))
  const gone = missing.find(({ name }) => !BODY_NAME.test(name))
  if (gone !== undefined) {
    checks.fail('log-record.objects', `${gone.name} is missing`)
    return
  }
  checks.ok('log-record.objects', `${digests.size} of ${objects.length} here`)
}

/** The group of a message is head, signature and at most one body: what else a log puts beside them nobody has signed. */
function groupFlaw(kind: string, objects: ReadRecord['objects']): string | undefined {
  const has = (wanted: string): boolean => objects.some(({ name }) => name === wanted)
  if (kind === 'batch') return BATCH.every(has) && objects.length === BATCH.length ? undefined : 'it is no batch'
  if (KINDS[kind] === undefined) return undefined
  if (!has(HEAD_NAME) || !has(SIGNATURE_NAME)) return 'a message without head and signature was recorded'
  const others = objects.filter(({ name }) => name !== HEAD_NAME && name !== SIGNATURE_NAME)
  const isBody = others.every(({ name }) => BODY_NAME.test(name))
  return isBody && others.length <= 1 ? undefined : 'more than head, body and signature was recorded as one message'
}

/** The leaf under which the log keeps the record: what receipts and chains name. Hex. */
export function leafOf({ objects }: ReadRecord, octets: Buffer): string {
  return groupLeaf([...objects.map((object) => object.sha256), sha256(octets)]).toString('hex')
}

/** Record and head speak of one message, and the record's gateway is a party to it. */
export function checkMessage(record: ReadRecord, head: MessageHead, checks: Checks): void {
  const flaw = messageFlaw(record, head)
  if (flaw === undefined) checks.ok('log-record.message', `recorded ${instant(record.at)} as ${record.kind}`)
  else checks.fail('log-record.message', flaw)
}

function messageFlaw(record: ReadRecord, head: MessageHead): string | undefined {
  const { kind, id, direction, side, log, outcome, request, objects } = record
  if (KINDS[kind]?.includes(head.kind) !== true) return 'the record is of another kind than the message'
  if (id !== head.requestId) return 'the record is of another exchange'
  const expected = (side === 'consumer') === (head.kind === 'request') ? 'out' : 'in'
  // A gateway that refuses its own client addresses that to itself; it may also call a service of its own.
  const isOwn = head.sender === head.audience && direction === 'out'
  if (side === null || (direction !== expected && !isOwn)) return 'the record says another direction'
  const gateway = log.slice(0, log.lastIndexOf('/'))
  if (gateway !== (direction === 'out' ? head.sender : head.audience)) return 'the log is not that of a party'
  if ((request === null) !== (kind === 'request') && kind !== 'refusal') return 'the record ends no request'
  // Another's fault is recorded as it was understood.
  const isSaid =
    direction === 'in' ? (outcome === null) === (head.error === undefined) : outcome === (head.error ?? null)
  if (!isSaid) return 'the record says another outcome'
  const body = objects.find(({ name }) => name !== HEAD_NAME && name !== SIGNATURE_NAME)
  // What it is called says how it is read: by the signed type alone.
  if (body !== undefined && body.name !== `message-body.${head.parsed.media.extension}`) {
    return 'the body is called another type than the signed one'
  }
  return undefined
}

/** What the record says it was judged by is what is kept beside the signature, and what the message itself names. */
export function checkBasis(
  record: ReadRecord,
  head: MessageHead,
  { signer, revocation }: Signature,
  checks: Checks,
): void {
  const { basis } = record
  if (basis === undefined) {
    checks.fail('log-record.basis', 'the record of a message has none')
    return
  }
  const relied = basis.revocation.find(({ cert }) => cert === signer.sha256)
  const answer = revocation && Buffer.from(keyOf(revocation.der), 'base64').toString('hex')
  if (basis.seal !== signer.sha256) checks.fail('log-record.basis', 'another certificate was judged')
  else if ((relied?.sha256 ?? undefined) !== answer) checks.fail('log-record.basis', 'another answer was relied on')
  else {
    const flaw = judgementFlaw(basis, record, head)
    if (flaw === undefined) checks.ok('log-record.basis')
    else checks.fail('log-record.basis', flaw)
  }
}

/** A provider judges by its own configuration and agreement; purpose, and what a gateway itself sends, are one with the head. */
function judgementFlaw(basis: Basis, { kind, direction }: ReadRecord, head: MessageHead): string | undefined {
  const { config, agreement, purpose } = basis
  const isOwn = direction === 'out'
  if (isOwn && (config?.version !== head.config.version || base64url(config.sha256) !== head.config.sha256)) {
    return 'it names another configuration than the message'
  }
  if (kind !== 'request') return undefined
  const { block } = head.parsed as RequestHead
  if (purpose !== block.purpose && purpose !== REFUSAL) return 'it names another purpose than the message'
  const named = agreement === undefined ? 'none' : `${agreement.id};${base64url(agreement.sha256)}`
  return isOwn && named !== block.agreement ? 'it names another agreement than the message' : undefined
}

function base64url(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64url')
}

/** Group 0 of a batch: its leaves are as many as it counts, in one piece. */
export function checkBatch(files: ReadonlyMap<string, EvidenceFile>, record: ReadRecord, checks: Checks): void {
  try {
    const [header, leaves] = BATCH.map((name) => files.get(name)?.octets(BATCH_BYTES_MAX))
    // That they are missing is known from the objects.
    if (header === undefined || leaves === undefined) return
    const { log, epoch, first, last, count, lastRecord } = parseStrictJson(header) as Readonly<Record<string, unknown>>
    const fits =
      log === record.log &&
      epoch === record.epoch &&
      typeof count === 'number' &&
      leaves.length === 32 * count &&
      last === record.seq - 1 &&
      first === record.seq - count &&
      (count === 0 || lastRecord === leaves.toString('hex', leaves.length - 32))
    if (fits) checks.ok('batch.leaves', `${count} records`)
    else checks.fail('batch.leaves', 'header and leaves do not fit each other')
  } catch (error) {
    checks.fail('batch.leaves', reasonOf(error))
  }
}
