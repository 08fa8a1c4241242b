/** What is in certificate files, as an operator needs it: who, until when, which fingerprint goes into a configuration. */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Check } from '../../admin/health/health.ts'
import { EXPIRY_WARN_MS } from '../../admin/health/health.ts'
import type { Terminal } from '../terminal.ts'

export interface CertificateFacts {
  readonly file: string
  readonly subject: string
  readonly issuer: string
  /** Hex. */
  readonly serial: string
  /** ISO 8601. */
  readonly notBefore: string
  readonly notAfter: string
  /** Whole days; negative when over. */
  readonly daysLeft: number
  /** `ec prime256v1`, `rsa 3072` */
  readonly key: string
  /** Of the DER, lower-case hex: as `admin.operators` and `clients[].certificates` list it. */
  readonly sha256: string
  readonly isCa: boolean
  readonly hosts: string | null
}

const DAY_MS = 86_400_000
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * @param file PEM with one certificate or several, or DER
 * @throws {Error} naming the file, never its content
 */
export async function readCertificates(file: string): Promise<X509Certificate[]> {
  const octets = await readFile(file)
  const texts = octets.toString('latin1').match(PEM)
  try {
    return (texts ?? [octets]).map((one) => new X509Certificate(one))
  } catch (cause) {
    throw new Error(`${file} holds no certificate`, { cause })
  }
}

export function factsOf(file: string, certificate: X509Certificate, now: number): CertificateFacts {
  const { subject, issuer, serialNumber, validFromDate, validToDate, ca, subjectAltName } = certificate
  return {
    file,
    subject: oneLine(subject),
    issuer: oneLine(issuer),
    serial: serialNumber.toLowerCase(),
    notBefore: validFromDate.toISOString(),
    notAfter: validToDate.toISOString(),
    daysLeft: Math.floor((validToDate.getTime() - now) / DAY_MS),
    key: keyOf(certificate),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    isCa: ca,
    hosts: subjectAltName ?? null,
  }
}

export function showCertificate(terminal: Terminal, facts: CertificateFacts): void {
  const { file, subject, issuer, serial, notBefore, notAfter, daysLeft, key, sha256, isCa, hosts } = facts
  const left = daysLeft < 0 ? `over for ${-daysLeft} days` : `${daysLeft} days left`
  terminal.out(terminal.style('bold', file))
  terminal.fields([
    ['Subject', isCa ? `${subject} (a CA)` : subject],
    ['Issuer', issuer],
    ['Serial', serial],
    ['Valid', `${notBefore.slice(0, 10)} to ${notAfter.slice(0, 10)}, ${left}`],
    ['Key', key],
    ...(hosts === null ? [] : [['Hosts', hosts] as const]),
    ['SHA-256', sha256],
  ])
}

/** @param warnMs how long before its end a certificate should be renewed */
export function checkValidity(certificate: X509Certificate, now: number, warnMs = EXPIRY_WARN_MS): Check {
  const from = certificate.validFromDate.getTime()
  const to = certificate.validToDate.getTime()
  const day = certificate.validToDate.toISOString().slice(0, 10)
  if (now < from) return { state: 'fail', detail: 'not valid yet' }
  if (now >= to) return { state: 'fail', detail: `expired on ${day}` }
  const detail = `${Math.floor((to - now) / DAY_MS)} days left, until ${day}`
  return { state: to - now < warnMs ? 'warn' : 'ok', detail }
}

/** @throws {Error} naming the file that cannot be read */
export async function keyBelongs(key: string, certificate: X509Certificate): Promise<boolean> {
  const pem = await readFile(key)
  try {
    return certificate.checkPrivateKey(createPrivateKey(pem))
  } catch (cause) {
    throw new Error(`${key} holds no private key that can be read without a passphrase`, { cause })
  }
}

/** Node puts every part on a line of its own. */
function oneLine(name: string): string {
  return name.split('\n').join(', ')
}

function keyOf({ publicKey }: X509Certificate): string {
  const { namedCurve, modulusLength } = publicKey.asymmetricKeyDetails ?? {}
  return [publicKey.asymmetricKeyType, namedCurve ?? modulusLength].filter((part) => part !== undefined).join(' ')
}
