import fc from 'fast-check'
import t from 'tap'
import type { ArchivedRecord, ArchiveHeader } from '../../../../gateway/message-log/archive/archive-format.ts'
import {
  archiveName,
  formatHeader,
  formatTrailer,
  MAGIC,
  PLACE_BYTES,
  packBatch,
  packRecord,
  parseArchiveName,
  parseHeader,
  parseTrailer,
  TRAILER_BYTES,
  unpackBatch,
  unpackRecord,
} from '../../../../gateway/message-log/archive/archive-format.ts'

const octets = (bounds: fc.IntArrayConstraints = { maxLength: 200 }): fc.Arbitrary<Buffer> =>
  fc.uint8Array(bounds).map((array) => Buffer.from(array))
const maybe = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(some, { nil: null })
const latin1 = octets().map((each) => each.toString('latin1'))
const text = fc.nat({ max: 2 ** 24 - 1 })

const record: fc.Arbitrary<ArchivedRecord> = fc.record({
  record: octets(),
  basis: maybe(text),
  etsiU: maybe(text),
  signature: maybe(latin1),
  extension: maybe(latin1),
  head: maybe(octets()),
  body: maybe(octets()),
  fileSha256: maybe(octets({ minLength: 32, maxLength: 32 })),
})

const HEADER: ArchiveHeader = {
  v: 1,
  log: 'OWL/GOV/05711000/SS1/n1',
  epoch: 1,
  day: '2026-11-23',
  prev: null,
  first: 1,
  last: 20,
  firstBatch: 1,
  lastBatch: 2,
  salt: 'ab'.repeat(32),
}

t.test('a record comes back as it was', (t) => {
  fc.assert(
    fc.property(record, (given) => t.same(unpackRecord(packRecord(given)), given)),
    { numRuns: 200 },
  )
  const batch = fc.record({ record: octets(), header: octets(), leaves: octets(), token: octets() })
  fc.assert(
    fc.property(batch, (given) => t.same(unpackBatch(packBatch(given)), given)),
    { numRuns: 50 },
  )
  t.end()
})

t.test('octets that are none are refused, and nothing else happens', (t) => {
  const never = (read: (given: Buffer) => unknown) => (given: Buffer) => {
    try {
      read(given)
    } catch (error) {
      return error instanceof Error
    }
    return true
  }
  fc.assert(fc.property(octets(), never(unpackRecord)))
  fc.assert(fc.property(octets(), never(unpackBatch)))
  fc.assert(fc.property(octets(), never(parseHeader)))
  fc.assert(
    fc.property(record, fc.nat(), (given, at) => {
      const packed = packRecord(given)
      t.throws(() => unpackRecord(packed.subarray(0, at % packed.length)), 'cut off')
      t.throws(() => unpackRecord(Buffer.concat([packed, Buffer.alloc(1)])), 'too long')
    }),
    { numRuns: 100 },
  )
  t.throws(() => unpackBatch(packRecord({ ...NOTHING, record: Buffer.alloc(1) })))
  t.end()
})

const NOTHING: ArchivedRecord = {
  record: Buffer.alloc(0),
  ...{ basis: null, etsiU: null, signature: null, extension: null, head: null, body: null, fileSha256: null },
}

t.test('a header is read in one form only', (t) => {
  const plain = formatHeader(HEADER).subarray(MAGIC.length + 4)
  t.same(parseHeader(plain), HEADER)
  const text = plain.toString()
  for (const [what, changed] of [
    ['a member more', text.replace('{', '{"x":1,')],
    ['a blank', text.replace(':1', ': 1')],
    ['another order', text.replace('"v":1,', '').replace('}', ',"v":1}')],
    ['a member twice', text.replace('{', '{"v":1,')],
    ['another version', text.replace('"v":1', '"v":2')],
    ['no day', text.replace('2026-11-23', 'yesterday')],
    ['no hash', text.replace('null', '"abc"')],
    ['an end before its beginning', text.replace('"first":1', '"first":21')],
    ['a part of a record', text.replace('"first":1', '"first":1.5')],
    ['no records', text.replace('"first":1', '"first":0')],
    ['no salt', text.replace('abab', 'xyab')],
  ] as const) {
    t.throws(() => parseHeader(Buffer.from(changed)), what)
  }
  t.end()
})

t.test('the trailer fits its file, or is refused', (t) => {
  const [records, texts, indexAt] = [20, 3, 5000]
  const textIndexAt = indexAt + records * PLACE_BYTES
  const size = textIndexAt + texts * PLACE_BYTES + TRAILER_BYTES
  const trailer = { indexAt, textIndexAt, texts }
  const plain = formatTrailer(trailer)
  t.same(parseTrailer(plain, size, records), trailer)
  t.throws(() => parseTrailer(plain, size + 1, records))
  t.throws(() => parseTrailer(plain, size, records + 1))
  for (let at = 0; at < plain.length; at++) {
    const changed = Buffer.from(plain)
    changed[at] = (changed[at] ?? 0) ^ 1
    t.throws(() => parseTrailer(changed, size, records), `octet ${at}`)
  }
  t.end()
})

t.test('a name says day and hash', (t) => {
  const name = archiveName('2026-11-23', Buffer.alloc(32, 7))
  t.same(parseArchiveName(name), { day: '2026-11-23', sha256: '07'.repeat(32) })
  for (const other of ['', `x${name}`, `${name}.part`, name.replace('07', '0G'), `../${name}`]) {
    t.equal(parseArchiveName(other), undefined, other)
  }
  t.end()
})
