/** Reads the head of a message between gateways, strictly: what `head.ts` writes and nothing else. */

import { GatewayError } from '../errors.ts'
import { remembered } from './bounded-memory.ts'
import { readCall } from './call.ts'
import { sha256 } from './digests.ts'
import type { ConfigReference, ReplyHead, RequestHead } from './head.ts'
import type { Header } from './headers.ts'
import { areReplyHeaders, areRequestHeaders, headerOf, mediaTypeOf } from './headers.ts'
import { isHeadOf } from './log-head.ts'

const CRLF = '\r\n'

/** @throws {GatewayError} `InvalidMessage`, `BadRequest` */
export function parseRequestHead(octets: Buffer): RequestHead {
  const { hx, lines, block } = split(octets, REQUEST_BLOCK)
  const [method = '', target = ''] = lines
  const headers = parseHeaders(lines)
  const requestId = headerOf(headers, 'x-road-request-id')
  const xRoadId = headerOf(headers, 'x-road-id')
  if (requestId === undefined || xRoadId === undefined) throw malformed('an id is missing')
  if (!areRequestHeaders(localHeaders(headers))) throw malformed('it has a header that does not cross gateways')
  if (!REQUEST_ID.test(requestId)) throw malformed('the request id is not a UUID')
  const [, kind, sender, audience, issuedAt, config, agreement, purpose, logHead] = block
  if (kind !== 'request') throw malformed('it is not a request')
  return {
    octets,
    sha256: sha256(octets),
    hx,
    media: mediaTypeOf(headers),
    call: readCall(method, target, headers),
    requestId,
    xRoadId,
    block: {
      sender: sender as string,
      audience: audience as string,
      issuedAt: instant(issuedAt),
      config: parseConfigReference(config as string),
      agreement: agreement as string,
      purpose: purpose as string,
      logHead: ownHead(logHead, sender),
    },
  }
}

/** @throws {GatewayError} `InvalidMessage` */
export function parseReplyHead(octets: Buffer): ReplyHead {
  const { hx, lines, block } = split(octets, REPLY_BLOCK)
  const [statusText = '', reason = ''] = lines
  const all = parseHeaders(lines)
  const [, kind, sender, audience, issuedAt, config, requestDigest, receipt, logHead, stage] = block
  const ids = kind === 'refusal' ? REFUSAL_IDS : REPLY_IDS
  const ownAt = all.length - ids.length
  const own = ids.map((name, i) => {
    const header = all[ownAt + i]
    if (header?.[0] !== name) throw malformed('its x-road headers are not as agreed')
    return header[1]
  })
  const [xRoadId, client, service, requestId, requestHash, error] = own as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ]
  if ((kind !== 'reply' && kind !== 'refusal') || (kind === 'refusal') !== (stage !== undefined))
    throw malformed('it is neither reply nor refusal')
  // 1xx would begin a reply to the local system and never end it.
  if (!/^[2-5]\d\d$/.test(statusText)) throw malformed('its status is no HTTP status of a reply')
  const headers = all.slice(0, ownAt)
  if (!areReplyHeaders(headers)) throw malformed('it has a header that does not cross gateways')
  return {
    octets,
    sha256: sha256(octets),
    hx,
    media: mediaTypeOf(headers),
    status: Number(statusText),
    reason,
    headers,
    ids: { xRoadId, client, service, requestId, requestHash },
    error,
    block: {
      kind,
      sender: sender as string,
      audience: audience as string,
      issuedAt: instant(issuedAt),
      config: parseConfigReference(config as string),
      requestDigest: requestDigest as string,
      receipt: receipt as string,
      logHead: ownHead(logHead, sender),
      stage,
    },
  }
}

const REQUEST_BLOCK = blockOf(`${line('agreement')}${line('purpose')}${line('log-head')}`)
const REPLY_BLOCK = blockOf(`${line('request-digest')}${line('receipt')}${line('log-head')}(?:${line('stage')})?`)

/** @param own lines of one kind of message */
function blockOf(own: string): RegExp {
  const common = ['kind', 'sender', 'audience', 'issued-at', 'config'].map(line).join('')
  return new RegExp(`^owl-v:1\r\n${common}${own}$`)
}

function line(name: string): string {
  return `owl-${name}:(.+)\r\n`
}

const REPLY_IDS = ['x-road-id', 'x-road-client', 'x-road-service', 'x-road-request-id', 'x-road-request-hash']
const REFUSAL_IDS = [...REPLY_IDS, 'x-road-error']
const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
/** A line may hold HTAB, visible ASCII, and the upper half of latin1 (RFC 9110 obs-text). */
const LINES = /^(?:[\t\u0020-\u007e\u0080-\u00ff]*\r\n)+$/

interface Split {
  readonly hx: Buffer
  /** Hx's lines, the two of the start line first. */
  readonly lines: readonly string[]
  /** Behind the first, values of the block in its order. */
  readonly block: readonly (string | undefined)[]
}

/** @throws {GatewayError} `InvalidMessage` */
function split(octets: Buffer, agreed: RegExp): Split {
  const text = octets.toString('latin1')
  if (!text.endsWith(CRLF)) throw malformed('the head does not end with a line end')
  if (!LINES.test(text)) throw malformed('a line of the head has a control character')
  const hxEnd = text.indexOf(`${CRLF}owl-v:1${CRLF}`)
  const lines = text.slice(0, hxEnd).split(CRLF)
  if (hxEnd === -1 || lines.length < 2 || lines[0] === 'owl-v:1')
    throw malformed('the head has no owl block of version 1')
  const block = agreed.exec(text.slice(hxEnd + 2))
  if (block === null) throw malformed('the owl block is not as agreed')
  return { hx: octets.subarray(0, hxEnd + 2), lines, block }
}

function parseHeaders(lines: readonly string[]): Header[] {
  const headers: Header[] = []
  for (let i = 2; i < lines.length; i++) {
    const line = lines[i] as string
    const colon = line.indexOf(':')
    if (colon < 1) throw malformed('a header line has no name')
    headers.push([line.slice(0, colon), line.slice(colon + 1)])
  }
  return headers
}

/** What the local system sent: our sender's own lines, the request id and an id where none was given, end Hx. */
function localHeaders(headers: readonly Header[]): readonly Header[] {
  const last = headers.length - 1
  const ownAt = headers[last]?.[0] === 'x-road-request-id' ? last : last - 1
  if (headers[ownAt]?.[0] !== 'x-road-request-id') throw malformed('the request id is not where it must be')
  if (ownAt !== last && headers[last]?.[0] !== 'x-road-id') throw malformed('the ids are not where they must be')
  return headers.slice(0, ownAt)
}

/** One configuration is in force for many messages. */
const parseConfigReference = remembered(readConfigReference, 59)

function readConfigReference(text: string): ConfigReference {
  const match = /^(\d{1,15});([A-Za-z0-9_-]{43})$/.exec(text)
  if (match === null) throw malformed('owl-config is not as agreed')
  return { version: Number(match[1]), sha256: match[2] as string }
}

function instant(text: string | undefined): string {
  if (text === undefined || !INSTANT.test(text) || Number.isNaN(Date.parse(text)))
    throw malformed('owl-issued-at is not an instant')
  return text
}

function ownHead(text: string | undefined, sender: string | undefined): string {
  if (text === undefined || !isHeadOf(text, sender ?? '')) throw malformed('owl-log-head is not one of its sender')
  return text
}

function malformed(reason: string): GatewayError {
  return new GatewayError('InvalidMessage', { reason })
}
