/** What the provider's side puts on record: the request, and its one end. Source: design of the evidence, section 3. */

import type { Permission } from '../access/agreements.ts'
import { NONE, REFUSAL } from '../access/agreements.ts'
import type { GatewayError } from '../errors.ts'
import type { Appended, NewRecord } from '../message-log/message-log.ts'
import type { Body } from '../protocol/body.ts'
import type { ReplyHead, RequestHead } from '../protocol/head.ts'
import type { Claims } from '../protocol/sealing.ts'
import type { Trace } from '../trace.ts'
import type { ServiceReply } from '../transport/services.ts'
import type { RelyingOn } from '../trust/basis.ts'
import { basisText, etsiUText } from '../trust/basis.ts'
import type { JudgedSeal, Judging, Verified } from '../trust/verifying.ts'
import type { Incoming, Outgoing, ProviderDeps } from './exchange.ts'

/** A verified request and what it was judged by. */
export interface VerifiedRequest extends JudgedSeal {
  readonly head: Verified<RequestHead>
  readonly claims: Claims
  readonly incoming: Incoming
  readonly judging: Judging
  /** Its TLS certificate and that one's status. */
  readonly peer: RelyingOn
}

/** A request that may be delivered, with its body. */
export interface ReceivedRequest extends VerifiedRequest {
  readonly permission: Permission
  readonly body: Body | undefined
}

/** A request on record. */
export interface RecordedRequest extends ReceivedRequest {
  readonly recorded: Appended
}

/**
 * How far a verified request has come: what its refusal needs should it end here. The permission counts once the request
 * is on record to be delivered: what comes of it then is kept as the purpose asks.
 */
export type Progress = VerifiedRequest & Partial<RecordedRequest & { readonly reply: ServiceReply }>

/** A reply or refusal as it leaves, and the seal that signed it. */
export interface SealedReply extends Outgoing {
  readonly own: JudgedSeal
}

/** What a request is kept under that is refused before delivery. */
export const REFUSED: Permission = { agreement: NONE, purpose: REFUSAL, purposeBy: 'none' }

export function requestRecord(deps: ProviderDeps, received: ReceivedRequest, trace: Trace): NewRecord {
  const { head, seal: sender, status, permission, body } = received
  return {
    ...idsOf(head),
    outcome: 'request',
    direction: 'in',
    purpose: permission.purpose,
    head: head.octets,
    body,
    extension: head.media.extension,
    subjects: permission === REFUSED ? undefined : subjectsOf(deps, received, 'request', head, body),
    signature: received.incoming.signature,
    etsiU: etsiUText(sender, status),
    basis: basisOf(deps, received, permission, trace, { seal: sender, status }, head.block.logHead),
    saying: head.block,
    replaySender: head.block.sender,
  }
}

/** The request as kept when it is refused before delivery: head, signature, and the body's digest only. */
export function refusedRecord(
  deps: ProviderDeps,
  verified: VerifiedRequest,
  error: GatewayError,
  trace: Trace,
): NewRecord {
  const { claims, incoming } = verified
  const refused: ReceivedRequest = { ...verified, permission: REFUSED, body: undefined }
  const { replaySender, ...record } = requestRecord(deps, refused, trace)
  return {
    ...record,
    ...(claims.bodySha256 === undefined
      ? {}
      : { bodyDigest: { sha256: Buffer.from(claims.bodySha256, 'base64url'), size: incoming.bodyBytes } }),
    // An id that is taken, or was never judged, takes nothing; the refusal of it is a record all the same.
    ...(error.code === 'ReplayedMessage' || trace.stages['fresh'] === undefined ? {} : { replaySender }),
  }
}

/** @param error why the request was refused or its service failed; absent when the service has answered */
export function endRecord(
  deps: ProviderDeps,
  request: RecordedRequest,
  outgoing: SealedReply,
  trace: Trace,
  error?: GatewayError,
): NewRecord {
  const { own } = outgoing
  const delivered = trace.stages['recorded'] !== undefined
  return {
    ...idsOf(request.head),
    outcome: error === undefined ? 'reply' : delivered ? 'failure' : 'refusal',
    direction: 'out',
    purpose: request.permission.purpose,
    code: outgoing.head.error,
    stage: outgoing.head.block.stage,
    head: outgoing.head.octets,
    body: outgoing.body,
    extension: outgoing.head.media.extension,
    subjects: error === undefined ? subjectsOf(deps, request, 'reply', outgoing.head, outgoing.body) : undefined,
    signature: outgoing.signature,
    etsiU: etsiUText(own.seal, own.status),
    basis: basisOf(deps, request, request.permission, trace, own, 'none'),
    request: request.recorded,
  }
}

function subjectsOf(
  deps: ProviderDeps,
  { head: { call } }: VerifiedRequest,
  part: 'request' | 'reply',
  { media }: RequestHead | ReplyHead,
  body: Body | undefined,
): readonly string[] {
  return deps.subjects({ part, service: call.service, extension: media.extension, body })
}

function idsOf({ requestId, xRoadId, call }: RequestHead) {
  return {
    side: 'provider',
    requestId,
    xRoadId,
    client: call.client,
    service: call.service,
    method: call.method,
  } as const
}

function basisOf(
  deps: ProviderDeps,
  verified: VerifiedRequest,
  permission: Permission,
  trace: Trace,
  judged: JudgedSeal,
  peerHead: string,
): string {
  const { judging, incoming, peer } = verified
  return basisText({
    snapshot: judging.snapshot,
    permission,
    seal: judged.seal,
    // Node cannot tell the group on the side that was called.
    tls: { peer: incoming.certificate, version: incoming.tlsVersion, group: null },
    revocation: [{ sha256: judged.seal.sha256, status: judged.status }, peer],
    stages: Object.keys(trace.stages),
    peerHead,
    clock: deps.clock.read(),
  })
}
