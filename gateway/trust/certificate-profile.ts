/**
 * Is a certificate one of ours? A narrow profile instead of path building. Source: evidence 8; RFC 5280 §4, ETSI EN 319 412-3.
 *
 * Node verifies the one signature, a library parses, everything that decides stands in the tables here.
 */

import type { KeyObject } from 'node:crypto'
import { hash, X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import type { Extension, Name } from '@peculiar/asn1-x509'
import { BasicConstraints, Certificate, ExtendedKeyUsage, KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509'

export type CertificateUse = 'seal' | 'tls-server' | 'tls-client' | 'ocsp-responder' | 'tsa'

/** Why a certificate is refused. */
export type Flaw =
  | 'malformed'
  | 'unknown-issuer'
  | 'bad-signature'
  | 'issuer-profile'
  | 'key'
  | 'signature-algorithm'
  | 'is-ca'
  | 'key-usage'
  | 'extended-key-usage'
  | 'unknown-critical-extension'
  | 'no-revocation-exemption'
  | 'name'
  | 'not-yet-valid'
  | 'expired'

/** A certificate read once: what Node's type knows and what it does not. */
export interface ParsedCertificate {
  readonly der: Buffer
  /** Lower-case hex. */
  readonly sha256: string
  readonly x509: X509Certificate
  readonly publicKey: KeyObject
  readonly fields: Certificate
}

/** What does not change with time; `flawAt` adds what does. */
export interface Verdict {
  readonly flaw?: Exclude<Flaw, 'not-yet-valid' | 'expired'>
  readonly issuer?: ParsedCertificate
  /** Inside the validity of the certificate and of its issuer; milliseconds since the Unix epoch. */
  readonly validFrom: number
  readonly validTo: number
}

/** The name a certificate must carry: each member given must be there exactly once and be equal. */
export interface RegisteredName {
  /** Subject O: the member's name. */
  readonly organization?: string
  /** Subject organizationIdentifier, ETSI EN 319 412-3 §4.2.1: the member. */
  readonly organizationIdentifier?: string
  /** Subject serialNumber: the gateway. */
  readonly serialNumber?: string
  /** DNS name or address that subjectAltName must cover. */
  readonly host?: string
}

interface Profile {
  /** Bits of KeyUsage; each number is a complete set. */
  readonly keyUsages: readonly number[]
  readonly extendedKeyUsage: string | null
  readonly extendedKeyUsageCritical?: true
  /** RFC 6960 §4.2.2.2.1: nobody can be asked about a responder, so its issuer must say that nobody need be. */
  readonly ocspNoCheck?: true
}

const SIGNATURE = KeyUsageFlags.digitalSignature
const COMMITMENT = KeyUsageFlags.nonRepudiation
const BOTH = SIGNATURE | COMMITMENT

const PROFILES: Readonly<Record<CertificateUse, Profile>> = {
  seal: { keyUsages: [COMMITMENT, BOTH], extendedKeyUsage: null },
  'tls-server': { keyUsages: [SIGNATURE], extendedKeyUsage: '1.3.6.1.5.5.7.3.1' },
  'tls-client': { keyUsages: [SIGNATURE], extendedKeyUsage: '1.3.6.1.5.5.7.3.2' },
  'ocsp-responder': { keyUsages: [SIGNATURE, BOTH], extendedKeyUsage: '1.3.6.1.5.5.7.3.9', ocspNoCheck: true },
  tsa: {
    keyUsages: [SIGNATURE, COMMITMENT, BOTH],
    extendedKeyUsage: '1.3.6.1.5.5.7.3.8',
    extendedKeyUsageCritical: true,
  },
}

const KEY_USAGE = '2.5.29.15'
const BASIC_CONSTRAINTS = '2.5.29.19'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const OCSP_NO_CHECK = '1.3.6.1.5.5.7.48.1.5'
/** Understood here, so they may be critical. nameConstraints is not: an issuing CA that carries it is refused. */
const CRITICAL_UNDERSTOOD: ReadonlySet<string> = new Set([KEY_USAGE, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE])

/** ECDSA and RSA with SHA-2. RSASSA-PSS is left out: its parameters would have to be judged as well. RFC 5758, RFC 4055. */
export const SIGNATURE_ALGORITHMS: Readonly<Record<string, { readonly key: 'ec' | 'rsa'; readonly hash: string }>> = {
  '1.2.840.10045.4.3.2': { key: 'ec', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { key: 'ec', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { key: 'ec', hash: 'sha512' },
  '1.2.840.113549.1.1.11': { key: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { key: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { key: 'rsa', hash: 'sha512' },
}
const EC_PUBLIC_KEY = '1.2.840.10045.2.1'
const RSA_BITS_MIN = 3072
const CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1'])

const ORGANIZATION = '2.5.4.10'
const ORGANIZATION_IDENTIFIER = '2.5.4.97'
const SERIAL_NUMBER = '2.5.4.5'

/** @throws {Error} when the octets are not exactly one certificate with a key that Node knows */
export function parseCertificate(der: Buffer): ParsedCertificate {
  const x509 = new X509Certificate(der)
  const fields = AsnConvert.parse(der, Certificate)
  // Node skips what follows a certificate and reads PEM as well; the registered hash would then cover other octets.
  if (derLength(der) !== der.length) throw new TypeError('Not exactly one DER certificate')
  return { der, sha256: hash('sha256', der, 'hex'), x509, publicKey: x509.publicKey, fields }
}

/**
 * @param issuers the issuing CAs of the configuration; there are no others
 * @returns everything that can be said of the certificate for good
 */
export function judge(
  certificate: ParsedCertificate,
  use: CertificateUse,
  issuers: readonly ParsedCertificate[],
  name: RegisteredName,
): Verdict {
  const { x509 } = certificate
  const namesakes = issuers.filter((issuer) => x509.checkIssued(issuer.x509))
  const issuer = namesakes.find(({ publicKey }) => x509.verify(publicKey))
  const unsigned = namesakes.length === 0 ? 'unknown-issuer' : 'bad-signature'
  const flaw = issuer === undefined ? unsigned : flawOf(certificate, PROFILES[use], issuer, name)
  return {
    ...(flaw !== undefined && { flaw }),
    ...(issuer !== undefined && { issuer }),
    validFrom: Math.max(x509.validFromDate.getTime(), issuer?.x509.validFromDate.getTime() ?? 0),
    validTo: Math.min(x509.validToDate.getTime(), issuer?.x509.validToDate.getTime() ?? Infinity),
  }
}

/** @returns why the certificate is not good at this moment, or nothing */
export function flawAt(verdict: Verdict, now: number): Flaw | undefined {
  if (verdict.flaw !== undefined) return verdict.flaw
  if (now < verdict.validFrom) return 'not-yet-valid'
  return now > verdict.validTo ? 'expired' : undefined
}

type LastingFlaw = Verdict['flaw']

function flawOf(
  certificate: ParsedCertificate,
  profile: Profile,
  issuer: ParsedCertificate,
  name: RegisteredName,
): LastingFlaw {
  try {
    if (issuerFlaw(issuer) !== undefined) return 'issuer-profile'
    return commonFlaw(certificate, issuer.publicKey) ?? usageFlaw(certificate, profile) ?? nameFlaw(certificate, name)
  } catch {
    // An extension that the library cannot read is no extension of ours.
    return 'malformed'
  }
}

/** What an issuing CA must be itself. Its own issuer is not asked: the registry lists it, and the registry is believed. */
export function issuerFlaw(issuer: ParsedCertificate): LastingFlaw {
  const extensions = extensionsOf(issuer)
  if (extensions === undefined || !allUnderstood(extensions)) return 'unknown-critical-extension'
  if (!isKeyAllowed(issuer.publicKey)) return 'key'
  const constraints = extensions.get(BASIC_CONSTRAINTS)
  if (constraints === undefined || !AsnConvert.parse(constraints.extnValue, BasicConstraints).cA) return 'is-ca'
  return (keyUsageOf(extensions) & KeyUsageFlags.keyCertSign) === 0 ? 'key-usage' : undefined
}

function commonFlaw({ publicKey, fields, x509 }: ParsedCertificate, issuerKey: KeyObject): LastingFlaw {
  const { version, issuerUniqueID, subjectUniqueID } = fields.tbsCertificate
  // v3 is 2. Unique identifiers are v2's, and RFC 5280 §4.1.2.8 forbids them.
  if (version !== 2 || issuerUniqueID !== undefined || subjectUniqueID !== undefined || x509.ca) {
    return x509.ca ? 'is-ca' : 'malformed'
  }
  if (!isKeyAllowed(publicKey) || !namesCurve(fields)) return 'key'
  const algorithm = SIGNATURE_ALGORITHMS[fields.signatureAlgorithm.algorithm]
  return algorithm?.key === issuerKey.asymmetricKeyType ? undefined : 'signature-algorithm'
}

function usageFlaw(certificate: ParsedCertificate, profile: Profile): LastingFlaw {
  const extensions = extensionsOf(certificate)
  if (extensions === undefined) return 'malformed'
  if (!allUnderstood(extensions)) return 'unknown-critical-extension'
  const constraints = extensions.get(BASIC_CONSTRAINTS)
  if (constraints !== undefined) {
    const { cA, pathLenConstraint } = AsnConvert.parse(constraints.extnValue, BasicConstraints)
    if (cA || pathLenConstraint !== undefined) return 'is-ca'
  }
  if (!profile.keyUsages.includes(keyUsageOf(extensions))) return 'key-usage'
  const extended = extensions.get(EXTENDED_KEY_USAGE)
  if (extended !== undefined || profile.extendedKeyUsage !== null) {
    const purposes = extended === undefined ? [] : [...AsnConvert.parse(extended.extnValue, ExtendedKeyUsage)]
    const exactly = purposes.length === 1 && purposes[0] === profile.extendedKeyUsage
    if (!exactly || (profile.extendedKeyUsageCritical === true && extended?.critical !== true)) {
      return 'extended-key-usage'
    }
  }
  return profile.ocspNoCheck === true && !extensions.has(OCSP_NO_CHECK) ? 'no-revocation-exemption' : undefined
}

function nameFlaw({ fields, x509 }: ParsedCertificate, name: RegisteredName): LastingFlaw {
  const { subject } = fields.tbsCertificate
  const fits =
    carries(subject, ORGANIZATION, name.organization) &&
    carries(subject, ORGANIZATION_IDENTIFIER, name.organizationIdentifier) &&
    carries(subject, SERIAL_NUMBER, name.serialNumber) &&
    (name.host === undefined || covers(x509, name.host))
  return fits ? undefined : 'name'
}

function carries(subject: Name, type: string, expected: string | undefined): boolean {
  if (expected === undefined) return true
  const values = subject.flatMap((rdn) => rdn.filter((attribute) => attribute.type === type))
  return values.length === 1 && values[0]?.value.toString() === expected
}

const ADDRESS = /^[0-9.]+$|:/

function covers(x509: X509Certificate, host: string): boolean {
  // The common name is never a host name here. RFC 9525 §2.
  return ADDRESS.test(host)
    ? x509.checkIP(host) !== undefined
    : x509.checkHost(host, { subject: 'never', wildcards: false }) !== undefined
}

/** @returns nothing when one is there twice, RFC 5280 §4.2 */
function extensionsOf({ fields }: ParsedCertificate): ReadonlyMap<string, Extension> | undefined {
  const list = fields.tbsCertificate.extensions ?? []
  const map = new Map(list.map((extension) => [extension.extnID, extension]))
  return map.size === list.length ? map : undefined
}

function allUnderstood(extensions: ReadonlyMap<string, Extension>): boolean {
  return [...extensions.values()].every(({ critical, extnID }) => !critical || CRITICAL_UNDERSTOOD.has(extnID))
}

/** @returns no bits when the extension is absent */
function keyUsageOf(extensions: ReadonlyMap<string, Extension>): number {
  const extension = extensions.get(KEY_USAGE)
  return extension === undefined ? 0 : AsnConvert.parse(extension.extnValue, KeyUsage).toNumber()
}

export function isKeyAllowed(key: KeyObject): boolean {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ec') return CURVES.has(namedCurve)
  return key.asymmetricKeyType === 'rsa' && modulusLength >= RSA_BITS_MIN
}

/** RFC 5480 §2.1.1: a curve by name. OpenSSL also takes one spelt out, and calls it by the name. */
function namesCurve({ tbsCertificate }: Certificate): boolean {
  const { algorithm, parameters } = tbsCertificate.subjectPublicKeyInfo.algorithm
  return algorithm !== EC_PUBLIC_KEY || (parameters !== undefined && new Uint8Array(parameters ?? [])[0] === 0x06)
}

/** Octets of a SEQUENCE, its header included. X.690 §8.1.3. */
function derLength(der: Buffer): number {
  if (der[0] !== 0x30) return -1
  const first = der[1] ?? 0
  if (first < 0x80) return 2 + first
  const size = first & 0x7f
  if (size === 0 || size > 4 || der.length < 2 + size) return -1
  return 2 + size + der.readUIntBE(2, size)
}
