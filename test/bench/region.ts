/** The path under test: two real gateways of a running region, registry, trust service, logs and stamping included. */

import { execFile } from 'node:child_process'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Agent } from 'undici'
import { request } from 'undici'
import type { Side } from '../../gateway/message-log/message-log.ts'
import { openAgent } from '../../gateway/region/calls.ts'
import type { FederationGateway } from '../../gateway/region/federation.ts'
import { startRegion } from '../../gateway/region/launcher.ts'
import type { Region } from '../../gateway/region/owl-region.ts'
import { MEMBERS } from './members.ts'
import { CLIENT, SERVICE } from './message.ts'
import type { Path } from './paths.ts'

export interface GatewayPath {
  readonly path: Path
  readonly gateways: Readonly<Record<Side, FederationGateway & { readonly pid: number }>>
  /** What Prometheus would get from this side's gateway. */
  metrics(side: Side): Promise<string>
  /** Profiles every thread of both gateways while `work` runs. @returns the files */
  profile(work: () => Promise<void>): Promise<readonly string[]>
  stop(): Promise<void>
}

export interface GatewayPathOptions {
  readonly directory: string
  readonly service: { readonly port: number; readonly pid: number }
  /** Where profiles go, when there shall be any. */
  readonly profiles: string | undefined
}

const PURPOSE = 'TEST'
const STAMP_INTERVAL_MS = 10_000

const REGION: Region = {
  instance: 'OWL',
  agencies: MEMBERS.map(({ subsystems, ...member }) => ({
    ...member,
    dvdv: `ags:${member.code}`,
    subsystems: subsystems.map((code) => ({ code, name: 'Test', auth: 'http' })),
    services: [],
    systems: [],
  })),
  purposes: [
    {
      code: PURPOSE,
      title: 'Leistungsmessung',
      legalBasis: 'keine: erfundene Daten',
      dataCategories: ['erfundene Daten'],
      bodyRetentionDays: 1,
      recordRetentionDays: 1,
      requires: [],
    },
  ],
  agreements: [],
}

/** @throws {Error} when the region does not start, or the service cannot be registered */
export async function startGatewayPath(options: GatewayPathOptions): Promise<GatewayPath> {
  const { directory, service, profiles } = options
  if (profiles !== undefined) await mkdir(profiles, { recursive: true })
  const region = await withPreload(profiles, () =>
    startRegion({ directory, ports: 'free', region: REGION, stampIntervalMs: STAMP_INTERVAL_MS }),
  )
  try {
    await owl(region.file, 'service', 'add', SERVICE, '--url', `http://127.0.0.1:${service.port}`)
    const right = ['--client', CLIENT, '--service', SERVICE, '--method', 'POST', '--path', '**', '--purpose', PURPOSE]
    await owl(region.file, 'agreement', 'add', ...right)
    const { gateways } = region.federation
    const consumer = gatewayOf(gateways, CLIENT)
    const provider = gatewayOf(gateways, SERVICE)
    const own = { consumer, provider }
    const hops = [consumer.pid, provider.pid]
    const agents = {
      consumer: await openAgent(region.federation, consumer.operator),
      provider: await openAgent(region.federation, provider.operator),
    }
    return {
      path: {
        name: 'gateway',
        port: Number(new URL(consumer.consumerHttp).port),
        hopPids: () => hops,
        servingPids: () => [...hops, service.pid],
      },
      gateways: own,
      metrics: (side) => readMetrics(own[side].admin, agents[side]),
      profile: (work) => profile(profiles as string, hops, work),
      async stop() {
        await Promise.all([agents.consumer.destroy(), agents.provider.destroy()])
        await region.close()
      },
    }
  } catch (error) {
    await region.close()
    throw error
  }
}

function gatewayOf(gateways: readonly FederationGateway[], id: string): FederationGateway & { readonly pid: number } {
  const gateway = gateways.find(({ member }) => id.startsWith(`${member}/`))
  if (gateway === undefined || gateway.pid === null) throw new TypeError(`no gateway runs for ${id}`)
  return { ...gateway, pid: gateway.pid }
}

async function readMetrics(admin: string, dispatcher: Agent): Promise<string> {
  const { statusCode, body } = await request(new URL('/metrics', admin), { dispatcher })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`/metrics answered ${statusCode}`)
  return text
}

/** The launcher hands its environment to every process it starts. */
async function withPreload<T>(profiles: string | undefined, start: () => Promise<T>): Promise<T> {
  if (profiles === undefined) return start()
  const { NODE_OPTIONS: before = '' } = process.env
  process.env['NODE_OPTIONS'] = `${before} --import=${pathToFileURL(join(import.meta.dirname, 'profiling.ts'))}`
  process.env['OWL_BENCH_PROFILES'] = profiles
  try {
    return await start()
  } finally {
    process.env['NODE_OPTIONS'] = before
    delete process.env['OWL_BENCH_PROFILES']
  }
}

const PROFILE_MS_MAX = 15_000
const POLL_MS = 100

async function profile(folder: string, pids: readonly number[], work: () => Promise<void>): Promise<readonly string[]> {
  for (const name of await profilesIn(folder)) await rm(join(folder, name))
  for (const pid of pids) process.kill(pid, 'SIGUSR2')
  await work()
  for (const pid of pids) process.kill(pid, 'SIGUSR2')
  const until = performance.now() + PROFILE_MS_MAX
  let names: string[] = []
  // A file is renamed when it is whole; how many threads there are, nobody says: they are done when no more come.
  for (let before = -1; performance.now() < until && (names.length < pids.length || names.length !== before); ) {
    before = names.length
    await sleep(10 * POLL_MS)
    names = await profilesIn(folder)
  }
  if (names.length < pids.length) throw new Error('the gateways wrote no profiles')
  return names.sort().map((name) => join(folder, name))
}

async function profilesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))
}

/** The command line that anybody would use. @throws {Error} with what it said */
async function owl(federation: string, ...args: readonly string[]): Promise<void> {
  const cli = join(import.meta.dirname, '../../gateway/commands/owl.ts')
  const command = [cli, 'registry', ...args, '--federation', federation, '--json']
  await promisify(execFile)(process.execPath, command, { timeout: 30_000 })
}
