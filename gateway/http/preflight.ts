/**
 * Strict HTTP at the socket: every request is judged on its raw head before Fastify sees it, and what is refused is
 * answered in one shape and ends its connection, whoever found the fault: we, Node's parser or the clock.
 *
 * Source: RFC 9112; the rules themselves are `protocol/strict-http.ts`.
 */

import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ChunkScan } from '../protocol/chunk-framing.ts'
import { scanChunks, startChunkScan } from '../protocol/chunk-framing.ts'
import type { HttpReason, HttpRules, Verdict } from '../protocol/strict-http.ts'
import { judgeRequest } from '../protocol/strict-http.ts'
import type { Pace, PaceLimits } from './pace.ts'
import { judgePace, startPace } from './pace.ts'

/** What a refused sender gets. */
export interface BadAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/**
 * Makes the answer to a request that goes no further.
 *
 * @param request absent when not even a head could be read
 */
export type BadRequest = (reason: HttpReason, request?: IncomingMessage) => BadAnswer

export interface PreflightOptions {
  readonly rules: HttpRules
  readonly badRequest: BadRequest
  readonly pace: PaceLimits
  readonly checkIntervalMs: number
  /** How long a refused sender may go on sending before the connection is cut, so that it can read the answer. */
  readonly lingerMs: number
}

export interface Preflight {
  /** Ends every connection to which no answer is owed, now and from now on. */
  close(): void
}

interface Connection {
  /** Nothing that arrives any more is a request. */
  closed: boolean
  /** The latest request handed on. */
  request: IncomingMessage | undefined
  /** Its body may come now: false while its sender waits for `100 Continue`. */
  bodyAwaited: boolean
  /** The answer owed to it, until it has left. */
  answer: ServerResponse | undefined
  readonly pace: Pace
  /** Why Node's parser will stop where `watch` made it stop. */
  stopped: HttpReason | undefined
  chunks: ChunkScan | undefined
  /** The octets being parsed, only while they are, and where in them things stood. */
  piece: Buffer | undefined
  requestsInPiece: number
  pieceBeganInBody: boolean
  /** The last four octets before the piece, for a head that ends across two. */
  tailBefore: number
  tail: number
}

/** Takes over `request`, `checkContinue`, `clientError` and their kin; `server` must have no such listeners yet. */
export function preflight(server: Server, handle: RequestListener, options: PreflightOptions): Preflight {
  const { rules, badRequest } = options
  const open = new Map<Socket, Connection>()
  let closing = false

  server.on(rules.secure ? 'secureConnection' : 'connection', (socket: Socket) => {
    const connection = newConnection()
    open.set(socket, connection)
    socket.once('close', () => open.delete(socket))
    // Listening makes Node read through JavaScript instead of natively: 4 µs a request, only where chunks may come.
    if (rules.chunked) watch(socket, connection)
  })
  server.on('request', (request, response) => take(request, response))
  server.on('checkContinue', (request, response) => take(request, response, true))
  server.on('checkExpectation', (request, response) => take(request, response))
  server.on('connect', (request) => {
    // Node has let go of the socket by now, of its errors too.
    request.socket.on('error', () => {})
    refuse(request.socket, 'method', request)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const reason = open.get(socket as Socket)?.stopped ?? reasonOf(error)
    if (reason === undefined) socket.destroy()
    else refuse(socket as Socket, reason)
  })

  let checkedAt = performance.now()
  const timer = setInterval(check, options.checkIntervalMs).unref()
  server.once('close', () => clearInterval(timer))

  return {
    close() {
      closing = true
      check()
    },
  }

  function take(request: IncomingMessage, response: ServerResponse, awaitsContinue = false): void {
    const { socket } = request
    const connection = open.get(socket)
    if (connection === undefined || connection.closed) return
    connection.requestsInPiece++
    const verdict = judge(request, connection)
    if (verdict.refused !== undefined) {
      refuse(socket, verdict.refused, request)
      return
    }
    connection.tail = 0
    connection.request = request
    connection.answer = response
    // Before Node's own listener, which cuts the connection behind an answer that says it is the last.
    response.prependListener('finish', () => {
      if (!request.complete) socket.destroySoon = () => linger(socket)
    })
    response.on('close', () => {
      if (connection.answer === response) connection.answer = undefined
      // An idle connection keeps nothing of what was said on it.
      if (connection.request === request && request.complete) connection.request = undefined
      if (closing && connection.answer === undefined) socket.destroySoon()
    })
    request.url = verdict.target
    connection.bodyAwaited = !awaitsContinue
    if (awaitsContinue) continueWhenRead(connection, request, response)
    handle(request, response)
  }

  function judge(request: IncomingMessage, connection: Connection): Verdict {
    const verdict = judgeRequest(request, rules)
    if (verdict.refused !== undefined || request.headers['transfer-encoding'] === undefined) return verdict
    return firstChunks(connection) ? verdict : { refused: connection.stopped ?? 'chunk-framing' }
  }

  function refuse(socket: Socket, reason: HttpReason, request?: IncomingMessage): void {
    const connection = open.get(socket)
    if (connection?.closed) return
    const { request: latest, answer } = connection ?? {}
    if (connection !== undefined) connection.closed = true
    request?.resume()

    if (latest !== undefined && !latest.complete) {
      // The body of a request that is being handled has turned out bad: one answer, if none has begun.
      if (answer === undefined || answer.headersSent) socket.destroy()
      else sendLast(socket, reason, latest)
    } else if (answer === undefined) sendLast(socket, reason, request)
    // A whole request came before: it gets its own answer first.
    else answer.once('close', () => sendLast(socket, reason, request))
  }

  function sendLast(socket: Socket, reason: HttpReason, request: IncomingMessage | undefined): void {
    if (!socket.writable) {
      socket.destroy()
      return
    }
    linger(socket, octetsOf(badRequest(reason, request), request?.method === 'HEAD'))
    socket.resume()
  }

  /** Closing with octets unread would reset the connection, and the sender might never see why. */
  function linger(socket: Socket, last?: Buffer): void {
    const timeout = setTimeout(() => socket.destroy(), options.lingerMs)
    socket.once('close', () => clearTimeout(timeout))
    if (last === undefined) socket.end()
    else socket.end(last)
  }

  function check(): void {
    const now = performance.now()
    const elapsedMs = now - checkedAt
    checkedAt = now
    for (const [socket, { pace, request, bodyAwaited, answer, closed }] of open) {
      if (closing && answer === undefined) socket.destroy()
      if (closed) continue
      const step = { socket, request: bodyAwaited ? request : undefined, elapsedMs }
      const still = judgePace(pace, step, options.pace)
      if (still === 'body') refuse(socket, 'too-slow')
      else if (still === 'reply') socket.destroy()
    }
  }
}

function newConnection(): Connection {
  return {
    closed: false,
    request: undefined,
    bodyAwaited: true,
    answer: undefined,
    pace: startPace(),
    stopped: undefined,
    chunks: undefined,
    piece: undefined,
    requestsInPiece: 0,
    pieceBeganInBody: false,
    tailBefore: 0,
    tail: 0,
  }
}

/**
 * Says `100 Continue` when the body is first read and not before, RFC 9110 §10.1.1: whoever is refused by the head
 * alone is never told to send the body.
 */
function continueWhenRead(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
  const read = request._read
  request._read = (size) => {
    request._read = read
    connection.bodyAwaited = true
    if (!response.headersSent && !connection.closed) response.writeContinue()
    read.call(request, size)
  }
}

/** Sees each piece before Node's parser does and lets go of it after. */
function watch(socket: Socket, connection: Connection): void {
  socket.prependListener('data', (piece: Buffer) => {
    connection.piece = piece
    connection.requestsInPiece = 0
    connection.pieceBeganInBody = connection.request !== undefined && !connection.request.complete
    connection.tailBefore = connection.tail
    for (let i = Math.max(0, piece.length - 4); i < piece.length; i++) {
      connection.tail = ((connection.tail << 8) | (piece[i] ?? 0)) >>> 0
    }
    if (connection.chunks !== undefined) scan(connection, connection.chunks, piece, 0)
  })
  socket.on('data', () => {
    connection.piece = undefined
  })
}

/** @returns whether the chunks that came with the head are framed as they must be */
function firstChunks(connection: Connection): boolean {
  const { piece } = connection
  // Behind another request in one piece we cannot tell where the body begins. Nobody pipelines chunked bodies.
  if (piece === undefined || connection.requestsInPiece > 1 || connection.pieceBeganInBody) return false
  const from = headEnd(piece, connection.tailBefore)
  if (from === -1) return false
  const chunks = startChunkScan()
  connection.chunks = chunks
  return scan(connection, chunks, piece, from)
}

function scan(connection: Connection, chunks: ChunkScan, piece: Buffer, from: number): boolean {
  const at = scanChunks(chunks, piece, from)
  if (chunks.at === 'done') connection.chunks = undefined
  if (at === -1) return true
  // NUL has no place in framing: the parser stops there itself, before the body can count as complete.
  piece[at] = 0
  connection.stopped = chunks.refused
  return false
}

/** Where the body begins: behind the first empty line, which may have begun in the octets before. */
function headEnd(piece: Buffer, tailBefore: number): number {
  let tail = tailBefore
  for (let i = 0; i < Math.min(3, piece.length); i++) {
    tail = ((tail << 8) | (piece[i] ?? 0)) >>> 0
    if (tail === 0x0d0a0d0a) return i + 1
  }
  const at = piece.indexOf('\r\n\r\n')
  return at === -1 ? -1 : at + 4
}

/** @returns why, or undefined when there is nobody left to tell */
function reasonOf({ code = '' }: NodeJS.ErrnoException): HttpReason | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'head-too-large'
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 'chunk-framing'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'too-slow'
  return code.startsWith('HPE_') ? 'malformed' : undefined
}

function octetsOf({ status, headers, body }: BadAnswer, headOnly: boolean): Buffer {
  const octets = typeof body === 'string' ? Buffer.from(body) : body
  const own = { date: new Date().toUTCString(), 'content-length': octets.length, connection: 'close' }
  const lines = Object.entries({ ...headers, ...own }).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`, 'latin1')
  return headOnly ? head : Buffer.concat([head, octets])
}
