import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import {
  CHUNK_BYTES,
  CHUNK_TAG_BYTES,
  createOpener,
  createSealer,
  openChunk,
  sealChunk,
  sealedBytes,
} from '../../../gateway/protocol/chunked-cipher.ts'

const SEALED_CHUNK = CHUNK_BYTES + CHUNK_TAG_BYTES
const SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]

t.test('gives back what was sealed, whatever the size and however it is cut', async (t) => {
  for (const size of SIZES) {
    for (const cut of [1000, CHUNK_BYTES, 3 * CHUNK_BYTES]) {
      const key = randomBytes(32)
      const plain = randomBytes(size)

      const sealed = await seal(key, plain, cut)

      t.equal(sealed.length, sealedBytes(size), `${size} octets in pieces of ${cut}`)
      t.ok(plain.equals(await open(key, sealed, cut)), `${size} octets in pieces of ${cut}`)
    }
  }
})

t.test('refuses a file that was changed in any way', async (t) => {
  const key = randomBytes(32)
  const plain = randomBytes(3 * CHUNK_BYTES + 7)
  const sealed = await seal(key, plain, CHUNK_BYTES)
  const chunks = [0, 1, 2, 3].map((i) => sealed.subarray(i * SEALED_CHUNK, (i + 1) * SEALED_CHUNK))
  const [a, b, c, d] = chunks as [Buffer, Buffer, Buffer, Buffer]

  const damaged: Record<string, Buffer> = {
    'cut off after a chunk': Buffer.concat([a, b, c]),
    'cut off inside a chunk': sealed.subarray(0, 2 * SEALED_CHUNK + 100),
    'cut off to nothing': Buffer.alloc(0),
    'two chunks swapped': Buffer.concat([b, a, c, d]),
    'a chunk repeated': Buffer.concat([a, a, b, c, d]),
    'a chunk left out': Buffer.concat([a, c, d]),
    'octets added': Buffer.concat([sealed, Buffer.from([0])]),
    'another last chunk': Buffer.concat([a, b, d]),
  }

  for (const [how, octets] of Object.entries(damaged)) await t.rejects(open(key, octets, CHUNK_BYTES), how)
  await t.rejects(open(randomBytes(32), sealed, CHUNK_BYTES), 'another key')
})

t.test('refuses every changed octet', async () => {
  const key = randomBytes(32)
  const sealed = sealChunk(key, 3, true, randomBytes(200))
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ flip
      return throws(() => openChunk(key, 3, true, changed))
    }),
  )
})

t.test('a chunk opens only in its place', async (t) => {
  const key = randomBytes(32)
  const full = randomBytes(CHUNK_BYTES)
  const sealed = sealChunk(key, 1, false, full)

  t.ok(full.equals(openChunk(key, 1, false, sealed)))
  t.throws(() => openChunk(key, 2, false, sealed))
  t.throws(() => openChunk(key, 1, true, sealed))
  t.throws(() => sealChunk(key, 1, false, full.subarray(1)), TypeError, 'only the last may be short')
  t.throws(() => sealChunk(key, 1, true, Buffer.alloc(0)), TypeError, 'an empty chunk is a whole body')
  t.throws(() => sealChunk(key, 2 ** 32, true, full), TypeError, 'the counter never wraps')
})

function seal(key: Buffer, plain: Buffer, cut: number): Promise<Buffer> {
  return through(plain, cut, createSealer(key))
}

function open(key: Buffer, sealed: Buffer, cut: number): Promise<Buffer> {
  return through(sealed, cut, createOpener(key))
}

async function through(octets: Buffer, cut: number, turn: ReturnType<typeof createSealer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (let at = 0; at < octets.length; at += cut) pieces.push(octets.subarray(at, at + cut))
  const [result] = await Promise.all([buffer(turn), pipeline(Readable.from(pieces, { objectMode: false }), turn)])
  return result
}

function throws(act: () => unknown): boolean {
  try {
    act()
    return false
  } catch {
    return true
  }
}
