/**
 * Reads what another gateway answers: small messages in one piece, large ones as a stream that waits for its reader.
 *
 * Works below undici's request API, whose stream for every answer costs as much as two signatures.
 */

import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { GatewayError } from '../errors.ts'
import type { AnswerPaceLimits } from './answer-pace.ts'
import { AnswerPace } from './answer-pace.ts'
import { FRAME_TYPE, openFrame, sliceFrame } from './frame.ts'
import type { Answer, Connection } from './peers.ts'
import { Pieces } from './pieces.ts'

export interface AnswerReaderOptions {
  readonly headBytesMax: number
  readonly pace: AnswerPaceLimits
  readonly connection: () => Connection
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: GatewayError) => void
}

/** Wraps what went wrong before any octet of a request was written. */
export class NotSent extends Error {
  constructor(cause: unknown) {
    super('no connection', { cause })
  }
}

/** Larger answers are streamed. */
const PIECE_BYTES_MAX = 256 * 1024
const UNSIGNED_BYTES_MAX = 64 * 1024

export class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #options: AnswerReaderOptions
  #status = 0
  #signature: string | undefined
  #announced = 0
  readonly #pieces = new Pieces()
  #stream: Readable | undefined
  #pace: AnswerPace | undefined
  #paused = false

  constructor(options: AnswerReaderOptions) {
    this.#options = options
  }

  onRequestStart(): void {}

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    refuseInterim(status)
    this.#status = status
    this.#pace = new AnswerPace(this.#options.pace)
    const { 'content-type': type, 'content-length': length, 'owl-signature': signature } = headers
    if (type !== FRAME_TYPE || typeof signature !== 'string') return
    this.#signature = signature
    this.#announced = Number(length ?? Number.NaN)
    if (!Number.isSafeInteger(this.#announced)) {
      controller.abort(new Error('The answer has no length'))
      return
    }
    if (this.#announced <= PIECE_BYTES_MAX) return
    const stream = answerStream(controller)
    this.#stream = stream
    const { resolve, connection, headBytesMax } = this.#options
    openFrame(stream, this.#announced, headBytesMax).then(
      (frame) => resolve({ status, signature, frame, connection: connection() }),
      (error) => {
        stream.destroy()
        this.#fail(error)
      },
    )
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#pace?.came(chunk.length, this.#paused)
    if (this.#stream !== undefined) {
      this.#paused = !this.#stream.push(chunk)
      if (this.#paused) controller.pause()
      return
    }
    this.#pieces.add(chunk)
    if (this.#signature === undefined && this.#pieces.size > UNSIGNED_BYTES_MAX)
      controller.abort(new Error('An unsigned answer is too long'))
  }

  onResponseEnd(): void {
    if (this.#stream !== undefined) {
      this.#stream.push(null)
      return
    }
    const octets = this.#pieces.take()
    const { resolve, headBytesMax } = this.#options
    const connection = this.#options.connection()
    if (this.#signature === undefined) {
      resolve({ status: this.#status, unsigned: octets, connection })
      return
    }
    try {
      resolve({
        status: this.#status,
        signature: this.#signature,
        frame: sliceFrame(octets, this.#announced, headBytesMax),
        connection,
      })
    } catch (error) {
      this.#fail(error)
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#stream === undefined) this.#fail(error)
    else this.#stream.destroy(error)
  }

  #fail(error: unknown): void {
    this.#options.reject(failureOf(error))
  }
}

/**
 * No gateway sends any; undici's limit for the beginning of an answer begins anew with each.
 *
 * @throws {Error} for a status that is none of an answer
 */
export function refuseInterim(status: number): void {
  if (status < 200) throw new Error('An interim answer')
}

/** An answer still to come, at the pace of its reader; who destroys it gives it up. */
export function answerStream(controller: Dispatcher.DispatchController): Readable {
  const stream = new Readable({
    read: () => controller.resume(),
    destroy: (error, done) => {
      controller.abort(error ?? new Error('The answer is not wanted'))
      done(error)
    },
  })
  // It may break off before its reader, who is told of it a turn later, listens.
  return stream.on('error', () => {})
}

/** What went wrong with a request, as one of ours: whether anything of it was sent decides. */
export function failureOf(error: unknown): GatewayError {
  if (!(error instanceof NotSent)) return new GatewayError('OutcomeUnknown', { cause: error })
  return error.cause instanceof GatewayError ? error.cause : new GatewayError('NetworkError', { cause: error.cause })
}
