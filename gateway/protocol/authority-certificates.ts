/** What a time-stamp needs of certificates and revocation lists: the members RFC 5280 §4.1 and §5.1 name, read strictly. */

import type { KeyObject } from 'node:crypto'
import { verify, X509Certificate } from 'node:crypto'
import type { Der } from './der.ts'
import {
  bitOctetsOf,
  booleanOf,
  contextTag,
  DerError,
  integerOctets,
  membersOf,
  octetsOf,
  oidOf,
  readDer,
  TAG,
  timeOf,
} from './der.ts'

export interface CertificateFields {
  readonly der: Buffer
  /** Content of the INTEGER. */
  readonly serial: Buffer
  /** DER of the names. */
  readonly issuer: Buffer
  readonly subject: Buffer
  /** Milliseconds since the Unix epoch, both inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  readonly publicKey: KeyObject
  readonly extensions: ReadonlyMap<string, Extension>
  /** Signed by this key, whatever the names say. */
  isSignedBy(key: KeyObject): boolean
}

interface Extension {
  readonly critical: boolean
  readonly value: Buffer
}

export interface RevocationList {
  readonly der: Buffer
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** Hex of the content of the INTEGERs. */
  readonly revoked: ReadonlySet<string>
}

export const EXTENSION = {
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
} as const

/** RFC 5754 §3.2 and §3.3, RFC 5758 §3.2: the signatures that count here, besides RSASSA-PSS, which names its hash itself. */
export const SIGNATURE_HASHES: Readonly<Record<string, { readonly key: 'ec' | 'rsa'; readonly hash: string }>> = {
  '1.2.840.10045.4.3.2': { key: 'ec', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { key: 'ec', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { key: 'ec', hash: 'sha512' },
  '1.2.840.113549.1.1.11': { key: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { key: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { key: 'rsa', hash: 'sha512' },
}

/** @throws {DerError | Error} when it is not exactly one certificate of version 3 */
export function readCertificate(der: Buffer): CertificateFields {
  const x509 = new X509Certificate(der)
  const tbs = membersOf(membersOf(readDer(der), TAG.sequence).next(TAG.sequence), TAG.sequence)
  tbs.next(contextTag(0))
  const serial = integerOctets(tbs.next())
  tbs.next(TAG.sequence)
  const issuer = tbs.next(TAG.sequence).octets
  const validity = membersOf(tbs.next(), TAG.sequence)
  const notBefore = timeOf(validity.next())
  const notAfter = timeOf(validity.next())
  validity.end()
  const subject = tbs.next(TAG.sequence).octets
  tbs.next(TAG.sequence)
  const extensions = readExtensions(tbs.next(contextTag(3)))
  tbs.end()
  const { publicKey } = x509
  const isSignedBy = (key: KeyObject): boolean => x509.verify(key)
  return { der, serial, issuer, subject, notBefore, notAfter, publicKey, extensions, isSignedBy }
}

/** The OIDs of an extended key usage, or nothing when there is none. */
export function extendedKeyUsageOf({ extensions }: CertificateFields): readonly string[] | undefined {
  const extension = extensions.get(EXTENSION.extendedKeyUsage)
  if (extension === undefined) return undefined
  return membersOf(readDer(extension.value), TAG.sequence).rest(TAG.oid).map(oidOf)
}

export function isAuthority({ extensions }: CertificateFields): boolean {
  const extension = extensions.get(EXTENSION.basicConstraints)
  if (extension === undefined) return false
  const flag = membersOf(readDer(extension.value), TAG.sequence).optional(TAG.boolean)
  return flag !== undefined && booleanOf(flag)
}

/**
 * @param authority whose list it must be
 * @throws {DerError | Error} on anything but a complete list signed by this authority
 */
export function readRevocationList(der: Buffer, authority: CertificateFields): RevocationList {
  const outer = membersOf(readDer(der), TAG.sequence)
  const tbsOctets = outer.next(TAG.sequence)
  const algorithm = outer.next(TAG.sequence)
  const signature = bitOctetsOf(outer.next())
  outer.end()

  const tbs = membersOf(tbsOctets, TAG.sequence)
  tbs.optional(TAG.integer)
  if (!tbs.next(TAG.sequence).octets.equals(algorithm.octets)) throw new DerError('The algorithms of a list differ')
  if (!tbs.next(TAG.sequence).octets.equals(authority.subject)) throw new Error('The list is of another authority')
  const thisUpdate = timeOf(tbs.next())
  // Optional in X.509, obligatory in RFC 5280 §5.1.2.5.
  const nextUpdate = timeOf(tbs.next())
  const entries = tbs.optional(TAG.sequence)
  const extensions = tbs.optional(contextTag(0))
  tbs.end()

  const known = SIGNATURE_HASHES[oidOf(membersOf(algorithm, TAG.sequence).next())]
  const key = authority.publicKey
  if (known === undefined || known.key !== key.asymmetricKeyType) throw new Error('The list is signed in another way')
  if (!verify(known.hash, tbsOctets.octets, key, signature)) throw new Error('The signature of the list does not hold')
  // A delta list or one of a part (RFC 5280 §5.2.4, §5.2.5) is critical; it would miss revocations.
  if (extensions !== undefined && isAnyCritical(readExtensions(extensions))) throw new Error('The list is not complete')

  const revoked = new Set<string>()
  // One by one: a list may be long.
  const list = entries && membersOf(entries, TAG.sequence)
  while (list?.more) revoked.add(integerOctets(membersOf(list.next(), TAG.sequence).next()).toString('hex'))
  return { der, thisUpdate, nextUpdate, revoked }
}

function readExtensions(explicit: Der): ReadonlyMap<string, Extension> {
  const outer = membersOf(explicit, explicit.tag)
  const list = membersOf(outer.next(), TAG.sequence).rest(TAG.sequence)
  outer.end()
  const extensions = new Map<string, Extension>()
  for (const each of list) {
    const members = membersOf(each, TAG.sequence)
    const id = oidOf(members.next())
    const flag = members.optional(TAG.boolean)
    // RFC 5280 §4.2: no extension twice.
    if (extensions.has(id)) throw new DerError('An extension is there twice')
    extensions.set(id, { critical: flag !== undefined && booleanOf(flag), value: octetsOf(members.next()) })
    members.end()
  }
  return extensions
}

function isAnyCritical(extensions: ReadonlyMap<string, Extension>): boolean {
  return [...extensions.values()].some(({ critical }) => critical)
}
