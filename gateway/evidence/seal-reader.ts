/** Reads a container seal in the one form `seal.ts` writes it, strictly. RFC 5652 §5, ETSI EN 319 122-1; design of the evidence, section 5. Judges no certificate. */

import { hash } from 'node:crypto'
import type { Der } from '../protocol/der.ts'
import { contextTag, DerError, integerOf, membersOf, octetsOf, oidOf, readDer, TAG, timeOf } from '../protocol/der.ts'
import type { SignerInfo } from '../protocol/signed-data.ts'
import { carried, DIGESTS, openSignedData, readAttributes, readSigner } from '../protocol/signed-data.ts'
import type { Revocation } from './trust.ts'

export interface ReadSeal {
  readonly signer: SignerInfo
  /** Claimed, milliseconds since the Unix epoch. */
  readonly signingTime: number
  readonly messageDigest: Buffer
  readonly signingCertificate: Der
  /** DER, in the order of the SET. */
  readonly certificates: readonly Buffer[]
  readonly revocation: Revocation | undefined
  /** ContentInfo over SHA-256 of the signature value. */
  readonly timeStamp: Buffer | undefined
  /** What that time-stamp must be over. */
  readonly imprint: Buffer
}

const DATA = '1.2.840.113549.1.7.1'
const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const SIGNING_TIME = '1.2.840.113549.1.9.5'
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'
const SIGNATURE_TIME_STAMP = '1.2.840.113549.1.9.16.2.14'
const OCSP_RESPONSE = '1.3.6.1.5.5.7.16.2'

/** @throws {DerError} */
export function readSeal(der: Buffer): ReadSeal {
  const data = openSignedData(der)
  const content = membersOf(data.content, TAG.sequence)
  demand(oidOf(content.next()) === DATA && !content.more, 'It is not a detached signature over data')
  const certificates = inOrder(carried(data.certificates))
  demand(certificates.length === 1 || certificates.length === 2, 'It carries other certificates than its own two')
  const signer = readSigner(data)
  const { attributes } = signer
  const type = attributes.get(CONTENT_TYPE)
  const digest = attributes.get(MESSAGE_DIGEST)
  const time = attributes.get(SIGNING_TIME)
  const certificate = attributes.get(SIGNING_CERTIFICATE_V2)
  const isWhole = type !== undefined && digest !== undefined && time !== undefined && certificate !== undefined
  demand(isWhole && attributes.size === 4, 'It has not exactly the four signed attributes')
  demand(oidOf(type) === DATA && DIGESTS[signer.digestAlgorithm] !== undefined, 'It signs something else')
  const revocation = readRevocation(data.revocationLists)
  demand(integerOf(data.version) === (revocation?.kind === 'ocsp' ? 5n : 1n), 'It is of another version')
  return {
    signer,
    signingTime: timeOf(time),
    messageDigest: octetsOf(digest),
    signingCertificate: certificate,
    certificates,
    revocation,
    timeStamp: readTimeStamp(signer),
    imprint: hash('sha256', signer.signature, 'buffer'),
  }
}

/** RFC 5652 §10.2.1, RFC 5940 §2.1: one answer, OCSP or list. */
function readRevocation(set: Der | undefined): Revocation | undefined {
  const [info, ...others] = carried(set)
  demand(others.length === 0, 'It carries more than one revocation answer')
  if (info === undefined) {
    demand(set === undefined, 'It carries an empty set')
    return undefined
  }
  if (info.tag === TAG.sequence) return { kind: 'crl', der: info.octets }
  const members = membersOf(info, contextTag(1))
  demand(oidOf(members.next()) === OCSP_RESPONSE, 'It carries a revocation answer of another kind')
  const der = members.next(TAG.sequence).octets
  members.end()
  return { kind: 'ocsp', der }
}

function readTimeStamp({ unsignedAttributes }: SignerInfo): Buffer | undefined {
  if (unsignedAttributes === undefined) return undefined
  const attributes = readAttributes(unsignedAttributes)
  const token = attributes.get(SIGNATURE_TIME_STAMP)
  demand(token !== undefined && attributes.size === 1, 'It has another unsigned attribute than its time-stamp')
  return readDer(token.octets).octets
}

/** SET OF, X.690 §11.6; nothing twice. */
function inOrder(values: readonly Der[]): Buffer[] {
  const octets = values.map((value) => value.octets)
  const ascends = octets.every((each, at) => at === 0 || Buffer.compare(octets[at - 1] as Buffer, each) < 0)
  demand(ascends, 'Its certificates are no SET OF')
  return octets
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new DerError(message)
}
