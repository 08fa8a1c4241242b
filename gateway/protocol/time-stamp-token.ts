/** The octets of a time-stamp token: SignedData with one signer around TSTInfo. RFC 3161 §2.4.2, RFC 5652 §5. Judges nothing. */

import { isAnyCritical, readExtensions } from './authority-certificates.ts'
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
import type { DigestName, SignerInfo } from './signed-data.ts'
import { algorithmOf, carried, DIGEST_BYTES, DIGESTS, openSignedData, readSigner, SIGNED_DATA } from './signed-data.ts'

/** Why a token does not hold; the codes are for logs and metrics. */
export type TimeStampFlaw =
  | 'malformed'
  | 'refused'
  | 'imprint'
  | 'nonce'
  | 'certificate'
  | 'revoked'
  | 'time'
  | 'extension'
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
  /** Which digest the imprint is; its length says the same. */
  readonly imprintDigest: DigestName
  /** Content of the INTEGER, when there is one. */
  readonly nonce?: Buffer
  readonly policy: string
}

/** Tags of Accuracy's members, which are IMPLICIT. */
const MILLIS = 0x80
const MICROS = 0x81

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

export const TST_INFO = '1.2.840.113549.1.9.16.1.4'

/** @throws {TimeStampError} `malformed`, `extension` */
export function readToken(token: Buffer): Token {
  return strictly(() => {
    const data = openSignedData(token)
    demand(integerOf(data.version) === 3n, 'The token is of another version')
    const encapsulated = membersOf(data.content, TAG.sequence)
    demand(oidOf(encapsulated.next()) === TST_INFO, 'The token holds no time-stamp')
    const explicit = membersOf(encapsulated.next(), contextTag(0))
    encapsulated.end()
    const content = octetsOf(explicit.next())
    explicit.end()
    const signer = readSigner(data)
    return {
      stamp: readInfo(content),
      content,
      signer,
      certificates: carried(data.certificates).map(({ octets }) => octets),
      revocationLists: carried(data.revocationLists).map(({ octets }) => octets),
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

function readInfo(content: Buffer): TimeStamp {
  const info = membersOf(readDer(content), TAG.sequence)
  demand(integerOf(info.next()) === 1n, 'The time-stamp is of another version')
  const policy = oidOf(info.next())
  const messageImprint = membersOf(info.next(), TAG.sequence)
  const imprintDigest = DIGESTS[algorithmOf(messageImprint.next())]
  demand(imprintDigest !== undefined, 'The imprint is not SHA-2')
  const imprint = octetsOf(messageImprint.next())
  demand(imprint.length === DIGEST_BYTES[imprintDigest], 'The imprint is not as long as its digest')
  messageImprint.end()
  integerOctets(info.next())
  const time = info.next(TAG.generalizedTime)
  const nonce = readOptionals(info)
  return { genTime: timeOf(time), imprint, imprintDigest, policy, ...(nonce !== undefined && { nonce }) }
}

/** @returns the nonce */
function readOptionals(info: Members): Buffer | undefined {
  const accuracy = info.optional(TAG.sequence)
  if (accuracy !== undefined) checkAccuracy(accuracy)
  const ordering = info.optional(TAG.boolean)
  if (ordering !== undefined) booleanOf(ordering)
  const nonce = info.optional(TAG.integer)
  info.optional(contextTag(0))
  const extensions = info.optional(contextTag(1))
  info.end()
  if (extensions !== undefined) checkExtensions(extensions)
  return nonce === undefined ? undefined : integerOctets(nonce)
}

/** Any of its parts may be absent. */
function checkAccuracy(accuracy: Der): void {
  const parts = membersOf(accuracy, TAG.sequence)
  for (const tag of [TAG.integer, MILLIS, MICROS]) {
    const part = parts.optional(tag)
    if (part !== undefined) integerOctets({ ...part, tag: TAG.integer })
  }
  parts.end()
}

/** None is known here: a critical one may change what the token means, all others are signed and no more (those of EN 319 422, for one). */
function checkExtensions(extensions: Der): void {
  if (isAnyCritical(readExtensions(extensions)))
    throw new TimeStampError('extension', 'The time-stamp has an unknown critical extension')
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
