/** Certificate status as the development responder gives it. RFC 6960, nonce RFC 9654. */

import { createHash } from 'node:crypto'
import {
  BasicOCSPResponse,
  CertID,
  CertStatus,
  id_pkix_ocsp_basic,
  id_pkix_ocsp_nonce,
  KeyHash,
  OCSPRequest,
  OCSPResponse,
  OCSPResponseStatus,
  ResponderID,
  ResponseBytes,
  ResponseData,
  RevokedInfo,
  SingleResponse,
} from '@peculiar/asn1-ocsp'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import type { Extension } from '@peculiar/asn1-x509'
import { CRLReason } from '@peculiar/asn1-x509'
import type { IssuedCertificates } from './issued.ts'
import type { Revocations } from './revocations.ts'
import { reasonCode } from './revocations.ts'
import type { Signer } from './signer.ts'
import { bufferOf, serialText, signWith } from './signer.ts'

/** Lies that still are OCSP answers. */
export type OcspLie = 'other-serial' | 'other-signer' | 'expired' | 'unknown' | 'try-later'

export interface OcspDeps {
  /** Certified by the issuing CA for OCSP signing. */
  readonly responder: Signer
  /** Certified by the issuing CA, but for something else. */
  readonly impostor: Signer
  readonly issuing: Signer
  readonly issued: IssuedCertificates
  readonly revocations: Revocations
  readonly now: () => number
  readonly validityMs: number
}

const DIGESTS: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
}

const REQUESTS_MAX = 100
const NONCE_BYTES_MAX = 128

/** @returns DER of an OCSPResponse, whatever the request was */
export async function answerOcsp(deps: OcspDeps, octets: Uint8Array, lie?: OcspLie): Promise<Uint8Array> {
  if (lie === 'try-later') return refusal(OCSPResponseStatus.tryLater)
  const request = parseRequest(octets)
  if (request === undefined) return refusal(OCSPResponseStatus.malformedRequest)

  const { requestList, requestExtensions } = request.tbsRequest
  const nonce = requestExtensions?.find(({ extnID }) => extnID === id_pkix_ocsp_nonce)
  if (nonce !== undefined && !isNonce(nonce)) return refusal(OCSPResponseStatus.malformedRequest)

  const responses = await Promise.all(requestList.map(({ reqCert }) => statusOf(deps, reqCert, lie)))
  return signed(lie === 'other-signer' ? deps.impostor : deps.responder, deps.now(), responses, nonce)
}

function parseRequest(octets: Uint8Array): OCSPRequest | undefined {
  try {
    const request = AsnConvert.parse(octets, OCSPRequest)
    const { length } = request.tbsRequest.requestList
    // RFC 6960 A.1 wants DER: what does not encode to itself is something else.
    const exact = Buffer.from(AsnConvert.serialize(request)).equals(octets)
    return exact && length > 0 && length <= REQUESTS_MAX ? request : undefined
  } catch {
    return undefined
  }
}

/** RFC 9654 §2.1: an OCTET STRING of 1 to 128 octets inside the extension's own. */
function isNonce({ extnValue }: Extension): boolean {
  try {
    const { byteLength } = AsnConvert.parse(extnValue, OctetString)
    return byteLength > 0 && byteLength <= NONCE_BYTES_MAX
  } catch {
    return false
  }
}

async function statusOf(deps: OcspDeps, asked: CertID, lie?: OcspLie): Promise<SingleResponse> {
  const now = lie === 'expired' ? deps.now() - 2 * deps.validityMs : deps.now()
  return new SingleResponse({
    certID: lie === 'other-serial' ? otherThan(asked) : asked,
    certStatus: lie === 'unknown' ? new CertStatus({ unknown: null }) : await judge(deps, asked),
    thisUpdate: wholeSecond(now),
    nextUpdate: wholeSecond(now + deps.validityMs),
  })
}

async function judge(deps: OcspDeps, asked: CertID): Promise<CertStatus> {
  const serial = serialText(asked.serialNumber)
  // A foreign issuer is `unknown` (RFC 6960 §2.2): this responder speaks for one CA.
  if (!namesIssuer(deps.issuing, asked)) return new CertStatus({ unknown: null })

  const revocation = deps.revocations.find('issuing', serial)
  if (revocation !== undefined) {
    const code = reasonCode(revocation.reason)
    const revoked = new RevokedInfo({ revocationTime: new Date(revocation.at) })
    if (code !== undefined) revoked.revocationReason = new CRLReason(code)
    return new CertStatus({ revoked })
  }
  const known = await deps.issued.has('issuing', serial)
  return new CertStatus(known ? { good: null } : { unknown: null })
}

function namesIssuer(issuer: Signer, asked: CertID): boolean {
  const digest = DIGESTS[asked.hashAlgorithm.algorithm]
  if (digest === undefined) return false
  const { subject, subjectPublicKeyInfo } = issuer.certificate.tbsCertificate
  return (
    hash(digest, AsnConvert.serialize(subject)).equals(Buffer.from(asked.issuerNameHash.buffer)) &&
    hash(digest, subjectPublicKeyInfo.subjectPublicKey).equals(Buffer.from(asked.issuerKeyHash.buffer))
  )
}

function signed(signer: Signer, now: number, responses: SingleResponse[], nonce?: Extension): Uint8Array {
  const key = signer.certificate.tbsCertificate.subjectPublicKeyInfo.subjectPublicKey
  const tbsResponseData = new ResponseData({
    responderID: new ResponderID({ byKey: new KeyHash(hash('sha1', key)) }),
    producedAt: wholeSecond(now),
    responses,
  })
  if (nonce !== undefined) tbsResponseData.responseExtensions = [nonce]

  const basic = new BasicOCSPResponse({
    tbsResponseData,
    signatureAlgorithm: signer.algorithm,
    signature: signWith(signer, AsnConvert.serialize(tbsResponseData)),
    certs: [signer.certificate],
  })
  const responseBytes = new ResponseBytes({
    responseType: id_pkix_ocsp_basic,
    response: new OctetString(AsnConvert.serialize(basic)),
  })
  return der(new OCSPResponse({ responseStatus: OCSPResponseStatus.successful, responseBytes }))
}

function refusal(responseStatus: OCSPResponseStatus): Uint8Array {
  return der(new OCSPResponse({ responseStatus }))
}

function otherThan(asked: CertID): CertID {
  const serial = new Uint8Array(asked.serialNumber)
  const last = serial.length - 1
  return new CertID({ ...asked, serialNumber: bufferOf(serial.with(last, (serial[last] ?? 0) ^ 1)) })
}

/** RFC 5280 §4.1.2.5.2: GeneralizedTime without fractions. Cut off, never rounded up into the future. */
function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000)
}

function hash(digest: string, octets: ArrayBuffer): Buffer {
  return createHash(digest).update(new Uint8Array(octets)).digest()
}

function der(value: OCSPResponse): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(value))
}
