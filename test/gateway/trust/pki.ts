/** Certificates of every shape, good and bad, for tests. What certs-dev would refuse to issue is made here. */

import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import type { X509Certificate } from '@peculiar/x509'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { ParsedCertificate } from '../../../gateway/trust/certificate-profile.ts'
import { parseCertificate } from '../../../gateway/trust/certificate-profile.ts'

export interface KeyAlgorithm {
  readonly name: string
  readonly namedCurve?: string
  readonly modulusLength?: number
  readonly publicExponent?: Uint8Array
  readonly hash: string
}

export interface Issued {
  readonly parsed: ParsedCertificate
  readonly certificate: X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
  readonly algorithm: KeyAlgorithm
}

export interface Wish {
  readonly subject?: Record<string, string>
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly extensions?: readonly Extension[]
  readonly algorithm?: KeyAlgorithm
  /** Digest the issuer signs with. */
  readonly digest?: string
}

export const P256: KeyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
export const P384: KeyAlgorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }
export const P521: KeyAlgorithm = { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' }
export function rsa(modulusLength: number): KeyAlgorithm {
  return { name: 'RSASSA-PKCS1-v1_5', modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' }
}

export const DAY_MS = 86_400_000
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
export const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'

const { digitalSignature, nonRepudiation, keyCertSign, cRLSign } = KeyUsageFlags

export const usage = {
  signature: new KeyUsagesExtension(digitalSignature, true),
  seal: new KeyUsagesExtension(digitalSignature | nonRepudiation, true),
  authority: new KeyUsagesExtension(keyCertSign | cRLSign, true),
}
export const endEntity = new BasicConstraintsExtension(false, undefined, true)
export const noCheck = new Extension('1.3.6.1.5.5.7.48.1.5', false, Uint8Array.of(5, 0))
export function purpose(...oids: string[]): ExtendedKeyUsageExtension {
  return new ExtendedKeyUsageExtension(oids)
}
export function hosts(...values: string[]): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension(
    values.map((value) => ({ type: /^[0-9.]+$/.test(value) ? ('ip' as const) : ('dns' as const), value })),
  )
}
/** The extensions of each use as they should be. */
export const EXTENSIONS = {
  seal: [endEntity, usage.seal],
  server: [endEntity, usage.signature, purpose(SERVER_AUTH), hosts('127.0.0.1', 'localhost')],
  client: [endEntity, usage.signature, purpose(CLIENT_AUTH)],
  responder: [endEntity, usage.signature, purpose(OCSP_SIGNING), noCheck],
  tsa: [endEntity, usage.signature, new ExtendedKeyUsageExtension([TIME_STAMPING], true)],
  authority: [new BasicConstraintsExtension(true, 0, true), usage.authority],
} as const

export async function makeAuthority(wish: Wish = {}): Promise<Issued> {
  return certify({ subject: { CN: 'Test CA' }, extensions: EXTENSIONS.authority, ...wish }, undefined)
}

/** @param issuer absent: self-signed */
export async function certify(wish: Wish, issuer: Issued | undefined): Promise<Issued> {
  const algorithm = wish.algorithm ?? P256
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const subject = nameOf(wish.subject ?? { O: 'Stadt Test', CN: 'test' })
  const now = Date.now()
  const signing = issuer?.algorithm ?? algorithm
  const certificate = await X509CertificateGenerator.create({
    serialNumber: `40${randomBytes(15).toString('hex')}`,
    subject,
    issuer: issuer?.certificate.subjectName ?? subject,
    notBefore: wish.notBefore ?? new Date(now - DAY_MS),
    notAfter: wish.notAfter ?? new Date(now + 30 * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: { ...signing, hash: wish.digest ?? signing.hash },
    extensions: [...(wish.extensions ?? [])],
  })
  return { parsed: parseCertificate(Buffer.from(certificate.rawData)), certificate, keys, algorithm }
}

export async function privateKeyPem({ keys }: Issued): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`
}

function nameOf(subject: Record<string, string>): Name {
  return new Name(Object.entries(subject).map(([type, value]) => ({ [type]: [{ utf8String: value }] })))
}
