/**
 * The format of an encrypted body file: chunks sealed one by one with AES-256-GCM, in the manner of STREAM (Hoang,
 * Reyhanitabar, Rogaway, Vizár, CRYPTO 2015): index and last flag are in the nonce, so that reordering, repeating and
 * cutting off show. NIST SP 800-38D §8.2.1 for the nonce: a key seals exactly one file, so the counter never repeats.
 */

import { createCipheriv, createDecipheriv } from 'node:crypto'

/** Plain octets of every chunk but the last, which has at least one; an empty body is one empty chunk. */
export const CHUNK_BYTES = 65_536
/** What sealing adds to a chunk. */
export const CHUNK_TAG_BYTES = 16
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + CHUNK_TAG_BYTES
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
 * @param into `SEALED_CHUNK_BYTES`, for whoever seals many
 * @returns ciphertext and tag, in `into`
 * @throws {TypeError} when the chunk has a length that its place forbids
 */
export function sealChunk(
  key: Buffer,
  index: number,
  last: boolean,
  octets: Uint8Array,
  into = Buffer.allocUnsafeSlow(SEALED_CHUNK_BYTES),
): Buffer {
  if (!fits(index, last, octets.length)) throw new TypeError('A chunk has a length that its place forbids')
  const cipher = createCipheriv('aes-256-gcm', key, nonce(index, last), { authTagLength: CHUNK_TAG_BYTES })
  into.set(cipher.update(octets))
  cipher.final()
  into.set(cipher.getAuthTag(), octets.length)
  return into.subarray(0, octets.length + CHUNK_TAG_BYTES)
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
  const opened = decipher.update(octets.subarray(0, end))
  // Nothing is handed out before the tag is checked. In this mode there is nothing left to come.
  decipher.final()
  return opened
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
