/** Does the log's own record name exactly these objects, and say of the message what the message says of itself? Design of the evidence, section 3. */

import { groupLeaf, sha256 } from '../protocol/hash-tree.ts'
import type { Checks } from './checks.ts'
import { instant } from './checks.ts'
import type { ReadRecord } from './log-record-reader.ts'
import { keyOf } from './memory.ts'
import type { MessageHead } from './message-head.ts'
import type { Signature } from './signature-checks.ts'
import { SKEW_MS_MAX } from './signature-checks.ts'

export const LOG_RECORD_NAME = 'log-record.json'
export const SIGNATURE_NAME = 'signature.jades.json'
export const HEAD_NAME = 'message-head.txt'
export const BODY_NAME = /^message-body\.[a-z]{3,4}$/
const BATCH = ['batch-header.json', 'batch-leaves.bin']
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
  const isMessage =
    objects.some(({ name }) => name === HEAD_NAME) && objects.some(({ name }) => name === SIGNATURE_NAME)
  if (KINDS[kind] !== undefined && !isMessage) {
    checks.fail('log-record.objects', 'a message without head and signature was recorded')
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

/** The leaf under which the log keeps the record: what receipts and chains name. Hex. */
export function leafOf({ objects }: ReadRecord, octets: Buffer): string {
  return groupLeaf([...objects.map((object) => object.sha256), sha256(octets)]).toString('hex')
}

/** Record and head speak of one message, and the record's gateway is a party to it. */
export function checkMessage(
  record: ReadRecord,
  head: MessageHead,
  provenAt: number | undefined,
  checks: Checks,
): void {
  const flaw = messageFlaw(record, head, provenAt)
  if (flaw === undefined) checks.ok('log-record.message', `recorded ${instant(record.at)} as ${record.kind}`)
  else checks.fail('log-record.message', flaw)
}

function messageFlaw(record: ReadRecord, head: MessageHead, provenAt: number | undefined): string | undefined {
  const { kind, id, direction, side, log, at, outcome, request } = record
  if (KINDS[kind]?.includes(head.kind) !== true) return 'the record is of another kind than the message'
  if (id !== head.requestId) return 'the record is of another exchange'
  const expected = (side === 'consumer') === (head.kind === 'request') ? 'out' : 'in'
  // A gateway that refuses its own client addresses that to itself; it may also call a service of its own.
  const isOwn = head.sender === head.audience && direction === 'out'
  if (side === null || (direction !== expected && !isOwn)) return 'the record says another direction'
  const gateway = log.slice(0, log.lastIndexOf('/'))
  if (gateway !== (direction === 'out' ? head.sender : head.audience)) return 'the log is not that of a party'
  if ((request === null) !== (kind === 'request') && kind !== 'refusal') return 'the record ends no request'
  if (direction === 'out' && kind !== 'request' && outcome !== (head.error ?? null)) {
    return 'the record says another outcome'
  }
  if (provenAt !== undefined && at > provenAt + SKEW_MS_MAX) return 'it was recorded after it was proven'
  return undefined
}

/** What the record says it was judged by is what is kept beside the signature. */
export function checkBasis({ basis }: ReadRecord, { signer, revocation }: Signature, checks: Checks): void {
  if (basis === undefined) {
    checks.skip('log-record.basis', 'the record has none')
    return
  }
  const relied = basis.revocation.find(({ cert }) => cert === signer.sha256)
  const answer = revocation && Buffer.from(keyOf(revocation.der), 'base64').toString('hex')
  if (basis.seal !== signer.sha256) checks.fail('log-record.basis', 'another certificate was judged')
  else if ((relied?.sha256 ?? undefined) !== answer) checks.fail('log-record.basis', 'another answer was relied on')
  else checks.ok('log-record.basis')
}

/** Group 0 of a batch: its leaves are as many as it counts, in one piece. */
export function checkBatch(files: ReadonlyMap<string, Buffer>, record: ReadRecord, checks: Checks): void {
  const [header, leaves] = BATCH.map((name) => files.get(name))
  if (header === undefined || leaves === undefined) return
  try {
    const { log, epoch, first, last, count, lastRecord } = JSON.parse(header.toString('utf8')) as Record<
      string,
      unknown
    >
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
  } catch {
    checks.fail('batch.leaves', 'the header cannot be read')
  }
}
