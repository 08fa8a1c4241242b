/** Who exported a container, and when: its CAdES seal and what keeps it verifiable. Says nothing of the time of the log: that is the record. Design of the evidence, section 5. */

import { hash } from 'node:crypto'
import { DIGESTS, signatureHolds } from '../protocol/signed-data.ts'
import { namesCertificate } from '../protocol/time-stamp.ts'
import type { ParsedCertificate } from '../trust/certificate-profile.ts'
import type { Checks } from './checks.ts'
import { instant, reasonOf } from './checks.ts'
import type { ReadSeal } from './seal-reader.ts'
import { readSeal } from './seal-reader.ts'
import { SKEW_MS_MAX } from './signature-checks.ts'
import type { JudgedToken, Trust } from './trust.ts'

export interface SealParts {
  /** `ASiCManifest001.xml`, what is sealed. */
  readonly manifest: Buffer
  readonly seal: Buffer
  /** `ASiCArchiveManifest.xml` and the token over it. */
  readonly archive: { readonly manifest: Buffer; readonly token: Buffer } | undefined
}

export function checkSeal(parts: SealParts, trust: Trust, at: number, checks: Checks): void {
  const read = readForm(parts.seal, checks)
  if (read === undefined) return
  const signer = checkValue(read, parts.manifest, trust, checks)
  if (signer === undefined) return
  const stamp = checkStamp(read, trust, checks)
  const archive = parts.archive && checkArchive(parts.archive, stamp, trust, checks)
  checkCertificate(read, signer, { stamp, archive }, trust, checks)
  checkLifetime({ read, signer, stamp, archive, at }, checks)
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
  trust: Trust,
  checks: Checks,
): JudgedToken | undefined {
  const claimed = `claimed ${instant(signingTime)}`
  if (timeStamp === undefined) {
    checks.warn('seal.time', `${claimed}, proven by nothing`)
    return undefined
  }
  try {
    const judged = trust.judgeToken(timeStamp, { imprint, digest: 'sha256' })
    const gap = judged.genTime - signingTime
    const detail = `${claimed}, proven ${instant(judged.genTime)}`
    if (judged.revocation === 'revoked') checks.fail('seal.time', 'the authority’s certificate is revoked')
    else if (gap < -SKEW_MS_MAX) checks.fail('seal.time', `${detail}: proven before it was made`)
    else if (judged.isAnchored) checks.ok('seal.time', detail)
    else checks.skip('seal.time', `${detail}; no anchor says by whom`)
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
    if (judged.revocation === 'revoked') checks.fail('seal.archive', 'the authority’s certificate is revoked')
    else if (stamp !== undefined && judged.genTime < stamp.genTime)
      checks.fail('seal.archive', `${detail}: before the seal`)
    else if (judged.isAnchored) checks.ok('seal.archive', detail)
    else checks.skip('seal.archive', `${detail}; no anchor says by whom`)
    return judged
  } catch (error) {
    checks.fail('seal.archive', reasonOf(error))
    return undefined
  }
}

interface Stamps {
  readonly stamp: JudgedToken | undefined
  readonly archive: JudgedToken | undefined
}

function checkCertificate(
  { certificates, revocation, signingTime }: ReadSeal,
  signer: ParsedCertificate,
  { stamp, archive }: Stamps,
  trust: Trust,
  checks: Checks,
): void {
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
  if (revocation === undefined || issuer === undefined) {
    checks.warn('seal.revocation', 'there is no answer: whether it was revoked cannot be told')
    return
  }
  try {
    // It is asked for after the signature is stamped, and before everything is.
    const at = archive?.genTime ?? stamp?.genTime ?? signingTime
    const { status, thisUpdate } = trust.revocationOf(signer, issuer, revocation, at)
    const said = `${revocation.kind.toUpperCase()} of ${instant(thisUpdate)}: ${status}`
    if (status === 'good') checks.ok('seal.revocation', said)
    else checks.fail('seal.revocation', said)
  } catch (error) {
    checks.fail('seal.revocation', reasonOf(error))
  }
}

interface Lasting extends Stamps {
  readonly read: ReadSeal
  readonly signer: ParsedCertificate
  readonly at: number
}

/** By an archive time-stamp, or by a list that its own time-stamp follows; with less only while the certificate lasts. */
function checkLifetime({ read, signer, stamp, archive, at }: Lasting, checks: Checks): void {
  const keeps = archive ?? (read.revocation?.kind === 'crl' ? stamp : undefined)
  const own = signer.fields.notAfter
  const isLasting = keeps?.revocation === 'good'
  const end = isLasting ? keeps.notAfter : own
  const until = `${isLasting ? '' : 'short-lived, '}until ${instant(end)}`
  if (at > end) checks.warn('seal.lifetime', `it lasted ${until}`)
  else if (isLasting) checks.ok('seal.lifetime', until)
  else checks.warn('seal.lifetime', until)
}
