/** CMS SignedData around one content with one signer, as time-stamp tokens want it. RFC 5652, RFC 5035, RFC 5816. */

import { createHash } from 'node:crypto'
import {
  Attribute,
  CertificateChoices,
  CertificateSet,
  CMSVersion,
  ContentInfo,
  DigestAlgorithmIdentifier,
  DigestAlgorithmIdentifiers,
  EncapsulatedContent,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  id_signedData,
  SignedData,
  SignerIdentifier,
  SignerInfo,
  SignerInfos,
} from '@peculiar/asn1-cms'
import {
  AsnArray,
  AsnConvert,
  AsnIntegerArrayBufferConverter,
  AsnProp,
  AsnPropTypes,
  AsnType,
  AsnTypeTypes,
  OctetString,
} from '@peculiar/asn1-schema'
import { GeneralName, Time } from '@peculiar/asn1-x509'
import type { Signer } from './signer.ts'
import { bufferOf, signWith } from './signer.ts'

export interface SignedContent {
  /** Object identifier of the content's type. */
  readonly type: string
  readonly octets: ArrayBuffer
  /** Milliseconds since the Unix epoch; whole seconds are written. */
  readonly signedAt: number
  /** Put into the message, in DER order; empty: none. */
  readonly certificates: readonly Signer['certificate'][]
}

const SHA256 = '2.16.840.1.101.3.4.2.1'
const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const SIGNING_TIME = '1.2.840.113549.1.9.5'
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'

export function signContent(signer: Signer, content: SignedContent): ContentInfo {
  const signedAttrs = new SignedAttributes(
    inDerOrder([
      attribute(CONTENT_TYPE, new ObjectIdentifier(content.type)),
      attribute(SIGNING_TIME, new Time(new Date(content.signedAt))),
      attribute(MESSAGE_DIGEST, new OctetString(sha256(content.octets))),
      attribute(SIGNING_CERTIFICATE_V2, new SigningCertificateV2(signer)),
    ]),
  )
  const signerInfo = new SignerInfo({
    version: CMSVersion.v1,
    sid: new SignerIdentifier({ issuerAndSerialNumber: issuerAndSerialNumber(signer) }),
    digestAlgorithm: new DigestAlgorithmIdentifier({ algorithm: SHA256 }),
    signedAttrs,
    signatureAlgorithm: signer.algorithm,
    // RFC 5652 §5.4: over the attributes as SET OF, not under the implicit tag they are sent with.
    signature: new OctetString(signWith(signer, AsnConvert.serialize(signedAttrs))),
  })
  const signedData = new SignedData({
    version: CMSVersion.v3,
    digestAlgorithms: new DigestAlgorithmIdentifiers([new DigestAlgorithmIdentifier({ algorithm: SHA256 })]),
    encapContentInfo: new EncapsulatedContentInfo({
      eContentType: content.type,
      eContent: new EncapsulatedContent({ single: new OctetString(content.octets) }),
    }),
    signerInfos: new SignerInfos([signerInfo]),
  })
  if (content.certificates.length > 0) {
    const choices = content.certificates.map((certificate) => new CertificateChoices({ certificate }))
    signedData.certificates = new CertificateSet(inDerOrder(choices))
  }
  return new ContentInfo({ contentType: id_signedData, content: AsnConvert.serialize(signedData) })
}

function attribute(attrType: string, value: object): Attribute {
  return new Attribute({ attrType, attrValues: [AsnConvert.serialize(value)] })
}

function issuerAndSerialNumber({ certificate }: Signer): IssuerAndSerialNumber {
  const { issuer, serialNumber } = certificate.tbsCertificate
  return new IssuerAndSerialNumber({ issuer, serialNumber })
}

/** X.690 §11.6: members of a SET OF ascend by their octets. */
function inDerOrder<T extends object>(values: readonly T[]): T[] {
  const encoded = values.map((value) => ({ value, octets: Buffer.from(AsnConvert.serialize(value)) }))
  return encoded.sort((a, b) => Buffer.compare(a.octets, b.octets)).map(({ value }) => value)
}

function sha256(octets: ArrayBuffer | Uint8Array): ArrayBuffer {
  return bufferOf(createHash('sha256').update(new Uint8Array(octets)).digest())
}

// What the ASN.1 packages lack. Their decorators are called as the functions they are: type stripping knows no syntax
// for them.

class SignedAttributes extends AsnArray<Attribute> {}
AsnType({ type: AsnTypeTypes.Set, itemType: Attribute })(SignedAttributes)

class ObjectIdentifier {
  value: string

  constructor(value = '') {
    this.value = value
  }
}
AsnType({ type: AsnTypeTypes.Choice })(ObjectIdentifier)
AsnProp({ type: AsnPropTypes.ObjectIdentifier })(ObjectIdentifier.prototype, 'value')

/** RFC 5035 §4: names the signer's certificate by SHA-256 (the default, so unnamed), issuer and serial number. */
class EssCertIdV2 {
  certHash = new OctetString()
  issuerSerial = new IssuerSerial()
}

class IssuerSerial {
  issuer: GeneralName[] = []
  serialNumber: ArrayBuffer = new ArrayBuffer(0)
}

class SigningCertificateV2 {
  certs: EssCertIdV2[] = []

  constructor(signer?: Signer) {
    if (signer === undefined) return
    const { issuer, serialNumber } = signer.certificate.tbsCertificate
    const id = new EssCertIdV2()
    id.certHash = new OctetString(sha256(signer.der))
    id.issuerSerial.issuer = [new GeneralName({ directoryName: issuer })]
    id.issuerSerial.serialNumber = serialNumber
    this.certs = [id]
  }
}

AsnProp({ type: GeneralName, repeated: 'sequence' })(IssuerSerial.prototype, 'issuer')
AsnProp({ type: AsnPropTypes.Integer, converter: AsnIntegerArrayBufferConverter })(
  IssuerSerial.prototype,
  'serialNumber',
)
AsnProp({ type: OctetString })(EssCertIdV2.prototype, 'certHash')
AsnProp({ type: IssuerSerial })(EssCertIdV2.prototype, 'issuerSerial')
AsnProp({ type: EssCertIdV2, repeated: 'sequence' })(SigningCertificateV2.prototype, 'certs')
