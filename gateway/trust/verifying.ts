/**
 * Is this message theirs? The only place that makes a `Verified` message.
 *
 * No path building: certificates are registered, issued by a listed CA, of a narrow profile, and not revoked.
 * Source: design of the evidence, sections 1 and 8; architecture, "Trust"; contract §4.1 rows 17–18, §4.2 rows 6 and 11.
 */

import { timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import type { Body } from '../protocol/body.ts'
import { messageDigest, requestHash } from '../protocol/digests.ts'
import type { ReplyHead, RequestHead } from '../protocol/head.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import type { Claims } from '../protocol/sealing.ts'
import { holds } from '../protocol/sealing.ts'
import { flawAt } from './certificate-profile.ts'
import type { RevocationStatus } from './revocation.ts'
import type { Registered, RegisteredGateway, RegisteredSeal, Snapshot } from './snapshot.ts'

declare const verified: unique symbol
/** A head whose signature, certificates and ids were checked: safe to act on. The brand exists for the compiler only. */
export type Verified<T> = T & { readonly [verified]: true }

/** The status of a certificate, from memory. */
export interface Revocation {
  statusOf(certificateSha256: string, now: number): RevocationStatus
}

/** What an exchange was judged by: one configuration, one revocation memory, one moment. */
export interface Judging {
  readonly snapshot: Snapshot
  readonly revocation: Revocation
  /** Milliseconds since the Unix epoch. */
  readonly now: number
  /** A stale status does not stop a call whose purpose says so; the record does. */
  readonly softFail: boolean
}

export interface JudgedSeal {
  readonly seal: RegisteredSeal
  readonly status: RevocationStatus
}

/**
 * The TLS certificate belongs to a gateway that speaks for the client of this message, and the message says the same.
 *
 * @param certificate SHA-256 of what the connection showed, hex
 * @throws {GatewayError} `SslAuthenticationFailed`, `CertValidation`
 */
export function attest(judging: Judging, certificate: string, { call, block }: RequestHead): Attested {
  const attested = attestGateway(judging, certificate)
  const { gateway } = attested
  if (gateway.id !== block.sender)
    throw new GatewayError('SslAuthenticationFailed', { reason: 'the message names another gateway as its sender' })
  if (!gateway.speaksFor.has(call.client))
    throw new GatewayError('SslAuthenticationFailed', { reason: 'the gateway is not registered for the client' })
  return attested
}

/** A gateway, the certificate it showed, and that one's status. */
export interface Attested {
  readonly gateway: RegisteredGateway
  readonly certificate: Registered
  readonly status: RevocationStatus
}

/**
 * Which gateway is this, and may its certificate be used now?
 *
 * @throws {GatewayError} `SslAuthenticationFailed`, `CertValidation`
 */
export function attestGateway(judging: Judging, certificate: string): Attested {
  const { snapshot } = judging
  const gateway = snapshot.gatewayByTls(certificate, 'client')
  const registered = gateway === undefined ? undefined : snapshot.certificate(certificate)
  if (gateway === undefined || registered === undefined)
    throw new GatewayError('SslAuthenticationFailed', { reason: 'the certificate is registered for no gateway' })
  return { gateway, certificate: registered, status: checkCertificate(judging, registered, 'SslAuthenticationFailed') }
}

/** May a connection from another gateway, which showed this certificate, stay? */
export function acceptsClient(judging: Judging, certificate: string): boolean {
  try {
    attestGateway(judging, certificate)
    return true
  } catch {
    return false
  }
}

/**
 * Is there a certificate that this gateway may show now? The connection itself is held to it by `acceptsServer`.
 *
 * @throws {GatewayError} `SslAuthenticationFailed`, `CertValidation`
 */
export function checkServers(judging: Judging, gateway: RegisteredGateway): void {
  let failure: unknown
  for (const sha256 of gateway.servers) {
    const registered = judging.snapshot.certificate(sha256)
    if (registered === undefined) continue
    try {
      checkCertificate(judging, registered, 'SslAuthenticationFailed')
      return
    } catch (error) {
      failure = error
    }
  }
  throw (
    failure ??
    new GatewayError('SslAuthenticationFailed', { reason: 'the provider gateway has no registered certificate' })
  )
}

/** May a connection to this gateway show this certificate now? */
export function acceptsServer(judging: Judging, gateway: Identifier, certificate: string): boolean {
  const registered = judging.snapshot.certificate(certificate)
  if (registered === undefined || judging.snapshot.gateway(gateway)?.servers.has(certificate) !== true) return false
  if (flawAt(registered.verdict, judging.now) !== undefined) return false
  return judging.revocation.statusOf(certificate, judging.now).status !== 'revoked'
}

/**
 * The seal of the client's member signed this head.
 *
 * @throws {GatewayError} `SignatureVerification.…`, `IncorrectCertificate`, `CertValidation`
 */
export function verifyRequest(
  judging: Judging,
  head: RequestHead,
  claims: Claims,
): JudgedSeal & { readonly head: Verified<RequestHead> } {
  const judged = verifyMember(judging, head.call.clientMember, claims)
  return { ...judged, head: head as Verified<RequestHead> }
}

/** What a reply has to answer to. */
export interface Expectation {
  readonly request: RequestHead
  readonly requestBody: Body | undefined
  /** The gateway that was asked. */
  readonly provider: Identifier
  readonly clockSkewMsMax: number
}

/**
 * The seal of the provider's member signed this reply, and it answers this request and no other.
 *
 * @throws {GatewayError} as `verifyRequest`, and `InconsistentResponse`, `WrongAudience`, `StaleMessage`
 */
export function verifyReply(
  judging: Judging,
  expectation: Expectation,
  head: ReplyHead,
  claims: Claims,
): JudgedSeal & { readonly head: Verified<ReplyHead> } {
  const { request, requestBody, provider, clockSkewMsMax } = expectation
  const judged = verifyMember(judging, request.call.providerMember, claims)
  const { ids, block } = head
  if (block.sender !== provider) throw new GatewayError('InconsistentResponse', { reason: 'another gateway answers' })
  if (block.audience !== request.block.sender) throw new GatewayError('WrongAudience')
  checkFreshness(block.issuedAt, claims.iat, judging.now, clockSkewMsMax)
  const same =
    equal(block.requestDigest, messageDigest(request.sha256, requestBody?.sha256)) &&
    equal(ids.requestHash, requestHash(request.hx, block.kind === 'refusal' ? undefined : requestBody)) &&
    ids.requestId === request.requestId &&
    ids.xRoadId === request.xRoadId &&
    ids.client === request.call.client &&
    ids.service === request.call.service
  if (!same) throw new GatewayError('InconsistentResponse')
  return { ...judged, head: head as Verified<ReplyHead> }
}

/**
 * @param issuedAt of the head @param iat of the signature: the same moment, in seconds
 * @throws {GatewayError} `StaleMessage`
 */
export function checkFreshness(issuedAt: string, iat: number, now: number, skewMsMax: number): void {
  const at = Date.parse(issuedAt)
  if (Math.floor(at / 1000) !== iat)
    throw new GatewayError('StaleMessage', { reason: 'head and signature name different moments' })
  if (Math.abs(now - at) <= skewMsMax) return
  const seconds = Math.round(Math.abs(now - at) / 1000)
  const reason = `issued ${seconds} s ${at < now ? 'ago' : 'from now'} by the clock of the gateway that refuses it`
  throw new GatewayError('StaleMessage', { reason })
}

/** Constant time over texts that an attacker may choose. */
export function equal(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}

/**
 * The seal of this member made this signature, over whatever the claims' input is.
 *
 * @throws {GatewayError} `SignatureVerification.…`, `IncorrectCertificate`, `CertValidation`
 */
export function verifyMember(
  judging: Judging,
  member: Identifier,
  claims: Pick<Claims, 'algorithm' | 'x5t' | 'input' | 'signature'>,
): JudgedSeal {
  const seal = judging.snapshot.seal(claims.x5t)
  if (seal === undefined || seal.member !== member) throw new GatewayError('SignatureVerification.UnknownCertificate')
  const status = checkCertificate(judging, seal, 'IncorrectCertificate')
  if (!holds(claims, seal.publicKey)) throw new GatewayError('SignatureVerification.InvalidSignatureValue')
  return { seal, status }
}

/** @throws {GatewayError} `flawed` for what the certificate is, `CertValidation` for its revocation */
export function checkCertificate(
  judging: Judging,
  certificate: Registered,
  flawed: 'IncorrectCertificate' | 'SslAuthenticationFailed',
): RevocationStatus {
  const flaw = flawAt(certificate.verdict, judging.now)
  if (flaw !== undefined) throw new GatewayError(flawed, { reason: flaw })
  const status = judging.revocation.statusOf(certificate.sha256, judging.now)
  if (status.status === 'good') return status
  if (status.status === 'revoked') throw new GatewayError(flawed, { reason: 'it is revoked' })
  if (!judging.softFail) throw new GatewayError('CertValidation', { reason: status.status })
  return status
}
