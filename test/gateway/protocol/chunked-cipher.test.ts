import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { CHUNK_BYTES, openChunk, sealChunk } from '../../../gateway/protocol/chunked-cipher.ts'

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

function throws(act: () => unknown): boolean {
  try {
    act()
    return false
  } catch {
    return true
  }
}
