/** One change from beginning to end: published by the registry, carried to the gateways it concerns, seen there. */

import { hash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { LocalClient } from '../../config/config.ts'
import type { Identifier } from '../../protocol/identifiers.ts'
import { memberOf, subsystemOf } from '../../protocol/identifiers.ts'
import type {
  CertificateFiles,
  EntryFaults,
  Expected,
  RunningGateway,
  RunningRegion,
  ServiceEntry,
  TakenUp,
} from '../../region/running-region.ts'
import {
  announceClient,
  answersOtherwise,
  dropService,
  gatewayOf,
  hasClient,
  refuseUnusable,
  reload,
  slugOf,
  untilTakenUp,
  writeEntries,
} from '../../region/running-region.ts'
import { CommandError } from '../../registry/command-error.ts'
import type { NewService } from '../../registry/commands.ts'
import { addService, removeService } from '../../registry/commands.ts'
import type { Content, Published, RegistryStore } from '../../registry/store.ts'

/** Makes the TLS client certificate of one more subsystem, or finds it made. The development PKI's `makeClient`. */
export type MakeClient = (
  directory: string,
  member: { readonly id: Identifier; readonly name: string; readonly slug: string },
  subsystem: string,
) => Promise<CertificateFiles>

export interface ChangeDeps {
  readonly store: RegistryStore
  /** Absent: the registry alone is changed. */
  readonly region?: RunningRegion
  readonly makeClient: MakeClient
  readonly entryFaults: EntryFaults
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

export interface Outcome {
  readonly version: number
  readonly sha256: string
  readonly gateways: readonly TakenUp[]
  /** With what local systems of a new subsystem can authenticate. */
  readonly client?: CertificateFiles & { readonly id: Identifier }
}

export interface ServiceWish extends NewService {
  readonly url?: string
  readonly adapter?: string
  readonly clientAuth?: LocalClient['auth']
}

/** Subsystem for trying things out: in the development region it takes what a stream may hold. Architecture, limits. */
const TEST_SUBSYSTEM = 'TEST'
const TEST_BODY_BYTES_MAX = 2 * 1024 ** 3

/** @param concerned members whose gateways must have it; all when absent */
export async function change(
  { store, region, now }: ChangeDeps,
  edit: (content: Content) => Content,
  concerned?: readonly Identifier[],
): Promise<Outcome> {
  const published = store.change(now(), edit)
  const { version } = published
  const members = concerned?.map(memberOf)
  const gateways = region?.gateways.filter(({ member }) => members?.includes(member) ?? true) ?? []
  return outcome(published, region, new Map(gateways.map((gateway) => [gateway, { version }])))
}

/**
 * Registers a service, lets the provider's gateway answer it and, for a new subsystem, lets local systems call. Whatever
 * registry or gateway would refuse is refused before anything is written.
 */
export async function registerService(deps: ChangeDeps, wish: ServiceWish): Promise<Outcome> {
  const { store, region, now } = deps
  const { url, adapter, clientAuth, ...given } = wish
  const { id } = given
  const subsystem = subsystemOf(id)
  const before = store.current().configuration.services.find((service) => service.id === id)
  const registered = { ...given, ...bodyLimit(subsystem, given.bodyBytesMax ?? before?.bodyBytesMax) }
  const edit = (content: Content): Content => addService(content, registered)
  if (region === undefined) return outcome(store.change(now(), edit))
  if (url === undefined && adapter === undefined) throw new CommandError('Say where it is answered: --url or --adapter')

  const gateway = gatewayOf(region, id)
  const { configuration } = store.preview(now(), edit)
  const service = entryOf(configuration.services.find((it) => it.id === id) ?? registered, url, adapter)
  await refuseUnusable(gateway, { service }, deps.entryFaults)
  const client = await clientOf(deps, region, gateway, subsystem, clientAuth)

  const published = store.change(now(), edit)
  await retire(store, region, gateway, service)
  store.alone(() => {
    writeEntries(gateway, { service, ...(client !== undefined && { client: client.entry }) })
    if (client !== undefined) announceClient(region, subsystem, client.files)
  })
  reload(gateway)
  const expected = { version: published.version, services: [id], clients: [subsystem] }
  const seen = await outcome(published, region, new Map([[gateway, expected]]))
  return { ...seen, ...(client !== undefined && { client: { id: subsystem, ...client.files } }) }
}

/** The provider's own gateway keeps to the limits that are published, as every other does. */
function entryOf(published: NewService, url: string | undefined, adapter: string | undefined): ServiceEntry {
  const { id, timeoutMs, bodyBytesMax } = published
  return {
    id,
    ...(adapter === undefined ? { url } : { adapter, ...(url !== undefined && { options: { url } }) }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(bodyBytesMax !== undefined && { bodyBytesMax }),
  } as ServiceEntry
}

export async function unregisterService(
  { store, region, now, entryFaults }: ChangeDeps,
  id: Identifier,
): Promise<Outcome> {
  const gateway = region === undefined ? undefined : gatewayOf(region, id)
  if (gateway !== undefined) await refuseUnusable(gateway, {}, entryFaults)
  const published = store.change(now(), (content) => removeService(content, id))
  if (region === undefined || gateway === undefined) return outcome(published)
  store.alone(() => dropService(gateway, id))
  reload(gateway)
  return outcome(published, region, new Map([[gateway, { version: published.version, without: [id] }]]))
}

/** A service that goes elsewhere first disappears: from the outside, only that shows that the new address is in use. */
async function retire(
  store: RegistryStore,
  region: RunningRegion,
  gateway: RunningGateway,
  service: ServiceEntry,
): Promise<void> {
  if (!answersOtherwise(gateway, service)) return
  store.alone(() => dropService(gateway, service.id))
  reload(gateway)
  await untilTakenUp(region, new Map([[gateway, { without: [service.id] }]]))
}

interface NewClient {
  readonly entry: LocalClient
  readonly files: CertificateFiles
}

async function clientOf(
  { makeClient }: ChangeDeps,
  region: RunningRegion,
  gateway: RunningGateway,
  subsystem: Identifier,
  auth: LocalClient['auth'] | undefined,
): Promise<NewClient | undefined> {
  if (hasClient(gateway, subsystem) && auth === undefined) return undefined
  const { member, name } = gateway
  const code = subsystem.slice(member.length + 1)
  const files = await makeClient(region.trust.directory, { id: member, name, slug: slugOf(gateway) }, code)
  const { raw } = new X509Certificate(readFileSync(files.cert))
  const entry = { id: subsystem, auth: auth ?? 'mtls', certificates: [hash('sha256', raw, 'hex')] }
  return { entry, files }
}

function bodyLimit(subsystem: Identifier, wished: number | undefined): { readonly bodyBytesMax?: number } {
  const standard = subsystem.endsWith(`/${TEST_SUBSYSTEM}`) ? TEST_BODY_BYTES_MAX : undefined
  const bodyBytesMax = wished ?? standard
  return bodyBytesMax === undefined ? {} : { bodyBytesMax }
}

async function outcome(
  { version, sha256 }: Published,
  region?: RunningRegion,
  expected?: ReadonlyMap<RunningGateway, Expected>,
): Promise<Outcome> {
  const gateways = region === undefined || expected === undefined ? [] : await untilTakenUp(region, expected)
  return { version, sha256, gateways }
}
