/** Which certificates a development PKI holds, where each lies and what it says. The paths are a contract. */

import type { Member } from './members.ts'
import { GATEWAYS_DEFAULT } from './members.ts'

export type AuthorityName = 'root' | 'issuing' | 'tsa-ca'

export type ProfileName = 'root' | 'authority' | 'ocsp' | 'tsa' | 'seal' | 'tls-server' | 'tls-client'

export interface Entry {
  /** Relative to the PKI's folder, without extension: `.pem`, `.key` and `.chain.pem` follow. */
  readonly path: string
  readonly profile: ProfileName
  readonly issuer: AuthorityName
  readonly subject: Subject
  /** DNS names and addresses, for what speaks TLS between hosts. */
  readonly hosts?: readonly string[]
  /** A TLS server sends its issuing CA along. */
  readonly chain?: true
}

export interface Subject {
  readonly organization: string
  readonly commonName: string
  /** Member, gateway, client or operator, as identifier. X.520 serialNumber. */
  readonly serialNumber?: string
  /** X.520 organizationIdentifier, ETSI EN 319 412-3 §4.2.1. */
  readonly organizationIdentifier?: string
}

const OPERATOR = 'OWL Entwicklung'
const LOOPBACK: readonly string[] = ['127.0.0.1', '::1', 'localhost']

export const ROOT: Entry = authority('root', 'root', 'root', 'OWL Entwicklung Root CA')
export const ISSUING: Entry = authority('issuing', 'authority', 'root', 'OWL Entwicklung Issuing CA 1')
export const TSA_CA: Entry = authority('tsa-ca', 'authority', 'root', 'OWL Entwicklung TSA CA 1')

/** Names of the time-stamping units, which are also the paths of their services. */
export const TSA_UNITS = ['tsa', 'tsa2'] as const

/** Everything below the authorities, for these members. */
export function layout(members: readonly Member[]): readonly Entry[] {
  return [...common(), ...members.flatMap(memberEntries)]
}

export function clientEntry(member: Pick<Member, 'id' | 'name' | 'slug'>, subsystem: string): Entry {
  return {
    path: `members/${member.slug}/clients/${subsystem}`,
    profile: 'tls-client',
    issuer: 'issuing',
    subject: { organization: member.name, commonName: subsystem, serialNumber: `${member.id}/${subsystem}` },
  }
}

function authority(path: AuthorityName, profile: ProfileName, issuer: AuthorityName, commonName: string): Entry {
  return { path, profile, issuer, subject: { organization: OPERATOR, commonName } }
}

function common(): readonly Entry[] {
  return [
    {
      path: 'ocsp',
      profile: 'ocsp',
      issuer: 'issuing',
      subject: { organization: OPERATOR, commonName: 'OWL Entwicklung OCSP 1' },
    },
    ...TSA_UNITS.map(
      (path, index): Entry => ({
        path,
        profile: 'tsa',
        issuer: 'tsa-ca',
        subject: { organization: OPERATOR, commonName: `OWL Entwicklung TSA ${index + 1}` },
      }),
    ),
    server('registry/server', 'registry.owl.example', OPERATOR),
    server('service/server', 'service.owl.example', OPERATOR),
  ]
}

function memberEntries(member: Member): readonly Entry[] {
  const { id, name, slug } = member
  const home = `members/${slug}`
  const host = `${slug}.owl.example`
  return [
    {
      path: `${home}/seal`,
      profile: 'seal',
      issuer: 'issuing',
      subject: { organization: name, commonName: name, serialNumber: id, organizationIdentifier: id },
    },
    {
      path: `${home}/operator`,
      profile: 'tls-client',
      issuer: 'issuing',
      subject: { organization: name, commonName: 'Operator', serialNumber: `${id}/operator` },
    },
    ...(member.gateways ?? GATEWAYS_DEFAULT).flatMap((gateway): readonly Entry[] => [
      server(`${home}/${gateway}/local`, host, name, `${id}/${gateway}`),
      server(`${home}/${gateway}/peer-server`, host, name, `${id}/${gateway}`),
      { ...speaker(`${home}/${gateway}/peer-client`, host, name, `${id}/${gateway}`), profile: 'tls-client' },
    ]),
    ...member.subsystems.map((subsystem) => clientEntry(member, subsystem)),
  ]
}

function server(path: string, host: string, organization: string, serialNumber?: string): Entry {
  return { ...speaker(path, host, organization, serialNumber), chain: true }
}

function speaker(path: string, host: string, organization: string, serialNumber?: string): Entry {
  const subject = { organization, commonName: host, ...(serialNumber !== undefined && { serialNumber }) }
  return { path, profile: 'tls-server', issuer: 'issuing', subject, hosts: [...LOOPBACK, host] }
}
