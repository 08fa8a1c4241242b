/** An agency's own HTTP service, as a test wants it: writes down what it is asked and answers what it is told. */

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Header } from './wire.ts'

export interface Seen {
  readonly method: string
  /** As on the request line. */
  readonly target: string
  /** As they came. */
  readonly headers: readonly Header[]
  readonly body: Buffer
}

export interface Answer {
  readonly status?: number
  readonly reason?: string
  /** In this order and case; `Date` is added when it is missing. */
  readonly headers?: readonly Header[]
  readonly body?: Uint8Array | string
  readonly afterMs?: number
  /** Instead of all that: these octets, then the connection ends. */
  readonly octets?: Uint8Array
}

export interface LocalService {
  /** `http://127.0.0.1:port` */
  readonly url: string
  readonly port: number
  /** Requests since the last answer was set. */
  readonly seen: readonly Seen[]
  /** What to answer from now on; forgets what was seen. */
  answer(answer: Answer | ((seen: Seen) => Answer)): void
  close(): Promise<void>
}

const HEAD_BYTES_MAX = 128 * 1024

export async function openLocalService(): Promise<LocalService> {
  const seen: Seen[] = []
  let current: (seen: Seen) => Answer = () => ({})
  const server = createServer(
    { maxHeaderSize: HEAD_BYTES_MAX, keepAliveTimeout: 60_000 },
    async (request, response) => {
      const body = await buffer(request).catch(() => undefined)
      if (body === undefined) return
      const { method = '', url = '', rawHeaders } = request
      const asked = { method, target: url, headers: pairs(rawHeaders), body }
      seen.push(asked)
      const answer = current(asked)
      if (answer.afterMs !== undefined) setTimeout(() => write(response, answer), answer.afterMs)
      else write(response, answer)
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    answer(answer) {
      seen.length = 0
      current = typeof answer === 'function' ? answer : () => answer
    },
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function write(response: ServerResponse, { status = 200, reason, headers = [], body, octets }: Answer): void {
  if (octets !== undefined) {
    response.socket?.end(octets)
    return
  }
  if (headers.some(([name]) => name.toLowerCase() === 'date')) response.sendDate = false
  response.writeHead(status, reason, headers.flat())
  response.end(body)
}

function pairs(raw: readonly string[]): Header[] {
  const headers: Header[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) headers.push([raw[i] as string, raw[i + 1] as string])
  return headers
}
