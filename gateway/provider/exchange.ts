/**
 * The provider's side of one exchange, from a message of another gateway to the signed reply. Contract §4.2.
 *
 * Until a request is `verified` a stranger gets an error and nothing is recorded. From then on every outcome is a
 * signed message, and request and outcome are on disk before it leaves.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { checkAge, permit } from '../access/agreements.ts'
import type { IdnrGuard } from '../access/idnr-guard.ts'
import { asGatewayError, GatewayError } from '../errors.ts'
import { faultOfError, renderFault } from '../http/fault-reply.ts'
import type { FindSubjects } from '../message-log/keys/pseudonyms.ts'
import type { Appended, MessageLog } from '../message-log/message-log.ts'
import type { Body } from '../protocol/body.ts'
import { messageDigest, requestHash } from '../protocol/digests.ts'
import type { ReplyBlock, ReplyHead, RequestHead } from '../protocol/head.ts'
import { formatReplyHead } from '../protocol/head.ts'
import { parseRequestHead } from '../protocol/head-parser.ts'
import type { Header } from '../protocol/headers.ts'
import { headerOf } from '../protocol/headers.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { readSignature, seal } from '../protocol/sealing.ts'
import type { Trace } from '../trace.ts'
import { traceIdOf } from '../trace.ts'
import type { OpenService, ServiceReply, Services } from '../transport/services.ts'
import { bodyOf } from '../transport/spool.ts'
import type { ClockEstimate } from '../trust/clock.ts'
import type { GlobalConfiguration } from '../trust/global-configuration.ts'
import type { OwnSeal } from '../trust/own-seal.ts'
import type { Snapshot } from '../trust/snapshot.ts'
import type { Judging, Revocation } from '../trust/verifying.ts'
import { attest, checkFreshness, verifyRequest } from '../trust/verifying.ts'
import type { Metaservices } from './metaservices.ts'
import type { Progress, ReceivedRequest, RecordedRequest, SealedReply, VerifiedRequest } from './records.ts'
import { endRecord, REFUSED, refusedRecord, requestRecord } from './records.ts'

export interface ProviderDeps {
  /** This gateway. */
  readonly gateway: Identifier
  readonly configuration: Pick<GlobalConfiguration, 'current' | 'usable' | 'stalenessMs' | 'refreshNow' | 'heard'>
  readonly revocation: Revocation
  readonly seal: OwnSeal
  readonly log: MessageLog
  readonly services: Services
  readonly metaservices: Metaservices
  readonly idnrGuard: IdnrGuard
  readonly subjects: FindSubjects
  /** May this peer be answered one more refusal? */
  readonly mayRefuse: (peer: Identifier) => boolean
  readonly now: () => number
  readonly clock: ClockEstimate
  readonly clockSkewMsMax: number
}

/** A message as it arrives: its head is read, its body is not. */
export interface Incoming {
  /** SHA-256 of the TLS certificate that the connection showed, hex. */
  readonly certificate: string
  readonly tlsVersion: string | null
  readonly head: Buffer
  readonly signature: string
  readonly bodyBytes: number
  /** @throws {GatewayError} `MissingBody`, `BadRequest`, `LoggingFailed` */
  receive(bytesMax: number): Promise<Body | undefined>
}

/** A message as it leaves. */
export interface Outgoing {
  readonly head: ReplyHead
  readonly body: Body | undefined
  readonly signature: string
  /** Why it refuses, for our own log only. */
  readonly cause?: unknown
}

/**
 * @returns the signed reply or refusal
 * @throws {GatewayError} any code, before `verified` or when there is no answering: unsigned, unrecorded
 */
export async function exchange(deps: ProviderDeps, incoming: Incoming, trace: Trace): Promise<Outgoing> {
  const now = deps.now()
  const head = parseRequestHead(incoming.head)
  const claims = readSignature(incoming.signature, head)
  trace.requestId = head.requestId
  trace.traceId = traceIdOf(headerOf(head.call.headers, 'traceparent'))
  trace.at('opened')

  const snapshot = await configurationFor(deps, head.block.config.version, now)
  const softFail = snapshot.purpose(head.block.purpose)?.revocationSoftFail === true
  const judging: Judging = { snapshot, revocation: deps.revocation, now, softFail }
  const { gateway, certificate, status } = attest(judging, incoming.certificate, head)
  trace.at('attested')

  const request = verifyRequest(judging, head, claims)
  trace.at('verified')

  deps.configuration.heard(head.block.config)
  const verified: VerifiedRequest = {
    ...request,
    claims,
    incoming,
    judging,
    peer: { sha256: certificate.sha256, status },
  }
  return answer(deps, verified, gateway.id, trace)
}

/**
 * A message made under a newer configuration than ours: asking for it is worth a moment, or every change would cost refusals.
 *
 * @throws {GatewayError} `OutdatedGlobalConf`
 */
async function configurationFor({ configuration }: ProviderDeps, version: number, now: number): Promise<Snapshot> {
  const current = configuration.usable(now)
  if (version <= current.version) return current
  await Promise.race([configuration.refreshNow(), sleep(CONFIGURATION_WAIT_MS, undefined, { ref: false })])
  const newer = configuration.usable(now)
  if (version > newer.version)
    throw new GatewayError('OutdatedGlobalConf', { reason: 'the message was made under a newer one' })
  return newer
}

const CONFIGURATION_WAIT_MS = 2000

/** @throws {GatewayError} when there is no answering: the request is on record, or was refused too often */
async function answer(
  deps: ProviderDeps,
  verified: VerifiedRequest,
  sender: Identifier,
  trace: Trace,
): Promise<Outgoing> {
  const { head, claims, incoming, judging } = verified
  let progress: Progress = verified
  try {
    checkAddress(deps, verified)
    trace.at('fresh')

    const metaservice = deps.metaservices.find(head.call, judging)
    if (metaservice === undefined) checkService(deps, head, judging.snapshot)
    const permission = permit(judging.snapshot, head.call, head.block.purpose, judging.now)
    checkAge(judging.snapshot, permission.purpose, deps.configuration.stalenessMs(judging.now))
    const service = metaservice ?? openService(deps, head, judging.snapshot)
    trace.at('permitted')

    const body = await incoming.receive(service.bodyBytesMax)
    progress = { ...progress, body }
    if (body?.sha256.toString('base64url') !== claims.bodySha256)
      throw new GatewayError('SignatureVerification.InvalidReference', { reason: 'the body differs' })
    deps.idnrGuard.requestHead(permission, head.call)
    deps.idnrGuard.requestBody(permission, head.call, body)
    const delivery = service.prepare({ head, body, purpose: permission.purpose })
    trace.at('received')

    const received: ReceivedRequest = { ...verified, body, permission }
    const recorded = await deps.log.append(requestRecord(deps, received, trace))
    progress = { ...received, recorded }
    trace.at('recorded')

    const reply = await delivery()
    progress = { ...progress, reply }
    await body?.dispose()
    deps.idnrGuard.reply(permission, reply)
    trace.at('delivered')

    const request: RecordedRequest = { ...received, recorded }
    const outgoing = sealReply(deps, request, reply)
    trace.at('sealed')

    await deps.log.append(endRecord(deps, request, outgoing, trace))
    trace.at('concluded')
    return outgoing
  } catch (error) {
    return await failed(deps, progress, sender, asGatewayError(error), trace)
  }
}

/** Whoever asked gets a signed refusal. @throws {GatewayError} when there can be none */
async function failed(
  deps: ProviderDeps,
  progress: Progress,
  sender: Identifier,
  failure: GatewayError,
  trace: Trace,
): Promise<Outgoing> {
  const { recorded } = progress
  await progress.body?.dispose()
  await progress.reply?.body?.dispose()
  // What is on record needs its end; what is not yet is refused so often and no more.
  if (recorded === undefined && !deps.mayRefuse(sender)) throw new GatewayError('TooManyRequests', { cause: failure })
  return refuse(deps, progress, failure, trace)
}

/** Is it for us, is it new? @throws {GatewayError} `WrongAudience`, `StaleMessage`, `ReplayedMessage` */
function checkAddress(deps: ProviderDeps, { head, claims, judging }: VerifiedRequest): void {
  if (head.block.audience !== deps.gateway) throw new GatewayError('WrongAudience')
  checkFreshness(head.block.issuedAt, claims.iat, judging.now, deps.clockSkewMsMax)
  if (deps.log.seen(head.block.sender, head.requestId)) throw new GatewayError('ReplayedMessage')
}

/** Before rights are asked: `listMethods` tells everybody what there is. @throws {GatewayError} `UnknownMember`, `UnknownService` */
function checkService(deps: ProviderDeps, { call }: RequestHead, snapshot: Snapshot): void {
  if (snapshot.gateway(deps.gateway)?.subsystems.includes(call.provider) !== true)
    throw new GatewayError('UnknownMember')
  if (snapshot.service(call.service) === undefined) throw new GatewayError('UnknownService')
}

/** @throws {GatewayError} `ServiceDisabled`, `ServiceMissingUrl` */
function openService(deps: ProviderDeps, { call }: RequestHead, snapshot: Snapshot): OpenService {
  const notice = snapshot.service(call.service)?.disabledNotice
  if (notice !== undefined) throw new GatewayError('ServiceDisabled', { reason: notice })
  return deps.services.at(call.service)
}

/**
 * Puts a refusal or failure on record and signs it. A request that was not delivered is kept without its body.
 *
 * @throws {GatewayError} `LoggingFailed`, `OutcomeUnknown`, `CannotCreateSignature`: then there is no signed answer
 */
async function refuse(deps: ProviderDeps, progress: Progress, error: GatewayError, trace: Trace): Promise<Outgoing> {
  const delivered = progress.recorded !== undefined
  const unloggable = error.code === 'LoggingFailed' || error.code === 'TimestampingFailed'
  if (unloggable && !delivered) throw error
  const told = unloggable ? outcomeUnknown(error) : error
  const stage = trace.last
  const recorded = progress.recorded ?? (await recordRefused(deps, progress, told, trace))
  const { body, permission = REFUSED } = progress
  const request: RecordedRequest = { ...progress, body, permission, recorded }
  const outgoing = sealRefusal(deps, request, told, stage)
  const end = deps.log.append(endRecord(deps, request, outgoing, trace, told))
  await (delivered ? end.catch((cause) => Promise.reject(outcomeUnknown(cause))) : end)
  trace.at('concluded')
  return { ...outgoing, cause: told.cause }
}

/** @throws {GatewayError} `CannotCreateSignature`: the request is closed without an end */
function sealRefusal(deps: ProviderDeps, request: RecordedRequest, error: GatewayError, stage: string): SealedReply {
  const fault = faultOfError(error, 'ServerProxy', request.head.requestId, stage)
  const body = bodyOf(renderFault(fault.body, fault.status, undefined).octets)
  const reply = { status: fault.status, reason: '', headers: FAULT_HEADERS, body }
  try {
    return sealReply(deps, request, reply, { error: fault.body.type, stage })
  } catch (cause) {
    if (asGatewayError(cause).code === 'CannotCreateSignature') deps.log.abandon(request.recorded)
    throw cause
  }
}

/** A log that fails after delivery must not say that nothing was passed on. */
function outcomeUnknown(cause: unknown): GatewayError {
  return new GatewayError('OutcomeUnknown', { reason: 'what came of it could not be put on record', cause })
}

/** Of two arrivals that are refused at the same time one takes the id; both are on record. */
async function recordRefused(
  deps: ProviderDeps,
  verified: VerifiedRequest,
  error: GatewayError,
  trace: Trace,
): Promise<Appended> {
  const { replaySender, ...record } = refusedRecord(deps, verified, error, trace)
  if (replaySender === undefined) return deps.log.append(record)
  try {
    return await deps.log.append({ ...record, replaySender })
  } catch (failure) {
    if (!(failure instanceof GatewayError) || failure.code !== 'ReplayedMessage') throw failure
    return deps.log.append(record)
  }
}

const FAULT_HEADERS: readonly Header[] = [['content-type', 'application/json; charset=utf-8']]

/** @throws {GatewayError} `CannotCreateSignature` */
function sealReply(
  deps: ProviderDeps,
  { head: request, body: requestBody, claims, judging, recorded }: RecordedRequest,
  reply: ServiceReply,
  refusal?: { readonly error: string; readonly stage: string },
): SealedReply {
  const own = deps.seal.judged(judging)
  const issuedAt = deps.now()
  const bodyDigest =
    requestBody?.sha256 ?? (claims.bodySha256 === undefined ? undefined : Buffer.from(claims.bodySha256, 'base64url'))
  const block: ReplyBlock = {
    kind: refusal === undefined ? 'reply' : 'refusal',
    sender: deps.gateway,
    audience: request.block.sender,
    issuedAt: new Date(issuedAt).toISOString(),
    config: judging.snapshot.reference,
    requestDigest: messageDigest(request.sha256, bodyDigest),
    receipt: `${deps.log.id};${recorded.leaf.toString('base64url')}`,
    logHead: deps.log.head(),
    stage: refusal?.stage,
  }
  const { xRoadId, requestId, call } = request
  const head = formatReplyHead({
    status: reply.status,
    reason: reply.reason,
    headers: reply.headers,
    ids: {
      xRoadId,
      client: call.client,
      service: call.service,
      requestId,
      // The body of a refused request may never have been read; X-Road's hash then covers the head alone.
      requestHash: requestHash(request.hx, refusal === undefined ? requestBody : undefined),
    },
    error: refusal?.error,
    block,
  })
  return {
    own,
    head,
    body: reply.body,
    signature: seal(deps.seal.signer, head, reply.body?.sha256, Math.floor(issuedAt / 1000)),
  }
}
