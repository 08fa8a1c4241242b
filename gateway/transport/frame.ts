/** The octets of a message between gateways: `uint32 head length · head · body`. Source: architecture, "Between gateways". */

import { Readable } from 'node:stream'
import { GatewayError } from '../errors.ts'
import type { Body } from '../protocol/body.ts'

export const FRAME_TYPE = 'application/owl-message'

/** What the sender's gateway adds to a head that a local system filled to the limit: two ids and the owl block. */
export const HEAD_ADDED_BYTES_MAX = 4096

export interface Frame {
  readonly head: Buffer
  /** Octets of the body that follows; 0: there is none. */
  readonly bodyBytes: number
  /** Where the body comes from, and what of it was read with the head. */
  readonly source: Readable
  readonly begun: Buffer
}

/**
 * Reads up to the end of the head and leaves the body where it is, so that the head can be judged first.
 *
 * @param length the message's Content-Length: frames are never chunked
 * @throws {GatewayError} `InvalidMessage`, `MissingBody`
 */
export async function openFrame(source: Readable, length: number, headBytesMax: number): Promise<Frame> {
  try {
    // What is there already needs no listening.
    const read = (source.read() as Buffer | null) ?? EMPTY
    return frameIn(read, source, length, headBytesMax) ?? (await readFrame(read, source, length, headBytesMax))
  } catch (error) {
    source.on('error', () => {})
    throw error
  }
}

/** @returns nothing while the head is not whole @throws {GatewayError} `InvalidMessage` */
function frameIn(read: Buffer, source: Readable, length: number, headBytesMax: number): Frame | undefined {
  if (read.length < 4) return undefined
  const headLength = read.readUInt32BE(0)
  if (headLength === 0 || headLength > headBytesMax || 4 + headLength > length)
    throw new GatewayError('InvalidMessage', { reason: 'its head is longer than allowed or than the message' })
  const bodyAt = 4 + headLength
  if (read.length < bodyAt) return undefined
  return { head: read.subarray(4, bodyAt), bodyBytes: length - bodyAt, source, begun: read.subarray(bodyAt) }
}

function readFrame(begun: Buffer, source: Readable, length: number, headBytesMax: number): Promise<Frame> {
  return new Promise((resolve, reject) => {
    let read = begun
    const settle = (finish: () => void): void => {
      source.pause()
      source.off('data', onData).off('end', onEnd).off('error', onEnd).off('close', onEnd)
      finish()
    }
    const onEnd = (): void => settle(() => reject(new GatewayError('MissingBody')))
    const onData = (chunk: Buffer) => {
      read = Buffer.concat([read, chunk])
      try {
        const frame = frameIn(read, source, length, headBytesMax)
        if (frame !== undefined) settle(() => resolve(frame))
      } catch (error) {
        settle(() => reject(error))
      }
    }
    if (source.readableEnded || source.destroyed) return onEnd()
    source.on('end', onEnd).on('error', onEnd).on('close', onEnd).on('data', onData)
  })
}

/**
 * The same for a message that is at hand.
 *
 * @throws {GatewayError} `InvalidMessage`, `MissingBody`
 */
export function sliceFrame(octets: Buffer, length: number, headBytesMax: number): Frame {
  const headLength = octets.length < 4 ? 0 : octets.readUInt32BE(0)
  if (headLength === 0 || headLength > headBytesMax || 4 + headLength > length) {
    throw new GatewayError('InvalidMessage', { reason: 'its head is longer than allowed or than the message' })
  }
  if (octets.length < length) throw new GatewayError('MissingBody')
  return {
    head: octets.subarray(4, 4 + headLength),
    bodyBytes: length - 4 - headLength,
    source: ENDED,
    begun: octets.subarray(4 + headLength),
  }
}

const EMPTY = Buffer.alloc(0)
/** Nothing is to come. */
const ENDED = new Readable().destroy()

/** Octets of a frame, and how many. */
export interface Packed {
  readonly length: number
  readonly octets: Buffer | Readable
}

export function packFrame(head: Buffer, body: Body | undefined): Packed {
  const length = 4 + head.length + (body?.size ?? 0)
  const small = body === undefined ? EMPTY : body.bytes
  if (small !== undefined) {
    const octets = Buffer.allocUnsafe(length)
    octets.writeUInt32BE(head.length, 0)
    octets.set(head, 4)
    octets.set(small, 4 + head.length)
    return { length, octets }
  }
  const prefix = Buffer.allocUnsafe(4)
  prefix.writeUInt32BE(head.length, 0)
  return {
    length,
    octets: Readable.from(chunksOf(prefix, head, body as Body), { objectMode: false, highWaterMark: 1 << 16 }),
  }
}

async function* chunksOf(prefix: Buffer, head: Buffer, body: Body): AsyncGenerator<Buffer> {
  yield prefix
  yield head
  yield* body.stream()
}
