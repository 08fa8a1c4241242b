/** Trust anchors from files: certificates of CAs, PEM or DER, and public keys of registries as JWK. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../errors.ts'
import { decodeText } from '../protocol/text.ts'
import type { ParsedCertificate } from '../trust/certificate-profile.ts'
import { issuerFlaw, parseCertificate } from '../trust/certificate-profile.ts'

export interface Anchors {
  readonly certificates: readonly ParsedCertificate[]
  /** JSON text of keys that sign global configurations. */
  readonly keys: readonly string[]
}

const FILE_BYTES_MAX = 1024 * 1024
const FILES_MAX = 1000
const NAMES = /\.(?:pem|crt|cer|der|jwk\.json)$/
const PEM = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g

/**
 * @param paths files, or directories whose certificates and keys are taken; what is no CA is left out of those
 * @throws {GatewayError} `BadRequest` on a path that holds no anchor
 */
export function readAnchors(paths: readonly string[]): Anchors {
  const certificates = new Map<string, ParsedCertificate>()
  const keys: string[] = []
  for (const path of paths) {
    const before = certificates.size + keys.length
    for (const file of filesOf(path)) {
      const octets = readSmall(file)
      if (file.endsWith('.json')) keys.push(...keysIn(octets))
      else for (const certificate of certificatesIn(octets)) certificates.set(certificate.sha256, certificate)
    }
    if (certificates.size + keys.length === before) {
      throw new GatewayError('BadRequest', {
        reason: `${path} holds no anchor: the certificate of a CA, PEM or DER, or a JWK`,
      })
    }
  }
  return { certificates: [...certificates.values()], keys }
}

function filesOf(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path).filter((name) => NAMES.test(name))
    if (names.length > FILES_MAX) throw new GatewayError('BadRequest', { reason: `${path} holds too many files` })
    return names.map((name) => join(path, name))
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw new GatewayError('BadRequest', { reason: `${path} is not there or cannot be read`, cause })
  }
}

function readSmall(file: string): Buffer {
  if (statSync(file).size > FILE_BYTES_MAX) throw new GatewayError('BadRequest', { reason: `${file} is too large` })
  return readFileSync(file)
}

function keysIn(octets: Buffer): string[] {
  try {
    const text = decodeText(octets)
    return typeof JSON.parse(text)?.kty === 'string' ? [text] : []
  } catch {
    return []
  }
}

/** CAs only: a certificate that may not issue cannot be an anchor. */
function certificatesIn(octets: Buffer): ParsedCertificate[] {
  const text = octets.toString('latin1')
  const ders = text.includes('-----BEGIN')
    ? [...text.matchAll(PEM)].map(([, base64 = '']) => Buffer.from(base64, 'base64'))
    : [octets]
  return ders.flatMap((der) => {
    try {
      const certificate = parseCertificate(der)
      return issuerFlaw(certificate) === undefined ? [certificate] : []
    } catch {
      return []
    }
  })
}
