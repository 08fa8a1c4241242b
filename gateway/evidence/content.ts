/**
 * Octets whose size and CRC-32 are known before the first of them is read, so that a ZIP's headers are complete and a
 * body of any size is never held. CRC-32 as in ISO 3309 and APPNOTE.TXT §4.4.7.
 */

import { crc32 as crc32Of } from 'node:zlib'

export interface Content {
  readonly size: number
  /** Unsigned. */
  readonly crc32: number
  /** May be read more than once. The stream fails when the octets are not as described. */
  read(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

export function contentOf(octets: Uint8Array): Content {
  return { size: octets.length, crc32: crc32Of(octets), read: () => [octets] }
}

/** One after the other, as one. */
export function joined(parts: readonly Content[]): Content {
  let size = 0
  let crc32 = 0
  for (const part of parts) {
    crc32 = combined(crc32, part.crc32, part.size)
    size += part.size
  }
  return { size, crc32, read: () => readAll(parts) }
}

const GATHERED_BYTES = 64 * 1024

/** The same octets in fewer, larger pieces: headers of thirty octets are not worth a write each. */
export async function* gathered(octets: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of octets) {
    pieces.push(piece)
    bytes += piece.length
    if (bytes < GATHERED_BYTES) continue
    yield pieces.length === 1 ? piece : Buffer.concat(pieces, bytes)
    pieces = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(pieces, bytes)
}

async function* readAll(parts: readonly Content[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield* part.read()
}

const POLYNOMIAL = 0xedb88320
/** x^(2^n) modulo the polynomial, bit-reflected: 0x80000000 is 1. */
const POWERS = makePowers()

/** The CRC of two strings of octets in a row: the first's times x^(8·length of the second), plus the second's. */
function combined(first: number, second: number, secondSize: number): number {
  let factor = 0x80000000
  for (let bits = secondSize * 8, n = 0; bits >= 1; bits = Math.floor(bits / 2), n++) {
    // The polynomial is primitive: after 32 doublings the powers repeat.
    if (bits % 2 === 1) factor = product(POWERS[n % POWERS.length] as number, factor)
  }
  return (product(factor, first) ^ second) >>> 0
}

function makePowers(): number[] {
  const powers = [0x40000000]
  while (powers.length < 32) {
    const last = powers.at(-1) as number
    powers.push(product(last, last))
  }
  return powers
}

function product(a: number, b: number): number {
  let sum = 0
  let shifted = b
  for (let mask = 0x80000000; mask !== 0; mask >>>= 1) {
    if ((a & mask) !== 0) sum ^= shifted
    shifted = (shifted & 1) === 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1
  }
  return sum >>> 0
}
