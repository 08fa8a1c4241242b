/** The head of a message as a verifier needs it, request or reply. Architecture, "The head". */

import type { ReplyHead, RequestHead } from '../protocol/head.ts'
import { parseReplyHead, parseRequestHead } from '../protocol/head-parser.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { memberOf } from '../protocol/identifiers.ts'

export interface MessageHead {
  readonly parsed: RequestHead | ReplyHead
  readonly kind: 'request' | 'reply' | 'refusal'
  readonly requestId: string
  readonly issuedAt: string
  /** Gateways. */
  readonly sender: Identifier
  readonly audience: Identifier
  /** Whose seal may be on it: the member of a request's client, of a reply's service, of a gateway that answers itself. */
  readonly signers: readonly Identifier[]
  readonly config: { readonly version: number; readonly sha256: string }
  readonly error?: string
}

export const HEAD_BYTES_MAX = 256 * 1024
const REQUEST = '\r\nowl-kind:request\r\n'

/** @throws {GatewayError} `InvalidMessage`, `BadRequest` */
export function readHead(octets: Buffer): MessageHead {
  if (octets.includes(REQUEST)) {
    const parsed = parseRequestHead(octets)
    const { requestId, block, call } = parsed
    const { issuedAt, sender, audience, config } = block
    const signers = [call.clientMember]
    return { parsed, kind: 'request', requestId, issuedAt, sender, audience, signers, config }
  }
  const parsed = parseReplyHead(octets)
  const { ids, block, error } = parsed
  const { kind, issuedAt, sender, audience, config } = block
  // What a gateway refuses its own client it addresses to itself.
  const signers = [memberOf(ids.service), ...(sender === audience ? [memberOf(sender)] : [])]
  return {
    ...{ parsed, kind, requestId: ids.requestId, issuedAt, sender, audience, signers, config },
    ...(error !== undefined && { error }),
  }
}
