/**
 * What the registry signs, and how a gateway reads it: JWS compact (RFC 7515), ES256, a mandatory `typ` (RFC 8725 §3.11).
 *
 * The key comes from the pinned anchor alone: nothing in a document can name, bring or choose one.
 */

import type { CryptoKey, JWK } from 'jose'
import { CompactSign, calculateJwkThumbprint, compactVerify, importJWK } from 'jose'
import { readJson } from '../protocol/text.ts'

export const CONFIGURATION = 'owl-configuration+jws'
export const FRESHNESS = 'owl-freshness+jws'
export type DocumentType = typeof CONFIGURATION | typeof FRESHNESS

/** The registry's public key. */
export interface Anchor {
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
  readonly key: CryptoKey
}

/**
 * @param file public JWK of the registry's key
 * @param thumbprint what was compared out of band
 * @throws {Error} when the file holds another key, or one of another kind
 */
export async function loadAnchor(file: string, thumbprint: string): Promise<Anchor> {
  const jwk = (await readJson(file)) as JWK
  const actual = await calculateJwkThumbprint(jwk, 'sha256')
  if (actual !== thumbprint) throw new Error(`${file} is not the anchor with thumbprint ${thumbprint}`)
  const { kty, crv, x, y, d } = jwk
  if (kty !== 'EC' || crv !== 'P-256' || d !== undefined) throw new Error(`${file} is not a public key for ES256`)
  return { thumbprint, key: (await importJWK({ kty, crv, x, y } as JWK, 'ES256')) as CryptoKey }
}

export async function signDocument(typ: DocumentType, payload: Uint8Array, key: CryptoKey): Promise<string> {
  return new CompactSign(payload).setProtectedHeader({ alg: 'ES256', typ }).sign(key)
}

/**
 * @returns the payload's octets
 * @throws {Error} when anything about it is not as agreed
 */
export async function openDocument(text: string, typ: DocumentType, anchor: Anchor): Promise<Buffer> {
  const segments = text.split('.')
  if (segments.length !== 3 || !segments.every(isCanonical)) throw new Error('It is not a compact JWS')
  const header: unknown = JSON.parse(Buffer.from(segments[0] as string, 'base64url').toString())
  if (!isHeader(header, typ)) throw new Error(`Its header is not that of ${typ}`)
  const { payload } = await compactVerify(text, anchor.key, { algorithms: ['ES256'] })
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
}

/** jose takes spaces and padding as well; then one document would have many texts. RFC 7515 §2. */
function isCanonical(segment: string): boolean {
  return segment !== '' && Buffer.from(segment, 'base64url').toString('base64url') === segment
}

/** Exactly these members: `kid`, `jwk`, `jku`, `x5c`, `x5u`, `crit`, `b64` and whatever comes next have no say. */
function isHeader(header: unknown, typ: DocumentType): boolean {
  if (typeof header !== 'object' || header === null) return false
  const members = Object.entries(header)
  return members.length === 2 && members.every(([name, value]) => value === { alg: 'ES256', typ }[name])
}
