/** Certificate revocation lists of the development CAs. X.509 v2 CRL, RFC 5280 §5. */

import { createHash } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AuthorityKeyIdentifier,
  CertificateList,
  CRLNumber,
  CRLReason,
  Extension,
  IssuingDistributionPoint,
  id_ce_authorityKeyIdentifier,
  id_ce_cRLNumber,
  id_ce_cRLReasons,
  id_ce_issuingDistributionPoint,
  KeyIdentifier,
  RevokedCertificate,
  TBSCertList,
  Time,
  Version,
} from '@peculiar/asn1-x509'
import type { Revocation } from './revocations.ts'
import { reasonCode } from './revocations.ts'
import type { Signer } from './signer.ts'
import { signWith } from './signer.ts'

export interface CrlContent {
  readonly revoked: readonly Revocation[]
  readonly number: number
  /** Milliseconds since the Unix epoch; whole seconds are written. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** The certificates it is for, where it is not for all. RFC 5280 §5.2.5 */
  readonly only?: 'users' | 'authorities'
}

/**
 * @param authority in whose name the list speaks
 * @param signer the authority, except where a wrong signature is wanted
 * @returns DER
 */
export function formatCrl(authority: Signer, content: CrlContent, signer: Signer = authority): Uint8Array {
  const { tbsCertificate } = authority.certificate
  const keyId = createHash('sha1').update(new Uint8Array(tbsCertificate.subjectPublicKeyInfo.subjectPublicKey)).digest()
  const tbsCertList = new TBSCertList({
    version: Version.v2,
    signature: signer.algorithm,
    issuer: tbsCertificate.subject,
    thisUpdate: new Time(new Date(content.thisUpdate)),
    nextUpdate: new Time(new Date(content.nextUpdate)),
    crlExtensions: [
      extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyId) })),
      extension(id_ce_cRLNumber, new CRLNumber(content.number)),
    ],
  })
  if (content.only !== undefined) {
    const onlyContainsUserCerts = content.only === 'users'
    const point = new IssuingDistributionPoint({ onlyContainsUserCerts, onlyContainsCACerts: !onlyContainsUserCerts })
    tbsCertList.crlExtensions?.push(extension(id_ce_issuingDistributionPoint, point, true))
  }
  // RFC 5280 §5.1.2.6: without revoked certificates the list MUST be absent, not empty.
  if (content.revoked.length > 0) tbsCertList.revokedCertificates = content.revoked.map(formatEntry)

  const signature = signWith(signer, AsnConvert.serialize(tbsCertList))
  const list = new CertificateList({ tbsCertList, signatureAlgorithm: signer.algorithm, signature })
  return new Uint8Array(AsnConvert.serialize(list))
}

function formatEntry(revocation: Revocation): RevokedCertificate {
  const code = reasonCode(revocation.reason)
  const entry = new RevokedCertificate({
    userCertificate: serialContent(revocation.serial),
    revocationDate: new Time(new Date(revocation.at)),
  })
  if (code !== undefined) entry.crlEntryExtensions = [extension(id_ce_cRLReasons, new CRLReason(code))]
  return entry
}

function extension(extnID: string, value: object, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

/** Content octets of a positive INTEGER: a leading zero octet keeps the sign. */
function serialContent(serial: string): ArrayBuffer {
  const even = serial.length % 2 === 0 ? serial : `0${serial}`
  return new Uint8Array(Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, 'hex')).buffer
}
