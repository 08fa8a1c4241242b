/** Time-stamps as the development authority gives them. RFC 3161 with RFC 5816. */

import { randomBytes } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  Accuracy,
  id_ct_tstInfo,
  MessageImprint,
  PKIFailureInfo,
  PKIFreeText,
  PKIStatus,
  PKIStatusInfo,
  TimeStampReq,
  TimeStampReqVersion,
  TimeStampResp,
  TSTInfo,
} from '@peculiar/asn1-tsp'
import { Extension, Extensions } from '@peculiar/asn1-x509'
import { signContent } from './signed-data.ts'
import type { Signer } from './signer.ts'
import { bufferOf, randomSerial } from './signer.ts'

/**
 * Lies that still are time-stamp answers, and two answers that say more than usual: `qualified` is right, as authorities
 * after EN 319 422 give it; `critical-extension` must not be taken.
 */
export type TsaLie = 'imprint' | 'nonce' | 'time' | 'other-signer' | 'reject' | 'qualified' | 'critical-extension'

export interface TsaDeps {
  readonly unit: Signer
  /** Certified by another CA, and for something else. */
  readonly impostor: Signer
  /** Issuer of the unit's certificate. */
  readonly authority: Signer
  readonly now: () => number
  /**
   * True: milliseconds, every token later than the one before, `ordering` set.
   * False: whole seconds, as most accredited authorities give them.
   */
  readonly ordering: boolean
}

export type TimeStamper = (request: Uint8Array, lie?: TsaLie) => Uint8Array

/** RFC 5612 reserves the arc 1.3.6.1.4.1.32473 for examples. */
export const TSA_POLICY = '1.3.6.1.4.1.32473.1.1'

/** qcStatements (RFC 3739 §3.2.6) with the one statement id-etsi-tsts-EuQCompliance, 0.4.0.19422.1.1. */
const QC_STATEMENTS = { id: '1.3.6.1.5.5.7.1.3', value: '300b30090607040081975e0101' }
const UNKNOWN = { id: '1.3.6.1.4.1.32473.1.2', value: '0500' }

/** RFC 3161 §2.4.2, as bit numbers. The package's own constants have two of them wrong (badRequest, badDataFormat). */
const FAILURES = {
  badAlg: 0,
  badRequest: 2,
  badDataFormat: 5,
  unacceptedPolicy: 15,
  unacceptedExtension: 16,
  systemFailure: 25,
} as const

type Failure = keyof typeof FAILURES

/** Object identifier → length of the digest in octets. SHA-1 is left out on purpose. */
const IMPRINT_BYTES: Readonly<Record<string, number>> = {
  '2.16.840.1.101.3.4.2.1': 32,
  '2.16.840.1.101.3.4.2.2': 48,
  '2.16.840.1.101.3.4.2.3': 64,
}

const DER_NULL_HEX = '0500'
const ONE_DAY_MS = 86_400_000

export function openTimeStamper(deps: TsaDeps): TimeStamper {
  let last = 0

  /** Whole seconds may repeat; ordered times may not. */
  function clock(): number {
    if (!deps.ordering) return Math.floor(deps.now() / 1000) * 1000
    last = Math.max(deps.now(), last + 1)
    return last
  }

  return (octets, lie) => {
    if (lie === 'reject') return rejection('systemFailure')
    const request = parseRequest(octets)
    if (request === undefined) return rejection('badDataFormat')
    const failure = judge(request)
    return failure === undefined ? granted(deps, request, clock(), lie) : rejection(failure)
  }
}

function parseRequest(octets: Uint8Array): TimeStampReq | undefined {
  try {
    const request = AsnConvert.parse(octets, TimeStampReq)
    // RFC 3161 §3.4 wants DER: what does not encode to itself is something else.
    return Buffer.from(AsnConvert.serialize(request)).equals(octets) ? request : undefined
  } catch {
    return undefined
  }
}

function judge(request: TimeStampReq): Failure | undefined {
  const { hashAlgorithm, hashedMessage } = request.messageImprint
  if (request.version !== TimeStampReqVersion.v1) return 'badRequest'
  const length = IMPRINT_BYTES[hashAlgorithm.algorithm]
  if (length === undefined || !areParametersEmpty(hashAlgorithm.parameters)) return 'badAlg'
  if (hashedMessage.byteLength !== length) return 'badDataFormat'
  if (request.reqPolicy !== undefined && request.reqPolicy !== TSA_POLICY) return 'unacceptedPolicy'
  if (request.extensions !== undefined) return 'unacceptedExtension'
  return undefined
}

/** RFC 5754 §2: absent, and NULL must be accepted. */
function areParametersEmpty(parameters: ArrayBuffer | null | undefined): boolean {
  return parameters === undefined || parameters === null || Buffer.from(parameters).toString('hex') === DER_NULL_HEX
}

function granted(deps: TsaDeps, request: TimeStampReq, at: number, lie?: TsaLie): Uint8Array {
  const signer = lie === 'other-signer' ? deps.impostor : deps.unit
  const info = new TSTInfo({
    policy: TSA_POLICY,
    messageImprint: lie === 'imprint' ? otherThan(request.messageImprint) : request.messageImprint,
    serialNumber: randomSerial(),
    genTime: new Date(lie === 'time' ? at - ONE_DAY_MS : at),
    accuracy: new Accuracy(deps.ordering ? { millis: 100 } : { seconds: 1 }),
    ordering: deps.ordering,
  })
  const nonce = lie === 'nonce' ? randomSerial() : request.nonce
  if (nonce !== undefined) info.nonce = nonce
  if (lie === 'qualified') info.extensions = new Extensions([extension(QC_STATEMENTS, false)])
  if (lie === 'critical-extension') info.extensions = new Extensions([extension(UNKNOWN, true)])

  const token = signContent(signer, {
    type: id_ct_tstInfo,
    octets: AsnConvert.serialize(info),
    signedAt: at,
    certificates: request.certReq ? [signer.certificate, deps.authority.certificate] : [],
  })
  return der(new TimeStampResp({ status: new PKIStatusInfo({ status: PKIStatus.granted }), timeStampToken: token }))
}

function extension({ id, value }: typeof UNKNOWN, critical: boolean): Extension {
  return new Extension({ extnID: id, critical, extnValue: new OctetString(bufferOf(Buffer.from(value, 'hex'))) })
}

function rejection(failure: Failure): Uint8Array {
  const bit = FAILURES[failure]
  const octets = new Uint8Array((bit >> 3) + 1)
  octets[bit >> 3] = 0x80 >> (bit & 7)
  const status = new PKIStatusInfo({
    status: PKIStatus.rejection,
    statusString: new PKIFreeText([failure]),
    failInfo: new PKIFailureInfo(octets, 7 - (bit & 7)),
  })
  return der(new TimeStampResp({ status }))
}

function otherThan(imprint: MessageImprint): MessageImprint {
  const hashedMessage = new OctetString(bufferOf(randomBytes(imprint.hashedMessage.byteLength)))
  return new MessageImprint({ hashAlgorithm: imprint.hashAlgorithm, hashedMessage })
}

function der(value: TimeStampResp): Uint8Array {
  return new Uint8Array(AsnConvert.serialize(value))
}
