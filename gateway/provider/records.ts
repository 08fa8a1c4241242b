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
export interface Received extends JudgedSeal {
  readonly head: Verified<RequestHead>
  readonly claims: Claims
  readonly incoming: Incoming
  readonly judging: Judging
  /** Its TLS certificate and that one's status. */
  readonly peer: RelyingOn
  /** Set once the request is on record. */
  recorded?: Appended
  /** Set once it is on record to be delivered: what comes of it then is kept as the purpose asks. */
  permission?: Permission
  body?: Body | undefined
  /** What the service answered. */
  reply?: ServiceReply
}

/** What a request is kept under that is refused before delivery. */
export const REFUSED: Permission = { agreement: NONE, purpose: REFUSAL, purposeBy: 'none' }

export function requestRecord(deps: ProviderDeps, received: Received, permission: Permission, trace: Trace): NewRecord {
  const { head, seal: sender, status, body } = received
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
export function refusedRecord(deps: ProviderDeps, received: Received, error: GatewayError, trace: Trace): NewRecord {
  const { claims, incoming } = received
  const { body: _, replaySender, ...record } = requestRecord(deps, received, REFUSED, trace)
  return {
    ...record,
    ...(claims.bodySha256 === undefined
      ? {}
      : { bodyDigest: { sha256: Buffer.from(claims.bodySha256, 'base64url'), size: incoming.bodyBytes } }),
    // An id that is taken, or was never judged, takes nothing; the refusal of it is a record all the same.
    ...(error.code === 'ReplayedMessage' || trace.stages['fresh'] === undefined ? {} : { replaySender }),
  }
}

export function endRecord(
  deps: ProviderDeps,
  received: Received,
  permission: Permission,
  outgoing: Outgoing,
  trace: Trace,
  error?: GatewayError,
): NewRecord {
  const own = deps.seal.judged(received.judging)
  const delivered = trace.stages['recorded'] !== undefined
  return {
    ...idsOf(received.head),
    outcome: error === undefined ? 'reply' : delivered ? 'failure' : 'refusal',
    direction: 'out',
    purpose: permission.purpose,
    code: outgoing.head.error,
    stage: outgoing.head.block.stage,
    head: outgoing.head.octets,
    body: outgoing.body,
    extension: outgoing.head.media.extension,
    subjects: error === undefined ? subjectsOf(deps, received, 'reply', outgoing.head, outgoing.body) : undefined,
    signature: outgoing.signature,
    etsiU: etsiUText(own.seal, own.status),
    basis: basisOf(deps, received, permission, trace, own, 'none'),
    request: received.recorded,
  }
}

function subjectsOf(
  deps: ProviderDeps,
  { head: { call } }: Received,
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
  received: Received,
  permission: Permission,
  trace: Trace,
  judged: JudgedSeal,
  peerHead: string,
): string {
  const { judging, incoming, peer } = received
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
