/** A certificate with its key, as the answers of the trust service are signed: ECDSA or RSA PKCS#1 v1.5, SHA-256. */

import type { KeyObject } from 'node:crypto'
import { createPrivateKey, randomBytes, sign, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AsnConvert } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509'

export interface Signer {
  /** The certificate as ASN.1, to be put into answers; encodes to the octets of its file. */
  readonly certificate: Certificate
  /** DER. */
  readonly der: Uint8Array
  readonly algorithm: AlgorithmIdentifier
  readonly key: KeyObject
}

/** RFC 5758 §3.2 and RFC 4055 §5: parameters absent for ECDSA, NULL for RSA. */
const ALGORITHMS: Readonly<Record<string, () => AlgorithmIdentifier>> = {
  ec: () => new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' }),
  rsa: () => new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11', parameters: null }),
}

/** @param path relative to the PKI's folder, without extension */
export async function openSigner(dir: string, path: string): Promise<Signer> {
  const file = join(dir, path)
  const der = new X509Certificate(await readFile(`${file}.pem`)).raw
  const key = createPrivateKey(await readFile(`${file}.key`))
  const algorithm = ALGORITHMS[key.asymmetricKeyType ?? '']
  if (algorithm === undefined) throw new TypeError(`${path}.key is neither an EC nor an RSA key`)
  return { certificate: AsnConvert.parse(der, Certificate), der, algorithm: algorithm(), key }
}

/** @returns the signature as X.509, OCSP and CMS carry it (ECDSA: DER) */
export function signWith(signer: Signer, octets: ArrayBuffer): ArrayBuffer {
  return bufferOf(sign('sha256', new Uint8Array(octets), signer.key))
}

/** What the ASN.1 classes take: a buffer of exactly these octets. */
export function bufferOf(octets: Uint8Array): ArrayBuffer {
  return new Uint8Array(octets).buffer
}

/** @returns content octets of a positive INTEGER, always 16 */
export function randomSerial(): ArrayBuffer {
  const octets = new Uint8Array(randomBytes(16))
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40
  return octets.buffer
}

/** A serial number as one comparable text: lower-case hexadecimal without leading zeros. */
export function serialText(content: ArrayBuffer): string {
  return BigInt(`0x0${Buffer.from(content).toString('hex')}`).toString(16)
}
