/**
 * The development region while it runs: a change of the registry is carried to the gateways it concerns and seen there.
 *
 * `federation.json` says where everything is. A gateway takes the registry's news by itself; its own services and clients
 * stand in its configuration file, which it reads again on SIGHUP.
 */

import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { LocalClient, LocalService } from '../config/config.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { memberOf } from '../protocol/identifiers.ts'
import { parseJson } from '../protocol/text.ts'
import { CommandError } from '../registry/command-error.ts'

/** Paths are absolute. */
export interface RunningRegion {
  readonly file: string
  readonly registry: { readonly directory: string }
  readonly trust: { readonly ca: string; readonly directory: string }
  readonly gateways: readonly RunningGateway[]
}

export interface RunningGateway {
  readonly member: Identifier
  readonly name: string
  readonly pid: number | null
  readonly admin: string
  readonly config: string
  readonly clients: Readonly<Record<Identifier, CertificateFiles>>
  readonly operator: CertificateFiles
}

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** What of a service or client stands in the gateway's own file. */
export type ServiceEntry = Pick<LocalService, 'id'> & Partial<LocalService>
export interface LocalChange {
  readonly service?: ServiceEntry
  readonly client?: LocalClient
}

/** How a gateway judges services and clients of a configuration before it starts with them. */
export type EntryFaults = (
  raw: object,
  file: string,
) => Promise<readonly { readonly member: string; readonly id?: Identifier; readonly detail: string }[]>

/** What a gateway must show before a change counts as taken up. */
export interface Expected {
  readonly version?: number
  readonly services?: readonly Identifier[]
  readonly clients?: readonly Identifier[]
  /** Services that must be gone. */
  readonly without?: readonly Identifier[]
}

export interface TakenUp {
  readonly member: Identifier
  /** `down`: the gateway does not run and takes the change up when it starts. */
  readonly state: 'taken-up' | 'down' | 'late'
  /** Of a late one: its configuration, to look for the reason. */
  readonly config?: string
}

export const TAKE_UP_MS_MAX = 15_000
const LOOK_INTERVAL_MS = 50

/** @throws {CommandError} when no region is described there */
export async function readRegion(file: string): Promise<RunningRegion> {
  const octets = await readFile(file).catch((cause) => {
    throw new CommandError(`${file} cannot be read: does the region run? (npm start)`, { cause })
  })
  return { ...(parseJson(octets, file) as Omit<RunningRegion, 'file'>), file }
}

/** @throws {CommandError} when nobody in the region speaks for the member */
export function gatewayOf(region: RunningRegion, id: Identifier): RunningGateway {
  const gateway = region.gateways.find(({ member }) => member === memberOf(id))
  if (gateway === undefined) throw new CommandError(`${memberOf(id)} has no gateway in ${region.file}`)
  return gateway
}

/** The folder name of the member in the development PKI. */
export function slugOf({ operator }: RunningGateway): string {
  return basename(dirname(operator.cert))
}

/** @returns whether the gateway answers this service already, and otherwise than `service` says */
export function answersOtherwise({ config }: RunningGateway, service: ServiceEntry): boolean {
  const before = readEntries(config).services.find(({ id }) => id === service.id)
  return before !== undefined && JSON.stringify(before) !== JSON.stringify(service)
}

export function hasClient({ config }: RunningGateway, id: Identifier): boolean {
  return readEntries(config).clients.some((client) => client.id === id)
}

/** Replaces the entries of these ids, or adds them. */
export function writeEntries({ config }: RunningGateway, change: LocalChange): void {
  editJson(config, (before) => withEntries(before, change))
}

/**
 * Would the gateway take these entries? By the judgement of its own start; what is wrong with others is no concern here.
 *
 * @throws {Error} naming member and service; nothing is written
 */
export async function refuseUnusable(
  { config }: RunningGateway,
  change: LocalChange,
  entryFaults: EntryFaults,
): Promise<void> {
  const faults = await entryFaults(withEntries(readMembers(config), change), config)
  const ids = [change.service?.id, change.client?.id]
  const own = faults.filter(({ id }) => id !== undefined && ids.includes(id))
  if (own.length > 0)
    throw new CommandError(`${config}: ${own.map(({ member, id, detail }) => `${member} ${id}: ${detail}`).join('; ')}`)
}

function withEntries(before: Json, { service, client }: LocalChange): Json {
  return {
    ...before,
    services: upserted(before['services'], service),
    clients: upserted(before['clients'], client),
  }
}

export function dropService({ config }: RunningGateway, id: Identifier): void {
  editJson(config, (before) => ({
    ...before,
    services: (before['services'] as readonly ServiceEntry[]).filter((service) => service.id !== id),
  }))
}

/** Tells outside tools with which certificate they can speak for a subsystem. */
export function announceClient({ file }: RunningRegion, client: Identifier, files: CertificateFiles): void {
  editJson(file, (before) => ({
    ...before,
    gateways: (before['gateways'] as readonly RunningGateway[]).map((gateway) =>
      gateway.member === memberOf(client) ? { ...gateway, clients: { ...gateway.clients, [client]: files } } : gateway,
    ),
  }))
}

export function reload({ pid }: RunningGateway): void {
  if (pid !== null && isAlive(pid)) process.kill(pid, 'SIGHUP')
}

/** Looks at every gateway's admin port until it shows what is expected of it, 15 s at most. */
export async function untilTakenUp(
  region: RunningRegion,
  expected: ReadonlyMap<RunningGateway, Expected>,
  timeoutMs: number = TAKE_UP_MS_MAX,
): Promise<readonly TakenUp[]> {
  const deadline = performance.now() + timeoutMs
  return Promise.all(
    [...expected].map(async ([gateway, wanted]) => {
      const { member, pid } = gateway
      if (pid === null || !isAlive(pid)) return { member, state: 'down' as const }
      const agent = await openAgent(region, gateway)
      try {
        while (performance.now() < deadline) {
          if (await shows(agent, gateway, wanted)) return { member, state: 'taken-up' as const }
          await sleep(LOOK_INTERVAL_MS)
        }
        return { member, state: 'late' as const, config: gateway.config }
      } finally {
        await agent.destroy()
      }
    }),
  )
}

interface Shown {
  readonly configurationVersion: number | null
  readonly services: readonly Identifier[]
  readonly clients: readonly Identifier[]
}

async function shows(agent: Agent, { admin }: RunningGateway, expected: Expected): Promise<boolean> {
  const { version = 0, services = [], clients = [], without = [] } = expected
  let shown: Shown
  try {
    const { statusCode, body } = await request(`${admin}/configuration`, { dispatcher: agent })
    const text = await body.text()
    if (statusCode !== 200) return false
    shown = JSON.parse(text) as Shown
  } catch {
    // Restarting, or not listening yet: look again.
    return false
  }
  return (
    (shown.configurationVersion ?? -1) >= version &&
    services.every((id) => shown.services.includes(id)) &&
    clients.every((id) => shown.clients.includes(id)) &&
    !without.some((id) => shown.services.includes(id))
  )
}

async function openAgent({ trust }: RunningRegion, { operator }: RunningGateway): Promise<Agent> {
  const [ca, cert, key] = await Promise.all([readFile(trust.ca), readFile(operator.cert), readFile(operator.key)])
  const timeouts = { headersTimeout: TAKE_UP_MS_MAX, bodyTimeout: TAKE_UP_MS_MAX }
  return new Agent({ connections: 1, ...timeouts, connect: { ca, cert, key } })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

type Entries = { readonly services: readonly ServiceEntry[]; readonly clients: readonly LocalClient[] }

function readEntries(config: string): Entries {
  const { services = [], clients = [] } = readMembers(config) as Partial<Entries>
  return { services, clients }
}

function upserted(before: unknown, entry: { readonly id: string } | undefined): readonly { readonly id: string }[] {
  const list = (before ?? []) as readonly { readonly id: string }[]
  if (entry === undefined) return list
  const present = list.some(({ id }) => id === entry.id)
  return present ? list.map((it) => (it.id === entry.id ? entry : it)) : [...list, entry]
}

type Json = Record<string, unknown>

/** @throws {Error} naming the file, when it cannot be read or is no JSON */
function readMembers(path: string): Json {
  return parseJson(readFileSync(path), path) as Json
}

/** Renamed into place: whoever reads sees the file before or after, never half of it. */
function editJson(path: string, edit: (before: Json) => object): void {
  const after = edit(readMembers(path))
  const next = `${path}.${process.pid}.tmp`
  writeFileSync(next, `${JSON.stringify(after, null, 2)}\n`, { mode: statSync(path).mode & 0o777 })
  renameSync(next, path)
}
