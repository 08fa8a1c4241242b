/** Messages as the pipelines put them on record, with real heads and signatures, for tests of the log. */

import { generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto'
import type { Appended, NewRecord } from '../../../gateway/message-log/message-log.ts'
import type { Body } from '../../../gateway/protocol/body.ts'
import { readCall } from '../../../gateway/protocol/call.ts'
import type { ReplyHead, RequestHead } from '../../../gateway/protocol/head.ts'
import { formatReplyHead, formatRequestHead } from '../../../gateway/protocol/head.ts'
import type { Header } from '../../../gateway/protocol/headers.ts'
import { requestIds } from '../../../gateway/protocol/request-id.ts'
import type { Signer } from '../../../gateway/protocol/sealing.ts'
import { seal } from '../../../gateway/protocol/sealing.ts'
import { bodyOf } from '../../../gateway/transport/spool.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signer: Signer = {
  algorithm: 'ES256',
  x5t: randomBytes(32).toString('base64url'),
  sign: (input) => sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
}

export const CLIENT = 'OWL/GOV/05774032/BUERGERBUERO'
export const SERVICE = 'OWL/GOV/05711000/MELDEWESEN/vams'
export const SENDER = 'OWL/GOV/05774032/SS1'
export const nextRequestId = requestIds(Date.now)
const CONFIG = { version: 7, sha256: randomBytes(32).toString('base64url') }
const ISSUED_AT = '2026-11-23T05:40:00.123Z'

/** As long as a real one, and the same for every message. */
export const ETSI_U = JSON.stringify([
  Buffer.from(JSON.stringify({ xVals: [{ x509Cert: { val: randomBytes(1000).toString('base64') } }] })).toString(
    'base64url',
  ),
  Buffer.from(JSON.stringify({ rVals: { ocspVals: [randomBytes(900).toString('base64')] } })).toString('base64url'),
])

export function basis(purpose: string): string {
  return JSON.stringify({
    config: { version: 7, sha256: 'a'.repeat(64) },
    agreement: { id: 'A-1', sha256: 'b'.repeat(64) },
    purpose,
    purposeBy: 'caller',
    seal: 'c'.repeat(64),
    tls: { peer: 'd'.repeat(64), version: 'TLSv1.3', group: 'X25519MLKEM768' },
    revocation: [
      { cert: 'c'.repeat(64), source: 'ocsp', sha256: 'e'.repeat(64), thisUpdate: ISSUED_AT, nextUpdate: ISSUED_AT },
    ],
    stages: ['opened', 'attested', 'verified', 'fresh', 'permitted', 'received'],
    peerHead: 'none',
    clock: { source: 'tsa', offsetMs: 3 },
  })
}

export interface MessageOptions {
  readonly requestId?: string
  readonly client?: string
  readonly service?: string
  readonly purpose?: string
  readonly body?: Body | undefined
  readonly etsiU?: string
  readonly sender?: string
  /** Besides client and content type, octets as latin1. */
  readonly headers?: readonly Header[]
  /** ISO 8601. */
  readonly issuedAt?: string
}

/** A request as the provider's gateway records it. */
export function requestRecord(options: MessageOptions = {}): NewRecord {
  const { requestId = nextRequestId(), client = CLIENT, service = SERVICE, purpose = 'UMZUG', etsiU = ETSI_U } = options
  const body = 'body' in options ? options.body : bodyOf(Buffer.from(JSON.stringify({ person: randomUUID() })))
  const call = readCall('POST', `/r1/${service}/v1/search?a=1`, [
    ['X-Road-Client', client],
    ['Content-Type', 'application/json'],
    ...(options.headers ?? []),
  ])
  const block = {
    ...{ sender: options.sender ?? SENDER, audience: 'OWL/GOV/05711000/SS1' },
    ...{ issuedAt: options.issuedAt ?? ISSUED_AT, config: CONFIG },
    ...{ agreement: 'none', purpose, logHead: 'none' },
  }
  const head: RequestHead = formatRequestHead(call, requestId, block, `OWL-${requestId}`)
  return {
    ...{ outcome: 'request', side: 'provider', direction: 'in', requestId, xRoadId: head.xRoadId, client, service },
    ...{ method: 'POST', purpose, head: head.octets, extension: head.media.extension, etsiU, basis: basis(purpose) },
    ...(body !== undefined && { body }),
    signature: seal(signer, head, body?.sha256, 1763900000),
    replaySender: block.sender,
  }
}

export interface EndOptions extends MessageOptions {
  readonly outcome?: 'reply' | 'refusal' | 'failure'
  readonly code?: string
}

/** The end of a request as the provider's gateway records it. */
export function endRecord(request: NewRecord, recorded: Appended | undefined, options: EndOptions = {}): NewRecord {
  const { outcome = 'reply', code = 'Server.ServerProxy.AccessDenied', purpose = request.purpose } = options
  const body = 'body' in options ? options.body : bodyOf(Buffer.from(JSON.stringify({ found: randomUUID() })))
  const { client, service, requestId, xRoadId } = request
  const refused = outcome !== 'reply'
  const head: ReplyHead = formatReplyHead({
    status: refused ? 500 : 200,
    reason: refused ? '' : 'OK',
    headers: [['content-type', 'application/json']],
    ids: { xRoadId, client, service, requestId, requestHash: randomBytes(64).toString('base64') },
    ...(refused && { error: code }),
    block: {
      ...{ kind: refused ? 'refusal' : 'reply', sender: 'OWL/GOV/05711000/SS1', audience: SENDER },
      issuedAt: options.issuedAt ?? ISSUED_AT,
      ...{ config: CONFIG, requestDigest: randomBytes(32).toString('base64url'), receipt: 'none', logHead: 'none' },
      ...(refused && { stage: 'permitted' }),
    },
  })
  return {
    ...{
      outcome,
      side: 'provider',
      direction: 'out',
      requestId,
      xRoadId,
      client,
      service,
      method: request.method,
      purpose,
    },
    ...(refused && { code, stage: 'permitted' }),
    ...{ head: head.octets, extension: head.media.extension, etsiU: options.etsiU ?? ETSI_U, basis: basis(purpose) },
    ...(body !== undefined && { body }),
    signature: seal(signer, head, body?.sha256, 1763900000),
    ...(recorded !== undefined && { request: recorded }),
  }
}
