import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { ZipFile } from 'yazl'
import type { ByteSource } from '../../../gateway/evidence/byte-source.ts'
import { sourceOf } from '../../../gateway/evidence/byte-source.ts'
import type { Content } from '../../../gateway/evidence/content.ts'
import { contentOf, joined } from '../../../gateway/evidence/content.ts'
import type { ZipFlaw } from '../../../gateway/evidence/zip-reader.ts'
import { readZip, ZipError } from '../../../gateway/evidence/zip-reader.ts'
import { openZipWriter } from '../../../gateway/evidence/zip-writer.ts'
import { octetsOf } from './outside-tools.ts'

const AT = Date.parse('2026-11-23T10:00:00Z')
const RULES = { entriesMax: 100, isLenient: false }

async function zipOf(entries: readonly (readonly [string, string | Uint8Array])[]): Promise<Buffer> {
  const zip = openZipWriter()
  const parts = entries.flatMap(([name, text]) => zip.entry(name, contentOf(Buffer.from(text)), AT))
  return octetsOf(joined([...parts, zip.end()]))
}

function flawOf(octets: Buffer | ByteSource, rules = RULES): ZipFlaw | string {
  try {
    for (const { content } of readZip(Buffer.isBuffer(octets) ? sourceOf(octets) : octets, rules)) content.read(0, 0)
    return 'none'
  } catch (error) {
    return error instanceof ZipError ? error.flaw : String(error)
  }
}

/** @param at offset from a signature's n-th place @param value 2 octets */
function changed(octets: Buffer, signature: number, at: number, value: number, nth = 0): Buffer {
  const copy = Buffer.from(octets)
  const mark = Buffer.alloc(4)
  mark.writeUInt32LE(signature)
  let place = -1
  for (let n = 0; n <= nth; n++) place = copy.indexOf(mark, place + 1)
  copy.writeUInt16LE(value, place + at)
  return copy
}

/** Both headers say that it is 64 KiB larger. */
function enlarged(octets: Buffer): Buffer {
  const central = changed(changed(octets, CENTRAL, 22, 1), CENTRAL, 26, 1)
  return changed(changed(central, LOCAL, 20, 1), LOCAL, 24, 1)
}

const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50]

t.test('reads back what is written', async () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,30}$/)
  const entries = fc.uniqueArray(fc.tuple(name, fc.uint8Array({ maxLength: 300 })), { selector: ([key]) => key })
  await fc.assert(
    fc.asyncProperty(entries, async (given) => {
      const read = [...readZip(sourceOf(await zipOf(given)), RULES)]
      return (
        read.length === given.length &&
        read.every(({ name, content, crc32: sum }, at) => {
          const [expected, octets] = given[at] as [string, Uint8Array]
          return name === expected && content.read(0, content.size).equals(octets) && sum === crc32(octets)
        })
      )
    }),
    { numRuns: 50 },
  )
})

t.test('refuses every trick by its name', async (t) => {
  const zip = await zipOf([
    ['mimetype', 'x'],
    ['a.txt', 'some text'],
  ])
  const directory = zip.indexOf('PK\u0001\u0002', 0, 'latin1')
  const cases: readonly (readonly [string, ZipFlaw, Buffer])[] = [
    ['nothing', 'not-a-zip', Buffer.alloc(0)],
    ['something else', 'not-a-zip', Buffer.from('%PDF-1.7 and so on, for more than twenty-two octets')],
    ['octets behind it', 'trailing-octets', Buffer.concat([zip, Buffer.from([0])])],
    ['octets before it', 'directory', Buffer.concat([Buffer.from('MZ'), zip])],
    ['a second archive behind it', 'directory', Buffer.concat([zip, zip])],
    ['the end cut off', 'trailing-octets', zip.subarray(0, -1)],
    ['octets between entries and directory', 'directory', inserted(zip, directory, 'x')],
    ['a disk number', 'several-disks', changed(zip, END, 4, 1)],
    ['one entry less than there are', 'several-disks', changed(zip, END, 8, 1)],
    ['an encrypted entry', 'encrypted', changed(zip, CENTRAL, 8, 0x801)],
    ['strong encryption', 'encrypted', changed(zip, CENTRAL, 8, 0x840)],
    ['masked headers', 'encrypted', changed(zip, CENTRAL, 8, 0x2800)],
    ['a data descriptor', 'data-descriptor', changed(zip, CENTRAL, 8, 0x808)],
    ['another flag', 'flags', changed(zip, CENTRAL, 8, 0x802)],
    ['a name in another encoding', 'flags', changed(zip, CENTRAL, 8, 0)],
    ['a method of compression', 'compressed', changed(zip, CENTRAL, 10, 8)],
    ['compressed in the header only', 'header-mismatch', changed(zip, LOCAL, 8, 8)],
    ['flags in the header only', 'header-mismatch', changed(zip, LOCAL, 6, 0x801)],
    ['another checksum in the header', 'header-mismatch', changed(zip, LOCAL, 14, 1)],
    ['another size in the header', 'header-mismatch', changed(zip, LOCAL, 22, 2)],
    ['another packed size', 'header-mismatch', changed(zip, CENTRAL, 20, 2)],
    ['another name in the header', 'header-mismatch', changed(zip, LOCAL, 30, 0x6161)],
    ['an extra field in the header', 'extra-field', changed(zip, LOCAL, 28, 4)],
    ['a comment on an entry', 'comment', changed(zip, CENTRAL, 32, 1)],
    ['a gap', 'gap', changed(zip, CENTRAL, 42, 3, 1)],
    ['the first entry further on', 'prefixed-octets', changed(zip, CENTRAL, 42, 39)],
    ['another time in one of both', 'header-mismatch', changed(zip, LOCAL, 10, 1)],
    ['attributes of a link', 'metadata', changed(zip, CENTRAL, 40, 0o120777)],
    ['another maker', 'metadata', changed(zip, CENTRAL, 4, 20)],
    ['an entry that is larger than the file', 'truncated', enlarged(zip)],
  ]
  for (const [what, flaw, octets] of cases) t.equal(flawOf(octets), flaw, what)
  t.equal(flawOf(zip), 'none')
})

t.test('refuses names that lead elsewhere, or mean two things', async (t) => {
  for (const [flaw, ...names] of [
    ['name', '../x'],
    ['name', 'a/../../x'],
    ['name', '/etc/passwd'],
    ['name', 'C:/x'],
    ['name', 'a\\b'],
    ['name', 'a//b'],
    ['name', './a'],
    ['name', '.hidden'],
    ['name', 'a/'],
    ['name', 'a\u0000.txt'],
    ['name', 'ä.txt'],
    ['name', 'a b'],
    ['duplicate-name', 'a.txt', 'a.txt'],
    ['duplicate-name', 'a.txt', 'A.TXT'],
    ['nested-name', 'a', 'a/b'],
    ['nested-name', 'a/b', 'a'],
    ['nested-name', 'a/b/c', 'A/B'],
  ] as const) {
    t.equal(flawOf(await zipOf(names.map((name) => [name, 'x']))), flaw, names.join(' '))
  }
  t.equal(flawOf(await zipOf([['x'.repeat(300), 'x']])), 'name')
  t.equal(
    flawOf(
      await zipOf([
        ['META-INF/a.xml', 'x'],
        ['META-INF/b.xml', 'x'],
      ]),
    ),
    'none',
  )
})

t.test('a bomb is refused before anything is unpacked: nothing is ever compressed', async (t) => {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.alloc(10_000_000), 'zeros', { forceDosTimestamp: true, mode: 0o100644 })
  zip.end()
  t.equal(flawOf(await gathered(zip.outputStream)), 'compressed')

  const many = await zipOf(Array.from({ length: 101 }, (_, at) => [`a${at}`, ''] as const))
  t.equal(flawOf(many), 'too-many-entries')
  // It says there are 65,534: the directory is no longer for that.
  const small = await zipOf([['a', 'x']])
  const lying = changed(changed(small, END, 8, 65_534), END, 10, 65_534)
  t.equal(flawOf(lying, { entriesMax: 1_000_000, isLenient: false }), 'directory')
})

t.test('other writers’ archives are read only where it is asked for', async (t) => {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.from('x'), 'a', { compress: false, forceDosTimestamp: true })
  zip.end()
  const octets = await gathered(zip.outputStream)
  t.equal(flawOf(octets), 'metadata')
  t.equal(flawOf(octets, { entriesMax: 9, isLenient: true }), 'none')
})

t.test('archives of more than four gigabytes', async (t) => {
  const large: Content = { size: 5 * 2 ** 30, crc32: 7, read: () => [] }
  const zip = openZipWriter()
  const parts = [...zip.entry('a', large, AT), ...zip.entry('b', contentOf(Buffer.from('end')), AT), zip.end()]
  const source = await sparse(parts)

  const entries = [...readZip(source, RULES)]
  t.same(
    entries.map(({ name, content }) => [name, content.size]),
    [
      ['a', large.size],
      ['b', 3],
    ],
  )
  t.equal(entries[1]?.content.read(0, 3).toString(), 'end')

  for (let at = 0; at < source.ends.length; at++) {
    // The content of the last entry has a checksum for those who read it.
    if (at >= 31 && at < 34) continue
    const copy = Buffer.from(source.ends)
    copy[at] = (copy[at] as number) ^ 0x55
    t.not(flawOf(source.with(copy)), 'none', `octet ${at} of directory and end`)
  }
})

t.test('no octets crash it, and none is without meaning', async (t) => {
  const zip = await zipOf([
    ['mimetype', 'x'],
    ['META-INF/a.xml', 'some text'],
  ])
  const contents = new Set<number>()
  for (const text of ['x', 'some text']) {
    const at = zip.indexOf(text, zip.indexOf(text === 'x' ? 'mimetypex' : text) + (text === 'x' ? 8 : 0))
    for (let i = 0; i < text.length; i++) contents.add(at + i)
  }
  for (let at = 0; at < zip.length; at++) {
    const copy = Buffer.from(zip)
    copy[at] = (copy[at] as number) ^ 0x01
    if (!contents.has(at)) t.not(outcomeOf(copy), outcomeOf(zip), `octet ${at}`)
  }
  fc.assert(
    fc.property(fc.nat(zip.length), fc.nat(40), fc.uint8Array({ maxLength: 60 }), (at, gone, put) => {
      const made = Buffer.concat([zip.subarray(0, at), put, zip.subarray(at + gone)])
      return made.equals(zip) || !flawOf(made).startsWith('TypeError')
    }),
    { numRuns: 500 },
  )
})

/** What a reader takes from it. */
function outcomeOf(octets: Buffer): string {
  try {
    return JSON.stringify([...readZip(sourceOf(octets), RULES)].map(({ name, crc32, stamp }) => [name, crc32, stamp]))
  } catch (error) {
    return String(error)
  }
}

function inserted(octets: Buffer, at: number, text: string): Buffer {
  return Buffer.concat([octets.subarray(0, at), Buffer.from(text), octets.subarray(at)])
}

async function gathered(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** A source that holds everything but the large entry, which is zeros. */
async function sparse(parts: readonly Content[]) {
  const [head, large, ...rest] = parts as [Content, Content, ...Content[]]
  const start = await octetsOf(head)
  const ends = await octetsOf(joined(rest))
  const make = (tail: Buffer): ByteSource => ({
    fill: () => {},
    size: start.length + large.size + tail.length,
    read(at, length) {
      const octets = Buffer.alloc(length)
      for (const [from, piece] of [
        [0, start],
        [start.length + large.size, tail],
      ] as const) {
        const skip = Math.max(0, at - from)
        if (skip < piece.length && from < at + length) piece.copy(octets, Math.max(0, from - at), skip)
      }
      return octets
    },
  })
  return { ...make(ends), ends, with: make }
}

t.test('folders within folders are counted before they fill the memory', async (t) => {
  // 120 folders in every name: a few thousand names would stand for half a million.
  const inner = 'a/'.repeat(120)
  const names = Array.from({ length: 1000 }, (_, at) => [`${at.toString(36)}/${inner}b`, ''] as const)

  t.equal(flawOf(await zipOf(names), { entriesMax: 1_000_000, isLenient: false }), 'too-many-entries')
  t.equal(flawOf(await zipOf(names.slice(0, 500)), { entriesMax: 1_000_000, isLenient: false }), 'none')
})
