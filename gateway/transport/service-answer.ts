/** Reads what a service answers, as `answer-reader.ts` does for gateways: small answers in one piece, large ones as a stream. */

import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { GatewayError } from '../errors.ts'
import { answerStream } from './answer-reader.ts'
import { Pieces } from './pieces.ts'

export interface ServiceAnswer {
  readonly status: number
  readonly statusText: string
  /** Name, value, name, value … as received. */
  readonly rawHeaders: readonly string[]
  readonly content: Buffer | Readable
}

export interface ServiceAnswerOptions {
  /** Larger answers are streamed. */
  readonly pieceBytesMax: number
  /** Until it begins; interim answers are no beginning. */
  readonly timeoutMs: number
  readonly resolve: (answer: ServiceAnswer) => void
  readonly reject: (error: GatewayError) => void
}

/** RFC 9110 §15. */
const STATUS_MAX = 599

export class ServiceAnswerReader implements Dispatcher.DispatchHandler {
  readonly #options: ServiceAnswerOptions
  #startedAt = 0
  #head: Omit<ServiceAnswer, 'content'> | undefined
  readonly #begun = new Pieces()
  #stream: Readable | undefined

  constructor(options: ServiceAnswerOptions) {
    this.#options = options
  }

  onRequestStart(): void {
    this.#startedAt = performance.now()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    { 'transfer-encoding': coding = 'chunked' }: Readonly<Record<string, string | string[] | undefined>>,
    statusText = '',
  ): void {
    if (status < 200) {
      // undici's own limit begins anew with each.
      if (performance.now() - this.#startedAt > this.#options.timeoutMs)
        controller.abort(new GatewayError('ServiceFailed.TimedOut'))
      return
    }
    if (status > STATUS_MAX) {
      controller.abort(new GatewayError('ServiceFailed.InvalidResponse', { reason: 'its status is no HTTP status' }))
      return
    }
    // Its header stays behind, and whoever got the octets could not tell what they are.
    if (coding.toString().toLowerCase() !== 'chunked') {
      controller.abort(new GatewayError('ServiceFailed.InvalidResponse', { reason: 'it is coded as nobody asked for' }))
      return
    }
    this.#head = { status, statusText, rawHeaders: rawHeadersOf(controller) }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#stream !== undefined) {
      if (!this.#stream.push(chunk)) controller.pause()
      return
    }
    this.#begun.add(chunk)
    if (this.#begun.size <= this.#options.pieceBytesMax) return
    const stream = answerStream(controller)
    stream.push(this.#begun.take())
    this.#stream = stream
    this.#answer(stream)
  }

  onResponseEnd(): void {
    if (this.#stream !== undefined) this.#stream.push(null)
    else this.#answer(this.#begun.take())
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#stream !== undefined) this.#stream.destroy(error)
    else this.#options.reject(this.#head === undefined ? serviceFailure(error) : brokenOff(error))
  }

  #answer(content: Buffer | Readable): void {
    this.#options.resolve({ ...(this.#head as Omit<ServiceAnswer, 'content'>), content })
  }
}

function rawHeadersOf({ rawHeaders }: Dispatcher.DispatchController): string[] {
  return (rawHeaders as Buffer[]).map((octets) => octets.toString('latin1'))
}

export function brokenOff(cause: unknown): GatewayError {
  return new GatewayError('ServiceFailed.NetworkError', { reason: 'its reply broke off', cause })
}

const TIMEOUTS: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/** OpenSSL's verdicts on certificates, as Node names them. */
const CERTIFICATE = /CERT|^UNABLE_TO_VERIFY|^INVALID_PURPOSE|^PATH_LENGTH|^HOSTNAME_MISMATCH/
const NOT_HTTP: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'])

function serviceFailure(cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause
  const { name, code = '' } = cause as { name?: string; code?: string }
  if (TIMEOUTS.has(code)) return new GatewayError('ServiceFailed.TimedOut', { cause })
  if (code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_') || CERTIFICATE.test(code)) {
    return new GatewayError('ServiceFailed.SslAuthenticationFailed', { cause })
  }
  if (name === 'HTTPParserError' || NOT_HTTP.has(code))
    return new GatewayError('ServiceFailed.InvalidResponse', { cause })
  return new GatewayError('ServiceFailed.NetworkError', { cause })
}
