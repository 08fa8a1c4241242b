/** The octets of CMS SignedData with one signer: what time-stamp tokens and container seals are made of. RFC 5652 §5. Judges no certificate. */

import type { KeyObject } from 'node:crypto'
import { constants, verify } from 'node:crypto'
import { SIGNATURE_HASHES } from './authority-certificates.ts'
import type { Der } from './der.ts'
import {
  contextTag,
  DerError,
  integerOctets,
  integerOf,
  membersOf,
  octetsOf,
  oidOf,
  readDer,
  TAG,
  writeDer,
} from './der.ts'

export type DigestName = 'sha256' | 'sha384' | 'sha512'

/** SHA-2 as AlgorithmIdentifier names it, RFC 5754 §2. */
export const DIGESTS: Readonly<Record<string, DigestName>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}
export const DIGEST_BYTES: Readonly<Record<DigestName, number>> = { sha256: 32, sha384: 48, sha512: 64 }
export const SIGNED_DATA = '1.2.840.113549.1.7.2'
const RSA = '1.2.840.113549.1.1.1'
const RSA_PSS = '1.2.840.113549.1.1.10'
/** Certificates or lists that one message carries. */
const CARRIED_MAX = 16
const ATTRIBUTES_MAX = 16

export interface SignedData {
  readonly version: Der
  readonly digestAlgorithms: Der
  readonly content: Der
  readonly certificates: Der | undefined
  readonly revocationLists: Der | undefined
  readonly signerInfos: Der
}

export interface SignerInfo {
  /** DER of the name. */
  readonly issuer: Buffer
  /** Content of the INTEGER. */
  readonly serial: Buffer
  /** OID. */
  readonly digestAlgorithm: string
  readonly signatureAlgorithm: Der
  readonly attributes: ReadonlyMap<string, Der>
  /** What the signature is over: the attributes as SET OF. RFC 5652 §5.4 */
  readonly signed: Buffer
  readonly signature: Buffer
  readonly unsignedAttributes: Der | undefined
}

/** @throws {DerError} */
export function openSignedData(octets: Buffer): SignedData {
  const info = membersOf(readDer(octets), TAG.sequence)
  demand(oidOf(info.next()) === SIGNED_DATA, 'It is no SignedData')
  const explicit = membersOf(info.next(), contextTag(0))
  info.end()
  const data = membersOf(explicit.next(), TAG.sequence)
  explicit.end()
  const version = data.next(TAG.integer)
  const digestAlgorithms = data.next(TAG.set)
  const content = data.next(TAG.sequence)
  const certificates = data.optional(contextTag(0))
  const revocationLists = data.optional(contextTag(1))
  const signerInfos = data.next(TAG.set)
  data.end()
  return { version, digestAlgorithms, content, certificates, revocationLists, signerInfos }
}

/** The members of a SET that no signature covers, in the order they have. @throws {DerError} */
export function carried(set: Der | undefined): Der[] {
  if (set === undefined) return []
  const members = membersOf(set, set.tag)
  const values: Der[] = []
  while (members.more) {
    demand(values.length < CARRIED_MAX, 'It carries too much')
    values.push(members.next())
  }
  return values
}

/** The one signer. @throws {DerError} */
export function readSigner({ signerInfos, digestAlgorithms }: SignedData): SignerInfo {
  const signers = membersOf(signerInfos, TAG.set)
  const members = membersOf(signers.next(), TAG.sequence)
  signers.end()
  demand(integerOf(members.next()) === 1n, 'The signer is not named by issuer and serial number')
  const id = membersOf(members.next(), TAG.sequence)
  const issuer = id.next(TAG.sequence).octets
  const serial = integerOctets(id.next())
  id.end()
  const digestAlgorithm = algorithmOf(members.next())
  const signedAttributes = members.next(contextTag(0))
  const signatureAlgorithm = members.next(TAG.sequence)
  const signature = octetsOf(members.next())
  const unsignedAttributes = members.optional(contextTag(1))
  members.end()
  const named = membersOf(digestAlgorithms, TAG.set)
  demand(algorithmOf(named.next()) === digestAlgorithm, 'Message and signer name different digest algorithms')
  named.end()
  const signed = writeDer(TAG.set, signedAttributes.content)
  const attributes = readAttributes(readDer(signed))
  return { issuer, serial, digestAlgorithm, signatureAlgorithm, attributes, signed, signature, unsignedAttributes }
}

/** Each attribute once, with one value, in DER order. @param set as SET OF, or under its context tag @throws {DerError} */
export function readAttributes(set: Der): ReadonlyMap<string, Der> {
  const attributes = new Map<string, Der>()
  const list = membersOf(set, set.tag)
  let before: Buffer | undefined
  while (list.more) {
    demand(attributes.size < ATTRIBUTES_MAX, 'There are too many attributes')
    const each = list.next(TAG.sequence)
    demand(before === undefined || Buffer.compare(before, each.octets) < 0, 'The attributes are no SET OF')
    before = each.octets
    const members = membersOf(each, TAG.sequence)
    const type = oidOf(members.next())
    const values = membersOf(members.next(), TAG.set)
    members.end()
    demand(!attributes.has(type), 'An attribute is there twice')
    attributes.set(type, values.next())
    values.end()
  }
  return attributes
}

/** An AlgorithmIdentifier's OID. Parameters are absent or NULL, but for RSASSA-PSS, whose values the check presumes. */
export function algorithmOf(value: Der): string {
  const members = membersOf(value, TAG.sequence)
  const id = oidOf(members.next())
  members.optional(id === RSA_PSS ? TAG.sequence : TAG.null)
  members.end()
  return id
}

/**
 * Does the signature value fit the signed attributes?
 *
 * @param digest that the signer names
 * @returns nothing when algorithm, key and digest do not fit each other or are none of ours
 */
export function signatureHolds(signer: SignerInfo, digest: DigestName, key: KeyObject): boolean | undefined {
  const algorithm = algorithmOf(signer.signatureAlgorithm)
  const known = SIGNATURE_HASHES[algorithm]
  const type = key.asymmetricKeyType
  // RFC 3370 §3.2: `rsaEncryption`, the hash is the digest algorithm's.
  const plain = known === undefined ? algorithm === RSA && type === 'rsa' : known.key === type && known.hash === digest
  if (plain) return verify(digest, signer.signed, key, signer.signature)
  if (algorithm !== RSA_PSS || type !== 'rsa') return undefined
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return verify(digest, signer.signed, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signer.signature)
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new DerError(message)
}
