/**
 * The container seal: a detached CAdES signature of the exporting gateway over the container's manifest. RFC 5652 §5,
 * ETSI EN 319 122-1 §5; exact form in the design of the evidence, section 5. One form for given contents: four signed
 * attributes, one unsigned one.
 */

import { hash } from 'node:crypto'
import { readCertificate } from '../protocol/authority-certificates.ts'
import {
  contextTag,
  TAG,
  writeDer,
  writeInteger,
  writeOctets,
  writeOid,
  writeSequence,
  writeSetOf,
} from '../protocol/der.ts'
import { rawToDer } from '../protocol/ecdsa.ts'
import type { Signer } from '../protocol/sealing.ts'

export interface SealCertificates {
  /** DER, and that of its issuing CA. */
  readonly certificate: Buffer
  readonly issuer: Buffer
}

/** What a verifier needs that no signature covers. */
export interface SealProofs {
  /** RFC 3161 token over SHA-256 of the signature value, DER. */
  readonly timeStamp?: Buffer
  /** One of both, never both: validators disagree on what that means. */
  readonly revocation?: { readonly source: 'ocsp' | 'crl'; readonly response: Buffer }
}

/** A seal before anything is put beside it. */
export interface BareSeal {
  /** SHA-256 of the signature value: what its time-stamp is over. */
  readonly imprint: Buffer
  /** DER of the ContentInfo. */
  complete(proofs: SealProofs): Buffer
}

const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  signatureTimeStamp: '1.2.840.113549.1.9.16.2.14',
  /** RFC 5940 §2.1 */
  ocspResponse: '1.3.6.1.5.5.7.16.2',
} as const

const SHA_256 = '2.16.840.1.101.3.4.2.1'
const SHA_384 = '2.16.840.1.101.3.4.2.2'

interface Algorithm {
  readonly digest: 'sha256' | 'sha384'
  readonly digestAlgorithm: Buffer
  readonly signatureAlgorithm: Buffer
  /** From the form of JWS to that of CMS. */
  readonly signature: (jws: Buffer) => Buffer
}

/** RFC 5754 §2 and §3.3: no parameters, but for RSASSA-PSS, RFC 4055 §3.1. */
const ALGORITHMS: Readonly<Record<Signer['algorithm'], Algorithm>> = {
  ES256: {
    digest: 'sha256',
    digestAlgorithm: writeSequence(writeOid(SHA_256)),
    signatureAlgorithm: writeSequence(writeOid('1.2.840.10045.4.3.2')),
    signature: rawToDer,
  },
  ES384: {
    digest: 'sha384',
    digestAlgorithm: writeSequence(writeOid(SHA_384)),
    signatureAlgorithm: writeSequence(writeOid('1.2.840.10045.4.3.3')),
    signature: rawToDer,
  },
  PS256: {
    digest: 'sha256',
    digestAlgorithm: writeSequence(writeOid(SHA_256)),
    signatureAlgorithm: pss(),
    signature: (jws) => jws,
  },
}

/**
 * @param manifest what is sealed: the octets of `ASiCManifest001.xml`
 * @param at claimed signing time, milliseconds since the Unix epoch
 * @throws whatever the signer throws
 */
export function signSeal(signer: Signer, from: SealCertificates, manifest: Buffer, at: number): BareSeal {
  const algorithm = ALGORITHMS[signer.algorithm]
  const attributes = signedAttributes(algorithm, from.certificate, manifest, at)
  const signature = algorithm.signature(signer.sign(writeDer(TAG.set, attributes)))
  return {
    imprint: hash('sha256', signature, 'buffer'),
    complete: (proofs) =>
      signedData(from, proofs, algorithm, signerInfo(from, proofs, algorithm, attributes, signature)),
  }
}

/** Exactly four, in DER order; the content of the SET OF. */
function signedAttributes({ digest }: Algorithm, certificate: Buffer, manifest: Buffer, at: number): Buffer {
  const { issuer, serial } = readCertificate(certificate)
  const issuerSerial = writeSequence(writeSequence(writeDer(contextTag(4), issuer)), writeDer(TAG.integer, serial))
  // The hash algorithm is left out: SHA-256 is the default of ESSCertIDv2, RFC 5035 §4.
  const certId = writeSequence(writeOctets(hash('sha256', certificate, 'buffer')), issuerSerial)
  const attributes = [
    attribute(OID.contentType, writeOid(OID.data)),
    attribute(OID.signingTime, writeTime(at)),
    attribute(OID.messageDigest, writeOctets(hash(digest, manifest, 'buffer'))),
    attribute(OID.signingCertificateV2, writeSequence(writeSequence(certId))),
  ]
  return Buffer.concat(attributes.sort(Buffer.compare))
}

function signerInfo(
  { certificate }: SealCertificates,
  { timeStamp }: SealProofs,
  { digestAlgorithm, signatureAlgorithm }: Algorithm,
  attributes: Buffer,
  signature: Buffer,
): Buffer {
  const { issuer, serial } = readCertificate(certificate)
  return writeSequence(
    writeInteger(1),
    writeSequence(issuer, writeDer(TAG.integer, serial)),
    digestAlgorithm,
    writeDer(contextTag(0), attributes),
    signatureAlgorithm,
    writeOctets(signature),
    ...(timeStamp === undefined ? [] : [writeDer(contextTag(1), attribute(OID.signatureTimeStamp, timeStamp))]),
  )
}

function signedData(
  { certificate, issuer }: SealCertificates,
  { revocation }: SealProofs,
  { digestAlgorithm }: Algorithm,
  signer: Buffer,
): Buffer {
  const certificates = writeDer(contextTag(0), ...[certificate, issuer].sort(Buffer.compare))
  const data = writeSequence(
    // RFC 5652 §5.1: 5 where revocation information is of another form than a list.
    writeInteger(revocation?.source === 'ocsp' ? 5 : 1),
    writeSetOf(digestAlgorithm),
    writeSequence(writeOid(OID.data)),
    certificates,
    ...(revocation === undefined ? [] : [writeDer(contextTag(1), revocationInfo(revocation))]),
    writeSetOf(signer),
  )
  return writeSequence(writeOid(OID.signedData), writeDer(contextTag(0), data))
}

function revocationInfo({ source, response }: NonNullable<SealProofs['revocation']>): Buffer {
  return source === 'crl' ? response : writeDer(contextTag(1), writeOid(OID.ocspResponse), response)
}

function attribute(type: string, value: Buffer): Buffer {
  return writeSequence(writeOid(type), writeSetOf(value))
}

/** UTCTime to the second, GeneralizedTime from 2050. RFC 5652 §11.3 */
function writeTime(at: number): Buffer {
  const text = `${new Date(at).toISOString().replace(/\D/g, '').slice(0, 14)}Z`
  return Number(text.slice(0, 4)) < 2050
    ? writeDer(TAG.utcTime, Buffer.from(text.slice(2)))
    : writeDer(TAG.generalizedTime, Buffer.from(text))
}

/** SHA-256 for both, a salt of 32 octets. */
function pss(): Buffer {
  const sha256 = writeSequence(writeOid(SHA_256))
  const mgf1 = writeSequence(writeOid('1.2.840.113549.1.1.8'), sha256)
  return writeSequence(
    writeOid('1.2.840.113549.1.1.10'),
    writeSequence(
      writeDer(contextTag(0), sha256),
      writeDer(contextTag(1), mgf1),
      writeDer(contextTag(2), writeInteger(32)),
    ),
  )
}
