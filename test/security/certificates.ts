/** Certificates that look right and are not: expired, of another CA, unregistered. Made with the development CA's own means. */

import 'reflect-metadata'
import { hash, webcrypto, X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  AuthorityInfoAccessExtension,
  BasicConstraintsExtension,
  CRLDistributionPointsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { issue, openAuthority } from '../../certs-dev/certificates.ts'
import type { Entry, ProfileName } from '../../certs-dev/layout.ts'
import type { TlsIdentity } from './attacker.ts'
import { readPair } from './attacker.ts'

export interface WrongCertificate {
  readonly profile: ProfileName
  /** Slug, name and member id of whom it claims to be. */
  readonly of: { readonly slug: string; readonly name: string; readonly id: string }
  /** Made so long ago. */
  readonly ageMs?: number
  /** Signed by a CA that calls itself like the real one. */
  readonly ofOtherCa?: boolean
}

export const PADERBORN = { slug: 'paderborn', name: 'Stadt Paderborn', id: 'OWL/GOV/05774032' } as const
export const BIELEFELD = { slug: 'bielefeld', name: 'Stadt Bielefeld', id: 'OWL/GOV/05711000' } as const

export async function issueWrong(
  pki: string,
  { profile, of: { slug, name, id }, ageMs = 0, ofOtherCa = false }: WrongCertificate,
): Promise<TlsIdentity> {
  const now = Date.now() - ageMs
  const real = readPair(join(pki, 'issuing'))
  const authority = ofOtherCa
    ? await issue(authorityEntry(new X509Certificate(real.cert)), 'p256', now, undefined)
    : { certificate: real.cert, key: real.key }
  const isSeal = profile === 'seal'
  const entry: Entry = {
    path: '',
    profile,
    issuer: 'issuing',
    subject: {
      organization: name,
      commonName: isSeal ? name : `${slug}.owl.example`,
      serialNumber: isSeal ? id : `${id}/gw1`,
      ...(isSeal && { organizationIdentifier: id }),
    },
    ...(isSeal ? {} : { hosts: ['127.0.0.1', '::1', 'localhost', `${slug}.owl.example`] }),
  }
  const { certificate, key } = await issue(entry, 'p256', now, await openAuthority(authority, 'p256'))
  return { cert: certificate, key }
}

function authorityEntry({ subject }: X509Certificate): Entry {
  const commonName = /CN=(.+)/.exec(subject)?.[1] ?? ''
  const organization = /O=(.+)/.exec(subject)?.[1] ?? ''
  return { path: '', profile: 'root', issuer: 'root', subject: { organization, commonName } }
}

/** As the configuration registers it. */
export function registered({ cert }: TlsIdentity): { readonly sha256: string; readonly certificate: string } {
  const { raw } = new X509Certificate(cert)
  return { sha256: hash('sha256', raw, 'hex'), certificate: raw.toString('base64') }
}

/** A TLS client certificate of the real CA that names addresses to ask: AIA and CRL distribution points. RFC 5280 §4.2. */
export async function issueWithAddresses(pki: string, of: WrongCertificate['of'], url: string): Promise<TlsIdentity> {
  const issuing = readPair(join(pki, 'issuing'))
  const { certificate: by, key } = await openAuthority({ certificate: issuing.cert, key: issuing.key }, 'p256')
  const keys = (await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const certificate = await X509CertificateGenerator.create({
    serialNumber: '4f57',
    subject: `C=DE, O=${of.name}, 2.5.4.5=${of.id}/gw1, CN=${of.slug}.owl.example`,
    issuer: by.subjectName,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    publicKey: keys.publicKey,
    signingKey: key,
    signingAlgorithm: P256,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2']),
      new AuthorityInfoAccessExtension({ ocsp: `${url}/ocsp`, caIssuers: `${url}/ca` }),
      new CRLDistributionPointsExtension([`${url}/crl`]),
    ],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const cert = certificate.toString('pem')
  // Where the responder looks for what it has issued.
  await writeFile(join(pki, 'mit-adressen.pem'), cert)
  return { cert, key: PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
