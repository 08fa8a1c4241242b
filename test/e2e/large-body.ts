/** Large bodies through two gateways, both ways: the same octets at both ends and in both logs, and memory as before. */

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { open, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { createServer, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Test } from 'tap'
import { rssMiBOf } from '../bench/process-table.ts'
import type { Gateway, Rig } from './rig.ts'
import { startRig } from './rig.ts'
import { CLIENT, WEST } from './rig-region.ts'

const MIB = 1024 * 1024
const SERVICE = `${WEST}/TEST/large`
const TWO_GIB = 2 * 1024 ** 3
const SAMPLE_MS = 20
/** Issue 2, section 4. */
const GROWTH_MIB_MAX = 64
const MARK = Buffer.from('plain octets of a large body')

export interface LargeBodyOptions {
  readonly bytes: number
}

export async function passLargeBodies(t: Test, { bytes }: LargeBodyOptions): Promise<void> {
  const service = await openLargeService(t)
  const rig = await startRig(t, {
    [SERVICE]: {
      path: '',
      registered: { bodyBytesMax: TWO_GIB },
      local: { url: service.url, bodyBytesMax: TWO_GIB, timeoutMs: 600_000 },
    },
  })
  const memory = watchMemory([rig.ost, rig.west])

  for (const [direction, pass] of [
    ['request', () => ask(rig, bytes, service)],
    ['reply', () => answer(rig, bytes)],
  ] as const) {
    const began = performance.now()
    const { requestId, sent, received } = await pass()
    const seconds = (performance.now() - began) / 1000
    for (const gateway of [rig.ost, rig.west]) await isInLog(t, gateway, { requestId, direction, bytes, sha256: sent })
    const [ost = Number.NaN, west = Number.NaN] = memory.growth()

    const size = `${bytes / MIB} MiB`
    t.comment(
      `${direction} of ${size}: ${(bytes / MIB / seconds).toFixed(0)} MiB/s; growth of the consumer's gateway ` +
        `${ost.toFixed(0)} MiB, of the provider's ${west.toFixed(0)} MiB`,
    )
    t.equal(received, sent, `${direction} of ${size}: the same octets at both ends`)
    t.ok(ost < GROWTH_MIB_MAX, `the consumer's gateway grows by ${ost} MiB`)
    t.ok(west < GROWTH_MIB_MAX, `the provider's gateway grows by ${west} MiB`)
  }
}

interface Passed {
  readonly requestId: string
  /** SHA-256, hex. */
  readonly sent: string
  readonly received: string
}

interface LargeService {
  readonly url: string
  /** SHA-256 of the latest body, hex. */
  received: string
}

/** Answers GET with as many octets as the query says, and everything else with nothing. */
async function openLargeService(t: Test): Promise<LargeService> {
  const service = { url: '', received: '' }
  const server = createServer(async (request, response) => {
    const hash = createHash('sha256')
    for await (const chunk of request) hash.update(chunk)
    service.received = hash.digest('hex')
    const length = Number(new URL(request.url ?? '', 'http://x').searchParams.get('bytes') ?? 0)
    const body = octets(length)
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': length })
    await pipeline(body.stream, response).catch(() => {})
    service.received = length === 0 ? service.received : body.sha256()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return service
}

/** No two pieces are the same, and every one begins with what must not be found on a disk. */
function octets(length: number): { readonly stream: Readable; readonly sha256: () => string } {
  const hash = createHash('sha256')
  const block = randomBytes(256 * 1024)
  function* pieces(): Generator<Buffer> {
    for (let at = 0; at < length; at += block.length) {
      const piece = Buffer.from(block.subarray(0, Math.min(block.length, length - at)))
      MARK.copy(piece)
      piece.writeUInt32BE(at / block.length, Math.min(MARK.length, piece.length - 4))
      hash.update(piece)
      yield piece
    }
  }
  return { stream: Readable.from(pieces(), { objectMode: false }), sha256: () => hash.digest('hex') }
}

async function ask(rig: Rig, bytes: number, service: LargeService): Promise<Passed> {
  const body = octets(bytes)
  const request = httpRequest({
    ...local(rig, '/upload'),
    method: 'PUT',
    headers: { 'x-road-client': CLIENT, 'content-length': bytes },
  })
  const answered = once(request, 'response')
  await pipeline(body.stream, request)
  const [response] = (await answered) as [IncomingMessage]
  const text = (await response.toArray()).join('')
  if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${text}`)
  return { requestId: requestIdOf(response), sent: body.sha256(), received: service.received }
}

async function answer(rig: Rig, bytes: number): Promise<Passed> {
  const request = httpRequest({ ...local(rig, `/download?bytes=${bytes}`), headers: { 'x-road-client': CLIENT } })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const hash = createHash('sha256')
  let length = 0
  for await (const chunk of response) {
    hash.update(chunk)
    length += chunk.length
  }
  if (response.statusCode !== 200 || length !== bytes) throw new Error(`${response.statusCode}: ${length} octets`)
  const sha256 = hash.digest('hex')
  return { requestId: requestIdOf(response), sent: sha256, received: sha256 }
}

function local({ ost }: Rig, path: string) {
  return { host: '127.0.0.1', port: ost.http.port, path: `/r1/${SERVICE}${path}`, agent: false } as const
}

function requestIdOf({ headers }: IncomingMessage): string {
  return String(headers['x-road-request-id'])
}

interface Logged {
  readonly requestId: string
  readonly direction: 'request' | 'reply'
  readonly bytes: number
  readonly sha256: string
}

/** The record names the body, a file holds it encrypted, and the operator gets the octets back. */
async function isInLog(t: Test, gateway: Gateway, { requestId, direction, bytes, sha256 }: Logged) {
  const record = (await gateway.records(requestId)).find(({ outcome }) => outcome === direction)
  t.equal(record?.bodyBytes, bytes, `${gateway.name} has it on record`)
  const file = join(dirname(gateway.log), 'bodies', `${record?.seq}.body`)
  const { size } = await stat(file)
  t.ok(size > bytes && size < bytes * 1.01 + 100_000, `${size} octets on disk`)
  const handle = await open(file)
  const { buffer } = await handle.read(Buffer.alloc(MIB), 0, MIB, 0)
  await handle.close()
  t.notOk(buffer.includes(MARK), 'encrypted')

  const { port, tls } = await gateway.operatorAt()
  const request = httpsRequest({ host: '127.0.0.1', port, ...tls, path: `/log/${record?.seq}/body`, agent: false })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const hash = createHash('sha256')
  for await (const chunk of response) hash.update(chunk)
  t.equal(hash.digest('hex'), sha256, 'and gives it back')
}

interface MemoryWatch {
  /** What each has had at most over what it had idle, in MiB. */
  growth(): readonly number[]
}

function watchMemory(gateways: readonly Gateway[]): MemoryWatch {
  const idle = gateways.map(({ pid }) => rssMiBOf(pid))
  const most = [...idle]
  const sample = (): void => {
    for (const [i, { pid }] of gateways.entries()) most[i] = Math.max(most[i] ?? 0, rssMiBOf(pid))
  }
  setInterval(sample, SAMPLE_MS).unref()
  return {
    growth() {
      sample()
      return most.map((mib, i) => mib - (idle[i] ?? 0))
    },
  }
}
