/** A region of real processes, a local system behind it, and everything a test needs to speak to both. */

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions } from 'node:tls'
import type { Test } from 'tap'
import type { RecordSummary } from '../../gateway/message-log/message-log.ts'
import { gatewayOf } from '../../gateway/region/calls.ts'
import type { CertificateFiles, Federation, FederationGateway } from '../../gateway/region/federation.ts'
import { startRegion } from '../../gateway/region/launcher.ts'
import { openRegistry } from '../../gateway/registry/store.ts'
import type { Answer, LocalService, Seen } from './local-service.ts'
import { openLocalService } from './local-service.ts'
import type { Offers } from './rig-region.ts'
import { CLIENT, CLIENT_UMLAUT, ECHO, localServices, OFFERS, OST, REGION, WEST, withOffers } from './rig-region.ts'
import type { Endpoint, Header, Request, Response } from './wire.ts'
import { send } from './wire.ts'

export interface Rig {
  readonly directory: string
  readonly federation: Federation
  readonly ost: Gateway
  readonly west: Gateway
  /** The one local system behind all services. */
  readonly service: LocalService
  /** Says what the service shall answer, asks, and returns what came back and what the service saw. */
  exchange(call: Call, answer?: Answer | ((seen: Seen) => Answer)): Promise<Exchange>
}

export interface Gateway extends FederationGateway {
  readonly pid: number
  readonly http: Endpoint
  /** @param client whose certificate is shown; none when absent */
  https(client?: string): Promise<Endpoint>
  /** Its admin port, with the operator's certificate. */
  operatorAt(): Promise<Endpoint>
  /** Everything its process has written. */
  output(): Promise<string>
  /** The one line that its process has written about a request; a line may come after the answer. */
  logLine(requestId: string): Promise<unknown>
  /** What its message log has of an exchange, oldest first. */
  records(requestId: string): Promise<readonly RecordSummary[]>
  /** Octets of a record. */
  part(seq: number, part: 'head' | 'body' | 'record'): Promise<Buffer>
}

/** A call as a local system of OST makes it; what is left out is sound. */
export interface Call extends Omit<Request, 'target'> {
  /** Five parts. */
  readonly service?: string
  /** Path and query behind the service. */
  readonly path?: string
  /** Instead of service and path. */
  readonly target?: string
  /** `null`: there is no X-Road-Client. */
  readonly client?: string | null
  readonly at?: Endpoint
}

export interface Exchange {
  readonly response: Response
  /** What the service was asked, once at most. */
  readonly seen: Seen | undefined
  /** As sent. */
  readonly request: Request
}

const READY_MS_MAX = 10_000
const LINE_MS_MAX = 1000
const LINE_POLL_MS = 10

/** @param offers beside those of `rig-region.ts` */
export async function startRig(t: Test, offers: Offers = {}): Promise<Rig> {
  const service = await openLocalService()
  t.teardown(() => service.close())
  const directory = t.testdir()
  const { federation, close } = await startRegion({ directory, ports: 'free', region: REGION, stampIntervalMs: 1000 })
  t.teardown(close)

  await addClient(federation)
  await addOffers(federation, service.url, { ...OFFERS, ...offers })

  const [ost, west] = [gateway(federation, OST), gateway(federation, WEST)]
  const rig: Rig = {
    directory,
    federation,
    ost,
    west,
    service,
    async exchange(call, answer = {}) {
      service.answer(answer)
      const request = requestOf(call)
      const response = await send(call.at ?? ost.http, request)
      if (service.seen.length > 1) throw new Error(`the service was asked ${service.seen.length} times`)
      return { response, seen: service.seen[0], request }
    },
  }
  await untilReady(rig)
  return rig
}

/** Registers services and lets their gateways answer them; both take them up in their own time. @param url of the local system */
export async function addOffers(federation: Federation, url: string, offers: Offers): Promise<void> {
  for (const { config, member, pid } of federation.gateways) {
    const added = localServices(member, url, offers)
    if (added.length === 0) continue
    const before = JSON.parse(await readFile(config, 'utf8'))
    await writeFile(config, JSON.stringify({ ...before, services: [...before.services, ...added] }))
    process.kill(pid ?? 0, 'SIGHUP')
  }
  const registry = openRegistry(federation.registry.directory)
  registry.change(Date.now(), (content) => withOffers(content, offers))
  registry.close()
}

/** The one that the development PKI has no certificate for. */
async function addClient(federation: Federation): Promise<void> {
  const { config } = gatewayOf(federation, OST)
  const before = JSON.parse(await readFile(config, 'utf8'))
  const clients = [...before.clients, { id: CLIENT_UMLAUT, auth: 'http' }]
  await writeFile(config, JSON.stringify({ ...before, clients }))
}

function requestOf({ service = ECHO, path = '', target, client = CLIENT, headers = [], ...rest }: Call): Request {
  const own: Header[] = client === null ? [] : [['X-Road-Client', client]]
  return { ...rest, target: target ?? `/r1/${service}${path}`, headers: [...own, ...headers] }
}

function gateway(federation: Federation, member: string): Gateway {
  const found = gatewayOf(federation, member)
  const { pid, consumer, consumerHttp, processLog, admin, operator } = found
  const operatorAt = async () => ({
    port: portOf(admin),
    host: `127.0.0.1:${portOf(admin)}`,
    tls: await tlsOf(federation, operator),
  })
  const get = async (target: string): Promise<Response> => send(await operatorAt(), { target })
  return {
    ...found,
    pid: pid ?? 0,
    http: { port: portOf(consumerHttp) },
    async https(client) {
      const files = client === undefined ? undefined : gatewayOf(federation, client).clients[client]
      if (client !== undefined && files === undefined) throw new TypeError(`${client} has no certificate`)
      return { port: portOf(consumer), tls: await tlsOf(federation, files) }
    },
    operatorAt,
    output: () => readFile(processLog, 'utf8'),
    async logLine(requestId) {
      for (let waitedMs = 0; ; waitedMs += LINE_POLL_MS) {
        const lines = (await readFile(processLog, 'utf8')).split('\n').filter((line) => line.includes(requestId))
        if (lines.length > 1) throw new Error(`${lines.length} lines about one request`)
        if (lines[0] !== undefined) return JSON.parse(lines[0])
        if (waitedMs > LINE_MS_MAX) return undefined
        await sleep(LINE_POLL_MS)
      }
    },
    async records(requestId) {
      const response = await get(`/log/exchanges/${requestId}`)
      if (response.status === 404) return []
      const { records } = response.json() as { readonly records: readonly RecordSummary[] }
      return records.toSorted((a, b) => a.seq - b.seq)
    },
    async part(seq, part) {
      const { status, body } = await get(`/log/${seq}/${part}`)
      if (status !== 200) throw new Error(`record ${seq} has no ${part}: ${status}`)
      return body
    },
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}

async function tlsOf({ trust }: Federation, files: CertificateFiles | undefined): Promise<ConnectionOptions> {
  const ca = await readFile(trust.ca)
  return files === undefined ? { ca } : { ca, cert: await readFile(files.cert), key: await readFile(files.key) }
}

/** Certificates of a gateway in the development PKI. */
export async function pemOf({ trust }: Federation, path: string): Promise<{ key: Buffer; cert: Buffer }> {
  const [key, cert] = await Promise.all(
    [`${path}.key`, `${path}.pem`].map((file) => readFile(join(trust.directory, file))),
  )
  return { key: key as Buffer, cert: cert as Buffer }
}

/** The registry's news and the gateways' own files arrive in their own time. */
async function untilReady(rig: Rig): Promise<void> {
  const until = performance.now() + READY_MS_MAX
  for (;;) {
    const { response } = await rig.exchange({ path: '/ready' })
    const own = await rig.exchange({ service: `${OST}/TEST/own`, client: CLIENT_UMLAUT })
    if (response.status === 200 && own.response.status === 200) return
    if (performance.now() > until) throw new Error(`the region is not ready: ${response.body}`)
    await sleep(50)
  }
}
