/** Starts the development region on loopback: certificates, trust services, local systems, registry, one gateway per agency. */

import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { request } from 'undici'
import { makePki } from '../../certs-dev/make.ts'
import { PROCESS_SETTINGS } from '../process-settings.ts'
import { initRegistry, isRegistry, openRegistry } from '../registry/store.ts'
import type { Federation } from './federation.ts'
import { federationFile, refuseRunning, removeFederation, writeFederation } from './federation.ts'
import { STAMP_INTERVAL_MS, writeGatewayFiles } from './gateway-files.ts'
import type { Agency, Region } from './owl-region.ts'
import { OWL_REGION } from './owl-region.ts'
import type { RegionPorts } from './ports.ts'
import { checkFree, defaultPorts, freePorts } from './ports.ts'
import type { ProcessOptions, RegionProcess } from './processes.ts'
import { startProcess } from './processes.ts'
import { mergeContent, registryContent } from './registry-content.ts'
import type { Site } from './site.ts'
import { clientFiles, describe, systemsOf } from './site.ts'

export interface RegionOptions {
  /** Where everything of the region lies: keys, configurations, logs, `federation.json`. */
  readonly directory: string
  /** `default`: the ports of the README; `free`: any, so that regions can run side by side. */
  readonly ports: 'default' | 'free'
  readonly region?: Region
  readonly stampIntervalMs?: number
  /** Progress, one line each. */
  readonly say?: (line: string) => void
  /** A process ended unasked. The launcher restarts nothing: a test may have killed it. */
  readonly onEnded?: (message: string) => void
}

export interface RunningRegion {
  readonly federation: Federation
  /** Where the federation is described. */
  readonly file: string
  readonly startedInMs: number
  close(): Promise<void>
}

interface LocalSystems {
  readonly processes: ReadonlyMap<string, RegionProcess>
  /** What adapters are given: the address and whatever the system's ready line says. */
  readonly options: ReadonlyMap<string, Readonly<Record<string, unknown>>>
}

const ROOT = join(import.meta.dirname, '../..')

/** @throws {Error} with a text for the user: a region runs there already, a port is taken, a process did not start */
export async function startRegion(options: RegionOptions): Promise<RunningRegion> {
  const started = performance.now()
  const { region = OWL_REGION, say = () => {}, stampIntervalMs = STAMP_INTERVAL_MS } = options
  const directory = resolve(options.directory)
  const file = federationFile(directory)
  await mkdir(directory, { recursive: true })
  await refuseRunning(file)
  const ports = await portsFor(options.ports, region)
  const site: Site = {
    region,
    directory,
    pki: join(directory, 'certs'),
    logs: join(directory, 'logs'),
    ports,
    stampIntervalMs,
    say,
    processes: [],
  }
  let closing = false
  const close = async (): Promise<void> => {
    closing = true
    // The last started stops first: gateways before what they ask.
    const own = new Set(region.agencies.map(({ slug }) => slug))
    await Promise.all(site.processes.filter(({ name }) => own.has(name)).map((process) => process.stop()))
    await Promise.all(site.processes.map((process) => process.stop()))
    await removeFederation(file)
  }
  try {
    const federation = await start(site, file)
    for (const { gone } of site.processes) {
      void gone.then((message) => closing || options.onEnded?.(message))
    }
    return { federation, file, startedInMs: performance.now() - started, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function start(site: Site, file: string): Promise<Federation> {
  const { region, directory, pki, ports, say } = site
  await writeFederation(file, describe(site, { ready: false }))
  // Local systems need no certificates: they start while those are made.
  const systemsStarting = startSystems(site)
  systemsStarting.catch(() => {})
  const { anchor, made } = await makePki({ dir: pki, members: region.agencies.map(pkiMember) })
  say(
    made.length === 0 ? 'Zertifikate vorhanden (certificates kept)' : `${made.length} Zertifikate (certificates made)`,
  )

  const trust = await launch(site, 'trust', 'certs-dev/trust-service.ts', ['--dir', pki, '--port', String(ports.trust)])
  const registry = await startRegistry(site)
  const systems = await systemsStarting
  const [gateways] = await Promise.all([startGateways(site, anchor, systems), trust.ready, registry.ready])
  say('Vertrauensdienste und Register antworten (trust services and registry answer)')
  const pids = await Promise.all(gateways.map((starting, index) => untilAnswering(site, index, starting)))
  if (pids.every((pid) => pid === undefined)) throw new Error('No gateway of the region could start')
  await connectSystems(site, systems)
  const federation = describe(site, {
    ready: true,
    registry: registry.pid,
    trust: trust.pid,
    gateways: pids,
    systems: systems.processes,
  })
  await writeFederation(file, federation)
  say(`Beschrieben in (described in) ${join(directory, 'federation.json')}`)
  return federation
}

async function portsFor(choice: RegionOptions['ports'], region: Region): Promise<RegionPorts> {
  const { agencies } = region
  const systems = systemsOf(region).length
  if (choice === 'free') return freePorts(agencies.length, systems)
  const ports = defaultPorts(agencies.length, systems)
  await checkFree(ports)
  return ports
}

async function launch(
  site: Site,
  name: string,
  file: string,
  args: readonly string[],
  settings?: ProcessOptions['settings'],
): Promise<RegionProcess> {
  const process = await startProcess({
    name,
    file: join(ROOT, file),
    args,
    logs: site.logs,
    ...(settings && { settings }),
  })
  site.processes.push(process)
  return process
}

/** Simulators start from their fixtures each time: who moved in an earlier run lives where they lived before. */
async function startSystems(site: Site): Promise<LocalSystems> {
  const names = systemsOf(site.region)
  const processes = new Map<string, RegionProcess>()
  const options = new Map<string, Readonly<Record<string, unknown>>>()
  await Promise.all(
    names.map(async (name, index) => {
      const dir = join(site.directory, 'systems', name)
      await rm(dir, { recursive: true, force: true })
      const port = site.ports.systems[index] ?? 0
      const args = ['--port', String(port), '--dir', dir]
      const process = await launch(site, name.replaceAll('/', '-'), `adapters/${name}/simulator.ts`, args)
      const { ready: _ready, port: bound, ...rest } = await process.ready
      processes.set(name, process)
      options.set(name, { url: `http://127.0.0.1:${bound ?? port}`, ...rest })
    }),
  )
  site.say(`${names.length} lokale Systeme antworten (local systems answer)`)
  return { processes, options }
}

async function startRegistry(site: Site): Promise<RegionProcess> {
  const { region, directory, pki, ports } = site
  const home = join(directory, 'registry')
  const content = await registryContent(region, pki, ports)
  if (isRegistry(home)) {
    const store = openRegistry(home)
    store.change(Date.now(), (before) => mergeContent(content, before))
    store.close()
  } else initRegistry(home, content, Date.now())
  return launch(site, 'registry', 'gateway/registry/main.ts', [
    ...['--directory', home, '--port', String(ports.registry)],
    ...['--key', join(pki, 'registry/server.key'), '--certificate', join(pki, 'registry/server.chain.pem')],
    ...['--signing-key', join(pki, 'registry/signing.key')],
  ])
}

/** Started in the order of the agencies. One that cannot start keeps no other from starting. */
async function startGateways(
  site: Site,
  anchor: string,
  systems: LocalSystems,
): Promise<PromiseSettledResult<RegionProcess>[]> {
  const { region, directory, pki, ports, stampIntervalMs } = site
  const files = await Promise.allSettled(
    region.agencies.map(async (agency, index) => {
      const own = ports.gateways[index]
      if (own === undefined) throw new TypeError('ports for every gateway are needed')
      const options = systems.options
      return writeGatewayFiles({ agency, directory, pki, anchor, ports, own, systems: options, stampIntervalMs })
    }),
  )
  const gateways: PromiseSettledResult<RegionProcess>[] = []
  for (const [index, written] of files.entries()) {
    const { slug } = region.agencies[index] as Agency
    gateways.push(
      written.status === 'rejected'
        ? written
        : {
            status: 'fulfilled',
            value: await launch(site, slug, 'gateway/main.ts', ['--config', written.value.config], PROCESS_SETTINGS),
          },
    )
  }
  return gateways
}

/** @returns the gateway's process id; nothing when it could not start, which is said */
async function untilAnswering(
  { region, directory, say }: Site,
  index: number,
  starting: PromiseSettledResult<RegionProcess>,
): Promise<number | undefined> {
  const { name, slug } = region.agencies[index] as Agency
  try {
    if (starting.status === 'rejected') throw starting.reason
    await starting.value.ready
    say(`Gateway ${name} antwortet (answers)`)
    return starting.value.pid
  } catch (error) {
    // Of a process the error has the end of what it wrote: what it died of comes last.
    const reason = (error as Error).message.split('\n').at(-1)
    say(`Gateway ${name} startet nicht (does not start): ${reason}`)
    say(`  npx owl gateway check --config ${join(directory, `${slug}.json`)}`)
    return undefined
  }
}

/** Tells local systems that call by themselves where their own agency's gateway is. */
async function connectSystems(site: Site, systems: LocalSystems): Promise<void> {
  const { region, pki } = site
  for (const [index, agency] of region.agencies.entries()) {
    for (const name of agency.systems.filter((system) => agency.calling?.system === system)) {
      const subsystem = agency.calling?.subsystem as string
      const { cert, key } = clientFiles(pki, agency, subsystem)
      const { statusCode, body } = await request(
        new URL('/control/gateway', String(systems.options.get(name)?.['url'])),
        {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            url: `https://127.0.0.1:${site.ports.gateways[index]?.consumer}`,
            client: `${agency.id}/${subsystem}`,
            cert,
            key,
            ca: join(pki, 'ca.pem'),
          }),
        },
      )
      await body.dump()
      if (statusCode !== 200) throw new Error(`${name} did not take the address of its gateway (${statusCode})`)
    }
  }
}

function pkiMember({ code, name, id, slug, subsystems }: Agency) {
  return { code, name, id, slug, subsystems: subsystems.map((own) => own.code) }
}
