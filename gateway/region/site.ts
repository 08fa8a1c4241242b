/** One region on one machine: where its parts lie and listen, and the description that outside tools read. */

import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CertificateFiles, Federation, FederationGateway } from './federation.ts'
import type { Agency, Region } from './owl-region.ts'
import type { RegionPorts } from './ports.ts'
import type { RegionProcess } from './processes.ts'

export interface Site {
  readonly region: Region
  readonly directory: string
  readonly pki: string
  readonly logs: string
  readonly ports: RegionPorts
  readonly stampIntervalMs: number
  readonly say: (line: string) => void
  /** All that was started, in order. */
  readonly processes: RegionProcess[]
}

/** What is known by now. */
export interface SiteState {
  readonly ready: boolean
  readonly registry?: number
  readonly trust?: number
  /** In the order of the agencies; nothing of one that could not start. */
  readonly gateways?: readonly (number | undefined)[]
  readonly systems?: ReadonlyMap<string, RegionProcess>
}

export function describe(site: Site, state: SiteState): Federation {
  const { region, directory, pki, ports } = site
  const trust = `http://127.0.0.1:${ports.trust}`
  return {
    instance: region.instance,
    ready: state.ready,
    pid: process.pid,
    registry: {
      url: `https://127.0.0.1:${ports.registry}`,
      pid: state.registry ?? null,
      directory: join(directory, 'registry'),
    },
    trust: {
      ca: join(pki, 'ca.pem'),
      ocsp: `${trust}/ocsp`,
      crl: `${trust}/crl/issuing.crl`,
      tsa: `${trust}/tsa`,
      pid: state.trust ?? null,
      control: trust,
      directory: pki,
    },
    gateways: region.agencies.map((agency, index) => describeGateway(site, agency, index, state.gateways?.[index])),
    systems: systemsOf(region).map((name, index) => ({
      name,
      url: `http://127.0.0.1:${ports.systems[index]}`,
      pid: state.systems?.get(name)?.pid ?? null,
    })),
  }
}

function describeGateway(site: Site, agency: Agency, index: number, pid: number | undefined): FederationGateway {
  const { directory, pki, logs } = site
  const { id, name, slug } = agency
  const subsystems = certified(pki, agency)
  const own = site.ports.gateways[index]
  return {
    member: id,
    name,
    pid: pid ?? null,
    consumer: `https://127.0.0.1:${own?.consumer}`,
    consumerHttp: `http://127.0.0.1:${own?.consumerHttp}`,
    provider: `https://127.0.0.1:${own?.provider}`,
    admin: `https://127.0.0.1:${own?.admin}`,
    config: join(directory, `${slug}.json`),
    log: join(directory, slug, 'log', 'log.sqlite'),
    processLog: join(logs, `${slug}.log`),
    clients: Object.fromEntries(subsystems.map((code) => [`${id}/${code}`, clientFiles(pki, agency, code)])),
    operator: {
      cert: join(pki, 'members', slug, 'operator.pem'),
      key: join(pki, 'members', slug, 'operator.key'),
    },
  }
}

/** Local systems of all agencies, in the order of their ports. */
export function systemsOf({ agencies }: Region): string[] {
  return agencies.flatMap(({ systems }) => systems)
}

/** Subsystems that have a client certificate: those of the region, and those that commands added. */
function certified(pki: string, { slug, subsystems }: Agency): readonly string[] {
  const home = join(pki, 'members', slug, 'clients')
  const made = existsSync(home) ? readdirSync(home).filter((file) => file.endsWith('.pem')) : []
  return [...new Set([...subsystems.map(({ code }) => code), ...made.map((file) => basename(file, '.pem'))])]
}

export function clientFiles(pki: string, { slug }: Agency, subsystem: string): CertificateFiles {
  const base = join(pki, 'members', slug, 'clients', subsystem)
  return { cert: `${base}.pem`, key: `${base}.key` }
}
