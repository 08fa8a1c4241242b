/**
 * Private keys behind one interface, so that a seal can live in files today and in a PKCS#11 token later.
 *
 * Source: PKCS#8 (RFC 5958) and PKCS#12 (RFC 7292) files; JWS signature forms (RFC 7518 §3.4, §3.5).
 */

import type { KeyObject } from 'node:crypto'
import { constants, createPrivateKey, hash, sign, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { asn1 as Asn1 } from 'node-forge'
import { derToRaw } from '../protocol/ecdsa.ts'
import type { Signer as WireSigner } from '../protocol/sealing.ts'
import { isKeyAllowed } from './certificate-profile.ts'

/** A seal that can be used. The key never leaves it. */
export interface Signer extends WireSigner {
  readonly certificate: X509Certificate
  readonly certificateDer: Buffer
  /** Of the DER, lower-case hex. */
  readonly sha256: string
}

export interface PemFiles {
  /** PKCS#8 PEM. */
  readonly key: string
  /** PEM; the first certificate in it counts. */
  readonly certificate: string
  /** Of an encrypted key. */
  readonly passphrase?: string
}

export interface Pkcs12File {
  readonly pkcs12: string
  readonly passphrase: string
}

type Forge = typeof import('node-forge')

interface Opened {
  readonly key: KeyObject
  readonly certificates: readonly X509Certificate[]
}

/** Told about what an operator should mend; the key is used nevertheless. */
export type Warn = (message: string) => void

/** @throws {Error} naming the file, never its content, when key and certificate cannot be read or do not fit together */
export async function loadSigner(files: PemFiles | Pkcs12File, warn: Warn): Promise<Signer> {
  return 'pkcs12' in files ? fromPkcs12(files, warn) : fromPem(files, warn)
}

/** @throws {Error} when they do not belong together, or the key is of a kind that may not sign */
export function makeSigner(key: KeyObject, certificate: X509Certificate): Signer {
  if (!certificate.checkPrivateKey(key)) throw new Error('The private key does not belong to the certificate')
  if (!isKeyAllowed(certificate.publicKey)) throw new Error('The key is neither P-256, P-384 nor RSA of 3072 bits')
  const certificateDer = certificate.raw
  return {
    certificate,
    certificateDer,
    sha256: hash('sha256', certificateDer, 'hex'),
    x5t: hash('sha256', certificateDer, 'base64url'),
    ...algorithmOf(key),
  }
}

// A bare KeyObject on purpose: an options object with `dsaEncoding` costs twice as much on Node 24 (on 26: 3 % more).
function algorithmOf(key: KeyObject): Omit<WireSigner, 'x5t'> {
  if (key.asymmetricKeyType === 'rsa') {
    const pss = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    return { algorithm: 'PS256', sign: (input) => sign('sha256', input, pss) }
  }
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1'
    ? { algorithm: 'ES384', sign: (input) => derToRaw(sign('sha384', input, key), 48) }
    : { algorithm: 'ES256', sign: (input) => derToRaw(sign('sha256', input, key), 32) }
}

async function fromPem({ key, certificate, passphrase }: PemFiles, warn: Warn): Promise<Signer> {
  await warnWhenReadable(key, warn)
  const [keyText, certificateText] = await Promise.all([readFile(key), readFile(certificate)])
  const privateKey = read(key, () =>
    createPrivateKey({ key: keyText, ...(passphrase !== undefined && { passphrase }) }),
  )
  const x509 = read(certificate, () => new X509Certificate(certificateText))
  return read(key, () => makeSigner(privateKey, x509))
}

async function fromPkcs12({ pkcs12, passphrase }: Pkcs12File, warn: Warn): Promise<Signer> {
  await warnWhenReadable(pkcs12, warn)
  // Few seals are PKCS#12: the others need not pay for loading the library.
  const [octets, { default: forge }] = await Promise.all([readFile(pkcs12), import('node-forge')])
  return read(pkcs12, () => {
    const { key, certificates } = openPkcs12(forge, octets, passphrase)
    const certificate = certificates.find((candidate) => candidate.checkPrivateKey(key))
    if (certificate === undefined) throw new Error('No certificate in it belongs to its key')
    return makeSigner(key, certificate)
  })
}

/** node-forge decrypts the bags; what is in them it only knows for RSA, so Node reads it from the DER. */
function openPkcs12({ asn1, pki, pkcs12 }: Forge, octets: Buffer, passphrase: string): Opened {
  const store = pkcs12.pkcs12FromAsn1(asn1.fromDer(octets.toString('latin1')), passphrase)
  const bags = store.safeContents.flatMap(({ safeBags }) => safeBags)
  const derOf = (value: Asn1.Asn1): Buffer => Buffer.from(asn1.toDer(value).getBytes(), 'latin1')

  const certificates = bags
    .filter(({ type }) => type === pki.oids.certBag)
    .map(({ asn1: encoded, cert }) => new X509Certificate(derOf(cert ? pki.certificateToAsn1(cert) : encoded)))
  const keys = bags
    .filter(({ type }) => type === pki.oids.keyBag || type === pki.oids.pkcs8ShroudedKeyBag)
    .map(({ asn1: encoded, key }) => derOf(key ? pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(key)) : encoded))
  const [der] = keys
  if (der === undefined || keys.length > 1) throw new Error('It does not hold exactly one key')
  return { key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }), certificates }
}

async function warnWhenReadable(path: string, warn: Warn): Promise<void> {
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0) warn(`${path} can be read by others than its owner: chmod 600 it`)
}

/** What crypto libraries say can quote what they read: it stays in `cause`, the text names the file alone. */
function read<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw new Error(`${path} cannot be used as key or certificate`, { cause })
  }
}
