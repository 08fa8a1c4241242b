/**
 * The head of a message between gateways: what is signed, and the only place identities are read from.
 *
 * `Hx ‖ owl block`, lines ended by CRLF, octets as latin1. Hx is X-Road's `H` (contract §2.3), so that X-Road's request
 * hash holds over it. The block is contiguous and last, its names lower-case, in one order, each line exactly once.
 * Source: architecture, "Between gateways".
 */

import type { Call } from './call.ts'
import { sha256 } from './digests.ts'
import type { Header, MediaType } from './headers.ts'
import { mediaTypeOf } from './headers.ts'
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
  /** The sender's latest batch, `log;batch;sha256` of its header, or `none`. */
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

function lines(headers: readonly Header[]): string {
  let text = ''
  for (const [name, value] of headers) text += `${name}:${value}\r\n`
  return text
}

function headOf(hx: string, block: string): { octets: Buffer; sha256: Buffer; hx: Buffer } {
  const octets = Buffer.from(hx + block, 'latin1')
  return { octets, sha256: sha256(octets), hx: octets.subarray(0, hx.length) }
}
