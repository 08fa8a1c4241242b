/** A service of TCP that says what it is told to, and the gateway's side that asks it. */

import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { TlsOptions } from 'node:tls'
import { createServer as createTlsServer } from 'node:tls'
import type { Test } from 'tap'
import { parseCall } from '../../../gateway/protocol/call.ts'
import type { RequestHead } from '../../../gateway/protocol/head.ts'
import { formatRequestHead } from '../../../gateway/protocol/head.ts'
import { httpService } from '../../../gateway/transport/http-service.ts'
import type { ServiceReply } from '../../../gateway/transport/services.ts'
import { bodyOf, openSpool } from '../../../gateway/transport/spool.ts'

export const REQUEST_ID = '01a206ec-68a3-7977-af25-8e363f45622e'

const block = {
  sender: 's',
  audience: 'a',
  issuedAt: '2026-11-23T05:00:00.123Z',
  config: { version: 1, sha256: 'x' },
  agreement: 'none',
  purpose: 'P',
  logHead: 'none',
}

export function headOf(method: string, path = '', headers: readonly string[] = []): RequestHead {
  const call = parseCall({
    method,
    target: `/r1/I/C/M/S/svc${path}`,
    rawHeaders: ['X-Road-Client', 'I/C/M/T', ...headers],
  })
  return formatRequestHead(call, REQUEST_ID, block, `I-${REQUEST_ID}`)
}

/** @returns its port */
export async function listen(t: Test, server: Server, address = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.listen(0, address)
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

export interface Wire {
  readonly port: number
  connections: number
  /** How often it was spoken to. */
  requests: number
}

/** @param speak with each connection, and each time that octets come */
export async function openWire(
  t: Test,
  speak: (socket: Socket, wire: Wire, octets: Buffer) => void,
  tls?: TlsOptions,
  address = '127.0.0.1',
): Promise<Wire> {
  const wire = { port: 0, connections: 0, requests: 0 }
  const hear = (socket: Socket): void => {
    wire.connections++
    socket
      .on('error', () => {})
      .on('data', (octets: Buffer) => {
        wire.requests++
        speak(socket, wire, octets)
      })
  }
  const server = tls === undefined ? createServer(hear) : createTlsServer(tls, hear).on('tlsClientError', () => {})
  return Object.assign(wire, { port: await listen(t, server, address) })
}

export interface DeliverOptions {
  /** PEM. */
  readonly ca?: string
  readonly timeoutMs?: number
  readonly bodyBytesMax?: number
  readonly connectTimeoutMs?: number
  readonly networksAllowed?: readonly string[]
}

export type Deliver = (head: RequestHead, content?: Buffer) => Promise<ServiceReply>

/** Bodies above 10,000 octets are not kept in memory. */
export async function serviceAt(t: Test, url: string, options: DeliverOptions = {}): Promise<Deliver> {
  const { ca, timeoutMs = 2000, bodyBytesMax = 100_000 } = options
  const { networksAllowed = ['127.0.0.0/8'], connectTimeoutMs = 1000 } = options
  const directory = await mkdtemp(join(tmpdir(), 'service-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const spool = await openSpool({ directory: join(directory, 'spool'), spoolAboveBytes: 10_000 })
  const caFile = join(directory, 'ca.pem')
  if (ca !== undefined) await writeFile(caFile, ca)
  const service = await httpService(
    { id: 'I/C/M/S/svc', url, timeoutMs, bodyBytesMax, ...(ca === undefined ? {} : { ca: caFile }) },
    {
      services: [],
      adapters: {},
      networksAllowed,
      headBytesMax: 32_768,
      connectTimeoutMs,
      progressTimeoutMs: 1000,
      spool,
    },
  )
  t.teardown(() => service.close())
  return async (head, content) => {
    const body = content === undefined ? undefined : await bodyFrom(content)
    try {
      return await service.prepare({ head, body, purpose: 'MOVE' })()
    } finally {
      await body?.dispose()
      // The connection is free again a moment after its answer is there.
      await setImmediate()
    }
  }

  async function bodyFrom(content: Buffer) {
    if (content.length <= spool.memoryBytesMax) return bodyOf(content)
    const bytesMax = content.length
    return spool.receive(Readable.from([content]), { bytesMax, tooLarge: 'BadRequest' })
  }
}
