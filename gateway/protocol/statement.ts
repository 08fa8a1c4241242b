/**
 * What a gateway states under its member's seal outside an exchange: JWS compact (RFC 7515), a mandatory `typ` for each
 * kind of statement (RFC 8725 §3.11), which wire signatures never have: none of the two can be taken for the other.
 *
 * The protected header is `{alg, typ, x5t#S256}` in this order and nothing else; a reader rebuilds and compares it.
 */

import { GatewayError } from '../errors.ts'
import type { Claims, SignatureAlgorithm, Signer } from './sealing.ts'

/** Media type of a statement on the wire, RFC 7515 §9.2.1. */
export const STATEMENT_TYPE = 'application/jose'

/** What a statement claims before anything is believed; `holds` of `sealing.ts` judges the signature. */
export interface Statement extends Pick<Claims, 'algorithm' | 'x5t' | 'input' | 'signature'> {
  readonly payload: Buffer
}

/** @throws {GatewayError} `CannotCreateSignature` */
export function sealStatement(signer: Signer, typ: string, payload: Uint8Array): string {
  const header = Buffer.from(headerOf(signer.algorithm, typ, signer.x5t)).toString('base64url')
  const input = `${header}.${Buffer.from(payload).toString('base64url')}`
  try {
    return `${input}.${signer.sign(Buffer.from(input, 'latin1')).toString('base64url')}`
  } catch (cause) {
    throw new GatewayError('CannotCreateSignature', { cause })
  }
}

/** @throws {GatewayError} `SignatureVerification.MalformedSignature` */
export function readStatement(octets: Buffer, typ: string): Statement {
  const text = octets.toString('latin1')
  const segments = text.split('.')
  if (segments.length !== 3 || !segments.every(isCanonical)) throw malformed('it is not a compact JWS')
  const [header, payload, signature] = segments.map((segment) => Buffer.from(segment, 'base64url')) as [
    Buffer,
    Buffer,
    Buffer,
  ]
  const claimed = HEADER.exec(header.toString('latin1'))
  if (claimed === null) throw malformed('its header is not as agreed')
  const [, algorithm, x5t] = claimed as unknown as [string, SignatureAlgorithm, string]
  if (header.toString('latin1') !== headerOf(algorithm, typ, x5t)) throw malformed('its header is not as agreed')
  const input = octets.subarray(0, octets.lastIndexOf('.'))
  return { algorithm, x5t, input, signature, payload }
}

const HEADER = /^\{"alg":"(ES256|ES384|PS256)","typ":"[a-z+-]{1,40}","x5t#S256":"([A-Za-z0-9_-]{43})"\}$/

function headerOf(algorithm: SignatureAlgorithm, typ: string, x5t: string): string {
  return `{"alg":"${algorithm}","typ":"${typ}","x5t#S256":"${x5t}"}`
}

/** Padding, spaces, other alphabets: then one statement would have many texts. RFC 7515 §2. */
function isCanonical(segment: string): boolean {
  return segment !== '' && Buffer.from(segment, 'base64url').toString('base64url') === segment
}

function malformed(reason: string): GatewayError {
  return new GatewayError('SignatureVerification.MalformedSignature', { reason })
}
