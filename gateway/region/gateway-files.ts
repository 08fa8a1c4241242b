/** The files an agency's gateway starts from: its configuration and the master key of its message log. */

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '../protocol/text.ts'
import type { Agency } from './owl-region.ts'
import type { GatewayPorts, RegionPorts } from './ports.ts'
import { fingerprintOf, joined, SERVER_CODE } from './registry-content.ts'

export interface GatewayFilesOptions {
  readonly agency: Agency
  /** The region's folder. */
  readonly directory: string
  readonly pki: string
  /** RFC 7638 thumbprint of the registry's key. */
  readonly anchor: string
  readonly ports: RegionPorts
  readonly own: GatewayPorts
  /** Local system → options of its adapters. */
  readonly systems: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  readonly stampIntervalMs: number
}

export interface GatewayFiles {
  readonly config: string
  /** State: `config` names it. */
  readonly state: string
}

interface WithId {
  readonly id: string
}

type Members = Record<string, unknown>

interface Before extends Members {
  readonly clients?: readonly WithId[]
  readonly services?: readonly WithId[]
}

/** Accredited time-stamps cost money, development ones do not: ten seconds instead of a minute. */
export const STAMP_INTERVAL_MS = 10_000
const LOOPBACK = '127.0.0.0/8'
const MASTER_KEY_BYTES = 32

/**
 * Writes them. Services and clients that commands added to an earlier run stay, and members that somebody wrote by hand.
 *
 * @throws {Error} when what somebody wrote is no JSON
 */
export async function writeGatewayFiles(options: GatewayFilesOptions): Promise<GatewayFiles> {
  const { agency, directory } = options
  const config = join(directory, `${agency.slug}.json`)
  const state = join(directory, agency.slug)
  const masterKey = join(directory, 'secrets', `${agency.slug}.key`)
  await Promise.all([makeMasterKey(masterKey), mkdir(state, { recursive: true, mode: 0o700 })])

  const before = await readBefore(config)
  const fresh = await configuration(options, state, masterKey)
  const idOf = ({ id }: WithId): string => id
  const both = (now: WithId, then: WithId): WithId => ({ ...then, ...now })
  const merged = {
    ...over(over(defaults(options), before), fresh),
    clients: joined<WithId>(fresh.clients, before.clients ?? [], idOf, both),
    services: joined<WithId>(fresh.services, before.services ?? [], idOf, both),
  }
  // Ctrl-C may come now: it leaves the old file or the new one, never half of one.
  await writeFile(`${config}.tmp`, `${JSON.stringify(merged, null, 2)}\n`, { mode: 0o600 })
  await rename(`${config}.tmp`, config)
  return { config, state }
}

/** Where the launcher has no say. */
function defaults({ stampIntervalMs }: GatewayFilesOptions): Members {
  return {
    networksAllowed: [LOOPBACK],
    // The region's people are invented: none has a number that was ever issued.
    idnrTestNumbers: true,
    log: { stampIntervalMs },
  }
}

/** Member by member; a list is one value. */
function over(below: Members, above: Members): Members {
  const merged = { ...below }
  for (const [name, value] of Object.entries(above)) {
    const under = below[name]
    merged[name] = isMembers(under) && isMembers(value) ? over(under, value) : value
  }
  return merged
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

async function configuration(options: GatewayFilesOptions, state: string, masterKey: string) {
  const { agency, directory, pki, anchor, ports, own, systems } = options
  const home = join(pki, 'members', agency.slug)
  const pair = (name: string, certificate = `${name}.chain.pem`) => ({
    key: join(home, `${name}.key`),
    certificate: join(home, certificate),
  })
  const clientCertificate = (code: string): string => join(home, 'clients', `${code}.pem`)
  return {
    gateway: `${agency.id}/${SERVER_CODE}`,
    directory: state,
    registry: {
      url: `https://127.0.0.1:${ports.registry}`,
      ca: join(pki, 'ca.pem'),
      anchor: join(pki, 'registry/anchor.jwk.json'),
      anchorSha256: anchor,
    },
    seal: pair('seal', 'seal.pem'),
    consumer: { port: own.consumer, httpPort: own.consumerHttp, ...pair(`${SERVER_CODE}/local`) },
    provider: {
      port: own.provider,
      ...pair(`${SERVER_CODE}/peer-server`),
      client: pair(`${SERVER_CODE}/peer-client`, `${SERVER_CODE}/peer-client.pem`),
    },
    admin: {
      port: own.admin,
      ...pair(`${SERVER_CODE}/local`),
      operators: [await fingerprintOf(join(home, 'operator.pem'))],
    },
    clients: await Promise.all(
      agency.subsystems.map(async ({ code, auth }) => ({
        id: `${agency.id}/${code}`,
        auth,
        certificates: [await fingerprintOf(clientCertificate(code))],
      })),
    ),
    services: agency.services.map(({ subsystem, code, adapter, system }) => ({
      id: `${agency.id}/${subsystem}/${code}`,
      adapter,
      options: systems.get(system),
    })),
    log: { masterKey, keyStore: join(directory, 'secrets', agency.slug) },
  }
}

async function readBefore(config: string): Promise<Before> {
  const octets = await readFile(config).catch(() => Buffer.from('{}'))
  return parseJson(octets, config) as Before
}

async function makeMasterKey(file: string): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 })
  // `wx`: a key that encrypts a log is never replaced.
  await writeFile(file, randomBytes(MASTER_KEY_BYTES), { mode: 0o600, flag: 'wx' }).catch((error) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  })
}
