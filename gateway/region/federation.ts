/** `var/federation.json`: where everything of a running region is. The one thing that outside tools read. */

import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { readJson } from '../protocol/text.ts'

/** Paths are absolute. */
export interface Federation {
  readonly instance: string
  /** Every port answers. */
  readonly ready: boolean
  /** The launcher. */
  readonly pid: number
  readonly registry: { readonly url: string; readonly pid: number | null; readonly directory: string }
  readonly trust: {
    readonly ca: string
    readonly ocsp: string
    readonly crl: string
    readonly tsa: string
    readonly pid: number | null
    /** `POST {control}/revoke`, `POST {control}/behaviour`. */
    readonly control: string
    /** The development PKI. */
    readonly directory: string
  }
  readonly gateways: readonly FederationGateway[]
  /** Local systems: simulators, with control endpoints of their own. */
  readonly systems: readonly { readonly name: string; readonly url: string; readonly pid: number | null }[]
}

export interface FederationGateway {
  readonly member: string
  readonly name: string
  readonly pid: number | null
  readonly consumer: string
  readonly consumerHttp: string
  readonly provider: string
  readonly admin: string
  readonly config: string
  readonly log: string
  /** Output of the process. */
  readonly processLog: string
  readonly clients: Readonly<Record<string, CertificateFiles>>
  readonly operator: CertificateFiles
}

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** A file that says "starting" is believed this long. */
const STARTING_MS_MAX = 60_000
const ANSWER_MS_MAX = 1000

export function federationFile(directory: string): string {
  return join(directory, 'federation.json')
}

/** @throws {Error} when no region is described there */
export async function readFederation(file: string): Promise<Federation> {
  return (await readJson(file)) as Federation
}

/** Readers see the old file or the new one, never half of one. */
export async function writeFederation(file: string, federation: Federation): Promise<void> {
  const next = `${file}.${process.pid}.tmp`
  await writeFile(next, `${JSON.stringify(federation, null, 2)}\n`)
  await rename(next, file)
}

/**
 * Says that the gateway of this configuration now runs as this process; nothing when no region is described beside it.
 *
 * @param config as `federation.json` names it
 */
export async function announceGateway(config: string, pid: number): Promise<void> {
  const file = federationFile(dirname(resolve(config)))
  const federation = await readFederation(file).catch(() => undefined)
  if (federation === undefined) return
  const gateways = federation.gateways.map((gateway) =>
    gateway.config === resolve(config) ? { ...gateway, pid } : gateway,
  )
  await writeFederation(file, { ...federation, gateways })
}

export async function removeFederation(file: string): Promise<void> {
  await rm(file, { force: true })
}

/** @throws {Error} when a region runs or starts there; a dead one is of no account */
export async function refuseRunning(file: string): Promise<void> {
  const found = await readFederation(file).catch(() => undefined)
  if (found === undefined || !isAlive(found.pid)) return
  const { mtimeMs } = await stat(file)
  const isYoung = !found.ready && Date.now() - mtimeMs < STARTING_MS_MAX
  // The number alone proves little: after a restart of the machine another process may have it.
  if (!isYoung && !(await answers(found.registry.url))) return
  throw new Error(
    `A region is already running here (pid ${found.pid}, ${file}). ` +
      'Stop it, or start a second one beside it: npm start -- --var DIR --ports 0',
  )
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: ANSWER_MS_MAX })
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket
      .on('connect', () => end(true))
      .on('error', () => end(false))
      .on('timeout', () => end(false))
  })
}
