/**
 * One request to a service by URL, and its answer as it comes in. Node's HTTP client and not undici: that one refuses a
 * `100 Continue` that nobody asked for (RFC 9110 §15.2).
 */

import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as httpRequest } from 'node:http'
import type { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { GatewayError } from '../errors.ts'
import type { Body } from '../protocol/body.ts'
import { blankTabs } from './answer-head.ts'
import type { ServiceConnections } from './service-connections.ts'
import { hasConnected } from './service-connections.ts'

export interface OutgoingRequest {
  readonly method: string
  readonly path: string
  /** Name, value, name, value … with `Host` and the framing. */
  readonly headers: readonly string[]
  readonly body: Body | undefined
}

export interface AnswerLimits {
  readonly headBytesMax: number
  /** Until it begins, from the last octet of the request on that was taken; interim answers are no beginning. */
  readonly timeoutMs: number
  /** Between two octets of its body. */
  readonly progressTimeoutMs: number
}

/** What nobody minds being asked twice. RFC 9110 §9.2.1. */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * @returns the answer once its head is there; a short body is mostly there as well
 * @throws {GatewayError} every `ServiceFailed.…`
 */
export async function ask(
  connections: ServiceConnections,
  request: OutgoingRequest,
  limits: AnswerLimits,
): Promise<IncomingMessage> {
  const first = new Attempt(connections, request, limits)
  const message = await first.answer.catch((error) => {
    if (!first.mayRepeat) throw error
    connections.dropIdle()
    return new Attempt(connections, request, limits).answer
  })
  if (!message.complete) keepMoving(message, limits.progressTimeoutMs)
  return message
}

/** Gives an answer up whose octets stop coming; while its reader waits for the disk, none are expected. */
function keepMoving(message: IncomingMessage, progressTimeoutMs: number): void {
  const { socket } = message
  socket.setTimeout(progressTimeoutMs)
  message.on('timeout', () => {
    if (message.isPaused()) socket.setTimeout(progressTimeoutMs)
    else message.destroy(new Error('nothing came any more'))
  })
}

class Attempt {
  readonly answer: Promise<IncomingMessage>
  readonly #limits: AnswerLimits
  readonly #request: ClientRequest
  readonly #patience: NodeJS.Timeout
  /** Is there a body that the service may not want? */
  readonly #hasBody: boolean
  #source: Readable | undefined
  #message: IncomingMessage | undefined
  #mayRepeat = false
  #reject: (error: GatewayError) => void = () => {}

  constructor(connections: ServiceConnections, { method, path, headers, body }: OutgoingRequest, limits: AnswerLimits) {
    this.#limits = limits
    this.#hasBody = body !== undefined
    const request = httpRequest({ agent: connections, method, path, headers, maxHeaderSize: limits.headBytesMax })
    this.#request = request
    // The limit is the head's size; Node would drop headers after the 2000th without a word.
    request.maxHeadersCount = 0
    this.#patience = setTimeout(() => this.#expire(), limits.timeoutMs)
    this.answer = new Promise((resolve, reject) => {
      this.#reject = reject
      request.on('response', (message) => this.#begin(message, resolve))
    })
    request.on('error', (error) => this.#fail(error)).on('finish', () => this.#patience.refresh())
    request.on('upgrade', (_message, socket) => {
      socket.destroy()
      this.#fail(invalid('it changes to another protocol'))
    })
    request.on('socket', (socket) => {
      this.#mayRepeat = hasConnected(socket) && REPEATABLE.has(method)
      socket.prependListener('data', this.#hear)
    })
    if (body === undefined || body.bytes !== undefined) request.end(body?.bytes)
    else this.#pour(body.stream())
  }

  /** Whether the service closed a kept connection without a word: most likely it has not seen the request. RFC 9112 §9.3.1. */
  get mayRepeat(): boolean {
    return this.#mayRepeat
  }

  readonly #hear = (octets: Buffer): void => {
    this.#mayRepeat = false
    blankTabs(octets)
  }

  #pour(source: Readable): void {
    this.#source = source
    const request = this.#request
    request.once('close', () => source.destroy())
    source.on('data', () => this.#patience.refresh())
    source.on('error', (error) => {
      this.#mayRepeat = false
      request.destroy(error)
    })
    source.pipe(request)
  }

  #begin(message: IncomingMessage, resolve: (message: IncomingMessage) => void): void {
    clearTimeout(this.#patience)
    message.socket.removeListener('data', this.#hear)
    this.#message = message
    const refusal = refusalOf(message, this.#limits.headBytesMax)
    if (refusal !== undefined) {
      this.#reject(refusal)
      this.#giveUp()
      return
    }
    // What is left of a request that has been answered is not wanted, and the connection is of no use then.
    message.once('end', () => {
      if (!this.#request.writableFinished) this.#giveUp()
    })
    resolve(message)
  }

  #expire(): void {
    this.#mayRepeat = false
    this.#reject(
      this.#isConnected
        ? new GatewayError('ServiceFailed.TimedOut')
        : undelivered('ServiceFailed.NetworkError', 'no connection came about in time'),
    )
    this.#giveUp()
  }

  #fail(error: Error): void {
    clearTimeout(this.#patience)
    const message = this.#message
    if (message === undefined) this.#reject(this.#isConnected ? failureOf(error) : this.#notConnected(error))
    else if (!message.complete && !this.#endsByReset(error)) message.destroy(error)
    this.#source?.destroy()
  }

  /** Whoever refuses a body and closes resets the connection; of a refusal without a length that is the end. */
  #endsByReset(error: Error): boolean {
    const { statusCode = 0, headers } = this.#message as IncomingMessage
    const isFramed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
    return this.#hasBody && !isFramed && statusCode >= 400 && codeOf(error) === 'ECONNRESET'
  }

  #giveUp(): void {
    this.#request.destroy()
    this.#source?.destroy()
  }

  get #isConnected(): boolean {
    const { socket } = this.#request
    return socket !== null && hasConnected(socket)
  }

  #notConnected(error: Error): GatewayError {
    if (error instanceof GatewayError) return error
    const { authorizationError } = (this.#request.socket ?? {}) as Partial<TLSSocket>
    const code = codeOf(error)
    // A certificate that OpenSSL rejects for a reason that Node has no name for has the code `UNSPECIFIED`.
    if (authorizationError != null || TLS.test(code))
      return undelivered('ServiceFailed.SslAuthenticationFailed', 'it was refused before anything was sent', error)
    return undelivered('ServiceFailed.NetworkError', UNREACHABLE[code] ?? 'no connection came about', error)
  }
}

/** Why an answer cannot be taken, as its head shows. */
function refusalOf(message: IncomingMessage, headBytesMax: number): GatewayError | undefined {
  const { statusCode = 0, statusMessage = '', headers, rawHeaders } = message
  // RFC 9110 §15.
  if (statusCode < 200 || statusCode > 599) return invalid('its status is no HTTP status')
  // Its header stays behind, and whoever got the octets could not tell what they are.
  if ((headers['transfer-encoding'] ?? 'chunked').trim().toLowerCase() !== 'chunked')
    return invalid('it is coded as nobody asked for')
  // Node's parser counts neither colons nor line ends.
  let bytes = statusMessage.length + STATUS_LINE_BYTES
  for (const text of rawHeaders) bytes += text.length + 2
  return bytes > headBytesMax ? headTooLarge() : undefined
}

/** `HTTP/1.1 200 `, and two line ends. */
const STATUS_LINE_BYTES = 17

/** What went wrong after a request began to leave and before its answer did. */
function failureOf(cause: Error): GatewayError {
  if (cause instanceof GatewayError) return cause
  const code = codeOf(cause)
  if (code === 'HPE_HEADER_OVERFLOW') return headTooLarge(cause)
  if (code.startsWith('HPE_')) return new GatewayError('ServiceFailed.InvalidResponse', { cause })
  if (CERTIFICATE_ALERT.test(code)) return new GatewayError('ServiceFailed.SslAuthenticationFailed', { cause })
  return new GatewayError('ServiceFailed.NetworkError', { cause })
}

/** What went wrong with the body of an answer. */
export function bodyFailureOf(message: IncomingMessage): GatewayError {
  const cause = message.errored
  if (cause instanceof GatewayError) return cause
  const code = cause === null ? '' : codeOf(cause)
  // Trailers, and the extensions of chunks.
  if (OVERFLOW.test(code)) return tooLarge('what frames its body exceeds limits.headBytesMax', cause)
  if (code.startsWith('HPE_')) return invalid('its body is not framed as HTTP has it', cause)
  return new GatewayError('ServiceFailed.NetworkError', { reason: 'its reply broke off', cause })
}

/** Node has the error of the handshake as one of writing, sometimes. */
const TLS = /^(?:EPROTO$|ERR_SSL_|ERR_TLS_)/
/** With TLS 1.3 a server that asks for a certificate refuses after the client has begun to speak. RFC 8446 §6.2. */
const CERTIFICATE_ALERT = /^ERR_SSL_.*_ALERT_(?:.*CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it refuses connections',
  ECONNRESET: 'it closed the connection at once',
  EAI_AGAIN: 'its name could not be looked up',
  ENOTFOUND: 'its name is not known',
  ETIMEDOUT: 'no connection came about in time',
}

function undelivered(
  code: 'ServiceFailed.NetworkError' | 'ServiceFailed.SslAuthenticationFailed',
  why: string,
  cause?: unknown,
): GatewayError {
  return new GatewayError(code, { undelivered: true, reason: `${why}; nothing was delivered`, cause })
}

function headTooLarge(cause?: unknown): GatewayError {
  return tooLarge('its head exceeds limits.headBytesMax', cause)
}

const OVERFLOW = /^HPE_(?:HEADER|CHUNK_EXTENSIONS)_OVERFLOW$/

function tooLarge(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('ServiceFailed.TooLarge', { reason, cause })
}

function invalid(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('ServiceFailed.InvalidResponse', { reason, cause })
}

function codeOf(error: Error): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : ''
}
