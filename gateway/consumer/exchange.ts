/**
 * The consumer's side of one exchange, from a local system's request to the provider's reply. Contract §4.1.
 *
 * Once a local system is admitted, every outcome is on disk before it learns of it: the reply, the provider's refusal,
 * or what this gateway itself refused or could not do.
 */

import type { Permission } from '../access/agreements.ts'
import { checkAge, choosePurpose } from '../access/agreements.ts'
import type { LocalClients, LocalConnection } from '../access/clients.ts'
import { asGatewayError, GatewayError } from '../errors.ts'
import type { FaultBody } from '../fault-reply.ts'
import { faultOfError, readFaultBody, renderFault } from '../fault-reply.ts'
import type { Appended, MessageLog, NewRecord } from '../message-log/message-log.ts'
import type { Body } from '../protocol/body.ts'
import type { Call } from '../protocol/call.ts'
import { messageDigest, requestHash } from '../protocol/digests.ts'
import type { ReplyHead, ReplyIds, RequestHead } from '../protocol/head.ts'
import { formatReplyHead, formatRequestHead, parseReplyHead } from '../protocol/head.ts'
import type { Header } from '../protocol/headers.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { readSignature, seal } from '../protocol/sealing.ts'
import type { Trace } from '../trace.ts'
import { packFrame } from '../transport/frame.ts'
import type { Answer, Connection, PeerAddress, Peers } from '../transport/peers.ts'
import type { Spool } from '../transport/spool.ts'
import { bodyOf } from '../transport/spool.ts'
import type { Clock } from '../trust/basis.ts'
import { basisText, etsiUText } from '../trust/basis.ts'
import type { GlobalConfiguration } from '../trust/global-configuration.ts'
import type { OwnSeal } from '../trust/own-seal.ts'
import type { RevocationStatus } from '../trust/revocation.ts'
import type { Snapshot } from '../trust/snapshot.ts'
import type { JudgedSeal, Judging, Revocation, Verified } from '../trust/verifying.ts'
import { verifyReply } from '../trust/verifying.ts'

export interface ConsumerDeps {
  /** This gateway. */
  readonly gateway: Identifier
  readonly configuration: Pick<GlobalConfiguration, 'usable' | 'stalenessMs' | 'heard'>
  readonly clients: LocalClients
  readonly revocation: Revocation
  readonly seal: OwnSeal
  readonly log: MessageLog
  readonly peers: Peers
  readonly spool: Spool
  readonly now: () => number
  readonly clock: () => Clock
  readonly clockSkewMsMax: number
  /** Largest request or reply body where the service names none. */
  readonly bodyBytesMax: number
}

/** A local system's request: its head is read and checked, its body is not read. */
export interface LocalRequest {
  readonly call: Call
  readonly connection: LocalConnection
  /** Value of `OWL-Purpose`. */
  readonly purpose: string | undefined
  /** @throws {GatewayError} `BadRequest`, `MissingBody`, `LoggingFailed` */
  receive(bytesMax: number): Promise<Body | undefined>
}

/** What the local system gets. */
export interface LocalReply {
  readonly status: number
  readonly reason: string
  readonly headers: readonly Header[]
  readonly ids: ReplyIds
  readonly body: Body | undefined
  /** Set when the provider's gateway refused. */
  readonly fault?: FaultBody
}

/** @throws {GatewayError} any code; on record when the local system was admitted */
export async function exchange(deps: ConsumerDeps, request: LocalRequest, trace: Trace): Promise<LocalReply> {
  const snapshot = deps.configuration.usable(deps.now())
  deps.clients.admit(request.call.client, request.connection)
  trace.at('admitted')

  const outgoing: Underway = { request, judging: judgingOf(deps, snapshot, request.purpose) }
  try {
    return await forward(deps, outgoing, trace)
  } catch (error) {
    const failure = asGatewayError(error)
    await record(deps, outgoing, failure, trace)
    throw failure
  }
}

/** How far an exchange has come: what its record needs should it end here. */
interface Underway {
  readonly request: LocalRequest
  readonly judging: Judging
  permission?: Permission
  body?: Body
  head?: RequestHead
  recorded?: Appended
  connection?: Connection
}

async function forward(deps: ConsumerDeps, underway: Underway, trace: Trace): Promise<LocalReply> {
  const { request, judging } = underway
  const { snapshot } = judging
  const { call } = request

  const provider = locate(snapshot, call)
  const permission = (underway.permission = choosePurpose(snapshot, call, request.purpose, judging.now))
  checkAge(snapshot, permission.purpose, deps.configuration.stalenessMs(judging.now))
  trace.at('located')

  const body = (underway.body = await request.receive(bytesMaxOf(deps, snapshot, call)))
  trace.at('received')

  const own = deps.seal.judged(judging)
  const issuedAt = deps.now()
  const head = (underway.head = formatRequestHead(
    call,
    trace.requestId,
    {
      sender: deps.gateway,
      audience: provider.gateway,
      issuedAt: new Date(issuedAt).toISOString(),
      config: snapshot.reference,
      agreement: permission.agreement,
      purpose: permission.purpose,
      logHead: deps.log.head(),
    },
    `${snapshot.configuration.instance}-${trace.requestId}`,
  ))
  const signature = seal(deps.seal.signer, head, body?.sha256, Math.floor(issuedAt / 1000))
  trace.at('sealed')

  const recorded = (underway.recorded = await deps.log.append(
    requestRecord(deps, underway, own, head, signature, trace),
  ))
  trace.at('recorded')

  const answer = await deps.peers.send(provider, packFrame(head.octets, body), signature)
  underway.connection = answer.connection
  await body?.dispose()
  trace.at('sent')

  const reply = await readReply(deps, underway, provider, answer)
  trace.at('verified')

  const fault = faultIn(reply)
  await deps.log.append(replyRecord(deps, underway, reply, recorded, fault, trace))
  trace.at('concluded')
  const { status, reason, headers, ids } = reply.head
  return { status, reason, headers, ids, body: reply.body, ...(fault === undefined ? {} : { fault }) }
}

/** @throws {GatewayError} `UnknownMember`, `InvalidSecurityServer` */
function locate(snapshot: Snapshot, { provider, securityServer }: Call): PeerAddress {
  if (snapshot.subsystem(provider) === undefined)
    throw new GatewayError('UnknownMember', { reason: 'the provider is not registered' })
  const gateways = snapshot.gatewaysOf(provider)
  const gateway = securityServer === undefined ? gateways[0] : gateways.find(({ id }) => id === securityServer)
  if (gateway === undefined)
    throw new GatewayError(securityServer === undefined ? 'UnknownMember' : 'InvalidSecurityServer')
  return { gateway: gateway.id, address: gateway.address }
}

function bytesMaxOf(deps: ConsumerDeps, snapshot: Snapshot, { service }: Call): number {
  return snapshot.service(service)?.bodyBytesMax ?? deps.bodyBytesMax
}

/** A reply that holds: verified, and all of its body here. */
interface Reply extends JudgedSeal {
  readonly head: Verified<ReplyHead>
  readonly signature: string
  readonly body: Body | undefined
}

/** @throws {GatewayError} what `verifyReply` throws, `MissingBody`, `BadRequest`, or what an unsigned answer says */
async function readReply(
  deps: ConsumerDeps,
  { head: request, body: requestBody, judging }: Underway,
  provider: PeerAddress,
  answer: Answer,
): Promise<Reply> {
  const { frame, signature } = answer
  if (frame === undefined || signature === undefined) throw unsigned(answer)
  const head = parseReplyHead(frame.head)
  const claims = readSignature(signature, head)
  const expectation = {
    request: request as RequestHead,
    requestBody,
    provider: provider.gateway,
    clockSkewMsMax: deps.clockSkewMsMax,
  }
  const verified = verifyReply({ ...judging, now: deps.now() }, expectation, head, claims)
  deps.configuration.heard(head.block.config)
  const body = await deps.spool.receive(frame.source, {
    bytesMax: bytesMaxOf(deps, judging.snapshot, (request as RequestHead).call),
    tooLarge: 'ReplyTooLarge',
    begun: frame.begun,
    expected: frame.bodyBytes,
  })
  if (body?.sha256.toString('base64url') !== claims.bodySha256)
    throw new GatewayError('SignatureVerification.InvalidReference', { reason: 'the body differs' })
  return { ...verified, signature, body }
}

/** Nobody vouches for an unsigned answer: it is passed on as what the other gateway said, and proves nothing. */
function unsigned({ status, unsigned: octets }: Answer): GatewayError {
  try {
    const fault = readFaultBody(JSON.parse((octets as Buffer).toString()))
    if (fault !== undefined) return new GatewayError('RefusedUnsigned', { fault })
  } catch {
    // Not JSON: then its status is all there is.
  }
  return new GatewayError('InvalidMessage', { reason: `the other gateway answered HTTP ${status} without a signature` })
}

/** The fault in a refusal. */
function faultIn({ head, body }: Reply): FaultBody | undefined {
  if (head.block.kind === 'reply') return undefined
  const fault = readFaultBody(JSON.parse(body?.bytes?.toString() ?? 'null'))
  if (fault === undefined || fault.type !== head.error)
    throw new GatewayError('InconsistentResponse', { reason: 'a refusal without its reason' })
  return fault
}

function requestRecord(
  deps: ConsumerDeps,
  underway: Underway,
  own: JudgedSeal,
  head: RequestHead,
  signature: string,
  trace: Trace,
): NewRecord {
  return {
    ...idsOf(underway, trace),
    outcome: 'request',
    direction: 'out',
    purpose: (underway.permission as Permission).purpose,
    head: head.octets,
    body: underway.body,
    extension: head.media.extension,
    signature,
    etsiU: etsiUText(own.seal, own.status),
    basis: basisOf(deps, underway, own, 'none', trace),
  }
}

function replyRecord(
  deps: ConsumerDeps,
  underway: Underway,
  reply: Reply,
  request: Appended,
  fault: FaultBody | undefined,
  trace: Trace,
): NewRecord {
  const { head, body, signature, seal: sender, status } = reply
  return {
    ...idsOf(underway, trace),
    outcome: fault === undefined ? 'reply' : 'refusal',
    direction: 'in',
    purpose: (underway.permission as Permission).purpose,
    ...(fault === undefined ? {} : { code: fault.type, stage: fault.stage }),
    head: head.octets,
    body,
    extension: head.media.extension,
    signature,
    etsiU: etsiUText(sender, status),
    basis: basisOf(deps, underway, reply, head.block.logHead, trace),
    request,
  }
}

/**
 * Puts on record what this gateway refused or could not do, as a refusal it signs and addresses to itself.
 *
 * @throws {GatewayError} `LoggingFailed`: the local system must not learn of an outcome that is not on disk
 */
async function record(deps: ConsumerDeps, underway: Underway, failure: GatewayError, trace: Trace): Promise<void> {
  const { judging, head: sent, recorded } = underway
  await underway.body?.dispose()
  if (
    failure.code === 'LoggingFailed' ||
    failure.code === 'TimestampingFailed' ||
    failure.code === 'CannotCreateSignature'
  )
    return
  const own = deps.seal.judged({ ...judging, softFail: true })
  const fault = faultOfError(failure, 'ClientProxy', trace.requestId, trace.last)
  const body = bodyOf(renderFault(fault.body, fault.status, undefined).octets)
  const issuedAt = deps.now()
  const digest = sent === undefined ? 'none' : messageDigest(sent.sha256, underway.body?.sha256)
  const head = formatReplyHead({
    status: fault.status,
    reason: '',
    headers: [['content-type', 'application/json; charset=utf-8']],
    ids: { ...idsOf(underway, trace), requestHash: sent === undefined ? 'none' : requestHash(sent.hx, undefined) },
    error: fault.body.type,
    block: {
      kind: 'refusal',
      sender: deps.gateway,
      audience: deps.gateway,
      issuedAt: new Date(issuedAt).toISOString(),
      config: judging.snapshot.reference,
      requestDigest: digest,
      receipt: recorded === undefined ? 'none' : `${deps.log.id};${recorded.leaf.toString('base64url')}`,
      logHead: deps.log.head(),
      stage: trace.last,
    },
  })
  await deps.log.append({
    ...idsOf(underway, trace),
    outcome: recorded === undefined ? 'refusal' : 'failure',
    direction: 'out',
    purpose: recorded === undefined ? 'refusal' : (underway.permission?.purpose ?? 'refusal'),
    code: fault.body.type,
    stage: trace.last,
    head: head.octets,
    body,
    extension: head.media.extension,
    signature: seal(deps.seal.signer, head, body.sha256, Math.floor(issuedAt / 1000)),
    etsiU: etsiUText(own.seal, own.status),
    basis: basisOf(deps, underway, own, 'none', trace),
    ...(recorded === undefined ? {} : { request: recorded }),
  })
}

function idsOf({ request: { call }, judging, head }: Underway, { requestId }: Trace) {
  const xRoadId = head?.xRoadId ?? call.xRoadId ?? `${judging.snapshot.configuration.instance}-${requestId}`
  return {
    side: 'consumer',
    requestId,
    xRoadId,
    client: call.client,
    service: call.service,
    method: call.method,
  } as const
}

const NOT_PERMITTED: Permission = { agreement: 'none', purpose: 'none', purposeBy: 'none' }

function basisOf(deps: ConsumerDeps, underway: Underway, judged: JudgedSeal, peerHead: string, trace: Trace): string {
  const { judging, permission = NOT_PERMITTED, connection } = underway
  return basisText({
    ...permission,
    snapshot: judging.snapshot,
    seal: judged.seal,
    tls: connection ?? { peer: null, version: null, group: null },
    revocation: [{ sha256: judged.seal.sha256, status: judged.status }, ...peerStatus(judging, connection)],
    stages: Object.keys(trace.stages),
    peerHead,
    clock: deps.clock(),
  })
}

function peerStatus(
  { revocation, now }: Judging,
  connection: Connection | undefined,
): { sha256: string; status: RevocationStatus }[] {
  if (connection === undefined) return []
  return [{ sha256: connection.peer, status: revocation.statusOf(connection.peer, now) }]
}

function judgingOf(deps: ConsumerDeps, snapshot: Snapshot, purpose: string | undefined): Judging {
  const softFail = purpose !== undefined && snapshot.purpose(purpose)?.revocationSoftFail === true
  return { snapshot, revocation: deps.revocation, now: deps.now(), softFail }
}
