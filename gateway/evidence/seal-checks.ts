/** Who exported a container, and when: its CAdES seal and what keeps it verifiable. Says nothing of the time of the log: that is the record. Design of the evidence, section 5. */

import { hash } from 'node:crypto'
import { DIGESTS, signatureHolds } from '../protocol/signed-data.ts'
import { namesCertificate } from '../protocol/time-stamp.ts'
import type { ParsedCertificate } from '../trust/certificate-profile.ts'
import type { Checks } from './checks.ts'
import { instant, reasonOf } from './checks.ts'
import type { Sealed } from './origin-checks.ts'
import { worstAnswer } from './record-checks.ts'
import type { ReadSeal } from './seal-reader.ts'
import { readSeal } from './seal-reader.ts'
import { judgeAnswer, judgeGap } from './time-rules.ts'
import type { JudgedToken, Trust } from './trust.ts'

export interface SealParts {
  /** `ASiCManifest001.xml`, what is sealed. */
  readonly manifest: Buffer
  readonly seal: Buffer
  /** `ASiCArchiveManifest.xml` and the token over it. */
  readonly archive: { readonly manifest: Buffer; readonly token: Buffer } | undefined
}

/** What a seal is judged with; times are milliseconds since the Unix epoch. */
export interface SealContext {
  readonly trust: Trust
  /** When it is verified. */
  readonly at: number
  readonly isDraft: boolean
  readonly provenWithinDays?: number
}

/** @returns the seal, when its signature holds */
export function checkSeal(parts: SealParts, context: SealContext, checks: Checks): Sealed | undefined {
  const read = readForm(parts.seal, checks)
  if (read === undefined) return undefined
  const signer = checkValue(read, parts.manifest, context.trust, checks)
  if (signer === undefined) return undefined
  const stamp = checkStamp(read, context, checks)
  const archive = parts.archive && checkArchive(parts.archive, stamp, context.trust, checks)
  const stamps = { stamp, archive }
  const tokens = [stamp, archive].filter((token) => token !== undefined)
  if (tokens.length > 0) checks.add('seal.stamps', worstAnswer(tokens, context.at, context.isDraft))
  checkCertificate({ read, signer, ...stamps }, context, checks)
  checkLifetime({ read, signer, ...stamps }, context, checks)
  return { signer, at: stamp?.genTime ?? read.signingTime, ...stamps }
}

function readForm(der: Buffer, checks: Checks): ReadSeal | undefined {
  try {
    const seal = readSeal(der)
    checks.ok('seal.form', 'CAdES')
    return seal
  } catch (error) {
    checks.fail('seal.form', reasonOf(error))
    return undefined
  }
}

function checkValue(
  { signer, certificates, messageDigest, signingCertificate }: ReadSeal,
  manifest: Buffer,
  trust: Trust,
  checks: Checks,
): ParsedCertificate | undefined {
  try {
    const own = certificates
      .map(trust.certificate)
      .find(({ fields }) => fields.issuer.equals(signer.issuer) && fields.serial.equals(signer.serial))
    const digest = DIGESTS[signer.digestAlgorithm] as 'sha256'
    if (own === undefined || !namesCertificate(signingCertificate, own.fields)) {
      checks.fail('seal.value', 'the certificate is not the one that was signed with')
    } else if (!messageDigest.equals(hash(digest, manifest, 'buffer'))) {
      checks.fail('seal.value', 'another manifest was sealed')
    } else if (signatureHolds(signer, digest, own.publicKey) !== true) {
      checks.fail('seal.value', 'the signature does not hold')
    } else {
      checks.ok('seal.value')
      return own
    }
  } catch (error) {
    checks.fail('seal.value', reasonOf(error))
  }
  return undefined
}

/** The time-stamp on the signature value. */
function checkStamp(
  { timeStamp, imprint, signingTime }: ReadSeal,
  { trust, provenWithinDays }: SealContext,
  checks: Checks,
): JudgedToken | undefined {
  if (timeStamp === undefined) {
    const detail = `claimed ${instant(signingTime)}, proven by nothing`
    checks.add('seal.time', { verdict: 'not-proven', detail })
    return undefined
  }
  try {
    const judged = trust.judgeToken(timeStamp, { imprint, digest: 'sha256' })
    const found = judgeGap(signingTime, judged.genTime, provenWithinDays)
    if (judged.isAnchored || found.verdict === 'failed') checks.add('seal.time', found)
    else checks.skip('seal.time', `${found.detail}; no anchor says by whom`)
    return judged
  } catch (error) {
    checks.fail('seal.time', reasonOf(error))
    return undefined
  }
}

function checkArchive(
  { manifest, token }: NonNullable<SealParts['archive']>,
  stamp: JudgedToken | undefined,
  trust: Trust,
  checks: Checks,
): JudgedToken | undefined {
  try {
    const judged = trust.judgeToken(token, { imprint: hash('sha256', manifest, 'buffer'), digest: 'sha256' })
    const detail = instant(judged.genTime)
    if (stamp !== undefined && judged.genTime < stamp.genTime) checks.fail('seal.archive', `${detail}: before the seal`)
    else if (judged.isAnchored) checks.ok('seal.archive', detail)
    else checks.skip('seal.archive', `${detail}; no anchor says by whom`)
    return judged
  } catch (error) {
    checks.fail('seal.archive', reasonOf(error))
    return undefined
  }
}

interface Held {
  readonly read: ReadSeal
  readonly signer: ParsedCertificate
  readonly stamp: JudgedToken | undefined
  readonly archive: JudgedToken | undefined
}

function checkCertificate(
  { read, signer, stamp, archive }: Held,
  { trust, isDraft }: SealContext,
  checks: Checks,
): void {
  const { certificates, revocation, signingTime } = read
  const brought = certificates.find((der) => !der.equals(signer.der))
  const { flaw, isAnchored, issuer } = trust.judgeSeal(signer, brought, undefined, stamp?.genTime ?? signingTime)
  if (flaw !== undefined) {
    checks.fail('seal.certificate', flaw)
    return
  }
  if (brought !== undefined && issuer !== undefined && !brought.equals(issuer.der)) {
    checks.fail('seal.certificate', 'it carries a certificate that nobody needs')
    return
  }
  if (isAnchored) checks.ok('seal.certificate')
  else checks.skip('seal.certificate', 'no anchor issued it')
  try {
    // It is asked for after the signature is stamped, and before everything is.
    const knownBy = archive?.genTime ?? stamp?.genTime ?? signingTime
    const answer = revocation && issuer && trust.revocationOf(signer, issuer, revocation, knownBy)
    const usedAt = stamp?.genTime ?? signingTime
    const { notBefore } = signer.fields
    checks.add('seal.revocation', judgeAnswer(answer, { notBefore, usedAt, knownBy, isDraft }))
  } catch (error) {
    checks.fail('seal.revocation', reasonOf(error))
  }
}

/** By an archive time-stamp, or by a list that its own time-stamp follows; with less only while the certificate lasts. */
function checkLifetime({ read, signer, stamp, archive }: Held, { at, isDraft }: SealContext, checks: Checks): void {
  const keeps = archive ?? (read.revocation?.kind === 'crl' ? stamp : undefined)
  const own = signer.fields.notAfter
  const isLasting = keeps?.isAnchored === true && worstAnswer([keeps], at, isDraft).verdict === 'ok'
  const end = isLasting ? keeps.notAfter : own
  const until = `${isLasting ? '' : 'short-lived, '}until ${instant(end)}`
  if (at > end) checks.add('seal.lifetime', { verdict: 'not-proven', detail: `it lasted ${until}` })
  else if (isLasting) checks.ok('seal.lifetime', until)
  else checks.warn('seal.lifetime', until)
}
