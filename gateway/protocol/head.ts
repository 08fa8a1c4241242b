/**
 * The head of a message between gateways: what is signed, and the only place identities are read from.
 *
 * `Hx ‖ owl block`, lines ended by CRLF, octets as latin1. Hx is X-Road's `H` (contract §2.3), so that X-Road's request
 * hash holds over it. The block is contiguous and last, its names lower-case, in one order, each line exactly once.
 * Source: architecture, "Between gateways".
 */

import { GatewayError } from '../errors.ts'
import type { Call } from './call.ts'
import { readCall } from './call.ts'
import { sha256 } from './digests.ts'
import type { Header, MediaType } from './headers.ts'
import { headerOf, mediaTypeOf } from './headers.ts'
import type { Identifier } from './identifiers.ts'

/** A head as octets, with what every signature over it needs. */
export interface Head {
  readonly octets: Buffer
  readonly sha256: Buffer
  /** X-Road's `H`: the head without the block. */
  readonly hx: Buffer
  /** Of the body that follows, if one does. */
  readonly media: MediaType
}

export interface RequestBlock {
  /** Gateway identifiers. */
  readonly sender: Identifier
  readonly audience: Identifier
  /** ISO 8601, ms, UTC. */
  readonly issuedAt: string
  readonly config: ConfigReference
  /** `id;sha256`, or `none`: a metaservice, or the consumer knows of none. */
  readonly agreement: string
  /** Purpose code or `none`. */
  readonly purpose: string
  /** SHA-256 of the sender's latest batch header, base64url, or `none`. */
  readonly logHead: string
}

/** Which global configuration a message was made under. */
export interface ConfigReference {
  readonly version: number
  /** Of the configuration's octets, base64url. */
  readonly sha256: string
}

export interface RequestHead extends Head {
  readonly call: Call
  readonly requestId: string
  readonly xRoadId: string
  readonly block: RequestBlock
}

export interface ReplyBlock {
  readonly kind: 'reply' | 'refusal'
  readonly sender: Identifier
  readonly audience: Identifier
  readonly issuedAt: string
  readonly config: ConfigReference
  /** `messageDigest` of the request; `none` where a gateway refuses its own client before there is one. */
  readonly requestDigest: string
  /** `log;leaf` of the sender's record of the request, leaf in base64url; `none` as above. */
  readonly receipt: string
  readonly logHead: string
  /** Refusals only: the last stage that was passed. */
  readonly stage?: string
}

/** The five headers that the provider's gateway sets on every reply. PR-REST §4.3. */
export interface ReplyIds {
  readonly xRoadId: string
  readonly client: Identifier
  readonly service: Identifier
  readonly requestId: string
  readonly requestHash: string
}

export interface ReplyHead extends Head {
  readonly status: number
  readonly reason: string
  /** The service's headers, without the five. */
  readonly headers: readonly Header[]
  readonly ids: ReplyIds
  /** Refusals only: the fault's type, e.g. `Server.ServerProxy.AccessDenied`. */
  readonly error?: string
  readonly block: ReplyBlock
}

const CRLF = '\r\n'

/** Everything of a request head that does not depend on where it goes. */
export function formatRequestHead(
  call: Call,
  requestId: string,
  block: RequestBlock,
  generatedXRoadId: string,
): RequestHead {
  const xRoadId = call.xRoadId ?? generatedXRoadId
  let hx = `${call.method}${CRLF}${call.target}${CRLF}${lines(call.headers)}x-road-request-id:${requestId}${CRLF}`
  if (call.xRoadId === undefined) hx += `x-road-id:${xRoadId}${CRLF}`
  const text =
    `owl-v:1\r\nowl-kind:request\r\nowl-sender:${block.sender}\r\nowl-audience:${block.audience}\r\n` +
    `owl-issued-at:${block.issuedAt}\r\nowl-config:${block.config.version};${block.config.sha256}\r\n` +
    `owl-agreement:${block.agreement}\r\nowl-purpose:${block.purpose}\r\nowl-log-head:${block.logHead}\r\n`
  return { ...headOf(hx, text), media: mediaTypeOf(call.headers), call, requestId, xRoadId, block }
}

export function formatReplyHead(
  reply: Pick<ReplyHead, 'status' | 'reason' | 'headers' | 'ids' | 'error' | 'block'>,
): ReplyHead {
  const { status, reason, headers, ids, error, block } = reply
  const hx =
    `${status}${CRLF}${reason}${CRLF}${lines(headers)}x-road-id:${ids.xRoadId}\r\nx-road-client:${ids.client}\r\n` +
    `x-road-service:${ids.service}\r\nx-road-request-id:${ids.requestId}\r\nx-road-request-hash:${ids.requestHash}\r\n` +
    (error === undefined ? '' : `x-road-error:${error}\r\n`)
  const text =
    `owl-v:1\r\nowl-kind:${block.kind}\r\nowl-sender:${block.sender}\r\nowl-audience:${block.audience}\r\n` +
    `owl-issued-at:${block.issuedAt}\r\nowl-config:${block.config.version};${block.config.sha256}\r\n` +
    `owl-request-digest:${block.requestDigest}\r\nowl-receipt:${block.receipt}\r\nowl-log-head:${block.logHead}\r\n` +
    (block.stage === undefined ? '' : `owl-stage:${block.stage}\r\n`)
  return { ...headOf(hx, text), media: mediaTypeOf(headers), status, reason, headers, ids, error, block }
}

/** @throws {GatewayError} `InvalidMessage`, `BadRequest` */
export function parseRequestHead(octets: Buffer): RequestHead {
  const parsed = split(octets, REQUEST_BLOCK)
  const [method = '', target = ''] = parsed.lines
  const headers = parseHeaders(parsed.lines)
  // Our sender's own two lines end Hx; in between is what the local system sent.
  const requestId = headerOf(headers, 'x-road-request-id')
  const xRoadId = headerOf(headers, 'x-road-id')
  if (requestId === undefined || xRoadId === undefined) throw malformed('an id is missing')
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
      logHead: logHead as string,
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
  if (!/^[1-5]\d\d$/.test(statusText)) throw malformed('its status is no HTTP status')
  const headers = all.slice(0, -ownCount)
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
      logHead: logHead as string,
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

function lines(headers: readonly Header[]): string {
  let text = ''
  for (const [name, value] of headers) text += `${name}:${value}\r\n`
  return text
}

function headOf(hx: string, block: string): { octets: Buffer; sha256: Buffer; hx: Buffer } {
  const octets = Buffer.from(hx + block, 'latin1')
  return { octets, sha256: sha256(octets), hx: octets.subarray(0, hx.length) }
}

function malformed(reason: string): GatewayError {
  return new GatewayError('InvalidMessage', { reason })
}
