/** Revocation lists, read strictly and believed only about the certificates they are for. RFC 5280 §5. */

import { verify } from 'node:crypto'
import type { CertificateFields, Extension } from './authority-certificates.ts'
import {
  EXTENSION,
  isAnyCritical,
  isAuthority,
  KEY_USAGE,
  keyUsageOf,
  readExtensions,
  SIGNATURE_HASHES,
} from './authority-certificates.ts'
import type { Der } from './der.ts'
import {
  bitOctetsOf,
  booleanOf,
  contextTag,
  DerError,
  integerOctets,
  membersOf,
  oidOf,
  onlyMemberOf,
  readDer,
  TAG,
  timeOf,
  writeDer,
  writeSequence,
} from './der.ts'

export interface RevocationList {
  readonly der: Buffer
  /** Milliseconds since the Unix epoch. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** @throws {Error} when the list is not for such certificates, and so cannot tell */
  isRevoked(certificate: CertificateFields): boolean
}

const ISSUING_DISTRIBUTION_POINT = '2.5.29.28'
const DELTA = '2.5.29.27'
const DISTRIBUTION_POINTS = '2.5.29.31'

/**
 * @param authority whose list it must be
 * @throws {DerError | Error} on anything but a list, no delta, signed by this authority, which may sign lists
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

  checkSignature(authority, algorithm, tbsOctets.octets, signature)
  const scope = scopeOf(extensions === undefined ? NONE : readExtensions(onlyMemberOf(extensions)), authority)
  const revoked = readEntries(entries)
  return {
    der,
    thisUpdate,
    nextUpdate,
    isRevoked(certificate) {
      if (!covers(scope, certificate)) throw new Error('The list is not for certificates like this one')
      return revoked.has(certificate.serial.toString('hex'))
    },
  }
}

const NONE: ReadonlyMap<string, Extension> = new Map()

function checkSignature(authority: CertificateFields, algorithm: Der, signed: Buffer, signature: Buffer): void {
  // RFC 5280 §6.3.3 (f)
  if (authority.extensions.has(EXTENSION.keyUsage) && (keyUsageOf(authority) & KEY_USAGE.revocationLists) === 0)
    throw new Error('The authority may not sign lists')
  const known = SIGNATURE_HASHES[oidOf(membersOf(algorithm, TAG.sequence).next())]
  const key = authority.publicKey
  if (known === undefined || known.key !== key.asymmetricKeyType) throw new Error('The list is signed in another way')
  if (!verify(known.hash, signed, key, signature)) throw new Error('The signature of the list does not hold')
}

/** @returns hex of the content of the serial numbers */
function readEntries(entries: Der | undefined): ReadonlySet<string> {
  const revoked = new Set<string>()
  // One by one: a list may be long.
  const list = entries && membersOf(entries, TAG.sequence)
  while (list?.more) {
    const entry = membersOf(list.next(), TAG.sequence)
    revoked.add(integerOctets(entry.next()).toString('hex'))
    entry.next()
    const extensions = entry.optional(TAG.sequence)
    entry.end()
    // RFC 5280 §5.3: such an entry may be about the certificate of another authority, and the whole list must not be used.
    if (extensions !== undefined && isAnyCritical(readExtensions(extensions)))
      throw new Error('An entry of the list has an unknown critical extension')
  }
  return revoked
}

/** Which certificates a list speaks of; every member that is absent leaves none out. RFC 5280 §5.2.5 */
interface Scope {
  /** Comparable names of its distribution point. */
  readonly names?: ReadonlySet<string>
  readonly only?: 'users' | 'authorities'
}

/** @throws {Error} when it cannot tell of any certificate for good */
function scopeOf(extensions: ReadonlyMap<string, Extension>, { subject }: CertificateFields): Scope {
  for (const [id, { critical }] of extensions) {
    if (id === DELTA) throw new Error('The list is not complete')
    if (critical && id !== ISSUING_DISTRIBUTION_POINT) throw new Error('The list has an unknown critical extension')
  }
  const point = extensions.get(ISSUING_DISTRIBUTION_POINT)
  if (point === undefined) return {}
  const members = membersOf(readDer(point.value), TAG.sequence)
  const name = members.optional(contextTag(0))
  const isSet = (number: number): boolean => {
    const flag = members.optional(0x80 | number)
    return flag !== undefined && booleanOf({ ...flag, tag: TAG.boolean })
  }
  const users = isSet(1)
  const authorities = isSet(2)
  const someReasons = members.optional(0x83) !== undefined
  const indirect = isSet(4)
  const attributes = isSet(5)
  members.end()
  if (someReasons || indirect || attributes || (users && authorities)) throw new Error('The list is not complete')
  return {
    ...(name !== undefined && { names: new Set(pointNames(onlyMemberOf(name), subject)) }),
    ...(users && { only: 'users' }),
    ...(authorities && { only: 'authorities' }),
  }
}

function covers({ names, only }: Scope, certificate: CertificateFields): boolean {
  if (only !== undefined && (only === 'authorities') !== isAuthority(certificate)) return false
  const points = certificate.extensions.get(DISTRIBUTION_POINTS)
  // One that names no list has the one that the registry names for its CA.
  if (names === undefined || points === undefined) return true
  return membersOf(readDer(points.value), TAG.sequence)
    .rest(TAG.sequence)
    .some((point) => {
      const members = membersOf(point, TAG.sequence)
      const name = members.optional(contextTag(0))
      // A list for some reasons of revocation, or of another issuer, is not this one. RFC 5280 §4.2.1.13
      if (name === undefined || members.more) return false
      return pointNames(onlyMemberOf(name), certificate.issuer).some((each) => names.has(each))
    })
}

const FULL_NAME = contextTag(0)
const RELATIVE_NAME = contextTag(1)
const DIRECTORY_NAME = contextTag(4)
const URI = 0x86

/** DistributionPointName, each of its names so that equal ones are equal texts. @param issuer DER, for a relative name */
function pointNames(name: Der, issuer: Buffer): string[] {
  if (name.tag === FULL_NAME) return membersOf(name, FULL_NAME).rest().map(comparable)
  if (name.tag !== RELATIVE_NAME) throw new DerError('A distribution point has no name')
  const names = writeSequence(readDer(issuer).content, writeDer(TAG.set, name.content))
  return [writeDer(DIRECTORY_NAME, names).toString('hex')]
}

/** RFC 5280 §7.4: scheme and host of a URI have no case. */
function comparable({ tag, content, octets }: Der): string {
  const text = content.toString('latin1')
  return tag === URI ? (URL.parse(text)?.href ?? text) : octets.toString('hex')
}
