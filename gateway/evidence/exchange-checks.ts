/** Do the records of one exchange belong together, and those of one log follow each other? As far as they were given. Design of the evidence, sections 3 and 4. */

import { messageDigest, requestHash } from '../protocol/digests.ts'
import type { ReplyHead, RequestHead } from '../protocol/head.ts'
import { parseReceipt } from '../protocol/log-head.ts'
import type { Check, Checks, Outcome } from './checks.ts'
import { openChecks } from './checks.ts'
import type { Statement } from './verify.ts'

/** What was found about several pieces of evidence together. */
export interface Related {
  /** Request id, or the log and the later record's number. */
  readonly subject: string
  readonly outcome: Outcome
  readonly checks: readonly Check[]
}

export interface ExchangeBook {
  /** @returns what can be said with this one that could not before */
  take(statement: Statement): readonly Related[]
}

/** Messages and records held for comparison; the oldest go first. */
export const MESSAGES_HELD_MAX = 20_000
const RECORDS_HELD_MAX = 50_000
/** Ids, digests and receipts are shorter; what is longer is none, and fits nothing. */
const TEXT_CHARS_MAX = 512

/** What is kept of a message: small, whatever its container was. */
interface Copy {
  readonly place: string
  /** `gateway/node/epoch` */
  readonly log: string | undefined
  readonly headSha256: string
}

interface Request extends Copy {
  readonly leaf: string | undefined
  readonly digest: string
  /** `X-Road-Request-Hash` as a refusal has it, which leaves the body out, and as a reply has it, where the body is here. */
  readonly hashAlone: string
  readonly hash: string | undefined
}

interface Reply extends Copy {
  readonly digest: string
  readonly hash: string
  readonly receipt: string
  /** Leaf of the request that its record names, hex. */
  readonly request: string | undefined
  readonly isRefusal: boolean
}

interface Exchange {
  readonly requests: Request[]
  readonly replies: Reply[]
}

export function openExchangeBook(): ExchangeBook {
  const exchanges = new Map<string, Exchange>()
  const records = new Map<string, { readonly leaf: string; readonly prev: string | null }>()
  let held = 0

  function exchangeOf(id: string): Exchange {
    const known = exchanges.get(id)
    if (known !== undefined) return known
    const exchange: Exchange = { requests: [], replies: [] }
    exchanges.set(id, exchange)
    return exchange
  }

  function makeRoom(): void {
    if (held++ < MESSAGES_HELD_MAX) return
    const [oldest] = exchanges
    if (oldest === undefined) return
    exchanges.delete(oldest[0])
    held -= oldest[1].requests.length + oldest[1].replies.length
  }

  function takeMessage(statement: Statement): Related[] {
    const { head } = statement
    if (head === undefined) return []
    const exchange = exchangeOf(ownText(head.requestId))
    const checks = openChecks()
    if (head.kind === 'request') {
      const request = requestOf(statement, head.parsed as RequestHead)
      if (isThere(exchange.requests, request)) return []
      for (const other of exchange.requests) compareCopies(other, request, checks)
      for (const reply of exchange.replies) compare(request, reply, checks)
      exchange.requests.push(request)
    } else {
      const reply = replyOf(statement, head.parsed as ReplyHead)
      if (isThere(exchange.replies, reply)) return []
      for (const other of exchange.replies) compareCopies(other, reply, checks)
      for (const request of exchange.requests) compare(request, reply, checks)
      exchange.replies.push(reply)
    }
    makeRoom()
    return checks.list.length === 0 ? [] : [related(head.requestId, checks)]
  }

  function takeRecord({ record, leaf }: Statement): Related[] {
    if (record === undefined || leaf === undefined) return []
    const { seq, prev } = record
    const log = `${record.log}/${record.epoch}`
    const known = records.get(`${log} ${seq}`)
    if (known?.leaf === leaf) return []
    const checks = openChecks()
    if (known !== undefined) checks.fail('chain.place', 'the log had another record in this place')
    const before = records.get(`${log} ${seq - 1}`)
    const after = records.get(`${log} ${seq + 1}`)
    if (before !== undefined) compareLeaves(before.leaf, prev, checks)
    if (after !== undefined) compareLeaves(leaf, after.prev, checks)
    if (records.size >= RECORDS_HELD_MAX) records.delete(records.keys().next().value as string)
    records.set(`${log} ${seq}`, { leaf, prev })
    return checks.list.length === 0 ? [] : [related(`${log}, record ${seq}`, checks)]
  }

  return { take: (statement) => [...takeMessage(statement), ...takeRecord(statement)] }
}

function related(subject: string, checks: Checks): Related {
  return { subject, outcome: checks.outcome(), checks: checks.list }
}

/** Evidence of one record may be given twice. */
function isThere(known: readonly Copy[], { place, log, headSha256 }: Copy): boolean {
  return known.some((each) => each.place === place && each.log === log && each.headSha256 === headSha256)
}

function requestOf({ record, leaf, bodySha256, bodySha512, signature }: Statement, head: RequestHead): Request {
  const hashAlone = requestHash(head.hx, undefined)
  const hasBody = signature?.claims.bodySha256 !== undefined
  return {
    place: placeOf(record),
    log: record && `${record.log}/${record.epoch}`,
    leaf,
    headSha256: head.sha256.toString('base64'),
    digest: messageDigest(head.sha256, bodySha256),
    hashAlone,
    hash: hasBody ? bodySha512 && requestHash(head.hx, { sha512: bodySha512 }) : hashAlone,
  }
}

function replyOf({ record }: Statement, { sha256, block, ids }: ReplyHead): Reply {
  return {
    place: placeOf(record),
    log: record && `${record.log}/${record.epoch}`,
    headSha256: sha256.toString('base64'),
    digest: ownText(block.requestDigest),
    hash: ownText(ids.requestHash),
    receipt: ownText(block.receipt),
    request: record?.request ?? undefined,
    isRefusal: block.kind === 'refusal',
  }
}

/** A part of a text keeps the whole of it, which may be a head as large as heads can be. */
function ownText(part: string): string {
  return Buffer.from(part.slice(0, TEXT_CHARS_MAX), 'latin1').toString('latin1')
}

function placeOf(record: Statement['record']): string {
  return record === undefined ? 'loose' : `${record.side} ${record.seq}`
}

function compare(request: Request, reply: Reply, checks: Checks): void {
  const pair = `${request.place}, ${reply.place}`
  if (reply.digest === 'none') checks.skip('exchange.request', `${pair}: refused before there was a request`)
  else if (reply.digest === request.digest) checks.ok('exchange.request', pair)
  else checks.fail('exchange.request', `${pair}: the reply is to another request`)

  const hash = reply.isRefusal ? request.hashAlone : request.hash
  if (reply.hash === 'none') checks.skip('exchange.hash', `${pair}: refused before there was a request`)
  else if (hash === undefined) checks.skip('exchange.hash', `${pair}: the body of the request is not here`)
  else if (reply.hash === hash) checks.ok('exchange.hash', pair)
  else checks.fail('exchange.hash', `${pair}: the reply is to another request`)

  const receipt = parseReceipt(reply.receipt)
  if (receipt !== undefined && receipt.log === request.log && request.leaf !== undefined) {
    const isSame = Buffer.from(receipt.leaf, 'base64url').toString('hex') === request.leaf
    if (isSame) checks.ok('exchange.receipt', pair)
    else checks.fail('exchange.receipt', `${pair}: the log of the provider has another record than it said`)
  }
  if (reply.log !== undefined && reply.log === request.log && reply.request !== undefined) {
    if (reply.request === request.leaf) checks.ok('exchange.record', pair)
    else checks.fail('exchange.record', `${pair}: the record of the reply names another request`)
  }
}

/** Both sides, or one log twice, hold one message. */
function compareCopies(one: Copy, other: Copy, checks: Checks): void {
  const pair = `${one.place}, ${other.place}`
  if (one.headSha256 === other.headSha256) checks.ok('exchange.copies', pair)
  // A consumer's own refusal stands beside the reply it could not use.
  else checks.warn('exchange.copies', `${pair}: two different messages`)
}

function compareLeaves(leaf: string, prev: string | null, checks: Checks): void {
  if (leaf === prev) checks.ok('chain.previous')
  else checks.fail('chain.previous', 'the later record names another one before it')
}
