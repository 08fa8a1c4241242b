/** A CA and what it issues, made on the spot for tests of TLS itself. */

import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

export interface Material {
  readonly key: string
  readonly cert: string
}

export interface Authority extends Material {
  issue(name: string): Promise<Material>
}

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const provider = webcrypto as unknown as Crypto
x509.cryptoProvider.set(provider)

export async function makeAuthority(name: string): Promise<Authority> {
  const keys = await makeKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: EC,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  return {
    ...(await pemOf(keys, certificate)),
    async issue(subject) {
      const leafKeys = await makeKeys()
      const leaf = await x509.X509CertificateGenerator.create({
        subject: `CN=${subject}`,
        issuer: certificate.subject,
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: EC,
        ...validity(),
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']),
          new x509.SubjectAlternativeNameExtension([
            { type: 'dns', value: 'localhost' },
            { type: 'ip', value: '127.0.0.1' },
          ]),
        ],
      })
      return pemOf(leafKeys, leaf)
    },
  }
}

export interface SelfSignedOptions {
  /** By default none: a leaf and nothing else. */
  readonly isAuthority?: boolean
  /** RSA of so many bits; P-256 when absent. */
  readonly rsaBits?: number
  readonly notAfter?: Date
}

/** As a local system has it that no CA knows: no names that anybody could check. */
export async function makeSelfSigned(name: string, options: SelfSignedOptions = {}): Promise<Material> {
  const { isAuthority = false, rsaBits, notAfter = validity().notAfter } = options
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) }
  const algorithm = rsaBits === undefined ? EC : { ...rsa, modulusLength: rsaBits }
  const keys = (await provider.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: rsaBits === undefined ? EC : rsa,
    notBefore: new Date(Math.min(Date.now(), notAfter.getTime()) - 3600_000),
    notAfter,
    extensions: [new x509.BasicConstraintsExtension(isAuthority, undefined, true)],
  })
  return pemOf(keys, certificate)
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await provider.subtle.generateKey(EC, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}

async function pemOf(keys: webcrypto.CryptoKeyPair, certificate: x509.X509Certificate): Promise<Material> {
  const key = await provider.subtle.exportKey('pkcs8', keys.privateKey)
  return { key: x509.PemConverter.encode(key, 'PRIVATE KEY'), cert: certificate.toString('pem') }
}

function validity(): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now()
  return { notBefore: new Date(now - 3600_000), notAfter: new Date(now + 24 * 3600_000) }
}
