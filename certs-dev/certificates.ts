/** Issues the certificates of the development PKI. RFC 5280; profiles after ETSI EN 319 412-3 and RFC 3161 §2.3. */

import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Entry, ProfileName, Subject } from './layout.ts'
import type { Pair } from './pairs.ts'

export type PkiAlgorithm = 'p256' | 'rsa3072'

/** A certification authority that can sign: its certificate, and its key as WebCrypto knows it. */
export interface Authority {
  readonly certificate: X509Certificate
  readonly key: webcrypto.CryptoKey
}

interface Profile {
  readonly years: number
  readonly keyUsage: number
  readonly extendedKeyUsage?: readonly string[]
  readonly extendedKeyUsageCritical?: true
  /** Present on authorities only. */
  readonly pathLength?: number
  /** RFC 6960 §4.2.2.2.1: the responder's own certificate is not asked about. */
  readonly ocspNoCheck?: true
}

const { digitalSignature, nonRepudiation, keyCertSign, cRLSign } = KeyUsageFlags
const SIGN_CERTIFICATES = keyCertSign | cRLSign

/** One row per kind of certificate. AIA and CRL distribution points are absent: addresses come from the registry. */
const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  root: { years: 20, keyUsage: SIGN_CERTIFICATES, pathLength: 1 },
  authority: { years: 10, keyUsage: SIGN_CERTIFICATES, pathLength: 0 },
  ocsp: { years: 2, keyUsage: digitalSignature, extendedKeyUsage: ['1.3.6.1.5.5.7.3.9'], ocspNoCheck: true },
  tsa: {
    years: 5,
    keyUsage: digitalSignature | nonRepudiation,
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.8'],
    extendedKeyUsageCritical: true,
  },
  seal: { years: 2, keyUsage: digitalSignature | nonRepudiation },
  'tls-server': { years: 2, keyUsage: digitalSignature, extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] },
  'tls-client': { years: 2, keyUsage: digitalSignature, extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'] },
}

const KEY_ALGORITHMS = {
  p256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa3072: {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 3072,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash: 'SHA-256',
  },
} as const

const BACKDATED_MS = 3_600_000
const SERIAL_BYTES = 16
const OCSP_NO_CHECK = '1.3.6.1.5.5.7.48.1.5'
const DER_NULL = Uint8Array.of(0x05, 0x00)

export async function openAuthority(pair: Pair, algorithm: PkiAlgorithm): Promise<Authority> {
  const [der] = PemConverter.decode(pair.key)
  if (der === undefined) throw new TypeError('The key of an authority is not PEM')
  const key = await webcrypto.subtle.importKey('pkcs8', der, KEY_ALGORITHMS[algorithm], false, ['sign'])
  return { certificate: new X509Certificate(pair.certificate), key }
}

/**
 * Makes a key and has it certified.
 *
 * @param issuer absent: the certificate signs itself
 * @param now milliseconds since the Unix epoch
 */
export async function issue(
  entry: Entry,
  algorithm: PkiAlgorithm,
  now: number,
  issuer: Authority | undefined,
): Promise<Pair> {
  const profile = PROFILES[entry.profile]
  const keys = (await webcrypto.subtle.generateKey(KEY_ALGORITHMS[algorithm], true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
  const subject = nameOf(entry.subject)
  const notBefore = new Date(Math.floor((now - BACKDATED_MS) / 1000) * 1000)
  const notAfter = new Date(notBefore)
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + profile.years)

  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: issuer?.certificate.subjectName ?? subject,
    notBefore,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: issuer?.key ?? keys.privateKey,
    signingAlgorithm: KEY_ALGORITHMS[algorithm],
    extensions: await extensions(entry, profile, keys.publicKey, issuer),
  })

  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return { certificate: `${certificate.toString('pem')}\n`, key: `${PemConverter.encode(key, 'PRIVATE KEY')}\n` }
}

async function extensions(
  entry: Entry,
  profile: Profile,
  publicKey: webcrypto.CryptoKey,
  issuer: Authority | undefined,
): Promise<Extension[]> {
  const { pathLength, extendedKeyUsage, ocspNoCheck } = profile
  const list: Extension[] = [
    new BasicConstraintsExtension(pathLength !== undefined, pathLength, true),
    new KeyUsagesExtension(profile.keyUsage, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
  ]
  if (issuer !== undefined) list.push(await AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey))
  if (extendedKeyUsage !== undefined) {
    list.push(new ExtendedKeyUsageExtension([...extendedKeyUsage], profile.extendedKeyUsageCritical ?? false))
  }
  if (ocspNoCheck === true) list.push(new Extension(OCSP_NO_CHECK, false, DER_NULL))
  if (entry.hosts !== undefined) {
    list.push(
      new SubjectAlternativeNameExtension(
        entry.hosts.map((host) => ({
          type: /^[0-9.]+$|:/.test(host) ? ('ip' as const) : ('dns' as const),
          value: host,
        })),
      ),
    )
  }
  return list
}

// Strings are typed one by one: given plain ones, the library would read `"`, `\` and a leading `#` as syntax.
function nameOf(subject: Subject): Name {
  const { organization, organizationIdentifier, serialNumber, commonName } = subject
  return new Name([
    { C: [{ printableString: 'DE' }] },
    { O: [{ utf8String: organization }] },
    ...(organizationIdentifier === undefined ? [] : [{ '2.5.4.97': [{ utf8String: organizationIdentifier }] }]),
    ...(serialNumber === undefined ? [] : [{ '2.5.4.5': [{ printableString: serialNumber }] }]),
    { CN: [{ utf8String: commonName }] },
  ])
}

/** Positive, always 16 octets: the top bits are 01. */
function serialNumber(): string {
  const octets = randomBytes(SERIAL_BYTES)
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40
  return octets.toString('hex')
}
