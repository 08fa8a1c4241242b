import { Writable } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { openTerminal, plain, plainLines } from '../../../gateway/commands/terminal.ts'

function rig() {
  const written = { out: '', err: '' }
  const stream = (to: 'out' | 'err'): NodeJS.WriteStream =>
    new Writable({
      write(chunk, _encoding, done) {
        written[to] += chunk
        done()
      },
    }) as unknown as NodeJS.WriteStream
  return { terminal: openTerminal(stream('out'), stream('err')), written }
}

t.test('columns are aligned, numbers on the right, whatever the alphabet', async (t) => {
  const { terminal, written } = rig()

  terminal.table(
    [{ title: 'SEQ', right: true }, { title: 'NAME' }, { title: 'OUTCOME' }],
    [
      ['1', 'Delbrück', 'reply'],
      ['1000', 'M\u0304u\u0308ller', 'refusal'],
    ],
  )
  terminal.say('2 records')

  t.equal(written.out, ' SEQ  NAME      OUTCOME\n   1  Delbrück  reply\n1000  M\u0304u\u0308ller    refusal\n')
  t.equal(written.err, '2 records\n')
})

t.test('colours only on a terminal', async (t) => {
  const { terminal, written } = rig()
  terminal.table([{ title: 'A', style: () => 'red' }], [['x']])

  t.equal(written.out, 'A\nx\n')
})

t.test('nothing that a terminal obeys comes out', async (t) => {
  for (const [text, told] of [
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007x', 'x'],
    ['\u001b]8;;https://example.org\u0007link\u001b]8;;\u0007', 'link'],
    ['a\rb\nc\td\u0000\u007f\u0085\u009b31m', 'abcd'],
    ['\u202eevil\u202c \u2066x\u2069 \u200f\u061c', 'evil x '],
    ['a\u200b\u2060\ufeffb\u2028\u2029', 'ab'],
    ['Müller-Lüdenscheidt · O’Brien', 'Müller-Lüdenscheidt · O’Brien'],
    ['K\u035Fh', 'K\u035Fh'],
  ] as const) {
    t.equal(plain(text), told, encodeURIComponent(text))
  }
  t.equal(plainLines('one\r\ntwo\u001b[1m\nthree'), 'one\ntwo\nthree')
})

t.test('JSON keeps its value and nothing in it is obeyed', async () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u009b31m', '\u202e', '\ufeff', '\u{e0041}'),
      (a, b) => {
        const { terminal, written } = rig()
        terminal.json({ a, b })
        const line = written.out.slice(0, -1)
        const read = JSON.parse(line) as { a: string; b: string }
        return read.a === a && read.b === b && plain(line) === line
      },
    ),
  )
})

t.test('no text gets a control character through a table', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      const { terminal, written } = rig()
      terminal.table([{ title: 'A' }, { title: 'B' }], [[a, b]])
      const lines = written.out.split('\n')
      return lines.length === 3 && !/[\p{Cc}\p{Bidi_Control}]/u.test(lines.join(''))
    }),
  )
})
