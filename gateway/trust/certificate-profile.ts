/**
 * Is a certificate one of ours? A narrow profile instead of path building. Source: evidence 8; RFC 5280 §4, ETSI EN 319 412-3.
 *
 * Node verifies the one signature, the strict DER reader reads, everything that decides stands in the tables here.
 */

import { isAscii, isUtf8 } from 'node:buffer'
import type { KeyObject } from 'node:crypto'
import { hash, X509Certificate } from 'node:crypto'
import type { CertificateFields } from '../protocol/authority-certificates.ts'
import {
  allUnderstood,
  EXTENSION,
  extendedKeyUsageOf,
  hasNameConstraints,
  isAuthority,
  KEY_USAGE,
  keyUsageOf,
  readCertificate,
  SIGNATURE_HASHES,
} from '../protocol/authority-certificates.ts'
import { bitOctetsOf, contextTag, membersOf, oidOf, readDer, TAG } from '../protocol/der.ts'

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
  | 'name-constraints'
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
  readonly fields: CertificateFields
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

const { signature: SIGNATURE, commitment: COMMITMENT } = KEY_USAGE
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

const OCSP_NO_CHECK = '1.3.6.1.5.5.7.48.1.5'

const EC_PUBLIC_KEY = '1.2.840.10045.2.1'
const RSA_BITS_MIN = 3072
const CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1'])

const ORGANIZATION = '2.5.4.10'
const ORGANIZATION_IDENTIFIER = '2.5.4.97'
const SERIAL_NUMBER = '2.5.4.5'

/** @throws {Error} when the octets are not exactly one certificate with a key that Node knows */
export function parseCertificate(der: Buffer): ParsedCertificate {
  const fields = readCertificate(der)
  return {
    der,
    sha256: hash('sha256', der, 'hex'),
    x509: new X509Certificate(der),
    publicKey: fields.publicKey,
    fields,
  }
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
  try {
    return authorityFlaw(issuer)
  } catch {
    return 'malformed'
  }
}

function authorityFlaw({ fields, publicKey, der }: ParsedCertificate): LastingFlaw {
  if (hasNameConstraints(fields)) return 'name-constraints'
  if (!allUnderstood(fields)) return 'unknown-critical-extension'
  // Understood in certificates of users only: what a CA must not certify is looked at nowhere.
  if (fields.extensions.get(EXTENSION.extendedKeyUsage)?.critical === true) return 'extended-key-usage'
  if (!isKeyAllowed(publicKey) || !isCurveNamed(der)) return 'key'
  if (!isAuthority(fields)) return 'is-ca'
  return (keyUsageOf(fields) & KEY_USAGE.certificates) === 0 ? 'key-usage' : undefined
}

function commonFlaw({ publicKey, x509, der }: ParsedCertificate, issuerKey: KeyObject): LastingFlaw {
  if (x509.ca) return 'is-ca'
  if (!isKeyAllowed(publicKey) || !isCurveNamed(der)) return 'key'
  // OpenSSL has compared the algorithm inside the signed part with the one outside.
  const signed = SIGNATURE_HASHES[x509.signatureAlgorithmOid ?? '']
  return signed?.key === issuerKey.asymmetricKeyType ? undefined : 'signature-algorithm'
}

function usageFlaw({ fields }: ParsedCertificate, profile: Profile): LastingFlaw {
  if (!allUnderstood(fields)) return 'unknown-critical-extension'
  const constraints = fields.extensions.get(EXTENSION.basicConstraints)
  // Nothing in it: FALSE is the default and not written in DER; a path length is for CAs.
  if (constraints !== undefined && membersOf(readDer(constraints.value), TAG.sequence).more) return 'is-ca'
  if (!profile.keyUsages.includes(keyUsageOf(fields))) return 'key-usage'
  const purposes = extendedKeyUsageOf(fields)
  if (purposes !== undefined || profile.extendedKeyUsage !== null) {
    if (purposes?.length !== 1 || purposes[0] !== profile.extendedKeyUsage) return 'extended-key-usage'
  }
  const { critical = false } = fields.extensions.get(EXTENSION.extendedKeyUsage) ?? {}
  if (profile.extendedKeyUsageCritical === true && !critical) return 'extended-key-usage'
  return profile.ocspNoCheck === true && !fields.extensions.has(OCSP_NO_CHECK) ? 'no-revocation-exemption' : undefined
}

function nameFlaw({ fields, x509 }: ParsedCertificate, name: RegisteredName): LastingFlaw {
  const attributes = attributesOf(fields.subject)
  const carries = (type: string, expected: string | undefined): boolean => {
    const values = attributes.filter((attribute) => attribute.type === type)
    return expected === undefined || (values.length === 1 && values[0]?.value === expected)
  }
  const fits =
    carries(ORGANIZATION, name.organization) &&
    carries(ORGANIZATION_IDENTIFIER, name.organizationIdentifier) &&
    carries(SERIAL_NUMBER, name.serialNumber) &&
    (name.host === undefined || covers(x509, name.host))
  return fits ? undefined : 'name'
}

/** Whom a certificate names; what is not there exactly once, as a string, is left out. */
export function subjectOf({
  fields,
}: ParsedCertificate): Pick<RegisteredName, 'organization' | 'organizationIdentifier'> {
  const attributes = attributesOf(fields.subject)
  const only = (type: string): string | undefined => {
    const [found, ...others] = attributes.filter((attribute) => attribute.type === type)
    return others.length === 0 ? found?.value : undefined
  }
  const [organization, organizationIdentifier] = [only(ORGANIZATION), only(ORGANIZATION_IDENTIFIER)]
  return {
    ...(organization !== undefined && { organization }),
    ...(organizationIdentifier !== undefined && { organizationIdentifier }),
  }
}

interface Attribute {
  readonly type: string
  /** Nothing where the string is of another kind than RFC 5280 §4.1.2.4 wants for new certificates. */
  readonly value: string | undefined
}

const UTF8_STRING = 0x0c
const PRINTABLE_STRING = 0x13

function attributesOf(name: Buffer): Attribute[] {
  const rdns = membersOf(readDer(name), TAG.sequence).rest(TAG.set)
  return rdns
    .flatMap((rdn) => membersOf(rdn, TAG.set).rest(TAG.sequence))
    .map((attribute) => {
      const members = membersOf(attribute, TAG.sequence)
      const type = oidOf(members.next())
      const { tag, content } = members.next()
      const isText = (tag === UTF8_STRING && isUtf8(content)) || (tag === PRINTABLE_STRING && isAscii(content))
      return { type, value: isText ? content.toString() : undefined }
    })
}

const ADDRESS = /^[0-9.]+$|:/

function covers(x509: X509Certificate, host: string): boolean {
  // The common name is never a host name here. RFC 9525 §2.
  return ADDRESS.test(host)
    ? x509.checkIP(host) !== undefined
    : x509.checkHost(host, { subject: 'never', wildcards: false }) !== undefined
}

export function isKeyAllowed(key: KeyObject): boolean {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ec') return CURVES.has(namedCurve)
  return key.asymmetricKeyType === 'rsa' && modulusLength >= RSA_BITS_MIN
}

/** RFC 5480 §2.1.1: a curve by name. OpenSSL also takes one spelt out, and calls it by the name. */
function isCurveNamed(der: Buffer): boolean {
  const { algorithm, parameters } = readKey(der)
  return algorithm !== EC_PUBLIC_KEY || parameters === TAG.oid
}

interface PublicKeyFields {
  readonly algorithm: string
  /** Tag of the parameters of the key's algorithm. */
  readonly parameters: number | undefined
  /** What the subjectPublicKey holds; RFC 6960 §4.1.1 hashes it. */
  readonly bits: Buffer
}

/** RFC 5280 §4.1: what neither Node nor the fields tell. */
export function readKey(der: Buffer): PublicKeyFields {
  const tbs = membersOf(membersOf(readDer(der), TAG.sequence).next(TAG.sequence), TAG.sequence)
  tbs.next(contextTag(0))
  // Serial number, signature, issuer, validity, subject.
  for (let i = 0; i < 5; i++) tbs.next()
  const key = membersOf(tbs.next(), TAG.sequence)
  const algorithm = membersOf(key.next(), TAG.sequence)
  return { algorithm: oidOf(algorithm.next()), parameters: algorithm.peek(), bits: bitOctetsOf(key.next()) }
}
