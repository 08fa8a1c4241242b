/** A service by URL: forwards a request as it was signed and returns what comes back. Source: X-Road PR-REST §4.1–4.7. */

import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns'
import { readFile } from 'node:fs/promises'
import { STATUS_CODES } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { Pool } from 'undici'
import type { LocalService } from '../config.ts'
import { GatewayError } from '../errors.ts'
import type { Body } from '../protocol/body.ts'
import type { RequestHead } from '../protocol/head.ts'
import { replyHeaders } from '../protocol/headers.ts'
import { decodeText } from '../protocol/text.ts'
import type { ServiceAnswer } from './service-answer.ts'
import { brokenOff, ServiceAnswerReader } from './service-answer.ts'
import type { OpenService, ServicesOptions } from './services.ts'
import { bodyOf } from './spool.ts'

const CONNECTIONS_MAX = 64

/** @throws {Error} when the URL is outside the allowed networks or carries more than a base */
export async function httpService(
  service: LocalService & { readonly url: string },
  options: ServicesOptions,
): Promise<OpenService> {
  const { id, timeoutMs, bodyBytesMax } = service
  const url = new URL(service.url)
  if (url.username !== '' || url.search !== '' || url.hash !== '')
    throw new Error(`services: ${id} has a URL with more than scheme, host, port and path`)
  const allowed = allowedNetworks(options.networksAllowed)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !isAllowed(allowed, host)) throw new Error(`services: ${id} is outside networksAllowed`)
  const pool = new Pool(url.origin, {
    connections: CONNECTIONS_MAX,
    pipelining: 1,
    // HTTP/2 has no reasons, and of headers neither case nor repetition: PR-REST §4.1 asks for HTTP/1.1.
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: options.progressTimeoutMs,
    connect: {
      timeout: options.connectTimeoutMs,
      ...(service.ca === undefined ? {} : { ca: await readFile(service.ca) }),
      // Names are judged by the address that is connected to, each time: an answer that changes gains nothing.
      lookup: (
        name: string,
        hints: object,
        done: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
      ) =>
        lookup(name, { ...hints, all: true }, (error, addresses) => {
          const first = addresses?.[0]
          if (error !== null || first === undefined) return done(error ?? new Error('no address'), '')
          if (!addresses.every(({ address }) => isAllowed(allowed, address)))
            return done(new Error('outside networksAllowed'), '')
          return (hints as { all?: boolean }).all ? done(null, addresses) : done(null, first.address, first.family)
        }),
    },
  })
  const base = url.pathname

  /** @throws {GatewayError} every `ServiceFailed.…` */
  async function ask(request: Dispatcher.DispatchOptions, bytesMax: number): Promise<ServiceAnswer> {
    const pieceBytesMax = Math.min(bytesMax, options.spool.memoryBytesMax)
    try {
      return await new Promise((resolve, reject) => {
        pool.dispatch(request, new ServiceAnswerReader({ pieceBytesMax, timeoutMs, resolve, reject }))
      })
    } catch (error) {
      // What never began to leave is destroyed by nobody else.
      if (request.body instanceof Readable) request.body.on('error', () => {}).destroy()
      throw error
    }
  }

  /** @throws {GatewayError} `ServiceFailed.TooLarge`, `ServiceFailed.NetworkError`, `LoggingFailed` */
  async function bodyIn({ content }: ServiceAnswer, bytesMax: number): Promise<Body | undefined> {
    if (Buffer.isBuffer(content)) return content.length === 0 ? undefined : bodyOf(content)
    try {
      return await options.spool.receive(content, { bytesMax, tooLarge: 'ServiceFailed.TooLarge' })
    } catch (error) {
      content.destroy()
      throw error instanceof GatewayError && error.code === 'MissingBody' ? brokenOff(error) : error
    }
  }

  return {
    bodyBytesMax,
    prepare:
      ({ head, body, purpose }) =>
      async () => {
        const { method, path, query } = head.call
        const answer = await ask(
          {
            method: method as Dispatcher.HttpMethod,
            path: joinPath(base, path) + query,
            headers: serviceHeaders(head, body?.size, purpose),
            body: body === undefined ? null : (body.bytes ?? body.stream()),
          },
          bodyBytesMax,
        )
        const { status, statusText, rawHeaders } = answer
        return {
          status,
          reason: reasonOf(statusText) ?? STATUS_CODES[status] ?? '',
          headers: replyHeaders(rawHeaders),
          body: hasNoBody(method, status) ? unread(answer) : await bodyIn(answer, bodyBytesMax),
        }
      },
    async describe() {
      if (service.openapi === undefined)
        throw new GatewayError('ServiceFailed.InvalidContentType', { reason: 'the service has no OpenAPI document' })
      const path = joinPath(base, service.openapi)
      const bytesMax = Math.min(bodyBytesMax, options.spool.memoryBytesMax)
      const answer = await ask({ method: 'GET', path, headers: ['accept', 'application/json'] }, bytesMax)
      const body = await bodyIn(answer, bytesMax)
      if (answer.status !== 200 || body?.bytes === undefined)
        throw new GatewayError('ServiceFailed.InvalidResponse', { reason: 'its OpenAPI document is not to be had' })
      return { type: 'application/json; charset=utf-8', octets: withoutAddresses(body.bytes) }
    },
    close: () => pool.close(),
  }
}

/** HTTP knows no body here: what comes all the same must not wait for a reader. */
function unread({ content }: ServiceAnswer): undefined {
  if (!Buffer.isBuffer(content)) content.destroy()
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

/**
 * The octets of a reason phrase, as latin1. undici has read them as UTF-8: what was none is lost, and what a head cannot
 * hold would end it early.
 *
 * @returns undefined when there is none to be had
 */
function reasonOf(statusText: string): string | undefined {
  if (statusText.includes('\ufffd')) return undefined
  const reason = Buffer.from(statusText, 'utf8').toString('latin1')
  return REASON.test(reason) ? reason : undefined
}

/** RFC 9110 §6.4.1. */
export function hasNoBody(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

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
  if (bodyBytes !== undefined) headers.push('content-length', String(bodyBytes))
  return headers
}

function allowedNetworks(blocks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const block of blocks) {
    const [network = '', prefix = ''] = block.split('/')
    const family = isIP(network)
    if (family === 0 || !/^\d{1,3}$/.test(prefix)) throw new Error('networksAllowed: not a CIDR block')
    list.addSubnet(network, Number(prefix), family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

function isAllowed(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
