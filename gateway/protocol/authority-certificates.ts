/** What time-stamps and revocation need of certificates: the members that RFC 5280 §4.1 names, read strictly. */

import type { KeyObject } from 'node:crypto'
import { X509Certificate } from 'node:crypto'
import type { Der } from './der.ts'
import {
  booleanOf,
  contextTag,
  DerError,
  integerOctets,
  integerOf,
  membersOf,
  octetsOf,
  oidOf,
  onlyMemberOf,
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

export interface Extension {
  readonly critical: boolean
  readonly value: Buffer
}

/** Those that are processed here, so they may be critical. RFC 5280 §4.2 */
export const EXTENSION = {
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
} as const

const NAME_CONSTRAINTS = '2.5.29.30'

/** Bits of KeyUsage as they stand in its first octet. RFC 5280 §4.2.1.3 */
export const KEY_USAGE = { signature: 0x80, commitment: 0x40, certificates: 0x04, revocationLists: 0x02 } as const

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
  // v3 is 2.
  if (integerOf(onlyMemberOf(tbs.next(contextTag(0)))) !== 2n)
    throw new DerError('The certificate is of another version')
  const serial = integerOctets(tbs.next())
  tbs.next(TAG.sequence)
  const issuer = tbs.next(TAG.sequence).octets
  const validity = membersOf(tbs.next(), TAG.sequence)
  const notBefore = timeOf(validity.next())
  const notAfter = timeOf(validity.next())
  validity.end()
  const subject = tbs.next(TAG.sequence).octets
  tbs.next(TAG.sequence)
  const extensions = readExtensions(onlyMemberOf(tbs.next(contextTag(3))))
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

/** It would have to be held against every name that the CA certifies, critical or not. RFC 5280 §4.2.1.10 */
export function hasNameConstraints({ extensions }: CertificateFields): boolean {
  return extensions.has(NAME_CONSTRAINTS)
}

/** @returns no bits when the extension is absent or has a ninth bit (decipherOnly), which nobody here may have */
export function keyUsageOf({ extensions }: CertificateFields): number {
  const extension = extensions.get(EXTENSION.keyUsage)
  if (extension === undefined) return 0
  const { tag, content } = readDer(extension.value)
  return tag === TAG.bitString && content.length === 2 ? (content[1] as number) : 0
}

/** RFC 5280 §4.2: a certificate with a critical extension that is not processed is refused. */
export function allUnderstood({ extensions }: CertificateFields): boolean {
  return [...extensions].every(([id, { critical }]) => !critical || UNDERSTOOD.has(id))
}

const UNDERSTOOD: ReadonlySet<string> = new Set(Object.values(EXTENSION))

/**
 * Extensions of a certificate, a revocation list or a time-stamp, by OID. RFC 5280 §4.1: at least one, none twice.
 *
 * @param list SEQUENCE OF Extension, also under a context tag
 * @throws {DerError}
 */
export function readExtensions(list: Der): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>()
  for (const each of membersOf(list, list.tag).rest(TAG.sequence)) {
    const members = membersOf(each, TAG.sequence)
    const id = oidOf(members.next())
    const flag = members.optional(TAG.boolean)
    if (extensions.has(id)) throw new DerError('An extension is there twice')
    extensions.set(id, { critical: flag !== undefined && booleanOf(flag), value: octetsOf(members.next()) })
    members.end()
  }
  if (extensions.size === 0) throw new DerError('There is no extension where some should be')
  return extensions
}

export function isAnyCritical(extensions: ReadonlyMap<string, Extension>): boolean {
  return [...extensions.values()].some(({ critical }) => critical)
}
