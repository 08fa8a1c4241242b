/** A message's signature as it is kept: flattened JWS JSON with `etsiU`. Source: ETSI TS 119 182-1 §5.3; design of the evidence, section 2. */

import { hash, X509Certificate } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import type { Head } from './head.ts'
import type { Claims } from './sealing.ts'
import { holds, readSignature } from './sealing.ts'

export interface ArchivedSignature {
  /** As in `OWL-Signature`. */
  readonly wire: string
  /** Signer's certificate, then its issuing CA's. */
  readonly certificates: readonly Buffer[]
  /** OCSPResponse or CRL that was relied on, DER. */
  readonly revocation: { readonly kind: 'ocsp' | 'crl'; readonly der: Buffer } | undefined
}

/** `etsiU` first, as `message-log/log-record.ts` writes it. */
const FORM =
  /^\{"header":\{"etsiU":(\[[^\]]*\])\},"payload":"","protected":"([A-Za-z0-9_-]+)","signature":"([A-Za-z0-9_-]+)"\}$/

/** @throws {GatewayError} `SignatureVerification.MalformedSignature` when it is not exactly of our form */
export function readArchiveForm(octets: Buffer): ArchivedSignature {
  const match = FORM.exec(octets.toString('latin1'))
  if (match === null) throw malformed()
  const [, etsiU, protectedSegment, signature] = match as unknown as [string, string, string, string]
  try {
    const members = (JSON.parse(etsiU) as string[]).map(
      (member) => JSON.parse(Buffer.from(member, 'base64url').toString()) as Member,
    )
    const chain = members.flatMap(({ xVals }) => xVals ?? []).map(({ x509Cert }) => Buffer.from(x509Cert.val, 'base64'))
    const { ocspVals, crlVals } = members.find(({ rVals }) => rVals !== undefined)?.rVals ?? {}
    const value = ocspVals?.[0] ?? crlVals?.[0]
    return {
      wire: `${protectedSegment}..${signature}`,
      certificates: chain,
      revocation:
        value === undefined
          ? undefined
          : { kind: ocspVals === undefined ? 'crl' : 'ocsp', der: Buffer.from(value.val, 'base64') },
    }
  } catch (cause) {
    throw malformed(cause)
  }
}

interface Value {
  readonly val: string
}
interface Member {
  readonly xVals?: readonly { readonly x509Cert: Value }[]
  readonly rVals?: { readonly ocspVals?: readonly Value[]; readonly crlVals?: readonly Value[] }
}

/**
 * Does the kept signature hold over this head and body, by the certificate kept with it? Whose certificate that is, and
 * whether it was in force, is for the caller.
 *
 * @param bodySha256 of the body, known by its octets or by digest only; undefined when there was none
 * @throws {GatewayError} `SignatureVerification.…`
 */
export function verifyArchived(
  octets: Buffer,
  head: Head,
  bodySha256: Buffer | undefined,
): { readonly claims: Claims; readonly certificate: X509Certificate } {
  const { wire, certificates } = readArchiveForm(octets)
  const claims = readSignature(wire, head)
  const [signer, issuer] = certificates
  if (signer === undefined || hash('sha256', signer, 'base64url') !== claims.x5t)
    throw new GatewayError('SignatureVerification.UnknownCertificate', {
      reason: 'the kept certificate is not the named one',
    })
  const certificate = new X509Certificate(signer)
  if (issuer !== undefined && !certificate.verify(new X509Certificate(issuer).publicKey))
    throw new GatewayError('SignatureVerification.UnknownCertificate', {
      reason: 'the kept certificate is not issued by the kept CA',
    })
  if (!holds(claims, certificate.publicKey)) throw new GatewayError('SignatureVerification.InvalidSignatureValue')
  if (bodySha256?.toString('base64url') !== claims.bodySha256)
    throw new GatewayError('SignatureVerification.InvalidReference', { reason: 'the body differs' })
  return { claims, certificate }
}

function malformed(cause?: unknown): GatewayError {
  return new GatewayError('SignatureVerification.MalformedSignature', {
    reason: 'the archive form is not as agreed',
    cause,
  })
}
