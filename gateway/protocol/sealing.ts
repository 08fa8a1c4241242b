/**
 * The signature of a message: JAdES B-B, JWS compact with detached content. Source: ETSI TS 119 182-1; design of the
 * evidence, section 1.
 *
 * The protected header has one form for given contents, so a verifier rebuilds it and compares octets: no other member,
 * order, escape or padding can pass. Nothing is keyed or cached by signature text.
 */

import type { KeyObject } from 'node:crypto'
import { constants, verify } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import { rawToDer } from './ecdsa.ts'
import type { Head } from './head.ts'
import type { MediaType } from './headers.ts'

export type SignatureAlgorithm = 'ES256' | 'ES384' | 'PS256'

/** Who signs: the key never leaves it. */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  /** SHA-256 of the certificate's DER, base64url: `x5t#S256`. */
  readonly x5t: string
  /** @returns the signature as JWS has it (RFC 7518 §3.4, §3.5) @throws when the key cannot be used */
  sign(input: Uint8Array): Buffer
}

/** What a signature claims before anything is believed. */
export interface Claims {
  readonly algorithm: SignatureAlgorithm
  readonly x5t: string
  /** Seconds since the epoch. */
  readonly iat: number
  /** Of the body's octets, base64url; absent when no body was signed. */
  readonly bodySha256?: string
  /** ASCII(BASE64URL(header)) ‖ "." */
  readonly input: Buffer
  readonly signature: Buffer
}

/** @returns the header `OWL-Signature` @throws {GatewayError} `CannotCreateSignature` */
export function seal(signer: Signer, head: Head, bodySha256: Buffer | undefined, iat: number): string {
  const header = protectedHeader(signer.algorithm, signer.x5t, iat, head, bodySha256?.toString('base64url'))
  const protectedSegment = Buffer.from(header, 'latin1').toString('base64url')
  try {
    return `${protectedSegment}..${signer.sign(Buffer.from(`${protectedSegment}.`, 'latin1')).toString('base64url')}`
  } catch (cause) {
    throw new GatewayError('CannotCreateSignature', { cause })
  }
}

/**
 * Reads a signature over this head, strictly; the signature value itself is judged by `holds`.
 *
 * @throws {GatewayError} `SignatureVerification.MalformedSignature`, `SignatureVerification.InvalidReference`
 */
export function readSignature(text: string, head: Head): Claims {
  const match = COMPACT.exec(text)
  if (match === null) throw malformed('it has not three canonical segments with an empty middle')
  const [, protectedSegment, signatureSegment] = match as unknown as [string, string, string]
  const header = Buffer.from(protectedSegment, 'base64url').toString('latin1')
  const claimed = HEADER.exec(header)
  if (claimed === null) throw malformed('its protected header is not as agreed')
  const [, algorithm, x5t, iat, headSha256, bodySha256] = claimed as unknown as [
    string,
    SignatureAlgorithm,
    string,
    string,
    string,
    string?,
  ]
  const rebuilt = protectedHeader(algorithm, x5t, Number(iat), head, bodySha256)
  const signature = Buffer.from(signatureSegment, 'base64url')
  if (headSha256 !== head.sha256.toString('base64url'))
    throw new GatewayError('SignatureVerification.InvalidReference', { reason: 'the head differs' })
  if (rebuilt !== header || Buffer.from(header, 'latin1').toString('base64url') !== protectedSegment)
    throw malformed('its protected header is not as agreed')
  if (signature.toString('base64url') !== signatureSegment) throw malformed('its value is not canonical')
  return {
    algorithm,
    x5t,
    iat: Number(iat),
    bodySha256,
    input: Buffer.from(`${protectedSegment}.`, 'latin1'),
    signature,
  }
}

/** Does the signature value fit? The key is the registered one, of a kind the algorithm allows; anything else is `false`. */
export function holds(claims: Pick<Claims, 'algorithm' | 'input' | 'signature'>, key: KeyObject): boolean {
  const { algorithm, input, signature } = claims
  if (algorithm === 'PS256') {
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
    if (key.asymmetricKeyType !== 'rsa' || bits < 3072 || signature.length !== bits / 8) return false
    return verify('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature)
  }
  const [curve, length, digest] =
    algorithm === 'ES256' ? (['prime256v1', 64, 'sha256'] as const) : (['secp384r1', 96, 'sha384'] as const)
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== curve || signature.length !== length)
    return false
  return verify(digest, input, key, rawToDer(signature))
}

const DIGEST = '([A-Za-z0-9_-]{43})'
const COMPACT = /^([A-Za-z0-9_-]{100,2000})\.\.([A-Za-z0-9_-]{80,1000})$/
/** Picks out what varies; that the rest is right is shown by rebuilding the whole. */
const HEADER = new RegExp(
  `^\\{"alg":"(ES256|ES384|PS256)","x5t#S256":"${DIGEST}","iat":(\\d{1,12}),.*"hashV":\\["${DIGEST}"(?:,"${DIGEST}")?\\]`,
)

function protectedHeader(
  algorithm: SignatureAlgorithm,
  x5t: string,
  iat: number,
  head: Head,
  bodySha256: string | undefined,
): string {
  const start = `{"alg":"${algorithm}","x5t#S256":"${x5t}","iat":${iat},"b64":false,"sigD":{"mId":"http://uri.etsi.org/19182/ObjectIdByURIHash","pars":["message-head.txt"`
  const headDigest = head.sha256.toString('base64url')
  if (bodySha256 === undefined)
    return `${start}],"hashM":"S256","hashV":["${headDigest}"],"ctys":["text/plain"]},"crit":["b64","sigD"]}`
  const { type, extension }: MediaType = head.media
  return `${start},"message-body.${extension}"],"hashM":"S256","hashV":["${headDigest}","${bodySha256}"],"ctys":["text/plain","${type}"]},"crit":["b64","sigD"]}`
}

function malformed(reason: string): GatewayError {
  return new GatewayError('SignatureVerification.MalformedSignature', { reason })
}
