/** A message's signature as it is kept: flattened JWS JSON with `etsiU`. Source: ETSI TS 119 182-1 §5.3; design of the evidence, section 2. */

import { hash, X509Certificate } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import type { Head } from './head.ts'
import { parseStrictJson } from './json.ts'
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
  /^\{"header":\{"etsiU":(\["[A-Za-z0-9_-]+"(?:,"[A-Za-z0-9_-]+")?\])\},"payload":"","protected":"([A-Za-z0-9_-]+)","signature":"([A-Za-z0-9_-]+)"\}$/
export const ARCHIVE_FORM_BYTES_MAX = 1024 * 1024
const MEMBERS = 'header payload protected signature'

/**
 * Exactly the members of the form, in any order; every value in its one encoding.
 *
 * @throws {GatewayError} `SignatureVerification.MalformedSignature`
 */
export function readArchiveForm(octets: Buffer): ArchivedSignature {
  if (octets.length > ARCHIVE_FORM_BYTES_MAX) throw malformed()
  try {
    const match = FORM.exec(octets.toString('latin1'))
    if (match === null) return readInAnyOrder(octets)
    const [, etsiU, protectedSegment, signature] = match as unknown as [string, string, string, string]
    return { wire: `${protectedSegment}..${signature}`, ...recall(etsiU) }
  } catch (cause) {
    throw cause instanceof GatewayError ? cause : malformed(cause)
  }
}

type Unprotected = Pick<ArchivedSignature, 'certificates' | 'revocation'>

/** Many signatures have the same beside them: a bounded memory of what was read, emptied when full. */
const unprotected = new Map<string, Unprotected>()
const UNPROTECTED_MAX = 256
const UNPROTECTED_CHARS_MAX = 16_384

function recall(etsiU: string): Unprotected {
  const known = unprotected.get(etsiU)
  if (known !== undefined) return known
  const read = readUnprotected(JSON.parse(etsiU))
  if (etsiU.length > UNPROTECTED_CHARS_MAX) return read
  if (unprotected.size >= UNPROTECTED_MAX) unprotected.clear()
  unprotected.set(etsiU, read)
  return read
}

function readInAnyOrder(octets: Buffer): ArchivedSignature {
  const form = record(parseStrictJson(octets), MEMBERS)
  const { etsiU } = record(form['header'], 'etsiU')
  if (form['payload'] !== '') throw malformed()
  const wire = `${text(form['protected'])}..${text(form['signature'])}`
  return { wire, ...readUnprotected(etsiU) }
}

/** `xVals`, then `rVals` where there was an answer; TS 119 182-1 §5.3.5. */
function readUnprotected(etsiU: unknown): Unprotected {
  const [first, second, ...others] = list(etsiU, 2).map((member) => parseStrictJson(decoded(member, 'base64url')))
  if (others.length > 0) throw malformed()
  const { xVals } = record(first, 'xVals')
  const certificates = list(xVals, 2).map((each) => octetsOf(record(each, 'x509Cert')['x509Cert']))
  if (second === undefined) return { certificates, revocation: undefined }
  const rVals = record(record(second, 'rVals')['rVals'])
  const kind = 'ocspVals' in rVals ? 'ocsp' : 'crl'
  const values = list(record(rVals, `${kind}Vals`)[`${kind}Vals`], 1)
  return { certificates, revocation: { kind, der: octetsOf(values[0]) } }
}

/** @param names sorted; any when absent */
function record(value: unknown, names?: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed()
  if (names !== undefined && Object.keys(value).sort().join(' ') !== names) throw malformed()
  return value as Record<string, unknown>
}

function list(value: unknown, lengthMax: number): unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > lengthMax) throw malformed()
  return value
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw malformed()
  return value
}

function octetsOf(value: unknown): Buffer {
  return decoded(record(value, 'val')['val'], 'base64')
}

/** One text for one value: RFC 4648 §3.5. */
function decoded(value: unknown, encoding: 'base64' | 'base64url'): Buffer {
  const octets = Buffer.from(text(value), encoding)
  if (octets.toString(encoding) !== value) throw malformed()
  return octets
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
