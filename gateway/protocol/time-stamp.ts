/**
 * Time-stamps: what is asked of an authority and whether its answer holds. RFC 3161, RFC 5652 §5, RFC 5035.
 *
 * There is no path building: a token is judged by the certificates of one registered authority and nothing in the token.
 */

import { hash } from 'node:crypto'
import type { CertificateFields } from './authority-certificates.ts'
import {
  allUnderstood,
  EXTENSION,
  extendedKeyUsageOf,
  hasNameConstraints,
  isAuthority,
  KEY_USAGE,
  keyUsageOf,
} from './authority-certificates.ts'
import type { Der } from './der.ts'
import {
  integerOf,
  membersOf,
  octetsOf,
  oidOf,
  readDer,
  TAG,
  writeDer,
  writeInteger,
  writeOctets,
  writeSequence,
} from './der.ts'
import type { RevocationList } from './revocation-list.ts'
import { digestIdentifier } from './sha2.ts'
import type { DigestName, SignerInfo } from './signed-data.ts'
import { algorithmOf, DIGESTS, signatureHolds } from './signed-data.ts'
import type { TimeStamp } from './time-stamp-token.ts'
import { readToken, strictly, TimeStampError, TST_INFO } from './time-stamp-token.ts'

/** One registered authority: the unit that signs and the CA that certified it. */
export interface TimeStampAuthority {
  readonly unit: CertificateFields
  readonly ca: CertificateFields
}

const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
/** RFC 3161 §2.4.1: a nonce is a large random number. */
export const NONCE_BYTES = 16

/**
 * @param imprint made with `digest`
 * @param nonce random octets; the first bit is cleared and the second set, so that it is one positive INTEGER
 */
export function formatTimeStampRequest(
  imprint: Buffer,
  nonce: Buffer,
  digest: DigestName = 'sha256',
): { readonly der: Buffer; readonly nonce: Buffer } {
  const positive = Buffer.from(nonce)
  positive[0] = ((positive[0] ?? 0) & 0x7f) | 0x40
  const messageImprint = writeSequence(digestIdentifier(digest), writeOctets(imprint))
  const certReq = writeDer(TAG.boolean, Buffer.from([0xff]))
  const der = writeSequence(writeInteger(1), messageImprint, writeDer(TAG.integer, positive), certReq)
  return { der, nonce: positive }
}

/** @returns the token, a ContentInfo @throws {TimeStampError} `refused`, `malformed` */
export function openTimeStampReply(octets: Buffer): Buffer {
  return strictly(() => {
    const reply = membersOf(readDer(octets), TAG.sequence)
    const status = integerOf(membersOf(reply.next(), TAG.sequence).next())
    // 1 is grantedWithMods: something else than what was asked for.
    if (status !== 0n) throw new TimeStampError('refused', `The authority answers with status ${status}`)
    const token = reply.next(TAG.sequence)
    reply.end()
    return token.octets
  })
}

/**
 * Everything about a token that its octets and the authority's certificates can say.
 *
 * @param token ContentInfo, DER
 * @param expected `imprint` is what was stamped, SHA-256 where `digest` does not say else; `nonce` as `formatTimeStampRequest` gave it, when the request is known
 * @throws {TimeStampError} any flaw but `refused` and `revoked`
 */
export function verifyTimeStamp(
  token: Buffer,
  { unit, ca }: TimeStampAuthority,
  expected: { readonly imprint: Buffer; readonly digest?: DigestName; readonly nonce?: Buffer },
): TimeStamp {
  return strictly(() => {
    const { stamp, content, signer, certificates } = readToken(token)
    const { digest = 'sha256' } = expected
    if (stamp.imprintDigest !== digest || !stamp.imprint.equals(expected.imprint))
      throw new TimeStampError('imprint', 'The token is over something else')
    if (expected.nonce !== undefined && !(stamp.nonce?.equals(expected.nonce) ?? false)) {
      throw new TimeStampError('nonce', 'The token answers another request')
    }
    checkCertificates(unit, ca, stamp.genTime)
    // It was asked for (certReq), and validators look for it there.
    if (!certificates.some((certificate) => certificate.equals(unit.der))) {
      throw new TimeStampError('certificate', 'The token does not carry the certificate')
    }
    checkSigner(signer, content, unit)
    return stamp
  })
}

/** @throws {TimeStampError} `revoked` @throws {Error} when the list is not for this unit */
export function checkNotRevoked({ unit }: TimeStampAuthority, list: RevocationList): void {
  if (list.isRevoked(unit)) {
    throw new TimeStampError('revoked', 'The certificate of the authority is revoked')
  }
}

/** RFC 3161 §2.3 and the narrow profile: signed by the registered CA, nothing but a time-stamping unit, valid then. */
function checkCertificates(unit: CertificateFields, ca: CertificateFields, at: number): void {
  const usage = unit.extensions.get(EXTENSION.extendedKeyUsage)
  const only = extendedKeyUsageOf(unit)
  const good =
    unit.issuer.equals(ca.subject) &&
    unit.isSignedBy(ca.publicKey) &&
    isAuthority(ca) &&
    (keyUsageOf(ca) & KEY_USAGE.certificates) !== 0 &&
    !hasNameConstraints(ca) &&
    !isAuthority(unit) &&
    UNIT_KEY_USAGES.has(keyUsageOf(unit)) &&
    usage?.critical === true &&
    only?.length === 1 &&
    only[0] === TIME_STAMPING &&
    allUnderstood(unit) &&
    allUnderstood(ca)
  if (!good) throw new TimeStampError('certificate', 'The certificate is not that of a time-stamping unit of this CA')
  if (at < unit.notBefore || at > unit.notAfter || at < ca.notBefore || at > ca.notAfter) {
    throw new TimeStampError('time', 'The time lies outside the validity of the certificates')
  }
}

/** ETSI EN 319 422 and RFC 3161 leave it to the authority which of the two kinds of signature it is. */
const UNIT_KEY_USAGES: ReadonlySet<number> = new Set([
  KEY_USAGE.signature,
  KEY_USAGE.commitment,
  KEY_USAGE.signature | KEY_USAGE.commitment,
])

function checkSigner(signer: SignerInfo, content: Buffer, unit: CertificateFields): void {
  if (!signer.issuer.equals(unit.issuer) || !signer.serial.equals(unit.serial)) {
    throw new TimeStampError('certificate', 'The token names another certificate')
  }
  const digest = DIGESTS[signer.digestAlgorithm]
  if (digest === undefined) throw new TimeStampError('algorithm', 'The digest algorithm is not SHA-2')
  const { attributes } = signer
  const type = attributes.get(CONTENT_TYPE)
  const messageDigest = attributes.get(MESSAGE_DIGEST)
  const named = attributes.get(SIGNING_CERTIFICATE_V2)
  const holds =
    type !== undefined &&
    oidOf(type) === TST_INFO &&
    messageDigest !== undefined &&
    octetsOf(messageDigest).equals(hash(digest, content, 'buffer')) &&
    named !== undefined &&
    namesCertificate(named, unit)
  if (!holds) throw new TimeStampError('attributes', 'The signed attributes do not fit content and certificate')
  const isHolding = signatureHolds(signer, digest, unit.publicKey)
  if (isHolding === undefined) {
    throw new TimeStampError(
      'algorithm',
      'The signature algorithm is not an allowed one, or does not fit key or digest',
    )
  }
  if (!isHolding) throw new TimeStampError('signature', 'The signature of the token does not hold')
}

/** RFC 5035 §3: the first certificate named is the signer's. */
export function namesCertificate(attribute: Der, unit: CertificateFields): boolean {
  const certs = membersOf(membersOf(attribute, TAG.sequence).next(), TAG.sequence)
  const id = membersOf(certs.next(), TAG.sequence)
  const algorithm = id.peek() === TAG.sequence ? DIGESTS[algorithmOf(id.next())] : 'sha256'
  return algorithm !== undefined && octetsOf(id.next()).equals(hash(algorithm, unit.der, 'buffer'))
}
