/**
 * The format of an encrypted body file: chunks sealed one by one with AES-256-GCM, in the manner of STREAM (Hoang,
 * Reyhanitabar, Rogaway, Vizár, CRYPTO 2015): index and last flag are in the nonce, so that reordering, repeating and
 * cutting off show. NIST SP 800-38D §8.2.1 for the nonce: a key seals exactly one file, so the counter never repeats.
 */

import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { TransformCallback } from 'node:stream'
import { Transform } from 'node:stream'

/** Plain octets of every chunk but the last, which has at least one; an empty body is one empty chunk. */
export const CHUNK_BYTES = 65_536
/** What sealing adds to a chunk. */
export const CHUNK_TAG_BYTES = 16
export const CHUNK_KEY_BYTES = 32

const NONCE_BYTES = 12
const INDEX_MAX = 0xffff_ffff

/** Octets of the file that holds a body of `size` octets. */
export function sealedBytes(size: number): number {
  return size + Math.max(1, Math.ceil(size / CHUNK_BYTES)) * CHUNK_TAG_BYTES
}

/**
 * @param key 32 octets, for this file only
 * @param index of the chunk, from 0
 * @returns ciphertext and tag
 * @throws {TypeError} when the chunk has a length that its place forbids
 */
export function sealChunk(key: Buffer, index: number, last: boolean, octets: Uint8Array): Buffer {
  if (!fits(index, last, octets.length)) throw new TypeError('A chunk has a length that its place forbids')
  const cipher = createCipheriv('aes-256-gcm', key, nonce(index, last), { authTagLength: CHUNK_TAG_BYTES })
  return Buffer.concat([cipher.update(octets), cipher.final(), cipher.getAuthTag()])
}

/**
 * @param octets ciphertext and tag as `sealChunk` gave them
 * @throws {Error} when they were changed, or stood in another place, or are not the last as `last` says
 */
export function openChunk(key: Buffer, index: number, last: boolean, octets: Uint8Array): Buffer {
  const end = octets.length - CHUNK_TAG_BYTES
  if (!fits(index, last, end)) throw new Error('A sealed chunk is cut off or too long')
  const decipher = createDecipheriv('aes-256-gcm', key, nonce(index, last), { authTagLength: CHUNK_TAG_BYTES })
  decipher.setAuthTag(octets.subarray(end))
  // Nothing is handed out before the tag is checked.
  return Buffer.concat([decipher.update(octets.subarray(0, end)), decipher.final()])
}

/** Plain octets in, the file's octets out. Holds one chunk. */
export function createSealer(key: Buffer): Transform {
  return new Chunks(CHUNK_BYTES, (index, last, octets) => sealChunk(key, index, last, octets))
}

/** The file's octets in, plain octets out; an error when the file was changed or cut off anywhere. Holds one chunk. */
export function createOpener(key: Buffer): Transform {
  return new Chunks(CHUNK_BYTES + CHUNK_TAG_BYTES, (index, last, octets) => openChunk(key, index, last, octets))
}

function fits(index: number, last: boolean, length: number): boolean {
  if (!Number.isInteger(index) || index < 0 || index > INDEX_MAX) return false
  if (!last) return length === CHUNK_BYTES
  return length <= CHUNK_BYTES && length >= (index === 0 ? 0 : 1)
}

function nonce(index: number, last: boolean): Buffer {
  const octets = Buffer.alloc(NONCE_BYTES)
  octets.writeUInt32BE(index, NONCE_BYTES - 5)
  octets[NONCE_BYTES - 1] = last ? 1 : 0
  return octets
}

type Turn = (index: number, last: boolean, octets: Buffer) => Buffer

/** Cuts a stream into chunks of one size. A full chunk waits for the next octet, which tells whether it was the last. */
class Chunks extends Transform {
  readonly #turn: Turn
  readonly #chunk: Buffer
  #filled = 0
  #index = 0

  constructor(size: number, turn: Turn) {
    super({ readableHighWaterMark: 2 * size, writableHighWaterMark: 2 * size })
    this.#turn = turn
    this.#chunk = Buffer.allocUnsafeSlow(size)
  }

  override _transform(octets: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      let at = 0
      while (at < octets.length) {
        if (this.#filled === this.#chunk.length) this.#flush(false)
        const copied = octets.copy(this.#chunk, this.#filled, at)
        this.#filled += copied
        at += copied
      }
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      this.#flush(true)
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  #flush(last: boolean): void {
    this.push(this.#turn(this.#index, last, this.#chunk.subarray(0, this.#filled)))
    this.#index += 1
    this.#filled = 0
  }
}
