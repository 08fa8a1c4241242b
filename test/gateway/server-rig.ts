/** A server with one route that notes what reached it, and raw sockets to reach it with. */

import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { BadRequest } from '../../gateway/http/preflight.ts'
import type { ServerOptions } from '../../gateway/http/server.ts'
import { createServer } from '../../gateway/http/server.ts'
import { HTTP_REASONS } from '../../gateway/protocol/strict-http.ts'

/** What the route saw. */
export interface Handled {
  readonly method: string
  /** `request.originalUrl`: what would be forwarded. */
  readonly target: string
  /** The route's wildcard: what was routed by. */
  readonly wildcard: string
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Rig {
  readonly app: FastifyInstance
  readonly port: number
  readonly handled: Handled[]
  readonly open: (tls?: ConnectionOptions) => Promise<Wire>
}

/** One connection, and all that has come over it. */
export interface Wire {
  readonly socket: Socket
  send(octets: string | Uint8Array): void
  /** Waits until so many answers are complete or the connection has ended. */
  answers(count: number): Promise<readonly Answer[]>
  /** Waits until the server has ended the connection. */
  end(): Promise<readonly Answer[]>
}

/** Contract §2.5, as `fault-reply.ts` has it. */
export const badRequest: BadRequest = (reason) => ({
  status: 400,
  headers: { 'content-type': 'application/json; charset=utf-8', 'x-road-error': 'Client.BadRequest' },
  body: JSON.stringify({ type: 'Client.BadRequest', message: HTTP_REASONS[reason], detail: reason }),
})

export async function makeRig(t: Test, options: Partial<ServerOptions> = {}): Promise<Rig> {
  const app = createServer({ badRequest, ...options })
  const handled: Handled[] = []
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => body)
  app.all('/r1/*', async (request) => {
    const { '*': wildcard } = request.params as { readonly '*': string }
    const body = Buffer.isBuffer(request.body) ? request.body.toString('latin1') : ''
    handled.push({ method: request.method, target: request.originalUrl, wildcard, body })
    if (wildcard.startsWith('slow/')) await new Promise((resolve) => setTimeout(resolve, 50))
    if (wildcard === 'throws') throw new Error('secret')
    return { handled: handled.length }
  })
  return { app, handled, ...(await listen(t, app)) }
}

/** Opens a server of the test's own, and connections to it that end with the test. */
export async function listen(t: Test, app: FastifyInstance): Promise<Pick<Rig, 'port' | 'open'>> {
  const wires: Socket[] = []
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => {
    for (const wire of wires) wire.destroy()
    await app.close()
  })
  const { port } = app.server.address() as AddressInfo
  return {
    port,
    async open(tls) {
      const socket = tls === undefined ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ...tls })
      wires.push(socket)
      const wire = wireOf(socket)
      await once(socket, tls === undefined ? 'connect' : 'secureConnect')
      return wire
    },
  }
}

function wireOf(socket: Socket): Wire {
  let received = ''
  let ended = false
  let wake = (): void => {}
  socket.on('data', (octets: Buffer) => {
    received += octets.toString('latin1')
    wake()
  })
  socket.on('error', () => {})
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      ended = true
      wake()
    })
  }
  const until = async (done: () => boolean): Promise<readonly Answer[]> => {
    while (!done()) await new Promise<void>((resolve) => (wake = resolve))
    return parseAnswers(received)
  }
  return {
    socket,
    send: (octets) => void socket.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets),
    answers: (count) => until(() => ended || parseAnswers(received).length >= count),
    end: () => until(() => ended),
  }
}

/** Complete answers only; 1xx are skipped. */
export function parseAnswers(octets: string): readonly Answer[] {
  const answers: Answer[] = []
  let rest = octets
  for (;;) {
    const headEnd = rest.indexOf('\r\n\r\n')
    if (headEnd === -1) return answers
    const [statusLine = '', ...lines] = rest.slice(0, headEnd).split('\r\n')
    const status = Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(statusLine)?.[1])
    rest = rest.slice(headEnd + 4)
    if (status < 200) continue
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const length = Number(headers['content-length'] ?? 0)
    if (rest.length < length) return answers
    answers.push({ status, headers, body: rest.slice(0, length) })
    rest = rest.slice(length)
  }
}

/** @returns the reason when it is a proper fault: one of ours, in X-Road's shape, on a connection that ends */
export function faultOf(answer: Answer | undefined): string | undefined {
  if (answer?.status !== 400 || answer.headers['x-road-error'] !== 'Client.BadRequest') return undefined
  if (!/^application\/json; charset=utf-8$/.test(answer.headers['content-type'] ?? '')) return undefined
  const { type, message, detail } = JSON.parse(answer.body) as Readonly<Record<string, string>>
  return type === 'Client.BadRequest' && message !== undefined ? detail : undefined
}
