import fc from 'fast-check'
import { XMLParser } from 'fast-xml-parser'
import t from 'tap'
import { html } from '../../gateway/html.ts'

t.test('no text becomes markup', async (t) => {
  const parser = new XMLParser({
    ignoreAttributes: false,
    processEntities: true,
    trimValues: false,
    parseTagValue: false,
  })
  const text = fc.string({ unit: fc.constantFrom(...'<>&"\'/=!-[] abc;#x'), maxLength: 40 })
  fc.assert(
    fc.property(text, text, (content, attribute) => {
      const made = html`<p title="${attribute}">${content}</p>`.text
      t.equal(made.match(/</g)?.length, 2)
      t.equal(made.match(/>/g)?.length, 2)
      t.equal(made.match(/"/g)?.length, 2)
      t.notMatch(made, "'")
      t.ok(parser.parse(made))
    }),
    { numRuns: 300 },
  )
})

t.test('markup made here stays markup, lists follow each other, undefined is nothing', async (t) => {
  const cells = ['a<', 'b'].map((cell) => html`<td>${cell}</td>`)
  t.equal(html`<tr>${cells}${undefined}${3}</tr>`.text, '<tr><td>a&#60;</td><td>b</td>3</tr>')
})

t.test('what cannot be seen shows', async (t) => {
  for (const sign of [
    '\0',
    '\u001b',
    '\u202e',
    '\u2066',
    '\u0085',
    '\ud800',
    '\uffff',
    '\r',
    '\u00ad',
    '\u200b',
    '\u2060',
    '\ufeff',
    '\u{e0041}',
  ]) {
    t.equal(html`${`a${sign}b`}`.text, 'a\ufffdb')
  }
  t.equal(html`${'ä\tß\n✓ 你 👩\u200d💻'}`.text, 'ä\tß\n✓ 你 👩\u200d💻')
})
