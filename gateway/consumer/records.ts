/** What the consumer's side puts on record: the request it sends, the reply it gets, and what it could not do itself. */

import type { Permission } from '../access/agreements.ts'
import { REFUSAL } from '../access/agreements.ts'
import type { FaultCode, GatewayError } from '../errors.ts'
import type { FaultBody } from '../http/fault-reply.ts'
import { faultOfError, renderFault } from '../http/fault-reply.ts'
import type { Appended, NewRecord } from '../message-log/message-log.ts'
import type { Body } from '../protocol/body.ts'
import { messageDigest, requestHash } from '../protocol/digests.ts'
import type { ReplyHead, RequestHead } from '../protocol/head.ts'
import { formatReplyHead } from '../protocol/head.ts'
import { seal } from '../protocol/sealing.ts'
import type { Trace } from '../trace.ts'
import type { Connection } from '../transport/peers.ts'
import { bodyOf } from '../transport/spool.ts'
import type { RelyingOn } from '../trust/basis.ts'
import { basisText, etsiUText } from '../trust/basis.ts'
import type { JudgedSeal, Judging, Verified } from '../trust/verifying.ts'
import type { ConsumerDeps, LocalRequest } from './exchange.ts'

/** A request of an admitted local system, and what it is judged by. */
export interface AdmittedRequest {
  readonly request: LocalRequest
  readonly judging: Judging
}

/** A request whose body is here and whose purpose is known. */
export interface ReceivedRequest extends AdmittedRequest {
  readonly permission: Permission
  /** The same as its records say it: only its head, which is encrypted, names a purpose outside the catalogue. */
  readonly onRecord: Permission
  readonly body: Body | undefined
}

/** A request as it leaves. */
export interface SealedRequest extends ReceivedRequest {
  readonly own: JudgedSeal
  readonly head: RequestHead
  readonly signature: string
}

/** A request that was recorded and sent, and the reply to it. */
export interface AnsweredRequest extends SealedRequest {
  readonly recorded: Appended
  readonly connection: Connection
  readonly reply: Reply
}

/** How far an exchange has come: what its record needs should it end here. */
export type Progress = AdmittedRequest & Partial<AnsweredRequest>

/** A reply that holds: verified, and all of its body here. */
export interface Reply extends JudgedSeal {
  readonly head: Verified<ReplyHead>
  readonly signature: string
  readonly body: Body | undefined
}

export function requestRecord(deps: ConsumerDeps, sealed: SealedRequest, trace: Trace): NewRecord {
  const { onRecord, body, own, head, signature } = sealed
  return {
    ...idsOf(sealed, trace),
    outcome: 'request',
    direction: 'out',
    purpose: onRecord.purpose,
    head: head.octets,
    body,
    extension: head.media.extension,
    subjects: subjectsOf(deps, sealed, 'request', head, body),
    signature,
    etsiU: etsiUText(own.seal, own.status),
    basis: basisOf(deps, sealed, own, 'none', trace),
  }
}

/** @param fault when the provider refused: then nobody is named by what it says */
export function replyRecord(
  deps: ConsumerDeps,
  answered: AnsweredRequest,
  fault: FaultBody | undefined,
  trace: Trace,
): NewRecord {
  const { reply, recorded } = answered
  const { head, body, signature, seal: sender, status } = reply
  return {
    ...idsOf(answered, trace),
    outcome: fault === undefined ? 'reply' : 'refusal',
    direction: 'in',
    purpose: answered.onRecord.purpose,
    code: fault?.type,
    stage: fault?.stage,
    head: head.octets,
    body,
    extension: head.media.extension,
    subjects: fault === undefined ? subjectsOf(deps, answered, 'reply', head, body) : undefined,
    signature,
    etsiU: etsiUText(sender, status),
    basis: basisOf(deps, answered, reply, head.block.logHead, trace),
    saying: head.block,
    request: recorded,
  }
}

const UNRECORDABLE: ReadonlySet<FaultCode> = new Set(['LoggingFailed', 'TimestampingFailed', 'CannotCreateSignature'])

/**
 * Puts on record what this gateway refused or could not do, as a refusal it signs and addresses to itself.
 *
 * @throws {GatewayError} `LoggingFailed`: the local system must not learn of an outcome that is not on disk
 */
export async function recordFailure(
  deps: ConsumerDeps,
  progress: Progress,
  failure: GatewayError,
  trace: Trace,
): Promise<void> {
  const { judging, head: sent, recorded } = progress
  await progress.body?.dispose()
  await progress.reply?.body?.dispose()
  if (UNRECORDABLE.has(failure.code)) return
  const own = deps.seal.judged({ ...judging, softFail: true })
  const fault = faultOfError(failure, 'ClientProxy', trace.requestId, trace.last)
  const body = bodyOf(renderFault(fault.body, fault.status, undefined).octets)
  const issuedAt = deps.now()
  const digest = sent === undefined ? 'none' : messageDigest(sent.sha256, progress.body?.sha256)
  const head = formatReplyHead({
    status: fault.status,
    reason: '',
    headers: [['content-type', 'application/json; charset=utf-8']],
    ids: { ...idsOf(progress, trace), requestHash: sent === undefined ? 'none' : requestHash(sent.hx, undefined) },
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
    ...idsOf(progress, trace),
    outcome: recorded === undefined ? 'refusal' : 'failure',
    direction: 'out',
    purpose: recorded === undefined ? REFUSAL : (progress.onRecord?.purpose ?? REFUSAL),
    code: fault.body.type,
    stage: trace.last,
    head: head.octets,
    body,
    extension: head.media.extension,
    signature: seal(deps.seal.signer, head, body.sha256, Math.floor(issuedAt / 1000)),
    etsiU: etsiUText(own.seal, own.status),
    basis: basisOf(deps, progress, own, 'none', trace),
    request: recorded,
  })
}

function subjectsOf(
  deps: ConsumerDeps,
  { request }: AdmittedRequest,
  part: 'request' | 'reply',
  { media }: RequestHead | ReplyHead,
  body: Body | undefined,
): readonly string[] {
  return deps.subjects({ part, service: request.call.service, extension: media.extension, body })
}

function idsOf({ request: { call }, judging, head }: Progress, { requestId }: Trace) {
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

function basisOf(deps: ConsumerDeps, progress: Progress, judged: JudgedSeal, peerHead: string, trace: Trace): string {
  const { judging, onRecord: permission = NOT_PERMITTED, connection } = progress
  const reliedOn: RelyingOn[] = [{ sha256: judged.seal.sha256, status: judged.status }]
  if (connection !== undefined)
    reliedOn.push({ sha256: connection.peer, status: judging.revocation.statusOf(connection.peer, judging.now) })
  return basisText({
    snapshot: judging.snapshot,
    permission,
    seal: judged.seal,
    tls: connection ?? NO_CONNECTION,
    revocation: reliedOn,
    stages: Object.keys(trace.stages),
    peerHead,
    clock: deps.clock.read(),
  })
}

const NO_CONNECTION = { peer: null, version: null, group: null }
