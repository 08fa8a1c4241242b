/**
 * One question to an OCSP responder and its answer, believed only when everything about it fits. RFC 6960, RFC 5019 §2.
 *
 * Security row 5: who signed and whether it may, which certificate is meant, from when to when. No nonce: answers may be
 * produced ahead, and their age is judged instead.
 */

import { hash, verify } from 'node:crypto'
import type { CertificateFields } from '../protocol/authority-certificates.ts'
import { isAnyCritical, readExtensions, SIGNATURE_HASHES } from '../protocol/authority-certificates.ts'
import type { Der } from '../protocol/der.ts'
import {
  bitOctetsOf,
  contextTag,
  integerOctets,
  membersOf,
  octetsOf,
  oidOf,
  onlyMemberOf,
  readDer,
  TAG,
  timeOf,
  writeDer,
  writeOctets,
  writeOid,
  writeSequence,
} from '../protocol/der.ts'
import type { ParsedCertificate } from './certificate-profile.ts'
import { flawAt, judge, parseCertificate, readKey } from './certificate-profile.ts'

export interface OcspQuestion {
  /** DER of the OCSPRequest. */
  readonly request: Buffer
  readonly issuer: ParsedCertificate
  readonly issuerNameHash: Buffer
  readonly issuerKeyHash: Buffer
  /** Which it is about. */
  readonly certificate: CertificateFields
}

export interface OcspAnswer {
  readonly status: 'good' | 'revoked' | 'unknown'
  /** Milliseconds since the Unix epoch. */
  readonly thisUpdate: number
  /** Absent: newer information is always available. */
  readonly nextUpdate?: number
}

/** An answer that says nothing: `try-later`, or one that is not to be believed. */
export class OcspError extends Error {
  override readonly name = 'OcspError'
}

// A name for the issuer, not a proof: every responder knows SHA-1 here (RFC 5019 §2.1.1), not every one another.
const SHA_1 = '1.3.14.3.2.26'
const NULL = Buffer.from([TAG.null, 0])
const BASIC = '1.3.6.1.5.5.7.48.1.1'
const ENUMERATED = 0x0a
/** A responder needs to send one certificate: its own. */
const CERTIFICATES_MAX = 4
const SKEW_MS_MAX = 60_000

/** CertStatus: `[0] IMPLICIT NULL`, `[1] IMPLICIT RevokedInfo`, `[2] IMPLICIT NULL`. */
const STATUSES: Readonly<Record<number, OcspAnswer['status']>> = { 128: 'good', 161: 'revoked', 130: 'unknown' }
/** ResponderID: `[1] EXPLICIT Name`, `[2] EXPLICIT KeyHash`. */
const BY_NAME = contextTag(1)
const BY_KEY = contextTag(2)

export function formatOcspRequest(certificate: ParsedCertificate, issuer: ParsedCertificate): OcspQuestion {
  const issuerNameHash = hash('sha1', issuer.fields.subject, 'buffer')
  const issuerKeyHash = keyHashOf(issuer)
  const algorithm = writeSequence(writeOid(SHA_1), NULL)
  const serialNumber = writeDer(TAG.integer, certificate.fields.serial)
  const certId = writeSequence(algorithm, writeOctets(issuerNameHash), writeOctets(issuerKeyHash), serialNumber)
  const request = writeSequence(writeSequence(writeSequence(writeSequence(certId))))
  return { request, issuer, issuerNameHash, issuerKeyHash, certificate: certificate.fields }
}

/**
 * @param at milliseconds since the Unix epoch
 * @throws {OcspError} when it is no answer to this question, or nobody may give it
 */
export function readOcspResponse(der: Buffer, question: OcspQuestion, at: number): OcspAnswer {
  try {
    return read(der, question, at)
  } catch (error) {
    throw error instanceof OcspError ? error : new OcspError('the answer is malformed', { cause: error })
  }
}

function read(der: Buffer, question: OcspQuestion, at: number): OcspAnswer {
  const response = membersOf(readDer(der), TAG.sequence)
  const status = response.next(ENUMERATED).content
  if (status.length !== 1 || status[0] !== 0) throw new OcspError(`the responder refuses with status ${status[0]}`)
  const bytes = membersOf(onlyMemberOf(response.next(contextTag(0))), TAG.sequence)
  response.end()
  if (oidOf(bytes.next()) !== BASIC) throw new OcspError('the answer is of another type')
  const basic = membersOf(readDer(octetsOf(bytes.next())), TAG.sequence)
  bytes.end()

  const tbs = basic.next(TAG.sequence)
  const algorithm = basic.next(TAG.sequence)
  const signature = bitOctetsOf(basic.next())
  const certificates = basic.optional(contextTag(0))
  basic.end()

  const data = membersOf(tbs, TAG.sequence)
  data.optional(contextTag(0))
  const responder = data.next()
  const producedAt = timeOf(data.next(TAG.generalizedTime))
  const single = onlyMemberOf(data.next(TAG.sequence))
  refuseCritical(data.optional(contextTag(1)))
  data.end()

  const signer = findSigner(responder, certificates, question.issuer, at)
  const known = SIGNATURE_HASHES[oidOf(membersOf(algorithm, TAG.sequence).next())]
  if (known === undefined || known.key !== signer.publicKey.asymmetricKeyType) {
    throw new OcspError('the answer is signed in another way')
  }
  if (!verify(known.hash, tbs.octets, signer.publicKey, signature)) throw new OcspError('the signature does not hold')

  const answer = readSingle(single, question)
  if (Math.max(producedAt, answer.thisUpdate) > at + SKEW_MS_MAX) throw new OcspError('the answer is from the future')
  return answer
}

function readSingle(single: Der, question: OcspQuestion): OcspAnswer {
  const members = membersOf(single, TAG.sequence)
  const certId = membersOf(members.next(), TAG.sequence)
  const algorithm = oidOf(membersOf(certId.next(), TAG.sequence).next())
  const same =
    algorithm === SHA_1 &&
    octetsOf(certId.next()).equals(question.issuerNameHash) &&
    octetsOf(certId.next()).equals(question.issuerKeyHash) &&
    integerOctets(certId.next()).equals(question.certificate.serial)
  if (!same) throw new OcspError('the answer is about another certificate')
  certId.end()

  const { tag, content } = members.next()
  const status = STATUSES[tag]
  if (status === undefined || (status !== 'revoked' && content.length !== 0)) throw new OcspError('there is no status')
  const thisUpdate = timeOf(members.next(TAG.generalizedTime))
  const next = members.optional(contextTag(0))
  const nextUpdate = next === undefined ? undefined : timeOf(onlyMemberOf(next))
  refuseCritical(members.optional(contextTag(1)))
  members.end()
  if (nextUpdate !== undefined && nextUpdate < thisUpdate) throw new OcspError('the answer ends before it begins')
  return { status, thisUpdate, ...(nextUpdate !== undefined && { nextUpdate }) }
}

/** The issuing CA itself, or whom it certified for this and nothing else. RFC 6960 §4.2.2.2. */
function findSigner(
  responder: Der,
  certificates: Der | undefined,
  issuer: ParsedCertificate,
  at: number,
): ParsedCertificate {
  if (isResponder(responder, issuer)) return issuer
  const sent = certificates === undefined ? [] : membersOf(onlyMemberOf(certificates), TAG.sequence).rest(TAG.sequence)
  if (sent.length > CERTIFICATES_MAX) throw new OcspError('the answer brings too many certificates')
  for (const { octets } of sent) {
    const candidate = parseCertificate(octets)
    if (!isResponder(responder, candidate)) continue
    const flaw = flawAt(judge(candidate, 'ocsp-responder', [issuer], {}), at)
    if (flaw !== undefined) throw new OcspError(`the responder may not answer: ${flaw}`)
    return candidate
  }
  throw new OcspError('the responder shows no certificate')
}

function isResponder(responder: Der, candidate: ParsedCertificate): boolean {
  if (responder.tag === BY_NAME) return onlyMemberOf(responder).octets.equals(candidate.fields.subject)
  if (responder.tag !== BY_KEY) throw new OcspError('the responder has no name')
  return octetsOf(onlyMemberOf(responder)).equals(keyHashOf(candidate))
}

function keyHashOf({ der }: ParsedCertificate): Buffer {
  return hash('sha1', readKey(der).bits, 'buffer')
}

function refuseCritical(explicit: Der | undefined): void {
  if (explicit !== undefined && isAnyCritical(readExtensions(onlyMemberOf(explicit))))
    throw new OcspError('the answer has a critical extension')
}
