import fc from 'fast-check'
import t from 'tap'
import {
  contextTag,
  DER_DEPTH_MAX,
  DerError,
  integerOf,
  membersOf,
  octetsOf,
  oidOf,
  readDer,
  TAG,
  timeOf,
  writeDer,
  writeInteger,
  writeOctets,
  writeOid,
  writeSequence,
  writeSetOf,
} from '../../../gateway/protocol/der.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

t.test('reads back what it writes', async () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), (value) => integerOf(readDer(writeInteger(value))) === value),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70_000 }), (octets) =>
      octetsOf(readDer(writeOctets(octets))).equals(Buffer.from(octets)),
    ),
  )
  const arcs = fc.tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.integer({ min: 0, max: 39 }),
    fc.array(fc.integer({ min: 0, max: 2 ** 31 }), { maxLength: 8 }),
  )
  fc.assert(
    fc.property(arcs, ([first, second, rest]) => {
      const dotted = [first, second, ...rest].join('.')
      return oidOf(readDer(writeOid(dotted))) === dotted
    }),
  )
})

t.test('writes the octets that X.690 and RFC 5652 show', async (t) => {
  t.same(writeOid('1.2.840.113549'), hex('06 06 2a 86 48 86 f7 0d'))
  t.same(writeOid('2.999.3'), hex('06 03 88 37 03'))
  t.same(writeInteger(127), hex('02 01 7f'))
  t.same(writeInteger(128), hex('02 02 00 80'))
  t.same(writeDer(TAG.octetString, Buffer.alloc(256)).subarray(0, 4), hex('04 82 01 00'))
  t.same(writeSetOf(hex('0201 02'), hex('0201 01')), hex('31 06 020101 020102'))
  t.throws(() => writeInteger(-1n), TypeError)
})

t.test('refuses what is not DER', async (t) => {
  const refused: Record<string, string> = {
    nothing: '',
    'no length': '30',
    'an indefinite length': '30 80 00 00',
    'a long length that a short one could hold': '04 81 01 00',
    'a length with a leading zero': `04 82 00 80 ${'00'.repeat(128)}`,
    'a length of more than four octets': '04 85 00 00 00 00 01 00',
    'a value that is cut off': '04 02 00',
    'a length that is cut off': '04 82 01',
    'trailing octets': '05 00 00',
    'a tag of more than one octet': '1f 20 00',
  }
  for (const [what, octets] of Object.entries(refused)) t.throws(() => readDer(hex(octets)), DerError, what)

  t.throws(() => integerOf(readDer(hex('02 00'))), DerError, 'an empty integer')
  t.throws(() => integerOf(readDer(hex('02 02 00 7f'))), DerError, 'an integer with a leading zero')
  t.throws(() => integerOf(readDer(hex('02 02 ff 80'))), DerError, 'a negative integer with a leading one')
  t.equal(integerOf(readDer(hex('02 01 80'))), -128n)
  t.throws(() => oidOf(readDer(hex('06 00'))), DerError, 'an empty object identifier')
  t.throws(() => oidOf(readDer(hex('06 02 80 01'))), DerError, 'an arc with a leading zero')
  t.throws(() => oidOf(readDer(hex('06 02 2a 86'))), DerError, 'an arc that is cut off')
  t.throws(() => octetsOf(readDer(hex('05 00'))), DerError, 'another tag')
})

t.test('takes members one by one and leaves none over', async (t) => {
  const value = readDer(
    writeSequence(writeInteger(1), writeOctets(hex('aa')), writeDer(contextTag(0), writeInteger(2))),
  )

  const members = membersOf(value, TAG.sequence)
  t.equal(integerOf(members.next()), 1n)
  t.equal(members.optional(TAG.boolean), undefined)
  t.throws(() => members.end(), DerError)
  t.throws(() => members.next(TAG.integer), DerError)
  t.same(octetsOf(members.next(TAG.octetString)), hex('aa'))
  t.ok(members.optional(contextTag(0)))
  members.end()
  t.throws(() => members.next(), DerError)
})

t.test('does not go deeper than its limit', async (t) => {
  let octets = writeSequence()
  for (let depth = 0; depth < DER_DEPTH_MAX + 5; depth++) octets = writeSequence(octets)

  const descend = (): void => {
    let value = readDer(octets)
    for (;;) value = membersOf(value, TAG.sequence).next()
  }

  t.throws(descend, { message: 'Values are nested too deep' })
})

t.test('reads times as RFC 3161 and RFC 5280 write them', async (t) => {
  const time = (tag: number, text: string): number => timeOf(readDer(writeDer(tag, Buffer.from(text))))
  t.equal(time(TAG.generalizedTime, '20261122113934Z'), Date.parse('2026-11-22T11:39:34Z'))
  t.equal(time(TAG.generalizedTime, '20261122113934.57Z'), Date.parse('2026-11-22T11:39:34.570Z'))
  t.equal(time(TAG.utcTime, '491231235959Z'), Date.parse('2049-12-31T23:59:59Z'))
  t.equal(time(TAG.utcTime, '500101000000Z'), Date.parse('1950-01-01T00:00:00Z'))
  const refused = ['20261122113934', '202611221139Z', '20261122113934.0Z', '20260230000000Z', '20261122243934Z']
  for (const text of [...refused, '20261122113934+0100', '20261122113934,5Z']) {
    t.throws(() => time(TAG.generalizedTime, text), DerError, text)
  }
})

t.test('answers any octets with a value or a DerError', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      try {
        const value = readDer(Buffer.from(octets))
        membersOf(value, value.tag).rest()
        return true
      } catch (error) {
        return error instanceof DerError
      }
    }),
    { numRuns: 2000 },
  )
})
