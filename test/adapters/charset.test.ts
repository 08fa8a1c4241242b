import fc from 'fast-check'
import t from 'tap'
import { AdapterError } from '../../adapters/adapter-error.ts'
import { decodeText } from '../../adapters/charset.ts'

const XML = 'text/xml'
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
const xml = (encoding: string, name: string): string => `<?xml version="1.0" encoding="${encoding}"?><N>${name}</N>`

function reasonOf(octets: Uint8Array, contentType?: string): string {
  try {
    return `read as ${decodeText(octets, contentType)}`
  } catch (error) {
    return error instanceof AdapterError ? `${error.kind} ${error.reason}` : String(error)
  }
}

t.test('by the content type', async (t) => {
  for (const charset of [
    'ISO-8859-1',
    '"iso-8859-1"',
    "'iso-8859-1'",
    'Latin1',
    'ISO_8859-1',
    'windows-1252',
    'cp1252',
  ])
    t.equal(decodeText(latin1('<N>Jörg Weiß</N>'), `${XML}; charset=${charset}`), '<N>Jörg Weiß</N>', charset)
  t.equal(decodeText(Buffer.from([0x3c, 0x80, 0x8a, 0xfc]), `${XML};charset=windows-1252`), '<€Šü')
  t.equal(decodeText(Buffer.from([0x3c, 0xa4, 0xa6, 0xfc]), `${XML};charset=ISO-8859-15`), '<€Šü')
  t.equal(decodeText(Buffer.from([0x3c, 0xa4, 0xa6, 0xfc]), `${XML};charset=iso-8859-1`), '<¤¦ü')
  t.equal(decodeText(Buffer.from('{"a":"ö"}'), 'application/json;charset=UTF8'), '{"a":"ö"}')
  t.equal(decodeText(latin1('{"a":"ö"}'), 'application/json; charset=iso-8859-1'), '{"a":"ö"}')
  t.equal(decodeText(Buffer.from('<N>ö</N>', 'utf16le'), `${XML}; charset=utf-16le`), '<N>ö</N>')
  t.equal(decodeText(utf16be('<N>ö</N>'), `${XML}; charset=UTF-16`), '<N>ö</N>', 'big-endian without a mark')
  t.equal(decodeText(Buffer.from('<N>ö</N>', 'utf16le'), `${XML}; charset=UTF-16`), '<N>ö</N>', 'as it is seen')
  t.equal(decodeText(utf16be('ö'), 'text/plain; charset=UTF-16'), 'ö', 'RFC 2781 §4.3')
  const soap12 = 'application/soap+xml; action="a;charset=utf-16"; charset=iso-8859-1'
  t.equal(decodeText(latin1('<N>ö</N>'), soap12), '<N>ö</N>', 'a parameter is not looked for in another')
})

t.test('by the byte order mark, whatever else is said', async (t) => {
  for (const contentType of [undefined, XML, `${XML}; charset=iso-8859-1`, `${XML}; charset=utf-8`]) {
    const text = xml('ISO-8859-1', 'Šö')
    t.equal(decodeText(Buffer.from(`\ufeff${text}`), contentType), text)
    t.equal(decodeText(Buffer.from(`\ufeff${text}`, 'utf16le'), contentType), text)
    t.equal(decodeText(utf16be(`\ufeff${text}`), contentType), text)
  }
  t.equal(decodeText(Buffer.from('\ufeff{"a":"ö"}'), 'application/json'), '{"a":"ö"}')
})

t.test('by the XML declaration when nothing else says it', async (t) => {
  t.equal(decodeText(latin1(xml('ISO-8859-1', 'ö')), XML), xml('ISO-8859-1', 'ö'))
  t.equal(decodeText(latin1(xml('ISO-8859-1', 'ö').replaceAll('"', "'"))), xml('ISO-8859-1', 'ö').replaceAll('"', "'"))
  t.match(decodeText(Buffer.concat([latin1(xml('windows-1252', '')), Buffer.from([0x80])]), XML), /€$/)
  t.equal(decodeText(Buffer.from(xml('UTF-16', 'ö'), 'utf16le'), XML), xml('UTF-16', 'ö'))
  t.equal(decodeText(utf16be(xml('UTF-16', 'ö')), XML), xml('UTF-16', 'ö'))
  t.equal(decodeText(Buffer.from(xml('utf-8', 'ö')), XML), xml('utf-8', 'ö'))
  t.equal(decodeText(Buffer.from(xml('ISO-8859-1', 'ö')), `${XML}; charset=utf-8`), xml('ISO-8859-1', 'ö'))
})

t.test('UTF-8 otherwise', async (t) => {
  t.equal(decodeText(Buffer.from('<N>ö</N>')), '<N>ö</N>')
  t.equal(decodeText(Buffer.from('{"a":"ö"}'), 'no content type'), '{"a":"ö"}')
  t.equal(decodeText(Buffer.from('{"a":"ö"}', 'utf16le'), 'application/json'), '{"a":"ö"}', 'RFC 4627 §3')
  t.equal(decodeText(Buffer.alloc(0)), '')
})

t.test('what is no text in its charset says so', async (t) => {
  const refused: readonly (readonly [Uint8Array, string?])[] = [
    [latin1('<N>ö</N>')],
    [latin1('<N>ö</N>'), `${XML}; charset=utf-8`],
    [latin1(xml('utf-8', 'ö')), XML],
    [latin1('{"a":"ö"}'), 'application/json'],
    [latin1('<N>ö</N>'), `${XML}; charset=us-ascii`],
    [Buffer.from('<N>Weiß</N>'), `${XML}; charset=iso-8859-1`],
    [Buffer.from([0x3c, 0x80]), `${XML}; charset=iso-8859-1`],
    [Buffer.from([0x3c, 0x81]), `${XML}; charset=windows-1252`],
    [Buffer.from('<N/>'), `${XML}; charset=utf-7`],
    [Buffer.from('<N/>'), `${XML}; charset=x-unknown`],
    [Buffer.from('<N/>'), `${XML}; charset=iso-8859-9`],
    [latin1(xml('EBCDIC-DE', 'ö')), XML],
    [latin1(xml('UTF-16', 'ö')), XML],
    [Buffer.from('fffe00003c000000', 'hex')],
    [Buffer.from('0000feff0000003c', 'hex')],
    [Buffer.from('\ufeff<N>', 'utf16le').subarray(0, -1)],
    [Buffer.from('fffe3c0000d8', 'hex')],
  ]
  for (const [octets, contentType] of refused)
    t.equal(reasonOf(octets, contentType), 'response charset', `${contentType} ${Buffer.from(octets).toString('hex')}`)
})

t.test('any text comes back from every charset that has it', async () => {
  const text = fc.string({ unit: 'binary' }).map((it) => `<${it.replace(/[\0\ufeff]/g, '')}`)
  fc.assert(
    fc.property(text, (it) => {
      const octets = Buffer.from(`\ufeff${it}`, 'utf16le')
      const read = [decodeText(Buffer.from(it)), decodeText(octets), decodeText(Buffer.from(octets).swap16())]
      return read.every((each) => each === it)
    }),
  )
  const western = fc.string({ unit: fc.integer({ min: 0xa0, max: 0xff }).map((it) => String.fromCharCode(it)) })
  fc.assert(fc.property(western, (it) => decodeText(latin1(`<${it}`), `${XML}; charset=iso-8859-1`) === `<${it}`))
})
