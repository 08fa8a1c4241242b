/** A local system that says exactly what a test wants said, octet by octet, and hears exactly what comes back. */

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { connect as connectTls } from 'node:tls'

export type Header = readonly [name: string, value: string]

/** Where somebody listens on loopback, and how to speak TLS there. */
export interface Endpoint {
  readonly port: number
  /** Absent: plain. */
  readonly tls?: ConnectionOptions
  /** Sent as Host; the admin port answers by its own names alone. */
  readonly host?: string
}

export interface Request {
  readonly method?: string
  /** As on the request line. */
  readonly target: string
  /** In this order and case, behind `Host`. */
  readonly headers?: readonly Header[]
  readonly body?: Uint8Array | string
  /** How the body is framed; `none`: the headers say it. */
  readonly framing?: 'length' | 'chunked' | 'none'
  /** Sends the body only when told to continue. */
  readonly awaitContinue?: boolean
  /** Reads until the other side ends the connection: nothing that follows the answer is overlooked. */
  readonly untilEnd?: boolean
}

export interface Response {
  readonly status: number
  readonly reason: string
  /** As they came. */
  readonly headers: readonly Header[]
  readonly body: Buffer
  /** `100 Continue` came before. */
  readonly continued: boolean
  /** @returns the value of the header of this name @throws {Error} when it is there twice */
  header(name: string): string | undefined
  all(name: string): readonly string[]
  json(): unknown
}

const ANSWER_MS_MAX = 15_000
const CRLF = '\r\n'

export async function openWire({ port, tls }: Endpoint): Promise<Socket> {
  const socket = tls === undefined ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ...tls })
  await once(socket, tls === undefined ? 'connect' : 'secureConnect')
  socket.on('error', () => {})
  return socket
}

/** One request on a connection of its own. @throws {Error} when no whole answer comes */
export async function send(endpoint: Endpoint, request: Request): Promise<Response> {
  const socket = await openWire(endpoint)
  try {
    const hearing = hear(socket, request.method === 'HEAD', request.untilEnd === true)
    const { head, body } = octetsOf(request, endpoint.host)
    if (request.awaitContinue === true) {
      socket.write(head)
      await Promise.race([hearing.continued, hearing.response])
      socket.write(body)
    } else socket.write(Buffer.concat([head, body]))
    return await hearing.response
  } finally {
    socket.destroy()
  }
}

/** Whatever these octets are: what comes back until the other side ends the connection or the answer is whole. */
export async function sendOctets(endpoint: Endpoint, octets: Uint8Array | string): Promise<Response> {
  const socket = await openWire(endpoint)
  try {
    const hearing = hear(socket, false, false)
    socket.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets)
    return await hearing.response
  } finally {
    socket.destroy()
  }
}

export function octetsOf(request: Request, host = 'gateway.example'): { readonly head: Buffer; readonly body: Buffer } {
  const { method = 'GET', target, headers = [], framing = 'length' } = request
  const plain = Buffer.from(request.body ?? '')
  const framed: Header[] =
    request.body === undefined || framing === 'none'
      ? []
      : [framing === 'chunked' ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(plain.length)]]
  const lines = [['Host', host] as const, ...headers, ...framed].map(([name, value]) => `${name}: ${value}`)
  const head = Buffer.from([`${method} ${target} HTTP/1.1`, ...lines, CRLF].join(CRLF), 'latin1')
  return { head, body: request.body !== undefined && framing === 'chunked' ? chunked(plain) : plain }
}

/** Chunks of growing sizes, so that none falls together with anything else. */
function chunked(octets: Buffer): Buffer {
  const parts: (Buffer | string)[] = []
  for (let at = 0, size = 1; at < octets.length; at += size, size = size * 2 + 1) {
    const chunk = octets.subarray(at, at + size)
    parts.push(chunk.length.toString(16), CRLF, chunk, CRLF)
  }
  return Buffer.concat(
    [...parts, `0${CRLF}${CRLF}`].map((part) => (typeof part === 'string' ? Buffer.from(part) : part)),
  )
}

interface Hearing {
  readonly continued: Promise<void>
  readonly response: Promise<Response>
}

function hear(socket: Socket, isHead: boolean, untilEnd: boolean): Hearing {
  const [continued, response] = [Promise.withResolvers<void>(), Promise.withResolvers<Response>()]
  let received = Buffer.alloc(0)
  let wasContinued = false
  const timer = setTimeout(() => fail('no whole answer in time'), ANSWER_MS_MAX)
  const fail = (why: string): void => {
    response.reject(new Error(`${why}; received: ${received.toString('latin1').slice(0, 1000)}`))
  }
  const look = (ended: boolean): void => {
    try {
      let read = readResponse(received, isHead, wasContinued)
      while (read !== undefined && read.status < 200) {
        wasContinued = true
        continued.resolve()
        received = received.subarray(received.indexOf('\r\n\r\n') + 4)
        read = readResponse(received, isHead, wasContinued)
      }
      if (read === undefined) {
        if (ended) fail('the connection ended')
      } else if (!untilEnd || ended) response.resolve(untilEnd ? withTail(read, received) : read)
    } catch (error) {
      response.reject(error)
    }
  }
  response.promise.catch(() => {}).finally(() => clearTimeout(timer))
  socket.on('data', (octets: Buffer) => {
    received = Buffer.concat([received, octets])
    look(false)
  })
  socket.on('end', () => look(true)).on('close', () => look(true))
  return { continued: continued.promise, response: response.promise }
}

/** All that followed the head, whatever the head says. */
function withTail(response: Response, received: Buffer): Response {
  return { ...response, body: received.subarray(received.indexOf('\r\n\r\n') + 4) }
}

/** @returns undefined while it is not whole @throws {Error} when it is not HTTP */
export function readResponse(octets: Buffer, isHead = false, continued = false): Response | undefined {
  const headEnd = octets.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [statusLine = '', ...lines] = octets.subarray(0, headEnd).toString('latin1').split(CRLF)
  const [, statusText, reason = ''] = /^HTTP\/1\.1 ([1-9]\d\d) (.*)$/.exec(statusLine) ?? []
  if (statusText === undefined) throw new Error(`not a status line: ${statusLine}`)
  const status = Number(statusText)
  const headers = lines.map((line): Header => {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Error(`not a header: ${line}`)
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const all = (name: string) => headers.filter((it) => it[0].toLowerCase() === name).map(([, value]) => value)
  const header = (name: string): string | undefined => {
    const [value, ...more] = all(name)
    if (more.length > 0) throw new Error(`${name} is there ${more.length + 1} times`)
    return value
  }
  const body = bodyOf(octets.subarray(headEnd + 4), {
    isAbsent: isHead || status < 200 || status === 204 || status === 304,
    length: header('content-length'),
    isChunked: header('transfer-encoding') === 'chunked',
  })
  if (body === undefined) return undefined
  return { status, reason, headers, body, continued, header, all, json: () => JSON.parse(body.toString()) }
}

interface Framing {
  readonly isAbsent: boolean
  readonly length: string | undefined
  readonly isChunked: boolean
}

/** @returns undefined while it is not whole @throws {Error} when nothing says where it ends */
function bodyOf(octets: Buffer, { isAbsent, length, isChunked }: Framing): Buffer | undefined {
  if (isAbsent) return Buffer.alloc(0)
  if (!isChunked) {
    if (length === undefined) throw new Error('the answer has no length')
    return octets.length < Number(length) ? undefined : octets.subarray(0, Number(length))
  }
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = octets.indexOf(CRLF, at)
    const size = Number.parseInt(octets.toString('latin1', at, lineEnd), 16)
    if (lineEnd === -1 || octets.length < lineEnd + size + 4) return undefined
    if (size === 0) return Buffer.concat(chunks)
    chunks.push(octets.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + size + 4
  }
}
