/**
 * Signatures from before the form was final (`--profile draft`): another name for the head, `srCms` in the protected
 * header, compact or with a time-stamp of its own. Everything else is as strict as `protocol/sealing.ts`.
 */

import { GatewayError } from '../errors.ts'
import { parseStrictJson } from '../protocol/json.ts'
import type { Claims, SignatureAlgorithm } from '../protocol/sealing.ts'
import type { Revocation } from './trust.ts'

export const DRAFT_HEAD_NAME = 'message-headers.txt'

export interface DraftSignature {
  readonly claims: Claims
  /** Of the head, base64url. */
  readonly headSha256: string
  readonly bodyName: string | undefined
  readonly certificates: readonly Buffer[]
  readonly revocation: Revocation | undefined
  /** Time-stamp over the signature value's text. */
  readonly timeStamp: Buffer | undefined
  /** BASE64URL(signature): what that time-stamp is over. */
  readonly value: string
}

const COMPACT = /^([A-Za-z0-9_-]{100,2000})\.\.([A-Za-z0-9_-]{80,1000})$/
const HEADER =
  /^\{"alg":"(ES256|ES384|PS256)","x5t#S256":"([A-Za-z0-9_-]{43})","iat":(\d{1,12}),"b64":false,"sigD":\{"mId":"http:\/\/uri\.etsi\.org\/19182\/ObjectIdByURIHash","pars":\["message-headers\.txt"(?:,"(message-body\.[a-z]{3,4})")?\],"hashM":"S256","hashV":\["([A-Za-z0-9_-]{43})"(?:,"([A-Za-z0-9_-]{43})")?\],"ctys":\["text\/plain"(?:,"[a-z]+\/[a-z0-9.+-]+")?\]\}(?:,"srCms":\[\{"commId":\{"id":"http:\/\/uri\.etsi\.org\/01903\/v1\.2\.2#ProofOfOrigin"\}\}\])?,"crit":\["b64","sigD"\]\}$/

/** @throws {GatewayError} `SignatureVerification.MalformedSignature` */
export function readDraftSignature(octets: Buffer): DraftSignature {
  try {
    const text = octets.toString('latin1')
    if (!text.startsWith('{')) return { ...readWire(text.trimEnd()), certificates: [], ...NOTHING_BESIDE }
    const form = members(parseStrictJson(octets), 'header payload protected signature')
    if (form['payload'] !== '') throw malformed()
    const { etsiU } = members(form['header'], 'etsiU')
    return { ...readWire(`${form['protected']}..${form['signature']}`), ...readUnprotected(etsiU) }
  } catch (cause) {
    throw cause instanceof GatewayError ? cause : malformed(cause)
  }
}

const NOTHING_BESIDE = { revocation: undefined, timeStamp: undefined }

function readWire(wire: string): Pick<DraftSignature, 'claims' | 'headSha256' | 'bodyName' | 'value'> {
  const [, segment, value] = COMPACT.exec(wire) ?? []
  if (segment === undefined || value === undefined) throw malformed()
  const header = HEADER.exec(decoded(segment, 'base64url').toString('latin1'))
  if (header === null) throw malformed()
  const [, algorithm, x5t, iat, bodyName, headSha256, bodySha256] = header
  if ((bodyName === undefined) !== (bodySha256 === undefined)) throw malformed()
  const claims: Claims = {
    algorithm: algorithm as SignatureAlgorithm,
    x5t: x5t as string,
    iat: Number(iat),
    ...(bodySha256 !== undefined && { bodySha256 }),
    input: Buffer.from(`${segment}.`, 'latin1'),
    signature: decoded(value, 'base64url'),
  }
  return { claims, headSha256: headSha256 as string, bodyName, value }
}

function readUnprotected(etsiU: unknown): Pick<DraftSignature, 'certificates' | 'revocation' | 'timeStamp'> {
  if (!Array.isArray(etsiU) || etsiU.length > 4) throw malformed()
  let certificates: readonly Buffer[] = []
  let revocation: Revocation | undefined
  let timeStamp: Buffer | undefined
  const seen = new Set<string>()
  for (const each of etsiU) {
    const component = members(parseStrictJson(decoded(each, 'base64url')))
    const [name = '', ...others] = Object.keys(component)
    if (others.length > 0 || seen.has(name)) throw malformed()
    seen.add(name)
    const value = component[name]
    if (name === 'xVals') certificates = values(value).map((x) => octetsOf(members(x, 'x509Cert')['x509Cert']))
    else if (name === 'rVals')
      revocation = { kind: 'ocsp', der: octetsOf(values(members(value, 'ocspVals')['ocspVals'])[0]) }
    else if (name === 'sigTst') timeStamp = octetsOf(values(members(value, 'tstTokens')['tstTokens'])[0])
    // Certificates and lists for the time-stamp: the token is judged by its own and by the anchors.
    else if (name !== 'tstVD') throw malformed()
  }
  return { certificates, revocation, timeStamp }
}

function members(value: unknown, names?: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed()
  if (names !== undefined && Object.keys(value).sort().join(' ') !== names) throw malformed()
  return value as Record<string, unknown>
}

function values(value: unknown): unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > 4) throw malformed()
  return value
}

function octetsOf(value: unknown): Buffer {
  return decoded(members(value, 'val')['val'], 'base64')
}

function decoded(value: unknown, encoding: 'base64' | 'base64url'): Buffer {
  if (typeof value !== 'string') throw malformed()
  const octets = Buffer.from(value, encoding)
  if (octets.toString(encoding) !== value) throw malformed()
  return octets
}

function malformed(cause?: unknown): GatewayError {
  return new GatewayError('SignatureVerification.MalformedSignature', {
    reason: 'it is not of the draft’s form',
    cause,
  })
}
