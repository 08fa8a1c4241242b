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
  const { algorithm, x5t } = signer
  const digests = { head: head.sha256.toString('base64url'), body: bodySha256?.toString('base64url') }
  const protectedSegment = protectedHeader(algorithm, x5t, iat, head.media, digests)
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
  const protectedEnd = text.indexOf('..')
  const protectedSegment = text.slice(0, protectedEnd)
  const signatureSegment = text.slice(protectedEnd + 2)
  const isTooLong = protectedSegment.length > PROTECTED_CHARS_MAX || signatureSegment.length > SIGNATURE_CHARS_MAX
  if (protectedEnd === -1 || isTooLong || signatureSegment.length < SIGNATURE_CHARS_MIN)
    throw malformed('it has not three canonical segments with an empty middle')
  const claimed = HEADER.exec(Buffer.from(protectedSegment, 'base64url').toString('latin1'))
  if (claimed === null) throw malformed('its protected header is not as agreed')
  const [, algorithm, x5t, iat, headSha256, bodySha256] = claimed as unknown as [
    string,
    SignatureAlgorithm,
    string,
    string,
    string,
    string?,
  ]
  const digests = { head: head.sha256.toString('base64url'), body: bodySha256 }
  if (headSha256 !== digests.head)
    throw new GatewayError('SignatureVerification.InvalidReference', { reason: 'the head differs' })
  if (protectedSegment !== protectedHeader(algorithm, x5t, Number(iat), head.media, digests))
    throw malformed('its protected header is not as agreed')
  const signature = Buffer.from(signatureSegment, 'base64url')
  if (signature.toString('base64url') !== signatureSegment) throw malformed('its value is not canonical')
  const input = Buffer.from(text.slice(0, protectedEnd + 1), 'latin1')
  return { algorithm, x5t, iat: Number(iat), bodySha256, input, signature }
}

/** Does the signature value fit? The key is the registered one, of a kind the algorithm allows; anything else is `false`. */
export function holds(claims: Pick<Claims, 'algorithm' | 'input' | 'signature'>, key: KeyObject): boolean {
  const { algorithm, input, signature } = claims
  if (algorithm === 'PS256') {
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
    if (key.asymmetricKeyType !== 'rsa' || bits < 3072 || signature.length !== bits / 8) return false
    return verify('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature)
  }
  const { curve, bytes, digest } = ECDSA[algorithm]
  return curveOf(key) === curve && signature.length === bytes && verify(digest, input, key, rawToDer(signature))
}

/** Node makes the details of a key anew whenever they are asked for. */
const curves = new WeakMap<KeyObject, string | undefined>()

function curveOf(key: KeyObject): string | undefined {
  if (!curves.has(key))
    curves.set(key, key.asymmetricKeyType === 'ec' ? key.asymmetricKeyDetails?.namedCurve : undefined)
  return curves.get(key)
}

/** RFC 7518 §3.4. */
const ECDSA = {
  ES256: { curve: 'prime256v1', bytes: 64, digest: 'sha256' },
  ES384: { curve: 'secp384r1', bytes: 96, digest: 'sha384' },
} as const

const PROTECTED_CHARS_MAX = 2000
const SIGNATURE_CHARS_MIN = 80
const SIGNATURE_CHARS_MAX = 1000
const DIGEST = '([A-Za-z0-9_-]{43})'
/** Picks out what varies; that the rest is right is shown by rebuilding the whole. */
const HEADER = new RegExp(
  `^\\{"alg":"(ES256|ES384|PS256)","x5t#S256":"${DIGEST}","iat":(\\d{1,12}),.*?"hashV":\\["${DIGEST}"(?:,"${DIGEST}")?\\]`,
)

/** @param digests in base64url @returns BASE64URL(header) */
function protectedHeader(
  algorithm: SignatureAlgorithm,
  x5t: string,
  iat: number,
  { type, extension }: MediaType,
  { head, body }: { head: string; body: string | undefined },
): string {
  const start = `{"alg":"${algorithm}","x5t#S256":"${x5t}","iat":${iat},"b64":false,"sigD":{"mId":"http://uri.etsi.org/19182/ObjectIdByURIHash","pars":["message-head.txt"`
  const header =
    body === undefined
      ? `${start}],"hashM":"S256","hashV":["${head}"],"ctys":["text/plain"]},"crit":["b64","sigD"]}`
      : `${start},"message-body.${extension}"],"hashM":"S256","hashV":["${head}","${body}"],"ctys":["text/plain","${type}"]},"crit":["b64","sigD"]}`
  return Buffer.from(header, 'latin1').toString('base64url')
}

function malformed(reason: string): GatewayError {
  return new GatewayError('SignatureVerification.MalformedSignature', { reason })
}
