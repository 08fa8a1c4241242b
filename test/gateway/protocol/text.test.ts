import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { decodeText, isUtf16, likelyText, parseJson, readJson, shown } from '../../../gateway/protocol/text.ts'

const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
/** As an editor saves it. */
const SAVED: Readonly<Record<string, (text: string) => Buffer>> = {
  'UTF-8': (text) => Buffer.from(text),
  'UTF-8 with BOM (Notepad, .NET)': (text) => Buffer.from(`\ufeff${text}`),
  'UTF-16LE with BOM (PowerShell)': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'UTF-16BE with BOM': (text) => utf16be(`\ufeff${text}`),
}

t.test('a text is what was written, however it was saved', async (t) => {
  const text = fc.string({ unit: 'binary' }).map((it) => it.replace(/^\ufeff+/, ''))
  for (const [how, save] of Object.entries(SAVED)) {
    fc.assert(fc.property(text, (it) => decodeText(save(it)) === it))
    t.same(parseJson(save('{"a":"Jörg\u00a0"}'), 'a.json'), { a: 'Jörg\u00a0' }, how)
    const file = join(t.testdir(), 'a.json')
    await writeFile(file, save('[1]\r\n'))
    t.same(await readJson(file), [1], how)
  }
})

t.test('another encoding is refused with the line, never replaced', async (t) => {
  const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
  t.throws(() => parseJson(latin1('{"a":"ö"}'), 'a.json'), /^a\.json is not UTF-8 \(line 1\)$/)
  t.throws(() => parseJson(latin1('{\n"ä": 1,\n"b": "ö"}'), 'a.json'), { message: 'a.json is not UTF-8 (line 2)' })
  t.throws(() => parseJson(latin1('{\r\n\r\n"a":"ö"\r\n}'), 'a.json'), { message: 'a.json is not UTF-8 (line 3)' })
  t.throws(() => decodeText(Buffer.from([0x7b, 0xc3])), { message: 'not UTF-8 (line 1)' }, 'it ends too early')
  t.throws(() => decodeText(Buffer.from([0x0a, 0xed, 0xa0, 0x80])), { message: 'not UTF-8 (line 2)' }, 'a surrogate')
  t.throws(() => decodeText(Buffer.from([0x0a, 0xc0, 0xaf])), { message: 'not UTF-8 (line 2)' }, 'too long')
  t.throws(() => decodeText(Buffer.from('fffe3d00d8', 'hex')), { message: 'not UTF-16LE' })
  t.throws(() => decodeText(Buffer.from('feffd800', 'hex')), { message: 'not UTF-16BE' })
  fc.assert(
    fc.property(fc.uint8Array(), (octets) => {
      try {
        return decodeText(octets).length <= octets.length
      } catch (error) {
        return /^not UTF-/.test((error as Error).message)
      }
    }),
  )
})

t.test('a message shows what nobody would see', async (t) => {
  const hidden = '\ufeff\u00a0\u200b\u200d\u2060\u202e\u2066\u00ad\u3164\u2028\u0085\u0000\t\n\u{e0041}\ufe0f'
  for (const character of hidden) {
    const point = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    t.equal(shown(`a ${character}ö`), `a U+${point}ö`)
    const faulty = [`{${character === '\t' || character === '\n' ? '}' : character}"a":1}`, `[1]${character}x`]
    for (const text of faulty) {
      const error = (() => {
        try {
          return parseJson(Buffer.from(text), 'a.json')
        } catch (thrown) {
          return thrown
        }
      })() as Error
      t.match(error.message, /^a\.json is no JSON: /)
      t.notOk(
        [...hidden].some((each) => error.message.includes(each)),
        error.message,
      )
    }
  }
  t.equal(shown('Grüße, „Jörg“ – 1 €'), 'Grüße, „Jörg“ – 1 €')
})

t.test('a file that is not there', async (t) => {
  await t.rejects(readJson(join(t.testdir(), 'a.json')), /a\.json is not there or cannot be read \(ENOENT\)$/)
})

t.test('octets of which nobody says what they are: UTF-8 where they can be, latin1 otherwise', async (t) => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (it) => likelyText(Buffer.from(it)) === it))
  t.equal(likelyText(Buffer.from('Jörg', 'latin1')), 'Jörg')
  t.equal(likelyText(Buffer.from('\ufeffJörg')), 'Jörg')
  t.ok(isUtf16(Buffer.from('\ufeff', 'utf16le')) && isUtf16(utf16be('\ufeff')))
  t.notOk(isUtf16(Buffer.from('\ufeff')) || isUtf16(Buffer.alloc(0)))
})
