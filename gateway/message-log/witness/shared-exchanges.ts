/**
 * The exchanges that a log shares with one other gateway, as digests: what two logs compare. Source: design of the
 * evidence, section 4. Read in the order of request ids, which begin with a time that both sides have.
 */

import { createHash } from 'node:crypto'
import { messageDigest } from '../../protocol/digests.ts'
import type { Identifier } from '../../protocol/identifiers.ts'
import { parseReceipt } from '../../protocol/log-head.ts'
import type { ExchangeDigest, Found } from '../../protocol/reconciling.ts'
import type { LogReader } from '../reading/reader.ts'
import type { LogRecord } from '../record/log-record.ts'
import { HEAD_NAME, SIGNATURE_NAME } from '../record/log-record.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import type { ExchangeRecord } from '../store/log-store.ts'

/** Who compares with whom. */
export interface Parties {
  /** The gateway whose log this is. */
  readonly own: Identifier
  readonly partner: Identifier
}

/** Milliseconds since the Unix epoch, `to` not included. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface SharedExchange extends ExchangeDigest {
  /** Records of request and end; 0: no end. */
  readonly seq: number
  readonly endSeq: number
}

export interface SharedExchanges {
  /** Ascending by request id, after one. */
  list(parties: Parties, span: Span, after?: string): Generator<SharedExchange>
  /** Stops between two steps once so many exchanges were read. */
  digests(parties: Parties, span: Span, stepMs: number): Extract<Found, { readonly what: 'digests' }>
}

/** Exchanges read for one answer; a step that has begun is finished. */
const EXCHANGES_MAX = 50_000

export function openSharedExchanges({ store, contents }: LogReader): SharedExchanges {
  /** An archived record has to be looked at whole. */
  function read(row: ExchangeRecord): StoredRecord {
    const whole = row.archive === null ? undefined : store.records.get(row.seq, { bodies: false })
    return whole === undefined ? (row as StoredRecord) : contents.complete(whole)
  }

  function* list(parties: Parties, { from, to }: Span, after = ''): Generator<SharedExchange> {
    let records: StoredRecord[] = []
    const rows = store.exchanges.between(after === '' ? idAt(from) : `${after} `, idAt(to))
    for (const row of rows) {
      const stored = read(row)
      if (records.length > 0 && records[0]?.requestId !== stored.requestId) {
        const shared = exchangeOf(records, parties)
        if (shared !== undefined) yield shared
        records = []
      }
      records.push(stored)
    }
    const shared = exchangeOf(records, parties)
    if (shared !== undefined) yield shared
  }

  /** A request id that came again was refused: the first one counts. */
  function exchangeOf(records: readonly StoredRecord[], parties: Parties): SharedExchange | undefined {
    const request = records.find(({ kind }) => kind === 'request')
    if (request === undefined || request.side === null) return undefined
    const head = contents.head(request)
    if (head === undefined) return undefined
    const isOurs = request.side === 'consumer'
    const [from, to] = isOurs ? [parties.own, parties.partner] : [parties.partner, parties.own]
    if (lineOf(head, 'owl-sender') !== from || lineOf(head, 'owl-audience') !== to) return undefined
    const end = records.find(({ ends }) => ends === request.seq)
    // What this gateway itself made of an exchange is not what the provider has signed.
    const reply = end !== undefined && isSigned(end, request.side) ? end : undefined
    return {
      id: String(request.requestId),
      side: request.side,
      request: digestOf(request),
      end: reply === undefined ? '' : digestOf(reply),
      receipt: reply === undefined ? '' : isOurs ? receiptIn(reply) : bufferOf(request.leaf).toString('base64url'),
      kind: (end?.kind ?? 'open') as ExchangeDigest['kind'],
      code: end?.code ?? '',
      at: request.at ?? 0,
      endAt: end?.at ?? 0,
      seq: request.seq,
      endSeq: end?.seq ?? 0,
    }
  }

  function receiptIn(reply: StoredRecord): string {
    const head = contents.head(reply)
    return (head && parseReceipt(lineOf(head, 'owl-receipt') ?? '')?.leaf) ?? ''
  }

  /** As the record names it, also where octets were erased or never kept. */
  function digestOf({ record }: StoredRecord): string {
    if (record === null) return ''
    const { objects } = JSON.parse(`${bufferOf(record).toString('latin1')}null}`) as LogRecord
    let head: Buffer | undefined
    let body: Buffer | undefined
    for (const { name, sha256 } of objects) {
      if (name === HEAD_NAME) head = Buffer.from(sha256, 'hex')
      else if (name !== SIGNATURE_NAME) body = Buffer.from(sha256, 'hex')
    }
    return head === undefined ? '' : messageDigest(head, body)
  }

  function digests(parties: Parties, { from, to }: Span, stepMs: number): Extract<Found, { what: 'digests' }> {
    const found: [number, number, string][] = []
    let start = -1
    let count = 0
    let all = 0
    let hash = createHash('sha256')
    const close = (): void => {
      if (count > 0) found.push([start, count, hash.digest('base64url')])
      hash = createHash('sha256')
      count = 0
    }
    for (const exchange of list(parties, { from, to })) {
      const own = Math.floor(timeOf(exchange.id) / stepMs) * stepMs
      if (own !== start) {
        close()
        if (all >= EXCHANGES_MAX) return { what: 'digests', digests: found, to: own }
        start = own
      }
      hash.update(`${exchange.id} ${exchange.request} ${exchange.end} ${exchange.receipt}\n`, 'latin1')
      count += 1
      all += 1
    }
    close()
    return { what: 'digests', digests: found, to }
  }

  return { list, digests }
}

/** A reply or refusal of the provider: what it sent, or what the consumer received. */
function isSigned({ kind, direction }: StoredRecord, side: 'consumer' | 'provider'): boolean {
  if (kind === 'in-doubt') return false
  return side === 'provider' || direction === 'in'
}

/** The block stands at the end of a head, and only there may a line begin like this. */
function lineOf(head: Buffer, name: string): string | undefined {
  const start = head.lastIndexOf(Buffer.from(`\r\n${name}:`))
  if (start === -1) return undefined
  const from = start + name.length + 3
  return head.toString('latin1', from, head.indexOf('\r\n', from, 'latin1'))
}

/** What every request id of a time or later begins with, or is greater than. UUIDv7, RFC 9562 §5.7. */
export function idAt(at: number): string {
  const hex = at.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-`
}

/** The time in a UUIDv7, milliseconds since the Unix epoch. */
export function timeOf(requestId: string): number {
  return Number.parseInt(requestId.slice(0, 8) + requestId.slice(9, 13), 16)
}
