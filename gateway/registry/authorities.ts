/**
 * The authorities of a region: the CAs that issue its certificates, and those that time-stamp its message logs. One
 * function a change, as in `commands.ts`.
 */

import type { ParsedCertificate } from '../trust/certificate-profile.ts'
import { flawAt, issuerFlaw, judge, parseCertificate } from '../trust/certificate-profile.ts'
import { CommandError, readX509 } from './command-error.ts'
import type { Content } from './store.ts'

export interface NewTimeStampAuthority {
  /** Where it answers (RFC 3161 over HTTP). */
  readonly url: string
  /** What it signs tokens with, and the CA that issued that; PEM or DER. */
  readonly certificate: Buffer
  readonly ca: Buffer
  /** Where the CA's revocation list is. */
  readonly crl: string
}

export interface NewIssuingAuthority {
  /** PEM or DER. */
  readonly certificate: Buffer
  readonly ocsp: string
  readonly crl: string
}

/** One line of `owl registry authority list`. */
export interface ListedAuthority {
  readonly kind: 'issuing' | 'time-stamp'
  /** Of its certificate, hex. */
  readonly sha256: string
  readonly subject: string
  /** ISO 8601. */
  readonly validTo: string
  readonly urls: readonly string[]
}

/**
 * Registers one more time-stamp authority, or a new certificate of one that is registered: gateways stamp with any of
 * them, and renew evidence with the one that lasts longest.
 *
 * @param now for validity, milliseconds since the Unix epoch
 * @throws {CommandError}
 */
export function addTimeStampAuthority(content: Content, wish: NewTimeStampAuthority, now: number): Content {
  const { url, crl } = wish
  const certificate = parsed(wish.certificate, 'the time-stamp authority')
  const ca = parsed(wish.ca, 'the CA of the time-stamp authority')
  const flaw = flawAt(judge(certificate, 'tsa', [ca], {}), now)
  if (flaw !== undefined) throw new CommandError(`The certificate cannot be registered for time-stamps: ${flaw}`)
  const { tsa } = content.authorities
  if (tsa.some((authority) => sha256Of(authority.certificate) === certificate.sha256))
    throw new CommandError(`${certificate.sha256} is registered already`)
  const added = { url, certificate: base64(certificate), ca: base64(ca), crl }
  return { ...content, authorities: { ...content.authorities, tsa: [...tsa, added] } }
}

/** Registers one more CA whose certificates may be registered. @throws {CommandError} */
export function addIssuingAuthority(content: Content, wish: NewIssuingAuthority, now: number): Content {
  const certificate = parsed(wish.certificate, 'the issuing CA')
  const { x509 } = certificate
  const flaw = issuerFlaw(certificate)
  if (flaw !== undefined) throw new CommandError(`The certificate cannot be registered as an issuing CA: ${flaw}`)
  if (now < x509.validFromDate.getTime()) throw new CommandError('The certificate of the issuing CA is not yet valid')
  if (now > x509.validToDate.getTime()) throw new CommandError('The certificate of the issuing CA has expired')
  const { issuing } = content.authorities
  if (issuing.some((authority) => sha256Of(authority.certificate) === certificate.sha256))
    throw new CommandError(`${certificate.sha256} is registered already`)
  const added = { certificate: base64(certificate), ocsp: wish.ocsp, crl: wish.crl }
  return { ...content, authorities: { ...content.authorities, issuing: [...issuing, added] } }
}

/**
 * What it signed before stays provable: earlier versions of the configuration, which gateways keep, list it.
 *
 * @param sha256 of its certificate, hex
 * @throws {CommandError} also when the region could not go on without it
 */
export function removeAuthority(content: Content, sha256: string): Content {
  const { issuing, tsa } = content.authorities
  const gone = issuing.find((authority) => sha256Of(authority.certificate) === sha256)
  const issuingLeft = issuing.filter((authority) => authority !== gone)
  const tsaLeft = tsa.filter((authority) => sha256Of(authority.certificate) !== sha256)
  if (gone === undefined && tsaLeft.length === tsa.length)
    throw new CommandError(`No authority has the certificate ${sha256}; owl registry authority list shows them`)
  if (tsaLeft.length === 0)
    throw new CommandError('It is the last time-stamp authority: without one, gateways refuse every request in the end')
  if (gone !== undefined) refuseIssuerInUse(content, parseCertificate(Buffer.from(gone.certificate, 'base64')))
  return { ...content, authorities: { issuing: issuingLeft, tsa: tsaLeft } }
}

export function listAuthorities({ authorities }: Pick<Content, 'authorities'>): ListedAuthority[] {
  const facts = (certificate: string) => {
    const { sha256, x509 } = parseCertificate(Buffer.from(certificate, 'base64'))
    return { sha256, subject: x509.subject.replaceAll('\n', ', '), validTo: x509.validToDate.toISOString() }
  }
  return [
    ...authorities.issuing.map(({ certificate, ocsp, crl }) => ({
      ...{ kind: 'issuing' as const, ...facts(certificate) },
      urls: [ocsp, crl],
    })),
    ...authorities.tsa.map(({ certificate, url, crl }) => ({
      ...{ kind: 'time-stamp' as const, ...facts(certificate) },
      urls: [url, crl],
    })),
  ]
}

/** Seals and gateways whose certificates nobody would believe any more are replaced first. */
function refuseIssuerInUse({ members, gateways }: Content, issuer: ParsedCertificate): void {
  const isIssued = ({ certificate }: { readonly certificate: string }): boolean => {
    const { x509 } = parseCertificate(Buffer.from(certificate, 'base64'))
    return x509.checkIssued(issuer.x509) && x509.verify(issuer.publicKey)
  }
  const using = [
    ...members.filter(({ seals }) => seals.some(isIssued)).map(({ id }) => id),
    ...gateways.filter(({ tls }) => tls.some(isIssued)).map(({ id }) => id),
  ]
  if (using.length > 0)
    throw new CommandError(`It issued certificates that are registered for ${using.join(', ')}: replace them first`)
}

function parsed(octets: Buffer, whose: string): ParsedCertificate {
  return parseCertificate(readX509(octets, whose).raw)
}

function base64({ der }: ParsedCertificate): string {
  return der.toString('base64')
}

function sha256Of(certificate: string): string {
  return parseCertificate(Buffer.from(certificate, 'base64')).sha256
}
