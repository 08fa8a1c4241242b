/**
 * What certificates and tokens say of themselves: qualified or not, or made for development. Whether the provider is on a
 * trusted list they cannot say. Sources: eIDAS (EU) 910/2014 Art. 3(27), 35(2), 41(2); EN 319 412-5 §4.2; EN 319 422 §9.1.
 */

import { contextTag, membersOf, octetsOf, oidOf, readDer, TAG } from '../protocol/der.ts'
import type { Token } from '../protocol/time-stamp-token.ts'
import type { ParsedCertificate } from '../trust/certificate-profile.ts'
import { parseCertificate } from '../trust/certificate-profile.ts'

/**
 * `qualified`: a qualified certificate for seals whose key is in a qualified device, or a qualified time-stamp;
 * `certificate`: of a seal, the certificate alone; `development`: the keys lie open, so that it proves nothing.
 */
export type Qualification = 'qualified' | 'certificate' | 'none' | 'development'

export interface ReportedCertificate {
  /** Subject CN, as far as there is one. */
  readonly name?: string
  readonly qualification: Qualification
  /** Milliseconds since the Unix epoch. */
  readonly validUntil: number
}

const QC_STATEMENTS = '1.3.6.1.5.5.7.1.3'
const QC_COMPLIANCE = '0.4.0.1862.1.1'
const QC_DEVICE = '0.4.0.1862.1.4'
const QC_TYPE = '0.4.0.1862.1.6'
const QC_TYPE_SEAL = '0.4.0.1862.1.6.2'
const QUALIFIED_TIME_STAMP = '0.4.0.19422.1.1'
/** Whom the CAs of `certs-dev` name as their organization. */
const DEVELOPMENT = /^O=OWL Entwicklung$/m

export function sealCertificate(certificate: ParsedCertificate): ReportedCertificate {
  const value = certificate.fields.extensions.get(QC_STATEMENTS)?.value
  const statements = value === undefined ? new Map<string, readonly string[]>() : statementsIn(value)
  const isForSeals = statements.has(QC_COMPLIANCE) && statements.get(QC_TYPE)?.includes(QC_TYPE_SEAL) === true
  const said = statements.has(QC_DEVICE) ? 'qualified' : 'certificate'
  return reported(certificate, isForSeals ? said : 'none')
}

/** @returns the unit's certificate; nothing where the token does not carry it */
export function stampCertificate({ content, signer, certificates }: Token): ReportedCertificate | undefined {
  const unit = certificates.map(parseCertificate).find(({ fields }) => fields.serial.equals(signer.serial))
  return unit && reported(unit, isQualifiedStamp(content) ? 'qualified' : 'none')
}

function reported(certificate: ParsedCertificate, said: Qualification): ReportedCertificate {
  const { x509, fields } = certificate
  const name = /^CN=(.+)$/m.exec(x509.subject)?.[1]
  return {
    ...(name !== undefined && { name }),
    qualification: DEVELOPMENT.test(x509.issuer) ? 'development' : said,
    validUntil: fields.notAfter,
  }
}

/** The statements of a qcStatements extension, RFC 3739 §3.2.6, and the object identifiers in each. */
function statementsIn(value: Buffer): ReadonlyMap<string, readonly string[]> {
  const statements = membersOf(readDer(value), TAG.sequence).rest(TAG.sequence)
  return new Map(
    statements.map((statement) => {
      const members = membersOf(statement, TAG.sequence)
      const id = oidOf(members.next())
      return [id, id === QC_TYPE ? membersOf(members.next(), TAG.sequence).rest(TAG.oid).map(oidOf) : []]
    }),
  )
}

/** TSTInfo's extensions, [1] IMPLICIT, are its last member. RFC 3161 §2.4.2 */
function isQualifiedStamp(info: Buffer): boolean {
  const members = membersOf(readDer(info), TAG.sequence)
  while (members.more) {
    const member = members.next()
    if (member.tag !== contextTag(1)) continue
    for (const extension of membersOf(member, contextTag(1)).rest(TAG.sequence)) {
      const parts = membersOf(extension, TAG.sequence)
      const id = oidOf(parts.next())
      let value = parts.next()
      while (parts.more) value = parts.next()
      if (id === QC_STATEMENTS && statementsIn(octetsOf(value)).has(QUALIFIED_TIME_STAMP)) return true
    }
  }
  return false
}
