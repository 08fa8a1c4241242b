/** A service by URL: forwards a request as it was signed and returns what comes back. Source: X-Road PR-REST §4.1–4.7. */

import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { STATUS_CODES } from 'node:http'
import { isIP } from 'node:net'
import type { LocalService } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Body } from '../protocol/body.ts'
import type { RequestHead } from '../protocol/head.ts'
import { namesLength, replyHeaders } from '../protocol/headers.ts'
import { decodeText } from '../protocol/text.ts'
import { isIn, openNetworks } from './networks.ts'
import { hostOf, ServiceConnections } from './service-connections.ts'
import { ask, bodyFailureOf } from './service-request.ts'
import type { OpenService, ServiceReply, ServicesOptions } from './services.ts'

/** @throws {Error} when the URL is outside the allowed networks or carries more than a base */
export async function httpService(
  service: LocalService & { readonly url: string },
  options: ServicesOptions,
): Promise<OpenService> {
  const { id, timeoutMs, bodyBytesMax } = service
  const { headBytesMax, connectTimeoutMs, progressTimeoutMs, spool } = options
  const url = new URL(service.url)
  if (url.username !== '' || url.search !== '' || url.hash !== '')
    throw new Error(`services: ${id} has a URL with more than scheme, host, port and path`)
  const networks = openNetworks(options.networksAllowed)
  const host = hostOf(url)
  if (isIP(host) !== 0 && !isIn(networks, host)) throw new Error(`services: ${id} is outside networksAllowed`)
  const ca = service.ca === undefined ? undefined : await readFile(service.ca)
  const connections = new ServiceConnections({ url, ca, networks, connectTimeoutMs })
  const limits = { headBytesMax, timeoutMs, progressTimeoutMs }
  const base = url.pathname
  const underWay = new Set<Promise<unknown>>()

  /** @throws {GatewayError} every `ServiceFailed.…`, `LoggingFailed` */
  function exchange(
    method: string,
    path: string,
    headers: readonly string[],
    body: Body | undefined,
    bytesMax: number,
  ): Promise<ServiceReply> {
    const reply = ask(connections, { method, path, headers: ['Host', url.host, ...headers], body }, limits).then(
      (message) => replyIn(method, message, bytesMax),
    )
    underWay.add(reply)
    const settled = () => underWay.delete(reply)
    reply.then(settled, settled)
    return reply
  }

  async function replyIn(method: string, message: IncomingMessage, bytesMax: number): Promise<ServiceReply> {
    const { statusCode: status = 0, statusMessage = '', rawHeaders } = message
    const length = namesLength(method, status) ? message.headers['content-length'] : undefined
    return {
      status,
      reason: REASON.test(statusMessage) ? statusMessage : (STATUS_CODES[status] ?? ''),
      headers: replyHeaders(rawHeaders, length),
      body: hasNoBody(method, status) ? skip(message) : await bodyIn(message, bytesMax),
    }
  }

  /** @throws {GatewayError} `ServiceFailed.TooLarge`, `.NetworkError`, `.InvalidResponse`, `LoggingFailed` */
  async function bodyIn(message: IncomingMessage, bytesMax: number): Promise<Body | undefined> {
    const expected = message.complete ? message.readableLength : lengthOf(message)
    try {
      const body = await spool.receive(message, {
        bytesMax,
        tooLarge: 'ServiceFailed.TooLarge',
        ...(expected === undefined ? {} : { expected }),
      })
      // Its end has to be read, too, for the connection to be of use again.
      message.resume()
      return body
    } catch (error) {
      message.destroy()
      throw error instanceof GatewayError && error.code === 'MissingBody' ? bodyFailureOf(message) : error
    }
  }

  return {
    bodyBytesMax,
    prepare:
      ({ head, body, purpose }) =>
      () => {
        const { method, path, query } = head.call
        const headers = serviceHeaders(head, body?.size, purpose)
        return exchange(method, joinPath(base, path) + query, headers, body, bodyBytesMax)
      },
    async describe() {
      if (service.openapi === undefined)
        throw new GatewayError('ServiceFailed.InvalidContentType', { reason: 'the service has no OpenAPI document' })
      const path = joinPath(base, service.openapi)
      const bytesMax = Math.min(bodyBytesMax, spool.memoryBytesMax)
      const { status, body } = await exchange('GET', path, ['accept', 'application/json'], undefined, bytesMax)
      if (status !== 200 || body?.bytes === undefined)
        throw new GatewayError('ServiceFailed.InvalidResponse', { reason: 'its OpenAPI document is not to be had' })
      return { type: 'application/json; charset=utf-8', octets: withoutAddresses(body.bytes) }
    },
    async close() {
      await Promise.allSettled(underWay)
      connections.destroy()
    },
  }
}

/** HTTP knows no body here. */
function skip(message: IncomingMessage): undefined {
  message.resume()
}

function lengthOf({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length']
  return length === undefined ? undefined : Number(length)
}

/** Where a service really is, is the agency's business: X-Road puts this in place of it. Contract §2.6. */
const ANONYMOUS_SERVERS = [{ url: 'http://example.org/xroad-endpoint' }]

/** OpenAPI names servers for the whole, and again for a path or an operation. */
function withoutAddresses(octets: Buffer): Buffer {
  try {
    const document = JSON.parse(decodeText(octets), (name, value) =>
      isServers(name, value) ? ANONYMOUS_SERVERS : value,
    )
    return Buffer.from(JSON.stringify({ ...document, servers: ANONYMOUS_SERVERS }))
  } catch (cause) {
    const fault = cause instanceof SyntaxError ? 'not JSON' : (cause as Error).message
    throw new GatewayError('ServiceFailed.InvalidContentType', { reason: `its OpenAPI document is ${fault}`, cause })
  }
}

function isServers(name: string, value: unknown): boolean {
  return name === 'servers' && Array.isArray(value) && value.some((it) => typeof it?.url === 'string')
}

/** PR-REST §4.1: one slash at the join; an empty path leaves the base as it is. */
export function joinPath(base: string, path: string): string {
  if (path === '') return base
  return base.endsWith('/') ? base.slice(0, -1) + path : base + path
}

/** RFC 9112 §4. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/

/** RFC 9110 §6.4.1. */
export function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/** RFC 9110 §8.6: a length even when it is none. */
const EXPECT_BODY: ReadonlySet<string> = new Set(['PATCH', 'POST', 'PUT'])

/** What a service sees: the signed headers, the two ids, the purpose, and the body's length. */
function serviceHeaders(
  { call, requestId, xRoadId }: RequestHead,
  bodyBytes: number | undefined,
  purpose: string,
): string[] {
  const headers: string[] = []
  let named = false
  for (const [name, value] of call.headers) {
    const key = name.toLowerCase()
    if (key === 'x-road-request-id') continue
    if (key === 'x-road-id') named = true
    headers.push(name, value)
  }
  if (!named) headers.push('x-road-id', xRoadId)
  headers.push('x-road-request-id', requestId)
  if (purpose !== 'none') headers.push('OWL-Purpose', purpose)
  if (bodyBytes !== undefined || EXPECT_BODY.has(call.method)) headers.push('content-length', String(bodyBytes ?? 0))
  return headers
}
