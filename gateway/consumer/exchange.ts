/**
 * The consumer's side of one exchange, from a local system's request to the provider's reply. Contract §4.1.
 *
 * Once a local system is admitted, every outcome is on disk before it learns of it: the reply, the provider's refusal,
 * or what this gateway itself refused or could not do.
 */

import { checkAge, choosePurpose, permissionOnRecord } from '../access/agreements.ts'
import type { LocalClients, LocalConnection } from '../access/clients.ts'
import type { IdnrGuard } from '../access/idnr-guard.ts'
import type { FaultCode } from '../errors.ts'
import { asGatewayError, GatewayError } from '../errors.ts'
import type { FaultBody } from '../http/fault-reply.ts'
import { readFaultBody, readFaultType } from '../http/fault-reply.ts'
import type { FindSubjects } from '../message-log/keys/pseudonyms.ts'
import type { MessageLog } from '../message-log/message-log.ts'
import type { Body } from '../protocol/body.ts'
import type { Call } from '../protocol/call.ts'
import type { ReplyIds } from '../protocol/head.ts'
import { formatRequestHead } from '../protocol/head.ts'
import { parseReplyHead } from '../protocol/head-parser.ts'
import type { Header } from '../protocol/headers.ts'
import { headerOf, namesLength } from '../protocol/headers.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { readSignature, seal } from '../protocol/sealing.ts'
import type { Trace } from '../trace.ts'
import type { Frame } from '../transport/frame.ts'
import { packFrame } from '../transport/frame.ts'
import { hasNoBody } from '../transport/http-service.ts'
import type { Answer, PeerAddress, Peers } from '../transport/peers.ts'
import type { Spool } from '../transport/spool.ts'
import type { ClockEstimate } from '../trust/clock.ts'
import type { GlobalConfiguration } from '../trust/global-configuration.ts'
import type { OwnSeal } from '../trust/own-seal.ts'
import type { Snapshot } from '../trust/snapshot.ts'
import type { Judging, Revocation } from '../trust/verifying.ts'
import { checkServers, verifyReply } from '../trust/verifying.ts'
import type { AdmittedRequest, Progress, ReceivedRequest, Reply, SealedRequest } from './records.ts'
import { recordFailure, replyRecord, requestRecord } from './records.ts'

export interface ConsumerDeps {
  /** This gateway. */
  readonly gateway: Identifier
  readonly configuration: Pick<GlobalConfiguration, 'usable' | 'stalenessMs' | 'heard'>
  readonly clients: LocalClients
  readonly revocation: Revocation
  readonly seal: OwnSeal
  readonly log: MessageLog
  readonly idnrGuard: IdnrGuard
  readonly subjects: FindSubjects
  readonly peers: Peers
  readonly spool: Spool
  readonly now: () => number
  readonly clock: ClockEstimate
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
  return forward(deps, admit(deps, request, trace), trace)
}

/**
 * May this local system speak for its subsystem, and what is its request judged by?
 *
 * @throws {GatewayError} `OutdatedGlobalConf`, `UnknownMember`, `SslAuthenticationFailed`; nothing is on record
 */
export function admit(deps: ConsumerDeps, request: LocalRequest, trace: Trace): AdmittedRequest {
  const snapshot = deps.configuration.usable(deps.now())
  deps.clients.admit(request.call.client, request.connection)
  trace.at('admitted')
  return { request, judging: judgingOf(deps, snapshot, request.purpose) }
}

/** @throws {GatewayError} any code; it is on record, or says that it could not be */
export async function forward(deps: ConsumerDeps, admitted: AdmittedRequest, trace: Trace): Promise<LocalReply> {
  const { request, judging } = admitted
  const { call } = request
  const { snapshot } = judging
  let progress: Progress = admitted
  try {
    const addresses = locate(judging, call)
    const permission = choosePurpose(snapshot, call, request.purpose, judging.now)
    const onRecord = permissionOnRecord(snapshot, permission)
    progress = { ...progress, onRecord }
    checkAge(snapshot, permission.purpose, deps.configuration.stalenessMs(judging.now))
    deps.idnrGuard.requestHead(permission, call)
    const provider = await deps.peers.reach(addresses)
    trace.at('located')

    const body = await request.receive(bytesMaxOf(deps, snapshot, call))
    progress = { ...progress, body }
    deps.idnrGuard.requestBody(permission, call, body)
    trace.at('received')

    const sealed = sealRequest(deps, { ...admitted, permission, onRecord, body }, provider, trace)
    progress = { ...progress, head: sealed.head }
    trace.at('sealed')

    const recorded = await deps.log.append(requestRecord(deps, sealed, trace))
    progress = { ...progress, recorded }
    trace.at('recorded')

    const packed = packFrame(sealed.head.octets, body)
    const answer = await deps.peers.send(provider, packed, sealed.signature, answerTimeoutOf(snapshot, call))
    progress = { ...progress, connection: answer.connection }
    await body?.dispose()
    trace.at('sent')

    const reply = await readReply(deps, sealed, provider, answer)
    progress = { ...progress, reply }
    trace.at('verified')

    const fault = faultIn(reply)
    if (fault === undefined) deps.idnrGuard.reply(permission, { headers: reply.head.headers, body: reply.body })
    const { connection } = answer
    await deps.log.append(replyRecord(deps, { ...sealed, recorded, connection, reply }, fault, trace))
    trace.at('concluded')
    const { status, reason, headers, ids } = reply.head
    return { status, reason, headers, ids, body: reply.body, ...(fault === undefined ? {} : { fault }) }
  } catch (error) {
    throw await failed(deps, progress, asGatewayError(error), trace)
  }
}

/** @returns what the local system is told: nothing that is not on record, nor that all is as before once it may not be */
async function failed(
  deps: ConsumerDeps,
  progress: Progress,
  failure: GatewayError,
  trace: Trace,
): Promise<GatewayError> {
  const sent = progress.recorded !== undefined && !NOT_SENT.has(failure.code)
  const told = sent && failure.code === 'LoggingFailed' ? outcomeUnknown(failure) : failure
  const unrecorded = await recordFailure(deps, progress, told, trace).then(() => undefined, asGatewayError)
  const isUnsigned = (unrecorded ?? told).code === 'CannotCreateSignature'
  if (isUnsigned && progress.recorded !== undefined) deps.log.abandon(progress.recorded)
  if (unrecorded === undefined) return told
  return sent ? outcomeUnknown(unrecorded) : unrecorded
}

/** With these no octet of a recorded request has left. */
const NOT_SENT: ReadonlySet<FaultCode> = new Set(['NetworkError', 'SslAuthenticationFailed'])

function outcomeUnknown(cause: GatewayError): GatewayError {
  return new GatewayError('OutcomeUnknown', { reason: 'what came of it could not be put on record', cause })
}

/** @throws {GatewayError} `CannotCreateSignature` */
function sealRequest(
  deps: ConsumerDeps,
  received: ReceivedRequest,
  provider: PeerAddress,
  { requestId }: Trace,
): SealedRequest {
  const { request, judging, permission, body } = received
  const { snapshot } = judging
  const own = deps.seal.judged(judging)
  const issuedAt = deps.now()
  const head = formatRequestHead(
    request.call,
    requestId,
    {
      sender: deps.gateway,
      audience: provider.gateway,
      issuedAt: new Date(issuedAt).toISOString(),
      config: snapshot.reference,
      agreement: permission.agreement,
      purpose: permission.purpose,
      logHead: deps.log.head(),
    },
    `${snapshot.configuration.instance}-${requestId}`,
  )
  const signature = seal(deps.seal.signer, head, body?.sha256, Math.floor(issuedAt / 1000))
  return { ...received, own, head, signature }
}

/**
 * The provider's gateways that may be asked now, in the order of the configuration.
 *
 * @throws {GatewayError} `UnknownMember`, `InvalidSecurityServer`, `SslAuthenticationFailed`, `CertValidation`
 */
function locate(judging: Judging, { provider, securityServer }: Call): PeerAddress[] {
  const { snapshot } = judging
  if (snapshot.subsystem(provider) === undefined)
    throw new GatewayError('UnknownMember', { reason: 'the provider is not registered' })
  const speaking = snapshot.gatewaysOf(provider)
  const wanted = securityServer === undefined ? speaking : speaking.filter(({ id }) => id === securityServer)
  if (wanted.length === 0)
    throw new GatewayError(securityServer === undefined ? 'UnknownMember' : 'InvalidSecurityServer')
  let failure: unknown
  const usable = wanted.filter((gateway) => {
    try {
      checkServers(judging, gateway)
      return true
    } catch (error) {
      failure = error
      return false
    }
  })
  if (usable.length === 0) throw failure
  return usable.map(({ id, address }) => ({ gateway: id, address }))
}

function bytesMaxOf(deps: ConsumerDeps, snapshot: Snapshot, { service }: Call): number {
  return snapshot.service(service)?.bodyBytesMax ?? deps.bodyBytesMax
}

/** Besides what its service needs, the provider's gateway takes a body in, checks, records and seals. */
const ANSWER_MARGIN_MS = 30_000

function answerTimeoutOf(snapshot: Snapshot, { service }: Call): number | undefined {
  const timeoutMs = snapshot.service(service)?.timeoutMs
  return timeoutMs === undefined ? undefined : timeoutMs + ANSWER_MARGIN_MS
}

/** @throws {GatewayError} what `verifyReply` throws, `MissingBody`, `ReplyTooLarge`, or what an unsigned answer says */
async function readReply(
  deps: ConsumerDeps,
  sent: SealedRequest,
  provider: PeerAddress,
  { status, unsigned, frame, signature }: Answer,
): Promise<Reply> {
  if (frame === undefined || signature === undefined) throw refusedUnsigned(status, unsigned)
  try {
    return await readFrame(deps, sent, provider, { frame, signature })
  } catch (error) {
    // What nobody reads to its end would hold its connection for ever.
    frame.source.destroy()
    throw error
  }
}

async function readFrame(
  deps: ConsumerDeps,
  { head: request, body: requestBody, judging }: SealedRequest,
  provider: PeerAddress,
  { frame, signature }: { readonly frame: Frame; readonly signature: string },
): Promise<Reply> {
  const head = parseReplyHead(frame.head)
  const claims = readSignature(signature, head)
  const expectation = { request, requestBody, provider: provider.gateway, clockSkewMsMax: deps.clockSkewMsMax }
  const now = deps.now()
  const verified = verifyReply({ ...judging, now }, expectation, head, claims)
  // A refusal says why, whatever was asked.
  if (head.block.kind === 'reply' && frame.bodyBytes > 0 && hasNoBody(request.call.method, head.status))
    throw new GatewayError('InvalidMessage', { reason: 'it has a body where HTTP knows none' })
  if (headerOf(head.headers, 'content-length') !== undefined && !namesLength(request.call.method, head.status))
    throw new GatewayError('InvalidMessage', { reason: 'it names a length where its body has one' })
  deps.clock.observe('peers', Date.parse(head.block.issuedAt), now)
  deps.configuration.heard(head.block.config)
  const body = await deps.spool.receive(frame.source, {
    bytesMax: bytesMaxOf(deps, judging.snapshot, request.call),
    tooLarge: 'ReplyTooLarge',
    begun: frame.begun,
    expected: frame.bodyBytes,
  })
  if (body?.sha256.toString('base64url') !== claims.bodySha256) {
    await body?.dispose()
    throw new GatewayError('SignatureVerification.InvalidReference', { reason: 'the body differs' })
  }
  return { ...verified, signature, body }
}

/** Nobody vouches for an unsigned answer: it is passed on as what the other gateway said, and proves nothing. */
function refusedUnsigned(status: number, octets: Buffer | undefined): GatewayError {
  const fault = readFaultBody(octets?.toString() ?? '')
  if (fault !== undefined) return new GatewayError('RefusedUnsigned', { fault })
  return new GatewayError('InvalidMessage', { reason: `the other gateway answered HTTP ${status} without a signature` })
}

/** The fault in a refusal. @throws {GatewayError} `InconsistentResponse` when head and body do not say the same */
function faultIn({ head, body }: Reply): FaultBody | undefined {
  if (head.block.kind === 'reply') return undefined
  const fault = readFaultBody(body?.bytes?.toString() ?? '')
  if (fault === undefined || fault.type !== readFaultType(head.error ?? '') || fault.detail !== head.ids.requestId)
    throw new GatewayError('InconsistentResponse', { reason: 'a refusal without its reason' })
  return fault
}

function judgingOf(deps: ConsumerDeps, snapshot: Snapshot, purpose: string | undefined): Judging {
  const softFail = purpose !== undefined && snapshot.purpose(purpose)?.revocationSoftFail === true
  return { snapshot, revocation: deps.revocation, now: deps.now(), softFail }
}
