import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import t from 'tap'
import { openBodyFile } from '../../../gateway/protocol/body-file.ts'
import { CHUNK_BYTES, SEALED_CHUNK_BYTES, sealChunk, sealedBytes } from '../../../gateway/protocol/chunked-cipher.ts'

const SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]

t.test('gives back what was sealed, whatever the size', async (t) => {
  for (const size of SIZES) {
    const key = randomBytes(32)
    const plain = randomBytes(size)

    const sealed = seal(key, plain)

    t.equal(sealed.length, sealedBytes(size), `${size} octets`)
    t.ok(plain.equals(await open(t, key, sealed)), `${size} octets`)
  }
})

t.test('refuses a file that was changed in any way', async (t) => {
  const key = randomBytes(32)
  const sealed = seal(key, randomBytes(3 * CHUNK_BYTES + 7))
  const chunks = [0, 1, 2, 3].map((i) => sealed.subarray(i * SEALED_CHUNK_BYTES, (i + 1) * SEALED_CHUNK_BYTES))
  const [a, b, c, d] = chunks as [Buffer, Buffer, Buffer, Buffer]

  const damaged: Record<string, Buffer> = {
    'cut off after a chunk': Buffer.concat([a, b, c]),
    'cut off inside a chunk': sealed.subarray(0, 2 * SEALED_CHUNK_BYTES + 100),
    'cut off inside a tag': sealed.subarray(0, -1),
    'cut off to nothing': Buffer.alloc(0),
    'two chunks swapped': Buffer.concat([b, a, c, d]),
    'a chunk repeated': Buffer.concat([a, a, b, c, d]),
    'a chunk left out': Buffer.concat([a, c, d]),
    'octets added': Buffer.concat([sealed, Buffer.from([0])]),
    'another last chunk': Buffer.concat([a, b, d]),
  }

  for (const [how, octets] of Object.entries(damaged)) await t.rejects(open(t, key, octets), how)
  await t.rejects(open(t, randomBytes(32), sealed), 'another key')
})

t.test('hands out no chunk that was changed', async (t) => {
  const key = randomBytes(32)
  const plain = randomBytes(2 * CHUNK_BYTES)
  const sealed = seal(key, plain)
  const last = sealed.length - 1
  sealed[last] = (sealed[last] ?? 0) ^ 1
  const chunks: Buffer[] = []

  await t.rejects(async () => {
    for await (const chunk of openBodyFile({ path: await fileOf(t, sealed), key })) chunks.push(chunk)
  })

  t.ok(Buffer.concat(chunks).equals(plain.subarray(0, CHUNK_BYTES)))
})

t.test('a file that is gone fails the stream', async (t) => {
  const path = join(t.testdir(), 'gone')

  await t.rejects(buffer(openBodyFile({ path, key: randomBytes(32) })), { code: 'ENOENT' })
})

function seal(key: Buffer, plain: Buffer): Buffer {
  const count = Math.max(1, Math.ceil(plain.length / CHUNK_BYTES))
  const chunks = Array.from({ length: count }, (_, i) =>
    sealChunk(key, i, i === count - 1, plain.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES)),
  )
  return Buffer.concat(chunks)
}

async function open(t: Test, key: Buffer, sealed: Buffer): Promise<Buffer> {
  return buffer(openBodyFile({ path: await fileOf(t, sealed), key }))
}

async function fileOf(t: Test, sealed: Buffer): Promise<string> {
  const path = join(t.testdir(), 'sealed.body')
  await writeFile(path, sealed)
  return path
}
