/**
 * One global configuration, ready to judge by: every look-up is made once, and nothing in it ever changes.
 *
 * An exchange takes one snapshot when it begins and is judged by that alone, whatever is published meanwhile.
 */

import { hash } from 'node:crypto'
import type { Identifier } from '../protocol/identifiers.ts'
import { memberOf } from '../protocol/identifiers.ts'
import type { CertificateUse, ParsedCertificate, RegisteredName, Verdict } from './certificate-profile.ts'
import { flawAt, issuerFlaw, judge, parseCertificate } from './certificate-profile.ts'
import type { Agreement, Configuration, Gateway, Member, Purpose, Service } from './configuration.ts'

export interface Snapshot {
  readonly version: number
  /** Of the configuration's octets, lower-case hex. */
  readonly sha256: string
  /** The same as `owl-config` names it; the digest in base64url. */
  readonly reference: { readonly version: number; readonly sha256: string }
  readonly configuration: Configuration

  member(id: Identifier): Member | undefined
  /** The name of a subsystem, when it is registered. */
  subsystem(id: Identifier): { readonly code: string; readonly name: string } | undefined
  gateway(id: Identifier): RegisteredGateway | undefined
  /** @param sha256 of the certificate shown on a connection, hex */
  gatewayByTls(sha256: string, use: 'server' | 'client'): RegisteredGateway | undefined
  /** The gateways that speak for a subsystem, or for any of a member's. */
  gatewaysOf(client: Identifier): readonly RegisteredGateway[]
  /** @param x5t `x5t#S256`, base64url */
  seal(x5t: string): RegisteredSeal | undefined
  service(id: Identifier): Service | undefined
  servicesOf(subsystem: Identifier): readonly Service[]
  purpose(code: string): Purpose | undefined
  agreementsOf(call: AgreementKey): readonly RegisteredAgreement[]

  readonly issuing: readonly IssuingCa[]
  readonly tsa: readonly RegisteredTsa[]
  /** A seal or TLS certificate of the region. @param sha256 hex */
  certificate(sha256: string): Registered | undefined
  /** Every certificate whose revocation status is asked for: seals and TLS of the region. */
  readonly certificates: readonly Registered[]
  /** What an operator should know: certificates that are registered and yet refused. */
  readonly problems: readonly string[]
}

export interface AgreementKey {
  readonly client: Identifier
  readonly clientMember: Identifier
  readonly service: Identifier
}

/** A registered certificate; `flawAt(verdict, now)` says whether it is good now. Revocation is judged apart. */
export interface Registered extends ParsedCertificate {
  readonly verdict: Verdict
}

export interface RegisteredSeal extends Registered {
  readonly member: Identifier
}

export interface RegisteredGateway extends Gateway {
  readonly member: Identifier
  /** Subsystems, and the members they belong to: whom a request from this gateway may come from. */
  readonly speaksFor: ReadonlySet<Identifier>
  /** Fingerprints of its server certificates: what a connection to it must show. */
  readonly servers: ReadonlySet<string>
}

export interface RegisteredAgreement {
  readonly agreement: Agreement
  /** `id;sha256` with the digest in base64url: what `owl-agreement` says. */
  readonly reference: string
  /** Milliseconds since the Unix epoch. */
  readonly validFromAt: number
  /** Infinity when nothing ends it. */
  readonly validUntilAt: number
}

export interface IssuingCa {
  readonly certificate: ParsedCertificate
  readonly ocsp: string
  readonly crl: string
}

export interface RegisteredTsa {
  readonly url: string
  readonly certificate: Registered
  readonly ca: ParsedCertificate
  readonly crl: string
}

/**
 * @param configuration checked by `checkConfiguration`
 * @param sha256 of its octets, hex
 * @param previous certificates that did not change are taken over, already judged
 */
export function makeSnapshot(configuration: Configuration, sha256: string, previous?: Snapshot): Snapshot {
  const { version, members, gateways, services, purposes } = configuration
  const certificates = readCertificates(configuration, previous)
  const speaking = gateways.map((gateway): RegisteredGateway => {
    const member = memberOf(gateway.id)
    const speaksFor = new Set([member, ...gateway.subsystems.flatMap((id) => [id, memberOf(id)])])
    const servers = new Set(gateway.tls.filter(({ use }) => use === 'server').map(({ sha256 }) => sha256))
    return { ...gateway, member, speaksFor, servers }
  })
  const subsystems = members.flatMap(({ id, subsystems }) =>
    subsystems.map((it): Pair<typeof it> => [`${id}/${it.code}`, it]),
  )
  const byTls = (use: 'server' | 'client') =>
    groupBy(speaking, ({ tls }) => tls.filter((it) => it.use === use).map(({ sha256 }) => sha256))

  const memberById = new Map(members.map((member) => [member.id, member]))
  const subsystemById = new Map(subsystems)
  const gatewayById = new Map(speaking.map((gateway) => [gateway.id, gateway]))
  const gatewayByTls = { server: byTls('server'), client: byTls('client') }
  const gatewaysByClient = groupBy(speaking, ({ speaksFor }) => [...speaksFor])
  const serviceById = new Map(services.map((service) => [service.id, service]))
  const servicesBySubsystem = groupBy(services, ({ id }) => [id.slice(0, id.lastIndexOf('/'))])
  const purposeByCode = new Map(purposes.map((purpose) => [purpose.code, purpose]))
  const certificateBySha256 = new Map(certificates.asked.map((certificate) => [certificate.sha256, certificate]))
  const agreementsByService = indexAgreements(configuration.agreements)

  return Object.freeze({
    version,
    sha256,
    reference: Object.freeze({ version, sha256: Buffer.from(sha256, 'hex').toString('base64url') }),
    configuration,
    member: (id: Identifier) => memberById.get(id),
    subsystem: (id: Identifier) => subsystemById.get(id),
    gateway: (id: Identifier) => gatewayById.get(id),
    gatewayByTls: (sha256: string, use: 'server' | 'client') => gatewayByTls[use].get(sha256)?.[0],
    gatewaysOf: (client: Identifier) => gatewaysByClient.get(client) ?? [],
    seal: (x5t: string) => certificates.seals.get(x5t),
    service: (id: Identifier) => serviceById.get(id),
    servicesOf: (subsystem: Identifier) => servicesBySubsystem.get(subsystem) ?? [],
    purpose: (code: string) => purposeByCode.get(code),
    agreementsOf: ({ client, clientMember, service }: AgreementKey) => {
      const byClient = agreementsByService.get(service)
      const own = byClient?.get(client) ?? NO_AGREEMENTS
      const shared = (client === clientMember ? undefined : byClient?.get(clientMember)) ?? NO_AGREEMENTS
      return shared.length === 0 ? own : [...own, ...shared]
    },
    certificate: (sha256: string) => certificateBySha256.get(sha256),
    issuing: certificates.issuing,
    tsa: certificates.tsa,
    certificates: certificates.asked,
    problems: certificates.problems,
  })
}

type Pair<T> = readonly [key: string, value: T]

const NO_AGREEMENTS: readonly RegisteredAgreement[] = []

function indexAgreements(agreements: readonly Agreement[]) {
  const registered = agreements.map((agreement) => ({
    agreement,
    // The registry writes with JSON.stringify, so this hashes the octets as they stand in the configuration.
    reference: `${agreement.id};${hash('sha256', JSON.stringify(agreement), 'base64url')}`,
    validFromAt: Date.parse(agreement.validFrom),
    validUntilAt: agreement.validUntil === undefined ? Number.POSITIVE_INFINITY : Date.parse(agreement.validUntil),
  }))
  const byService = groupBy(registered, ({ agreement }) => [agreement.service])
  return new Map([...byService].map(([service, list]) => [service, groupBy(list, (it) => [it.agreement.client])]))
}

interface Certificates {
  readonly seals: ReadonlyMap<string, RegisteredSeal>
  readonly issuing: readonly IssuingCa[]
  readonly tsa: readonly RegisteredTsa[]
  readonly asked: readonly Registered[]
  readonly problems: readonly string[]
}

function readCertificates(configuration: Configuration, previous: Snapshot | undefined): Certificates {
  const { authorities, members, gateways, issued } = configuration
  const problems: string[] = []
  const now = Date.parse(issued)
  const known = new Map(previous?.certificates.map((certificate) => [certificate.sha256, certificate]))

  // One certificate that cannot be read must not take the region down: it alone is left out.
  function parse(base64: string, whose: string): ParsedCertificate | undefined {
    try {
      return parseCertificate(Buffer.from(base64, 'base64'))
    } catch {
      problems.push(`${whose}: the certificate cannot be read`)
      return undefined
    }
  }
  function register(
    { base64, sha256 }: { base64: string; sha256?: string },
    use: CertificateUse,
    by: readonly ParsedCertificate[],
    name: RegisteredName,
    whose: string,
  ): Registered | undefined {
    const parsed = (sha256 === undefined ? undefined : known.get(sha256)) ?? parse(base64, whose)
    if (parsed === undefined) return undefined
    const verdict = judge(parsed, use, by, name)
    const flaw = flawAt(verdict, now)
    if (flaw !== undefined) problems.push(`${whose}: ${flaw}`)
    return { ...parsed, verdict }
  }

  /** All that it issued is refused for it: the reason is told once. */
  function parseAuthority(base64: string, whose: string): ParsedCertificate | undefined {
    const parsed = parse(base64, whose)
    const flaw = parsed && issuerFlaw(parsed)
    if (flaw !== undefined) problems.push(`${whose}: ${flaw}`)
    return parsed
  }

  const issuing = authorities.issuing.flatMap(({ certificate, ocsp, crl }, i) => {
    const parsed = parseAuthority(certificate, `authorities.issuing[${i}]`)
    return parsed === undefined ? [] : [{ certificate: parsed, ocsp, crl }]
  })
  const cas = issuing.map(({ certificate }) => certificate)

  const seals = members.flatMap(({ id, name, seals }) =>
    seals.flatMap(({ certificate: base64, sha256 }): RegisteredSeal[] => {
      const registered = { organization: name, organizationIdentifier: id }
      const certificate = register({ base64, sha256 }, 'seal', cas, registered, `seal of ${id}`)
      return certificate === undefined ? [] : [{ ...certificate, member: id }]
    }),
  )
  const names = new Map(members.map(({ id, name }) => [id, name]))
  const tls = gateways.flatMap(({ id, address, tls }) =>
    tls.flatMap(({ certificate: base64, sha256, use }): Registered[] => {
      const name: RegisteredName = {
        organization: names.get(memberOf(id)) ?? '',
        serialNumber: id,
        ...(use === 'server' && { host: hostOf(address) }),
      }
      const certificate = register({ base64, sha256 }, `tls-${use}`, cas, name, `TLS ${use} of ${id}`)
      return certificate === undefined ? [] : [certificate]
    }),
  )
  const tsa = authorities.tsa.flatMap(({ url, certificate, ca, crl }, i): RegisteredTsa[] => {
    const by = parseAuthority(ca, `authorities.tsa[${i}].ca`)
    const own = by && register({ base64: certificate }, 'tsa', [by], {}, `authorities.tsa[${i}]`)
    return by === undefined || own === undefined ? [] : [{ url, certificate: own, ca: by, crl }]
  })
  return {
    seals: new Map(seals.map((seal) => [Buffer.from(seal.sha256, 'hex').toString('base64url'), seal])),
    issuing,
    tsa,
    asked: [...seals, ...tls],
    problems,
  }
}

function hostOf(address: string): string {
  return new URL(address).hostname.replace(/^\[|\]$/g, '')
}

function groupBy<T>(items: readonly T[], keysOf: (item: T) => readonly string[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    for (const key of keysOf(item)) {
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [item])
      else group.push(item)
    }
  }
  return groups
}
