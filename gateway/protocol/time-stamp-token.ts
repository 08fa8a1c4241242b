/** The octets of a time-stamp token: SignedData with one signer around TSTInfo. RFC 3161 §2.4.2, RFC 5652 §5. Judges nothing. */

import type { Der, Members } from './der.ts'
import {
  booleanOf,
  contextTag,
  integerOctets,
  integerOf,
  membersOf,
  octetsOf,
  oidOf,
  readDer,
  TAG,
  timeOf,
  writeDer,
  writeOid,
  writeSequence,
} from './der.ts'

/** Why a token does not hold; the codes are for logs and metrics. */
export type TimeStampFlaw =
  | 'malformed'
  | 'refused'
  | 'imprint'
  | 'nonce'
  | 'certificate'
  | 'revoked'
  | 'time'
  | 'attributes'
  | 'algorithm'
  | 'signature'

export class TimeStampError extends Error {
  override readonly name = 'TimeStampError'
  readonly flaw: TimeStampFlaw

  constructor(flaw: TimeStampFlaw, message: string, cause?: unknown) {
    super(message, { cause })
    this.flaw = flaw
  }
}

export interface TimeStamp {
  /** Milliseconds since the Unix epoch. */
  readonly genTime: number
  readonly imprint: Buffer
  /** Content of the INTEGER, when there is one. */
  readonly nonce?: Buffer
  readonly policy: string
}

/** A token taken apart. */
export interface Token {
  readonly stamp: TimeStamp
  /** DER of TSTInfo. */
  readonly content: Buffer
  readonly signer: SignerInfo
  /** DER of the certificates it carries. */
  readonly certificates: readonly Buffer[]
  readonly revocationLists: readonly Buffer[]
}

export interface SignerInfo {
  readonly issuer: Buffer
  readonly serial: Buffer
  readonly digestAlgorithm: string
  readonly signatureAlgorithm: Der
  readonly attributes: ReadonlyMap<string, Der>
  /** What the signature is over: the attributes as SET OF. RFC 5652 §5.4 */
  readonly signed: Buffer
  readonly signature: Buffer
}

export const SHA_256 = '2.16.840.1.101.3.4.2.1'
export const TST_INFO = '1.2.840.113549.1.9.16.1.4'
export const RSA_PSS = '1.2.840.113549.1.1.10'
const SIGNED_DATA = '1.2.840.113549.1.7.2'

/** @throws {TimeStampError} `malformed` */
export function readToken(token: Buffer): Token {
  return strictly(() => {
    const data = openSignedData(token)
    const encapsulated = membersOf(data.content, TAG.sequence)
    demand(oidOf(encapsulated.next()) === TST_INFO, 'The token holds no time-stamp')
    const explicit = membersOf(encapsulated.next(), contextTag(0))
    encapsulated.end()
    const content = octetsOf(explicit.next())
    explicit.end()
    const signers = membersOf(data.signerInfos, TAG.set)
    const signer = readSigner(signers.next())
    signers.end()
    const [algorithm, ...others] = membersOf(data.digestAlgorithms, TAG.set).rest().map(algorithmOf)
    demand(algorithm === signer.digestAlgorithm && others.length === 0, 'The token names other digest algorithms')
    return {
      stamp: readInfo(content),
      content,
      signer,
      certificates: carried(data.certificates),
      revocationLists: carried(data.revocationLists),
    }
  })
}

/**
 * The same token with exactly these certificates and this list beside it, which no signature covers: without the list it
 * cannot be judged after the certificates' end, and what strangers put there is nobody's evidence.
 *
 * @param certificates DER @param list DER
 * @throws {TimeStampError} `malformed`
 */
export function completeToken(token: Buffer, certificates: readonly Buffer[], list: Buffer): Buffer {
  return strictly(() => {
    const { version, digestAlgorithms, content, signerInfos } = openSignedData(token)
    const set = writeDer(contextTag(0), ...[...certificates].sort(Buffer.compare))
    const parts = [version.octets, digestAlgorithms.octets, content.octets, set]
    const signedData = writeSequence(...parts, writeDer(contextTag(1), list), signerInfos.octets)
    return writeSequence(writeOid(SIGNED_DATA), writeDer(contextTag(0), signedData))
  })
}

interface SignedData {
  readonly version: Der
  readonly digestAlgorithms: Der
  readonly content: Der
  readonly certificates: Der | undefined
  readonly revocationLists: Der | undefined
  readonly signerInfos: Der
}

function carried(set: Der | undefined): Buffer[] {
  return set === undefined
    ? []
    : membersOf(set, set.tag)
        .rest()
        .map(({ octets }) => octets)
}

function openSignedData(token: Buffer): SignedData {
  const info = membersOf(readDer(token), TAG.sequence)
  demand(oidOf(info.next()) === SIGNED_DATA, 'The token is no SignedData')
  const explicit = membersOf(info.next(), contextTag(0))
  info.end()
  const data = membersOf(explicit.next(), TAG.sequence)
  explicit.end()
  const version = data.next(TAG.integer)
  demand(integerOf(version) === 3n, 'The token is of another version')
  const digestAlgorithms = data.next(TAG.set)
  const content = data.next(TAG.sequence)
  const certificates = data.optional(contextTag(0))
  const revocationLists = data.optional(contextTag(1))
  const signerInfos = data.next(TAG.set)
  data.end()
  return { version, digestAlgorithms, content, certificates, revocationLists, signerInfos }
}

function readSigner(value: Der): SignerInfo {
  const members = membersOf(value, TAG.sequence)
  demand(integerOf(members.next()) === 1n, 'The signer is not named by issuer and serial number')
  const id = membersOf(members.next(), TAG.sequence)
  const issuer = id.next(TAG.sequence).octets
  const serial = integerOctets(id.next())
  id.end()
  const digestAlgorithm = algorithmOf(members.next())
  const signedAttributes = members.next(contextTag(0))
  const signatureAlgorithm = members.next(TAG.sequence)
  const signature = octetsOf(members.next())
  members.optional(contextTag(1))
  members.end()
  const signed = writeDer(TAG.set, signedAttributes.content)
  return { issuer, serial, digestAlgorithm, signatureAlgorithm, attributes: readAttributes(signed), signed, signature }
}

/** Each attribute once, with one value, in DER order. */
function readAttributes(signed: Buffer): ReadonlyMap<string, Der> {
  const attributes = new Map<string, Der>()
  const list = membersOf(readDer(signed), TAG.set).rest(TAG.sequence)
  for (const [at, each] of list.entries()) {
    const before = list[at - 1]
    demand(
      before === undefined || Buffer.compare(before.octets, each.octets) < 0,
      'The signed attributes are no SET OF',
    )
    const members = membersOf(each, TAG.sequence)
    const type = oidOf(members.next())
    const values = membersOf(members.next(), TAG.set)
    members.end()
    demand(!attributes.has(type), 'A signed attribute is there twice')
    attributes.set(type, values.next())
    values.end()
  }
  return attributes
}

function readInfo(content: Buffer): TimeStamp {
  const info = membersOf(readDer(content), TAG.sequence)
  demand(integerOf(info.next()) === 1n, 'The time-stamp is of another version')
  const policy = oidOf(info.next())
  const messageImprint = membersOf(info.next(), TAG.sequence)
  demand(algorithmOf(messageImprint.next()) === SHA_256, 'The imprint is not SHA-256')
  const imprint = octetsOf(messageImprint.next())
  messageImprint.end()
  integerOctets(info.next())
  const time = info.next(TAG.generalizedTime)
  const nonce = readOptionals(info)
  return { genTime: timeOf(time), imprint, policy, ...(nonce !== undefined && { nonce }) }
}

/** @returns the nonce */
function readOptionals(info: Members): Buffer | undefined {
  info.optional(TAG.sequence)
  const ordering = info.optional(TAG.boolean)
  if (ordering !== undefined) booleanOf(ordering)
  const nonce = info.optional(TAG.integer)
  info.optional(contextTag(0))
  // Extensions, [1], may change what a token means, and none is known here.
  info.end()
  return nonce === undefined ? undefined : integerOctets(nonce)
}

/** An AlgorithmIdentifier's OID. Parameters are absent or NULL, but for RSASSA-PSS, whose values the check presumes. */
export function algorithmOf(value: Der): string {
  const members = membersOf(value, TAG.sequence)
  const id = oidOf(members.next())
  members.optional(id === RSA_PSS ? TAG.sequence : TAG.null)
  members.end()
  return id
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new TimeStampError('malformed', message)
}

/** What the DER reader and OpenSSL refuse is malformed; there is nothing else they could mean here. */
export function strictly<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof TimeStampError) throw cause
    throw new TimeStampError('malformed', 'The octets are not those of a time-stamp', cause)
  }
}
