/** The provider's local system: an HTTP service that notes what reaches it. */

import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** How it answers, once the body of a request is there. */
export type ServiceAnswer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

/** What reached the service. */
export interface Delivered {
  readonly requestId: string
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export interface ServiceRig {
  readonly port: number
  readonly delivered: Delivered[]
}

/** @param answer it echoes when absent */
export async function openService(t: Test, answer: ServiceAnswer = echo): Promise<ServiceRig> {
  const delivered: Delivered[] = []
  const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const { method = '', url = '', headers } = request
    delivered.push({ requestId: String(headers['x-road-request-id']), method, url, headers, body })
    answer(request, response, body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, delivered }
}

function echo(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const type = request.headers['content-type'] ?? 'application/octet-stream'
  response.writeHead(200, { 'content-type': type, 'content-length': body.length }).end(body)
}
