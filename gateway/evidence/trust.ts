/**
 * Whom a verification believes: issuing and time-stamping CAs given as anchors, and what they say of certificates and
 * tokens. No path building: signed directly by an anchor, of a narrow profile, or not believed (design of the evidence,
 * section 8). What is worked out for one record is remembered for the next.
 */

import type { CertificateFields } from '../protocol/authority-certificates.ts'
import type { RevocationList } from '../protocol/revocation-list.ts'
import { readRevocationList } from '../protocol/revocation-list.ts'
import type { DigestName } from '../protocol/signed-data.ts'
import type { TimeStampAuthority } from '../protocol/time-stamp.ts'
import { verifyTimeStamp } from '../protocol/time-stamp.ts'
import type { Token } from '../protocol/time-stamp-token.ts'
import { completeToken, readToken, TimeStampError } from '../protocol/time-stamp-token.ts'
import type { Flaw, ParsedCertificate, Verdict } from '../trust/certificate-profile.ts'
import { flawAt, judge, parseCertificate } from '../trust/certificate-profile.ts'
import { formatOcspRequest, readOcspResponse } from '../trust/ocsp.ts'
import { keyOf, openMemory } from './memory.ts'
import type { RevocationAnswer } from './time-rules.ts'

export interface Revocation {
  readonly kind: 'ocsp' | 'crl'
  /** DER. */
  readonly der: Buffer
}

export interface JudgedToken {
  /** Milliseconds since the Unix epoch. */
  readonly genTime: number
  /** Of the unit's certificate, and its SHA-256, hex. */
  readonly notBefore: number
  readonly notAfter: number
  readonly unit: string
  /** An anchor certified the unit; otherwise only the certificates in the token did. */
  readonly isAnchored: boolean
  /** What the list inside says; nothing without one. */
  readonly answer: RevocationAnswer | undefined
}

export interface JudgedSigner {
  readonly flaw: Flaw | undefined
  readonly isAnchored: boolean
  /** Who certified, anchor or not. */
  readonly issuer: ParsedCertificate | undefined
}

export interface Trust {
  readonly anchors: number
  readToken(token: Buffer): Token
  /**
   * @param expected what the token must be over
   * @throws {TimeStampError}
   */
  judgeToken(token: Buffer, expected: { readonly imprint: Buffer; readonly digest: DigestName }): JudgedToken
  /** @throws {Error} when it is no certificate */
  certificate(der: Buffer): ParsedCertificate
  /**
   * Is it a seal certificate of an anchored CA, in force at this time?
   *
   * @param brought what came with the signature as the certificate of its issuer
   * @param member identifier that the certificate must name, when one is known
   */
  judgeSeal(
    certificate: ParsedCertificate,
    brought: Buffer | undefined,
    member: string | undefined,
    at: number,
  ): JudgedSigner
  /** @param at when the answer was relied on @throws {Error} when it is no answer about this certificate */
  revocationOf(
    certificate: ParsedCertificate,
    issuer: ParsedCertificate,
    answer: Revocation,
    at: number,
  ): RevocationAnswer
}

/**
 * @param anchors CAs whose seal certificates are believed
 * @param stampers CAs whose time-stamp units are; the same when no one says what they are for
 */
export function openTrust(
  anchors: readonly ParsedCertificate[],
  stampers: readonly ParsedCertificate[] = anchors,
): Trust {
  const tokens = openMemory<Token>()
  const judgements = openMemory<JudgedToken>()
  const certificates = openMemory<ParsedCertificate>()
  const verdicts = openMemory<{ readonly verdict: Verdict; readonly isAnchored: boolean }>()
  const answers = openMemory<RevocationAnswer>()

  function certificate(der: Buffer): ParsedCertificate {
    // A copy: what is remembered must not keep the container it came in.
    return certificates(keyOf(der), 10 * der.length, () => parseCertificate(Buffer.from(der)))
  }

  function read(token: Buffer): Token {
    return tokens(keyOf(token), 10 * token.length, () => readToken(Buffer.from(token)))
  }

  function judgeFresh(token: Buffer, expected: { imprint: Buffer; digest: DigestName }): JudgedToken {
    const parsed = read(token)
    const brought = parsed.certificates.map(certificate)
    const unit = brought.find(
      ({ fields }) => fields.issuer.equals(parsed.signer.issuer) && fields.serial.equals(parsed.signer.serial),
    )
    if (unit === undefined) throw new TimeStampError('certificate', 'The token does not carry the certificate')
    const anchored = stampers.find((ca) => certified(unit, ca))
    const ca = anchored ?? brought.find((candidate) => candidate !== unit && certified(unit, candidate))
    if (ca === undefined) throw new TimeStampError('certificate', 'No anchor certified the unit')
    const authority: TimeStampAuthority = { unit: unit.fields, ca: ca.fields }
    const { genTime } = verifyTimeStamp(token, authority, expected)
    const flaw = flawAt(judge(unit, 'tsa', [ca], {}), genTime)
    if (flaw !== undefined)
      throw new TimeStampError('certificate', `The unit's certificate is not of the profile: ${flaw}`)
    const [list] = checkExtras(token, parsed, authority)
    const { notBefore, notAfter } = unit.fields
    return {
      ...{ genTime, notBefore, notAfter, unit: unit.sha256, isAnchored: anchored !== undefined },
      answer: list && listAnswer(list, authority),
    }
  }

  return {
    anchors: new Set([...anchors, ...stampers]).size,
    readToken: read,
    certificate,
    judgeToken(token, expected) {
      const key = `${keyOf(token)}${expected.digest}${expected.imprint.toString('base64')}`
      return judgements(key, 1024, () => judgeFresh(token, expected))
    },
    judgeSeal(signer, brought, member, at) {
      const key = `${signer.sha256} ${brought === undefined ? '' : keyOf(brought)} ${member}`
      const { verdict, isAnchored } = verdicts(key, 1024, () => {
        const anchored = anchors.filter((ca) => certified(signer, ca))
        const isAnchored = anchored.length > 0
        const issuers = isAnchored || brought === undefined ? anchored : [certificate(brought)]
        const name = member === undefined ? {} : { organizationIdentifier: member }
        return { verdict: judge(signer, 'seal', issuers, name), isAnchored }
      })
      return { flaw: flawAt(verdict, at), isAnchored, issuer: verdict.issuer }
    },
    revocationOf(certificate, issuer, answer, at) {
      const key = `${certificate.sha256} ${issuer.sha256} ${answer.kind} ${keyOf(answer.der)} ${at}`
      return answers(key, 1024, () => readAnswer(certificate, issuer, answer, at))
    },
  }
}

/** By name and signature; whether the CA may is for the profile. */
function certified({ fields }: ParsedCertificate, ca: ParsedCertificate): boolean {
  return fields.issuer.equals(ca.fields.subject) && fields.isSignedBy(ca.publicKey)
}

function readAnswer(
  certificate: ParsedCertificate,
  issuer: ParsedCertificate,
  { kind, der }: Revocation,
  at: number,
): RevocationAnswer {
  if (kind === 'ocsp') {
    const { status, thisUpdate, nextUpdate } = readOcspResponse(der, formatOcspRequest(certificate, issuer), at)
    return { kind, status, thisUpdate, nextUpdate }
  }
  return answerOf(certificate.fields, readRevocationList(der, issuer.fields))
}

/** @throws {Error} when the list does not cover the certificate */
function answerOf(
  certificate: CertificateFields,
  { thisUpdate, nextUpdate, isRevoked }: RevocationList,
): RevocationAnswer {
  return { kind: 'crl', status: isRevoked(certificate) ? 'revoked' : 'good', thisUpdate, nextUpdate }
}

/**
 * Beside what its signature covers, a token has nothing but the certificates of unit and CA, one list of that CA, and
 * each of them in its one place.
 *
 * @returns the lists, one or none
 */
function checkExtras(
  token: Buffer,
  { certificates, revocationLists, signer }: Token,
  by: TimeStampAuthority,
): Buffer[] {
  const allowed = [by.unit.der, by.ca.der]
  const isOurs = certificates.every((der) => allowed.some((each) => each.equals(der)))
  const isTwice = new Set(certificates.map((der) => der.toString('latin1'))).size !== certificates.length
  if (!isOurs || isTwice || revocationLists.length > 1 || signer.unsignedAttributes !== undefined) {
    throw new TimeStampError('malformed', 'The token carries something that nobody signed')
  }
  const [list] = revocationLists
  if (list !== undefined && !completeToken(token, certificates, list).equals(token)) {
    throw new TimeStampError('malformed', 'The token is not written in its one form')
  }
  return list === undefined ? [] : [list]
}

function listAnswer(list: Buffer, { unit, ca }: TimeStampAuthority): RevocationAnswer {
  try {
    return answerOf(unit, readRevocationList(list, ca))
  } catch (cause) {
    throw new TimeStampError('malformed', 'The revocation list in the token is not one of its CA for this unit', cause)
  }
}
