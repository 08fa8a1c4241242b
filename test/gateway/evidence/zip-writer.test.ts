import { execFile } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import type { Entry } from 'yauzl'
import { fromBuffer } from 'yauzl'
import type { Content } from '../../../gateway/evidence/content.ts'
import { contentOf, gathered, joined } from '../../../gateway/evidence/content.ts'
import { openZipWriter } from '../../../gateway/evidence/zip-writer.ts'
import { octetsOf } from './outside-tools.ts'

const run = promisify(execFile)
const AT = Date.parse('2026-03-29T01:30:59.999Z')

t.test('size and checksum of what is joined are known beforehand', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), async (parts) => {
      const whole = joined(parts.map(contentOf))
      const octets = Buffer.concat(parts)
      return whole.size === octets.length && whole.crc32 === crc32(octets) && (await octetsOf(whole)).equals(octets)
    }),
  )
  const large = { size: 3 * 1024 * 1024 * 1024 + 5, crc32: crc32OfZeros(3 * 1024 * 1024 * 1024 + 5), read: () => [] }
  const nested = joined([large, contentOf(Buffer.from('end'))])
  t.equal(nested.crc32, crc32(Buffer.from('end'), large.crc32), 'also beyond 32 bits of size')
})

t.test('small pieces are gathered, large ones pass as they are', async (t) => {
  const large = Buffer.alloc(100_000, 1)
  const pieces = [Buffer.from('a'), Buffer.alloc(0), large, large, Buffer.from('b')]
  const read: Uint8Array[] = []
  for await (const piece of gathered(pieces)) read.push(piece)
  t.same(
    read.map(({ length }) => length),
    [100_001, 100_000, 1],
  )
  t.equal(read[1], large, 'without a copy')
  t.ok(Buffer.concat(read).equals(Buffer.concat(pieces)))
})

t.test('what is written is read back by yauzl, whatever it is', async (t) => {
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.-]{0,30}$/)
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.tuple(name, fc.uint8Array({ maxLength: 200 })), KEYED), async (entries) => {
      const octets = await octetsOf(zipOf(entries.map(([file, bytes]) => [file, contentOf(bytes)])))
      const read = await readBack(octets)
      t.same(
        read.map(({ entry }) => entry.fileName),
        entries.map(([file]) => file),
      )
      for (const [index, { entry, bytes }] of read.entries()) {
        t.ok(bytes.equals(entries[index]?.[1] as Uint8Array))
        t.equal(entry.compressionMethod, 0, 'stored')
        t.equal(entry.extraFields.length, 0)
        t.equal(entry.generalPurposeBitFlag, 0x800, 'UTF-8, no data descriptor')
      }
    }),
    { numRuns: 30 },
  )
})

t.test('the time is UTC wherever it is written', async (t) => {
  const zip = await octetsOf(zipOf([['a', contentOf(Buffer.from('x'))]]))

  t.equal(zip.readUInt16LE(10), (1 << 11) | (30 << 5) | 29, '01:30:58, an hour that clocks in Germany skip')
  t.equal(zip.readUInt16LE(12), (46 << 9) | (3 << 5) | 29)
  for (const at of [0, Date.parse('2200-01-01T00:00:00Z')]) {
    t.ok(await octetsOf(zipOf([['a', contentOf(Buffer.from('x'))]], at)), 'years that a ZIP cannot say do no harm')
  }
})

t.test('an entry above 4 GiB, and what comes behind it, is ZIP64 that unzip takes', async (t) => {
  const size = 2 ** 32 + 1
  const chunk = Buffer.alloc(1024 * 1024)
  const zeros: Content = {
    size,
    crc32: crc32OfZeros(size),
    *read() {
      for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length))
    },
  }
  let written = 0
  const content = zipOf([
    ['large.bin', zeros],
    ['small.txt', contentOf(Buffer.from('behind'))],
  ])
  // Only what is not zeros: the rest of a sparse file.
  const pieces: { at: number; octets: Uint8Array }[] = []
  for await (const part of content.read()) {
    if (part.length < chunk.length && part.length > 0) pieces.push({ at: written, octets: part })
    written += part.length
  }
  t.equal(written, content.size)
  const directory = await mkdtemp(join(tmpdir(), 'owl-zip-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const file = join(directory, 'large.zip')
  await writeSparse(file, pieces, written)
  const { stdout } = await run('unzip', ['-lv', file])
  t.match(stdout, /4294967297\s+Stored\s+4294967297.*large\.bin/)
  const { stdout: behind } = await run('unzip', ['-p', file, 'small.txt'])
  t.equal(behind, 'behind')
})

const KEYED = { selector: ([file]: [string, Uint8Array]) => file, minLength: 1, maxLength: 6 }

function zipOf(entries: readonly (readonly [string, Content])[], at = AT): Content {
  const zip = openZipWriter()
  const parts = entries.flatMap(([name, content]) => zip.entry(name, content, at))
  return joined([...parts, zip.end()])
}

function crc32OfZeros(size: number): number {
  const chunk = Buffer.alloc(64 * 1024 * 1024)
  let sum = 0
  for (let left = size; left > 0; left -= chunk.length)
    sum = crc32(chunk.subarray(0, Math.min(left, chunk.length)), sum)
  return sum
}

async function writeSparse(file: string, pieces: readonly { at: number; octets: Uint8Array }[], size: number) {
  const handle = await open(file, 'w')
  await handle.truncate(size)
  for (const { at, octets } of pieces) await handle.write(octets, 0, octets.length, at)
  await handle.close()
}

function readBack(octets: Buffer): Promise<{ entry: Entry; bytes: Buffer }[]> {
  return new Promise((resolve, reject) => {
    fromBuffer(octets, { lazyEntries: true, strictFileNames: true }, (error, zip) => {
      if (error) return reject(error)
      const read: { entry: Entry; bytes: Buffer }[] = []
      zip.on('entry', (entry: Entry) => {
        zip.openReadStream(entry, (failure, stream) => {
          if (failure) return reject(failure)
          void stream.toArray().then((parts) => {
            read.push({ entry, bytes: Buffer.concat(parts as Buffer[]) })
            zip.readEntry()
          }, reject)
        })
      })
      zip.on('end', () => resolve(read))
      zip.on('error', reject)
      zip.readEntry()
    })
  })
}

t.test('what is remembered of an entry keeps nothing else in memory', (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const zip = openZipWriter()
  const add = (from: number, to: number): void => {
    for (let number = from; number < to; number++) {
      // Of the pool that small buffers are slices of: three to a slab.
      zip.entry(`${number}.asice`, contentOf(Buffer.from('x'.repeat(20_000))), 0)
    }
  }
  add(0, 100)
  collect()
  const before = process.memoryUsage().arrayBuffers

  add(100, 6000)

  collect()
  t.ok(process.memoryUsage().arrayBuffers - before < 4 * 1024 * 1024)
  t.ok(zip.end().size > 6000 * 46, 'and yet nothing is forgotten')
  t.end()
})
