/** Reads the head of a message between gateways, strictly: what `head.ts` writes and nothing else. */

import { GatewayError } from '../errors.ts'
import { readCall } from './call.ts'
import { sha256 } from './digests.ts'
import type { ConfigReference, ReplyHead, RequestHead } from './head.ts'
import type { Header } from './headers.ts'
import { areReplyHeaders, areRequestHeaders, headerOf, mediaTypeOf } from './headers.ts'
import { isHeadOf } from './log-head.ts'

const CRLF = '\r\n'

/** @throws {GatewayError} `InvalidMessage`, `BadRequest` */
export function parseRequestHead(octets: Buffer): RequestHead {
  const parsed = split(octets, REQUEST_BLOCK)
  const [method = '', target = ''] = parsed.lines
  const headers = parseHeaders(parsed.lines)
  const requestId = headerOf(headers, 'x-road-request-id')
  const xRoadId = headerOf(headers, 'x-road-id')
  if (requestId === undefined || xRoadId === undefined) throw malformed('an id is missing')
  if (!areRequestHeaders(localHeaders(headers))) throw malformed('it has a header that does not cross gateways')
  if (!REQUEST_ID.test(requestId)) throw malformed('the request id is not a UUID')
  const [, kind, sender, audience, issuedAt, config, agreement, purpose, logHead] = parsed.block
  if (kind !== 'request') throw malformed('it is not a request')
  return {
    octets,
    sha256: sha256(octets),
    hx: parsed.hx,
    media: mediaTypeOf(headers),
    call: readCall(method, target, headers),
    requestId,
    xRoadId,
    block: {
      sender: sender as string,
      audience: audience as string,
      issuedAt: instant(issuedAt),
      config: parseConfigReference(config),
      agreement: agreement as string,
      purpose: purpose as string,
      logHead: ownHead(logHead, sender),
    },
  }
}

/** @throws {GatewayError} `InvalidMessage` */
export function parseReplyHead(octets: Buffer): ReplyHead {
  const parsed = split(octets, REPLY_BLOCK)
  const [statusText = '', reason = ''] = parsed.lines
  const all = parseHeaders(parsed.lines)
  const refusal = parsed.block[1] === 'refusal'
  const ownCount = refusal ? 6 : 5
  const own = all.slice(-ownCount)
  const names = refusal ? REFUSAL_IDS : REPLY_IDS
  if (own.length !== ownCount || own.some(([name], i) => name !== names[i]))
    throw malformed('its x-road headers are not as agreed')
  const [xRoadId, client, service, requestId, requestHash, error] = own.map(([, value]) => value) as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ]
  const [, kind, sender, audience, issuedAt, config, requestDigest, receipt, logHead, stage] = parsed.block
  if ((kind !== 'reply' && kind !== 'refusal') || (kind === 'refusal') !== (stage !== undefined))
    throw malformed('it is neither reply nor refusal')
  // 1xx would begin a reply to the local system and never end it.
  if (!/^[2-5]\d\d$/.test(statusText)) throw malformed('its status is no HTTP status of a reply')
  const headers = all.slice(0, -ownCount)
  if (!areReplyHeaders(headers)) throw malformed('it has a header that does not cross gateways')
  return {
    octets,
    sha256: sha256(octets),
    hx: parsed.hx,
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
      config: parseConfigReference(config),
      requestDigest: requestDigest as string,
      receipt: receipt as string,
      logHead: ownHead(logHead, sender),
      stage,
    },
  }
}

const REQUEST_BLOCK = [
  'owl-v',
  'owl-kind',
  'owl-sender',
  'owl-audience',
  'owl-issued-at',
  'owl-config',
  'owl-agreement',
  'owl-purpose',
  'owl-log-head',
]
const REPLY_BLOCK = [
  'owl-v',
  'owl-kind',
  'owl-sender',
  'owl-audience',
  'owl-issued-at',
  'owl-config',
  'owl-request-digest',
  'owl-receipt',
  'owl-log-head',
]
const REPLY_IDS = ['x-road-id', 'x-road-client', 'x-road-service', 'x-road-request-id', 'x-road-request-hash']
const REFUSAL_IDS = [...REPLY_IDS, 'x-road-error']
const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
/** What a line may hold: HTAB, visible ASCII, and the upper half of latin1 (RFC 9110 obs-text). */
const LINE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

interface Split {
  readonly hx: Buffer
  /** Hx's lines, the two of the start line first. */
  readonly lines: readonly string[]
  /** Values of the block, in its order. */
  readonly block: readonly string[]
}

/** @throws {GatewayError} `InvalidMessage` */
function split(octets: Buffer, names: readonly string[]): Split {
  const text = octets.toString('latin1')
  if (!text.endsWith(CRLF)) throw malformed('the head does not end with a line end')
  const lines = text.slice(0, -2).split(CRLF)
  if (!lines.every((line) => LINE.test(line))) throw malformed('a line of the head has a control character')
  const start = lines.indexOf('owl-v:1')
  if (start < 2) throw malformed('the head has no owl block of version 1')
  const stage = names === REPLY_BLOCK && lines.length === start + names.length + 1
  const expected = stage ? [...names, 'owl-stage'] : names
  const blockLines = lines.slice(start)
  if (blockLines.length !== expected.length) throw malformed('the owl block is not the last part of the head')
  const block = blockLines.map((line, i) => {
    const prefix = `${expected[i]}:`
    if (!line.startsWith(prefix) || line.length === prefix.length) throw malformed('the owl block is not as agreed')
    return line.slice(prefix.length)
  })
  let blockLength = 0
  for (const line of blockLines) blockLength += line.length + 2
  return { hx: octets.subarray(0, octets.length - blockLength), lines: lines.slice(0, start), block }
}

function parseHeaders(lines: readonly string[]): Header[] {
  const headers: Header[] = []
  for (let i = 2; i < lines.length; i++) {
    const line = lines[i] as string
    const colon = line.indexOf(':')
    if (colon < 1) throw malformed('a header line has no name')
    const name = line.slice(0, colon)
    if (name.length > 4 && name.slice(0, 4).toLowerCase() === 'owl-')
      throw malformed('an owl header stands outside the block')
    headers.push([name, line.slice(colon + 1)])
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

function parseConfigReference(text: string | undefined): ConfigReference {
  const match = /^(\d{1,15});([A-Za-z0-9_-]{43})$/.exec(text ?? '')
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
