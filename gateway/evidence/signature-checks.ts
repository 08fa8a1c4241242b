/** Does the member's signature over head and body hold, and did its certificate at the proven time? Design of the evidence, sections 1, 2, 6 and 8. */

import { hash } from 'node:crypto'
import { readArchiveForm } from '../protocol/archive-form.ts'
import type { Head } from '../protocol/head.ts'
import type { Claims } from '../protocol/sealing.ts'
import { holds, readSignature } from '../protocol/sealing.ts'
import type { ParsedCertificate } from '../trust/certificate-profile.ts'
import type { Checks } from './checks.ts'
import { instant, reasonOf } from './checks.ts'
import { DRAFT_HEAD_NAME, readDraftSignature } from './draft-signature.ts'
import type { MessageHead } from './message-head.ts'
import type { AnswerUse } from './time-rules.ts'
import { judgeAnswer, judgeGap } from './time-rules.ts'
import type { Revocation, Trust } from './trust.ts'

export interface SignedMessage {
  readonly signature: Buffer
  /** Head as parsed; only its octets in the draft. */
  readonly head: MessageHead | undefined
  readonly headOctets: Buffer
  readonly bodySha256: Buffer | undefined
  readonly isDraft: boolean
}

export interface Signature {
  readonly claims: Claims
  readonly signer: ParsedCertificate
  /** As brought with it: the signer's, its issuer's. */
  readonly certificates: readonly Buffer[]
  readonly revocation: Revocation | undefined
  /** Proven by a time-stamp of the signature's own; only in the draft. */
  readonly stampedAt?: number
}

interface Read {
  readonly claims: Claims
  readonly certificates: readonly Buffer[]
  readonly revocation: Revocation | undefined
  readonly timeStamp?: { readonly token: Buffer; readonly value: string } | undefined
}

/** Form, references, value. @returns nothing when there is no signature to go on with */
export function checkSignature(message: SignedMessage, trust: Trust, checks: Checks): Signature | undefined {
  const read = readForm(message, checks)
  if (read === undefined) return undefined
  const { claims, certificates, revocation, timeStamp } = read
  if (message.bodySha256?.toString('base64url') !== claims.bodySha256) {
    checks.fail('signature.references', 'another body was signed')
    return undefined
  }
  checks.ok('signature.references')
  const [first] = certificates
  if (first === undefined) {
    checks.skip('signature.value', 'the certificate of the signer is not there')
    return undefined
  }
  try {
    const signer = trust.certificate(first)
    if (signer.sha256 !== Buffer.from(claims.x5t, 'base64url').toString('hex')) {
      checks.fail('signature.value', 'the certificate is not the one that was signed with')
      return undefined
    }
    if (!holds(claims, signer.publicKey)) {
      checks.fail('signature.value', 'the signature does not hold')
      return undefined
    }
    checks.ok('signature.value', claims.algorithm)
    return { claims, signer, certificates, revocation, ...(timeStamp !== undefined && stampedAt(timeStamp, trust)) }
  } catch (error) {
    checks.fail('signature.value', reasonOf(error))
    return undefined
  }
}

function readForm({ signature, head, headOctets, isDraft }: SignedMessage, checks: Checks): Read | undefined {
  try {
    if (head === undefined) {
      if (!isDraft) return undefined
      const { headSha256, timeStamp, value, ...read } = readDraftSignature(signature)
      if (hash('sha256', headOctets, 'base64url') !== headSha256) {
        checks.fail('signature.references', `another ${DRAFT_HEAD_NAME} was signed`)
        return undefined
      }
      checks.ok('signature.form', 'JAdES, draft')
      return { ...read, timeStamp: timeStamp && { token: timeStamp, value } }
    }
    const { wire, certificates, revocation } = readArchiveForm(signature)
    const claims = readSignature(wire, head.parsed as Head)
    checks.ok('signature.form', 'JAdES B-B')
    return { claims, certificates, revocation }
  } catch (error) {
    const isReference = (error as { code?: unknown }).code === 'SignatureVerification.InvalidReference'
    checks.fail(isReference ? 'signature.references' : 'signature.form', reasonOf(error))
    return undefined
  }
}

function stampedAt({ token, value }: { token: Buffer; value: string }, trust: Trust): { stampedAt?: number } {
  const imprint = hash('sha256', value, 'buffer')
  const { genTime, isAnchored } = trust.judgeToken(token, { imprint, digest: 'sha256' })
  return isAnchored ? { stampedAt: genTime } : {}
}

export interface SignerContext {
  readonly head: MessageHead | undefined
  /** When the signature existed for certain; nothing when nothing proves it. */
  readonly provenAt: number | undefined
  readonly provenWithinDays: number | undefined
  readonly isDraft: boolean
}

/** Certificate, revocation and time. */
export function checkSigner(
  { claims, signer, certificates, revocation }: Signature,
  context: SignerContext,
  trust: Trust,
  checks: Checks,
): void {
  const { head, provenAt, isDraft } = context
  const claimedAt = claims.iat * 1000
  const at = provenAt ?? claimedAt
  checkTime(claimedAt, context, checks)
  const { flaw, isAnchored, issuer } = trust.judgeSeal(signer, certificates[1], undefined, at)
  if (flaw !== undefined) {
    checks.fail('signature.certificate', flaw)
    return
  }
  const valid = `valid until ${instant(signer.fields.notAfter)}`
  if (isAnchored) checks.ok('signature.certificate', valid)
  else checks.skip('signature.certificate', `${valid}; no anchor issued it`)
  checkMember(signer, certificates[1], head, at, trust, checks)
  const use = { notBefore: signer.fields.notBefore, usedAt: claimedAt, knownBy: at, isDraft }
  checkRevocation({ signer, issuer, revocation, use }, trust, checks)
}

/** The member whose message it says it is: of a request the client's, of a reply the provider's. */
function checkMember(
  signer: ParsedCertificate,
  brought: Buffer | undefined,
  head: MessageHead | undefined,
  at: number,
  trust: Trust,
  checks: Checks,
): void {
  if (head === undefined) {
    checks.skip('signature.member', 'the head of the draft names no member')
    return
  }
  const isNamed = head.signers.some((member) => trust.judgeSeal(signer, brought, member, at).flaw === undefined)
  if (isNamed) checks.ok('signature.member')
  else checks.fail('signature.member', 'the certificate is that of another member')
}

function checkTime(claimedAt: number, { head, provenAt, provenWithinDays }: SignerContext, checks: Checks): void {
  if (head !== undefined && Math.floor(Date.parse(head.issuedAt) / 1000) * 1000 !== claimedAt) {
    checks.fail('signature.time', 'head and signature name different moments')
    return
  }
  if (provenAt === undefined) {
    checks.skip('signature.time', `claimed ${instant(claimedAt)}, proven by nothing`)
    return
  }
  checks.add('signature.time', judgeGap(claimedAt, provenAt, provenWithinDays))
}

interface Relied {
  readonly signer: ParsedCertificate
  readonly issuer: ParsedCertificate | undefined
  readonly revocation: Revocation | undefined
  readonly use: AnswerUse
}

function checkRevocation({ signer, issuer, revocation, use }: Relied, trust: Trust, checks: Checks): void {
  try {
    const answer = revocation && issuer && trust.revocationOf(signer, issuer, revocation, use.knownBy)
    checks.add('signature.revocation', judgeAnswer(answer, use))
  } catch (error) {
    checks.fail('signature.revocation', reasonOf(error))
  }
}
