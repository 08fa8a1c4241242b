import fc from 'fast-check'
import t from 'tap'
import { AdapterError } from '../../../../adapters/adapter.ts'
import { formatEnvelope, formatFault, openEnvelope } from '../../../../adapters/paderborn/melderegister/soap.ts'
import { NAME_ENTRIES } from '../../../schemas/din91379.ts'

const envelope = (body: string, before = ''): string =>
  `<?xml version="1.0"?>${before}<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`

function failure(text: string): AdapterError {
  try {
    openEnvelope(text)
  } catch (error) {
    if (error instanceof AdapterError) return error
  }
  throw new Error('it was read')
}

t.test('texts come back as they went', async (t) => {
  const content = {
    NAME: 'Müller & Söhne <GmbH> "x" \'y\' ]]>',
    NULLEN: '00031998',
    RAND: ' a\tb\r\nc ',
    KIND: ['a', 'b'],
  }
  t.same(openEnvelope(formatEnvelope('PROBE', content)), { operation: 'PROBE', content })
  t.same(
    openEnvelope(formatEnvelope('PROBE', { KIND: ['einzeln'] })).content,
    { KIND: ['einzeln'] },
    'one is a list too',
  )
  t.same(openEnvelope(formatEnvelope('PROBE', {})).content, {})
})

t.test('any text of the schemas comes back as it went', async () => {
  const text = fc
    .array(fc.constantFrom(...NAME_ENTRIES, ...'0123456789&<>"#;%!?\t\r\n€', '&amp;', '&#13;', ']]>', '<!--'), {
      minLength: 1,
    })
    .map((parts) => parts.join(''))
  fc.assert(fc.property(text, (name) => openEnvelope(formatEnvelope('PROBE', { NAME: name })).content['NAME'] === name))
})

t.test('every entry of DIN 91379 survives', async (t) => {
  const names = NAME_ENTRIES.filter((entry) => entry !== ' ')
  t.same(openEnvelope(formatEnvelope('PROBE', { ZEILE: names })).content['ZEILE'], names)
})

t.test('no document type: external entities and laughs are refused unread', async (t) => {
  const external = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
  t.match(failure(envelope('<P><NAME>&x;</NAME></P>', external)), { kind: 'response', reason: 'document-type' })
  const laughs = `<!DOCTYPE l [<!ENTITY a "ha">${Array.from({ length: 9 }, (_, n) => `<!ENTITY a${n} "${`&a${n - 1};`.repeat(10)}">`).join('')}]>`
  const start = performance.now()
  t.match(failure(envelope('<P><NAME>&a8;</NAME></P>', laughs)), { reason: 'document-type' })
  t.match(failure(envelope('<P/>', '<!doctype html>')), { reason: 'document-type' })
  t.ok(performance.now() - start < 100)
})

t.test('entities that XML does not define are refused', async (t) => {
  for (const entity of ['&x;', '&nbsp;', '&#xFFFFFFF;', '&#99999999;', '& ', '&']) {
    t.equal(failure(envelope(`<P><NAME>a${entity}</NAME></P>`)).kind, 'response', entity)
  }
  t.same(openEnvelope(envelope('<P><NAME>&#x4D;&#770;&amp;amp;</NAME></P>')).content, { NAME: 'M̂&amp;' })
})

t.test('what is no envelope is unusable, and not quoted', async (t) => {
  for (const text of [
    '',
    'geheim',
    '{"geheim":1}',
    '<a>geheim',
    '<a>geheim</a>',
    '<a><b>geheim</a></b>',
    envelope(''),
    envelope('<A>geheim</A><B/>'),
  ]) {
    const error = failure(text)
    t.equal(error.kind, 'response', text)
    t.notMatch(error.message + error.stack + error.reason, /geheim/)
  }
  const deep = `${'<A>'.repeat(5_000)}${'</A>'.repeat(5_000)}`
  t.equal(failure(envelope(deep)).kind, 'response')
})

t.test('names of objects are names like others', async (t) => {
  const tags = envelope('<P><constructor>a</constructor><hasOwnProperty>b</hasOwnProperty></P>')
  try {
    const { content } = openEnvelope(tags)
    t.equal(Object.getPrototypeOf(content), Object.prototype)
  } catch (error) {
    t.ok(error instanceof AdapterError)
  }
  t.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

t.test('CDATA is literal, wherever it stands in a text', async (t) => {
  const texts: Readonly<Record<string, string>> = {
    '<![CDATA[a & b]]>': 'a & b',
    '<![CDATA[a &lt; b &#65; &x;]]>': 'a &lt; b &#65; &x;',
    'Müller &amp; <![CDATA[Söhne & Co]]>': 'Müller & Söhne & Co',
    '<![CDATA[a]]>b<![CDATA[c]]>': 'abc',
    '<![CDATA[a]]]]><![CDATA[>b]]>': 'a]]>b',
    '<![CDATA[<NAME>b</NAME>]]>': '<NAME>b</NAME>',
    '<![CDATA[<!DOCTYPE a [<!ENTITY b "c">]>]]>': '<!DOCTYPE a [<!ENTITY b "c">]>',
    '<![CDATA[<!-- no comment -->]]>': '<!-- no comment -->',
    '<![CDATA[<?no instruction?>]]>': '<?no instruction?>',
    '<![CDATA[ a\r\nb\rc ]]>': ' a\nb\nc ',
    '<![CDATA[]]>a': 'a',
    '<![CDATA[&amp]]>amp;': '&ampamp;',
    'a<!-- <![CDATA[b]]> & <!DOCTYPE c> -->d': 'ad',
    'a<?note it\'s "b > c?>d': 'ad',
    ' <!-- a --><![CDATA[ b ]]><?c?> ': '  b  ',
  }
  for (const [written, meant] of Object.entries(texts)) {
    const { content } = openEnvelope(envelope(`<P><NAME>${written}</NAME><ZEILE>${written}</ZEILE></P>`))
    t.same(content, { NAME: meant, ZEILE: [meant] }, written)
  }
  t.same(openEnvelope(envelope('<P><NAME><![CDATA[]]></NAME></P>')).content, { NAME: '' })
})

t.test('any text comes back from any mixture of text, CDATA, comments and instructions', async () => {
  const part = fc
    .array(fc.constantFrom(...NAME_ENTRIES, ...'&<>"\';#!?[]- \n', '&amp;', '&lt;', ']]>', '<!--', '<?'))
    .map((it) => it.join(''))
  const text = (it: string): string => it.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const written = fc.oneof(
    part.map((it) => [it, text(it)] as const),
    part.map((it) => [it, `<![CDATA[${it.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`] as const),
    part.map((it) => ['', `<!--${it.replaceAll('-', '')}-->`] as const),
    part.map((it) => ['', `<?x ${it.replaceAll('?', '')}?>`] as const),
  )
  fc.assert(
    fc.property(fc.array(written), (parts) => {
      const { content } = openEnvelope(envelope(`<P><NAME>${parts.map(([, xml]) => xml).join('')}</NAME></P>`))
      return content['NAME'] === parts.map(([meant]) => meant).join('')
    }),
  )
})

t.test('what XML has no place for is unusable', async (t) => {
  for (const text of [
    '<![CDATA[a',
    '<!-- a',
    '<?a',
    'a<?xml version="1.0"?>',
    'a\u0000',
    'a\ufffe',
    '&#0;',
    '&#xD800;',
    '&#xFFFF;',
    '&amp',
    '&',
  ]) {
    t.equal(failure(envelope(`<P><NAME>${text}</NAME></P>`)).kind, 'response', text)
  }
  const start = performance.now()
  failure(envelope('<!--'.repeat(500_000)))
  t.ok(performance.now() - start < 1_000, 'in the time of its length')
})

t.test('a fault is no answer', async (t) => {
  t.match(failure(formatFault('Server', 'geheim')), { kind: 'unavailable', reason: 'soap-fault' })
})

t.test('noise never gets past', async () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (noise) => {
      try {
        openEnvelope(envelope(noise))
        return true
      } catch (error) {
        return error instanceof AdapterError
      }
    }),
  )
})
