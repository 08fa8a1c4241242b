/**
 * What the lead municipality can change about its region, one function a change. Each takes the content and gives the
 * content after; `RegistryStore.change` checks the whole and publishes it.
 */

import { hash } from 'node:crypto'
import type { Identifier } from '../protocol/identifiers.ts'
import { memberOf, subsystemOf } from '../protocol/identifiers.ts'
import type { CertificateUse, RegisteredName } from '../trust/certificate-profile.ts'
import { flawAt, judge, parseCertificate } from '../trust/certificate-profile.ts'
import type { Agreement, Gateway, Member, Purpose, RegisteredCertificate, Service } from '../trust/configuration.ts'
import { CommandError, readX509 } from './command-error.ts'
import type { Content } from './store.ts'

export interface NewMember {
  readonly id: Identifier
  readonly name: string
  readonly dvdv?: string
  /** PEM or DER. */
  readonly seals: readonly Buffer[]
}

/** @param now for the certificates' validity, milliseconds since the Unix epoch */
export function addMember(content: Content, { id, name, dvdv, seals }: NewMember, now: number): Content {
  refuseTaken(content.members, id)
  const registered = seals.map((seal) => registerSeal(content, seal, { id, name }, now))
  const member: Member = { id, name, ...(dvdv !== undefined && { dvdv }), seals: registered, subsystems: [] }
  return { ...content, members: [...content.members, member] }
}

export function addSeal(content: Content, id: Identifier, seal: Buffer, now: number): Content {
  const registered = registerSeal(content, seal, find(content.members, id), now)
  return { ...content, members: edit(content.members, id, ({ seals }) => ({ seals: [...seals, registered] })) }
}

export function removeSeal(content: Content, id: Identifier, sha256: string): Content {
  const { seals } = find(content.members, id)
  const kept = seals.filter((seal) => seal.sha256 !== sha256)
  if (kept.length === seals.length) throw new CommandError(`${id} has no seal ${sha256}`)
  return { ...content, members: edit(content.members, id, () => ({ seals: kept })) }
}

/** @param id four parts @param gateway who speaks for it; all gateways of the member when absent */
export function addSubsystem(content: Content, id: Identifier, name: string, gateway?: Identifier): Content {
  const member = memberOf(id)
  const code = id.slice(member.length + 1)
  const { subsystems } = find(content.members, member)
  if (subsystems.some((subsystem) => subsystem.code === code)) throw new CommandError(`${id} is registered already`)
  const speaking = gateway === undefined ? gatewaysOf(content, member) : [find(content.gateways, gateway).id]
  return {
    ...content,
    members: edit(content.members, member, () => ({ subsystems: [...subsystems, { code, name }] })),
    gateways: content.gateways.map((it) =>
      speaking.includes(it.id) ? { ...it, subsystems: [...it.subsystems, id] } : it,
    ),
  }
}

export interface NewGateway {
  /** Four parts, the last one the server code. */
  readonly id: Identifier
  /** `https://host:port` */
  readonly address: string
  /** PEM or DER. */
  readonly server: Buffer
  readonly client: Buffer
  /** All of its member's when absent. */
  readonly subsystems?: readonly Identifier[]
}

export function addGateway(content: Content, wish: NewGateway, now: number): Content {
  const { id, address } = wish
  refuseTaken(content.gateways, id)
  const member = find(content.members, memberOf(id))
  const { hostname } = new URL(address)
  const name = { organization: member.name, serialNumber: id }
  const gateway: Gateway = {
    id,
    address,
    tls: [
      { use: 'server', ...register(content, wish.server, 'tls-server', { ...name, host: hostname }, now) },
      { use: 'client', ...register(content, wish.client, 'tls-client', name, now) },
    ],
    subsystems: wish.subsystems ?? member.subsystems.map(({ code }) => `${member.id}/${code}`),
    logs: [`${id}/n1`],
  }
  return { ...content, gateways: [...content.gateways, gateway] }
}

export interface NewService {
  /** Five parts. */
  readonly id: Identifier
  readonly title?: string
  readonly type?: Service['type']
  readonly endpoints?: Service['endpoints']
  /** What every gateway between caller and service has to allow. */
  readonly bodyBytesMax?: number
  readonly timeoutMs?: number
}

/** Registers a service and, when it is missing, its subsystem. Registered already: what is given is changed. */
export function addService(content: Content, { id, ...given }: NewService): Content {
  const subsystem = subsystemOf(id)
  const code = subsystem.slice(memberOf(id).length + 1)
  const { subsystems } = find(content.members, memberOf(id))
  const before = subsystems.some((it) => it.code === code) ? content : addSubsystem(content, subsystem, code)
  const present = before.services.some((service) => service.id === id)
  const service: Service = {
    id,
    title: id.slice(subsystem.length + 1),
    type: 'REST',
    endpoints: [{ method: '*', path: '**' }],
    ...given,
  }
  const services = present ? edit(before.services, id, () => given) : [...before.services, service]
  return { ...before, services }
}

export function removeService(content: Content, id: Identifier): Content {
  const using = content.agreements.filter(({ service }) => service === id).map((agreement) => agreement.id)
  if (using.length > 0) throw new CommandError(`${id} is used by the agreements ${using.join(', ')}: remove them first`)
  return { ...content, services: without(content.services, id) }
}

/** @param notice what callers read; absent: the service is open again */
export function disableService(content: Content, id: Identifier, notice: string | undefined): Content {
  find(content.services, id)
  const services = content.services.map((service) => {
    if (service.id !== id) return service
    const { disabledNotice: _before, ...open } = service
    return notice === undefined ? open : { ...open, disabledNotice: notice }
  })
  return { ...content, services }
}

/** Registered already: what is given is changed. */
export function addPurpose(content: Content, code: string, given: Partial<Omit<Purpose, 'code'>>): Content {
  const present = content.purposes.some((purpose) => purpose.code === code)
  const changed = content.purposes.map((purpose) => (purpose.code === code ? { ...purpose, ...given } : purpose))
  return {
    ...content,
    purposes: present ? changed : [...changed, { code, ...PURPOSE_DEFAULTS, title: code, ...given }],
  }
}

/** For trying things out; an agency's purpose states its own. */
const PURPOSE_DEFAULTS: Omit<Purpose, 'code' | 'title'> = {
  legalBasis: 'none stated',
  dataCategories: [],
  bodyRetentionDays: 30,
  recordRetentionDays: 365,
  requires: [],
}

export function removePurpose(content: Content, code: string): Content {
  const purposes = content.purposes.filter((purpose) => purpose.code !== code)
  if (purposes.length === content.purposes.length) throw new CommandError(`${code} is not registered`)
  return { ...content, purposes }
}

export interface NewAgreement {
  /** Made of client and service when absent. */
  readonly id?: string
  readonly client: Identifier
  readonly service: Identifier
  readonly method: string
  readonly path: string
  /** None: no purpose is required. */
  readonly purposes: readonly string[]
  /** Of the agreement as a whole; `[]` takes back what was allowed. */
  readonly idnr?: Agreement['idnr']
  /** ISO 8601. */
  readonly validFrom: string
  readonly validUntil?: string
}

/** Adds an agreement, or one more right to the agreement of that id. The same right again changes its purposes. */
export function addAgreement(content: Content, wish: NewAgreement): Content {
  const { client, service, method, path, purposes, validFrom, validUntil, idnr } = wish
  const id = wish.id ?? agreementIdOf(client, service)
  const right = { method, path, purposes }
  const present = content.agreements.find((agreement) => agreement.id === id)
  if (present === undefined) {
    const end = validUntil !== undefined && { validUntil }
    const agreement: Agreement = { id, client, service, validFrom, ...end, endpoints: [right] }
    return { ...content, agreements: [...content.agreements, withIdnr(agreement, idnr)] }
  }
  if (present.client !== client || present.service !== service) {
    throw new CommandError(`Agreement ${id} is between others; choose another --id`)
  }
  const others = present.endpoints.filter((it) => it.method !== method || it.path !== path)
  const endpoints = others.length === present.endpoints.length ? [...others, right] : replaced(present.endpoints, right)
  const changed = withIdnr({ ...present, endpoints }, idnr)
  return {
    ...content,
    agreements: content.agreements.map((agreement) => (agreement === present ? changed : agreement)),
  }
}

function withIdnr({ idnr: before, ...agreement }: Agreement, idnr = before): Agreement {
  return idnr === undefined || idnr.length === 0 ? agreement : { ...agreement, idnr }
}

export function removeAgreement(content: Content, id: string): Content {
  return { ...content, agreements: without(content.agreements, id) }
}

/** The same two parties get the same agreement, so that a command can be given twice. */
export function agreementIdOf(client: Identifier, service: Identifier): string {
  return `CLI-${hash('sha256', `${client} ${service}`, 'hex').slice(0, 16)}`
}

type Endpoint = Agreement['endpoints'][number]

function replaced(endpoints: readonly Endpoint[], right: Endpoint): Endpoint[] {
  return endpoints.map((it) => (it.method === right.method && it.path === right.path ? right : it))
}

function registerSeal(content: Content, seal: Buffer, { id, name }: Pick<Member, 'id' | 'name'>, now: number) {
  return register(content, seal, 'seal', { organization: name, organizationIdentifier: id }, now)
}

/** A certificate is judged before it is registered as every gateway will judge it after. */
function register(
  content: Content,
  octets: Buffer,
  use: CertificateUse,
  name: RegisteredName,
  now: number,
): RegisteredCertificate {
  const { raw } = readX509(octets, use)
  const issuers = content.authorities.issuing.map((it) => parseCertificate(Buffer.from(it.certificate, 'base64')))
  const parsed = parseCertificate(raw)
  const flaw = flawAt(judge(parsed, use, issuers, name), now)
  if (flaw !== undefined) throw new CommandError(`The certificate cannot be registered as ${use}: ${flaw}`)
  return { sha256: parsed.sha256, certificate: raw.toString('base64') }
}

interface WithId {
  readonly id: string
}

function find<T extends WithId>(list: readonly T[], id: string): T {
  const found = list.find((item) => item.id === id)
  if (found === undefined) throw new CommandError(`${id} is not registered`)
  return found
}

function refuseTaken(list: readonly WithId[], id: string): void {
  if (list.some((item) => item.id === id)) throw new CommandError(`${id} is registered already`)
}

function edit<T extends WithId>(list: readonly T[], id: string, change: (item: T) => Partial<T>): readonly T[] {
  find(list, id)
  return list.map((item) => (item.id === id ? { ...item, ...change(item) } : item))
}

function without<T extends WithId>(list: readonly T[], id: string): readonly T[] {
  find(list, id)
  return list.filter((item) => item.id !== id)
}

function gatewaysOf({ gateways }: Content, member: Identifier): readonly Identifier[] {
  const own = gateways.map(({ id }) => id).filter((id) => memberOf(id) === member)
  if (own.length === 0) throw new CommandError(`${member} has no gateway that could speak for the subsystem`)
  return own
}
