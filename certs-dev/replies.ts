/** Octets in and out of the trust service: bounded bodies, and answers that are right, late, endless or missing. */

import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Behaviour, Noise } from './behaviour.ts'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: Uint8Array
}

/** An answer of the trust service, honest or with one lie in it. */
export interface Speech<Lie> {
  readonly type: string
  speak(lie?: Lie): Uint8Array | Promise<Uint8Array>
}

export interface Limits {
  readonly bodyBytesMax: number
  readonly hugeBytes: number
  /** Ends what is still waiting. */
  readonly stopped: AbortSignal
}

/** Refused before it reaches a service; the message goes to the caller. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const GARBAGE_BYTES = 256
const BLOCK = new Uint8Array(64 * 1024)

/**
 * @param type the only content type accepted, without parameters
 * @throws {HttpRefusal} 405, 413, 415
 */
export async function readBody(request: IncomingMessage, type: string, bodyBytesMax: number): Promise<Uint8Array> {
  if (request.method !== 'POST') throw new HttpRefusal(405, 'POST only')
  const sent = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (sent !== type) throw new HttpRefusal(415, `Content-Type is ${type}`)

  const parts: Buffer[] = []
  let length = 0
  // Not destroyed when too long: the refusal still has to go out on the same connection.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += part.length
    if (length > bodyBytesMax) throw new HttpRefusal(413, `At most ${bodyBytesMax} octets`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

export function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body)
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, { status, type: 'application/json', body: Buffer.from(`${JSON.stringify(value)}\n`) })
}

/**
 * Answers as the behaviour wants it; `silent` leaves the connection open without a word.
 */
export async function perform<Lie>(
  response: ServerResponse,
  behaviour: Behaviour<Lie>,
  { type, speak }: Speech<Lie>,
  { hugeBytes, stopped }: Limits,
): Promise<void> {
  if (behaviour.mode === 'silent') return
  if (behaviour.mode === 'late') {
    const inTime = await delay(behaviour.delayMs, true, { signal: stopped }).catch(() => false)
    if (!inTime) return
  }
  const kind = behaviour.mode === 'wrong' ? behaviour.kind : undefined
  if (kind === 'huge') return sendEndless(response, type, hugeBytes)
  const body = kind === 'garbage' ? randomBytes(GARBAGE_BYTES) : await speak(kind as Exclude<typeof kind, Noise>)
  send(response, { status: 200, type, body })
}

/** Looks like one DER SEQUENCE of that length, comes in blocks without announced length, and contains nothing. */
async function sendEndless(response: ServerResponse, type: string, bytes: number): Promise<void> {
  function* blocks(): Generator<Uint8Array> {
    const header = Buffer.from([0x30, 0x84, 0, 0, 0, 0])
    header.writeUInt32BE(bytes, 2)
    yield header
    for (let left = bytes; left > 0; left -= BLOCK.length) yield BLOCK.subarray(0, left)
  }
  response.writeHead(200, { 'content-type': type })
  // Who is sent too much may hang up: that is the point.
  await pipeline(Readable.from(blocks()), response).catch(() => {})
}
