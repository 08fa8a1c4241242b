/**
 * A small region under attack: three agencies, gateways as processes, trust services and registry in the hands of the
 * test, and one HTTP service that says what reached it.
 */

import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Agent, request } from 'undici'
import type { TrustService, TrustServiceOptions } from '../../certs-dev/trust-service.ts'
import { openTrustService } from '../../certs-dev/trust-service.ts'
import { writeGatewayFiles } from '../../gateway/region/gateway-files.ts'
import type { Agency } from '../../gateway/region/owl-region.ts'
import type { GatewayPorts, RegionPorts } from '../../gateway/region/ports.ts'
import { freePorts } from '../../gateway/region/ports.ts'
import type { RegionProcess } from '../../gateway/region/processes.ts'
import { startProcess } from '../../gateway/region/processes.ts'
import { registryContent } from '../../gateway/region/registry-content.ts'
import type { RegistryServer, RegistryServerOptions } from '../../gateway/registry/main.ts'
import { openRegistryServer } from '../../gateway/registry/main.ts'
import type { Content } from '../../gateway/registry/store.ts'
import { initRegistry, openRegistry } from '../../gateway/registry/store.ts'
import type { Configuration } from '../../gateway/trust/configuration.ts'
import { copyPki } from '../certs-dev/made-pki.ts'
import { readPair } from './attacker.ts'
import type { CallOptions, LocalAnswer } from './local-call.ts'
import { callLocally, parseObject } from './local-call.ts'
import type { Recorded } from './records.ts'
import { readRecords } from './records.ts'
import type { Slug } from './region.ts'
import { CLIENTS, REGION, SERVICE, withService } from './region.ts'
import type { ServiceAnswer, ServiceRig } from './service-rig.ts'
import { openService } from './service-rig.ts'

export interface RigOptions {
  /** Whose gateways are started; all when absent. */
  readonly start?: readonly Slug[]
  readonly limits?: Readonly<Record<string, number>>
  /** Members of `log` in the configuration. */
  readonly log?: Readonly<Record<string, number>>
  /** Answers of the service; it echoes when absent. */
  readonly answer?: ServiceAnswer
  /** Last word on what is registered. */
  readonly content?: (content: Content, pki: string) => Content | Promise<Content>
  /** Last word on a gateway's configuration file. */
  readonly config?: (config: Record<string, unknown>, slug: Slug) => Record<string, unknown>
  readonly trust?: Partial<TrustServiceOptions>
  readonly registry?: Partial<RegistryServerOptions>
  readonly serviceTimeoutMs?: number
}

export interface Rig {
  readonly directory: string
  /** Folder of the development PKI: every key in it is there for the taking. */
  readonly pki: string
  readonly ports: RegionPorts
  readonly gateways: Readonly<Record<Slug, GatewayRig>>
  readonly service: ServiceRig
  trust(): TrustService
  stopTrust(): Promise<void>
  startTrust(): Promise<void>
  stopRegistry(): Promise<void>
  startRegistry(): Promise<void>
  /** The global configuration in force. */
  configuration(): { readonly version: number; readonly sha256: string; readonly configuration: Configuration }
}

export interface GatewayRig {
  readonly slug: Slug
  /** `INSTANCE/CLASS/MEMBER/SERVERCODE` */
  readonly id: string
  readonly client: string
  readonly ports: GatewayPorts
  readonly config: string
  /** Its directory, where log and spool are. */
  readonly state: string
  readonly log: string
  process(): RegionProcess
  start(): Promise<void>
  kill(): Promise<void>
  /** Everything it has on record about messages, oldest first. */
  records(afterSeq?: number): readonly Recorded[]
  /** All that its processes have printed. */
  output(): string
  /** What its operator sees at the admin port. */
  admin(path: string): Promise<AdminAnswer>
  /** As a local system of this agency over loopback. */
  call(options?: CallOptions): Promise<LocalAnswer>
}

export interface AdminAnswer {
  readonly status: number
  readonly octets: Buffer
  readonly text: string
  readonly json: Record<string, never>
}

/** Brings it up in two seconds or so and takes it down with the test. */
export async function openRig(t: Test, options: RigOptions = {}): Promise<Rig> {
  const directory = await mkdtemp(join(tmpdir(), 'owl-attack-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const pki = join(directory, 'certs')
  const ports = await freePorts(REGION.agencies.length, 0)
  const service = await openService(t, options.answer)
  const { anchor } = await copyPki(
    pki,
    REGION.agencies.map(({ subsystems, ...it }) => ({
      ...it,
      subsystems: subsystems.map(({ code }) => code),
    })),
  )
  const home = join(directory, 'registry')
  const content = withService(await registryContent(REGION, pki, ports))
  initRegistry(home, (await options.content?.(content, pki)) ?? content, Date.now())
  const store = openRegistry(home)
  t.teardown(() => store.close())

  let trust: TrustService | undefined
  let registry: RegistryServer | undefined
  const rig: Rig = {
    directory,
    pki,
    ports,
    gateways: Object.fromEntries(
      await Promise.all(
        REGION.agencies.map(async (agency, index) => {
          const own = ports.gateways[index] as GatewayPorts
          const files = await writeFiles({ agency, directory, pki, anchor, ports, own, service, options })
          return [agency.slug, gatewayRig(t, { agency, own, directory, ...files })] as const
        }),
      ),
    ) as Readonly<Record<Slug, GatewayRig>>,
    service,
    trust: () => trust as TrustService,
    async stopTrust() {
      await trust?.close()
      trust = undefined
    },
    async startTrust() {
      trust = await openTrustService({ dir: pki, port: ports.trust, ...options.trust })
    },
    async stopRegistry() {
      await registry?.close()
      registry = undefined
    },
    async startRegistry() {
      registry = await openRegistryServer({
        directory: home,
        port: ports.registry,
        key: join(pki, 'registry/server.key'),
        certificate: join(pki, 'registry/server.chain.pem'),
        signingKey: join(pki, 'registry/signing.key'),
        logLevel: 'silent',
        ...options.registry,
      })
    },
    configuration: () => store.current(),
  }
  t.teardown(async () => {
    await Promise.all([rig.stopTrust(), rig.stopRegistry()])
  })
  await Promise.all([rig.startTrust(), rig.startRegistry()])
  const { start = ['paderborn', 'delbrueck', 'bielefeld'] } = options
  await Promise.all(start.map((slug) => rig.gateways[slug].start()))
  return rig
}

interface FilesOptions {
  readonly agency: Agency
  readonly directory: string
  readonly pki: string
  readonly anchor: string
  readonly ports: RegionPorts
  readonly own: GatewayPorts
  readonly service: ServiceRig
  readonly options: RigOptions
}

async function writeFiles({ service, options, ...rest }: FilesOptions): Promise<{ config: string; state: string }> {
  const files = await writeGatewayFiles({ ...rest, systems: new Map(), stampIntervalMs: 60_000 })
  const slug = rest.agency.slug as Slug
  const written = JSON.parse(await readFile(files.config, 'utf8')) as Record<string, object>
  const { serviceTimeoutMs: timeoutMs = 10_000 } = options
  const config = {
    ...written,
    services: slug === 'bielefeld' ? [{ id: SERVICE, url: `http://127.0.0.1:${service.port}`, timeoutMs }] : [],
    log: { ...written['log'], ...options.log },
    limits: options.limits ?? {},
  }
  await writeFile(files.config, JSON.stringify(options.config?.(config, slug) ?? config))
  return files
}

interface GatewayFacts {
  readonly agency: Agency
  readonly own: GatewayPorts
  readonly directory: string
  readonly config: string
  readonly state: string
}

function gatewayRig(t: Test, { agency, own, directory, config, state }: GatewayFacts): GatewayRig {
  const slug = agency.slug as Slug
  const log = join(state, 'log', 'log.sqlite')
  const outputs: string[] = []
  let process: RegionProcess | undefined
  t.teardown(() => process?.stop())
  return {
    slug,
    id: `${agency.id}/gw1`,
    client: CLIENTS[slug],
    ports: own,
    config,
    state,
    log,
    process: () => process as RegionProcess,
    async start() {
      const name = `${slug}-${outputs.length + 1}`
      process = await startProcess({ name, file: MAIN, args: ['--config', config], logs: join(directory, 'logs') })
      outputs.push(process.log)
      await process.ready
    },
    async kill() {
      const { pid, gone } = process as RegionProcess
      globalThis.process.kill(pid, 'SIGKILL')
      await gone
    },
    records: (afterSeq) => readRecords(log, afterSeq),
    output: () => outputs.map((file) => readFileSync(file, 'utf8')).join(''),
    async admin(path) {
      const { key, cert } = readPair(join(directory, 'certs/members', slug, 'operator'))
      const dispatcher = new Agent({ connect: { key, cert, rejectUnauthorized: false } })
      const { statusCode, body } = await request(`https://127.0.0.1:${own.admin}${path}`, { dispatcher })
      const octets = Buffer.from(await body.arrayBuffer())
      const text = octets.toString()
      await dispatcher.close()
      return { status: statusCode, octets, text, json: parseObject(text) }
    },
    call: (call = {}) => callLocally(`http://127.0.0.1:${own.consumerHttp}`, CLIENTS[slug], call),
  }
}

const MAIN = join(import.meta.dirname, '../../gateway/main.ts')
