import fc from 'fast-check'
import t from 'tap'
import type { HttpReason, HttpRules, RequestHead, Verdict } from '../../../gateway/protocol/strict-http.ts'
import { HTTP_RULES, judgeRequest, judgeTarget, routableTarget } from '../../../gateway/protocol/strict-http.ts'

const HEADERS = ['Host', 'gw.example:8080']

function judge(change: Partial<RequestHead>, rules: Partial<HttpRules> = {}): Verdict {
  const head = { method: 'GET', url: '/r1/OWL', httpVersion: '1.1', rawHeaders: HEADERS, ...change }
  return judgeRequest(head, { ...HTTP_RULES, ...rules })
}

t.test('takes a target unchanged', (t) => {
  for (const target of [
    '/',
    '/r1/OWL/GOV/05774/KFZ/umzugsmitteilung/v1',
    '/r1/OWL/GOV/05774/KFZ/BAR%2FSERVICE/x',
    '/r1/OWL/GOV/05774/KFZ/%C3%B6%c3%A4/x%20y?quu=1&a=%C3%A4',
    "/r1/a;b=c,d/:@/!$&'()*+,;=~-._",
    '/r1/a//b//',
    '/r1/a/...',
    '/r1/a/.well-known/..x/x..',
    '/r1/100%25',
    '/r1/100%2525',
    '/r1/a?',
    '/r1/a??/../..?%2e%2e/',
    '/r1/a?a=1&a=2&b=%20%2F&c',
    '/r1/a?filter[name]={"x":1}|^`&y=%E4%0A%5c',
    `/${'a'.repeat(1999)}`,
  ]) {
    t.equal(judgeTarget(target), undefined, target.slice(0, 60))
    t.strictSame(judge({ url: target }), { target })
  }
  t.end()
})

t.test('refuses targets that others might read as another path', (t) => {
  const refused: ReadonlyArray<readonly [string, HttpReason]> = [
    ['/r1/../admin', 'dot-segment'],
    ['/r1/./a', 'dot-segment'],
    ['/..', 'dot-segment'],
    ['/.', 'dot-segment'],
    ['/r1/a/..?x', 'dot-segment'],
    ['/r1/%2e%2e/a', 'dot-segment'],
    ['/r1/%2E%2e/a', 'dot-segment'],
    ['/r1/.%2E/a', 'dot-segment'],
    ['/r1/%2e/a', 'dot-segment'],
    ['/r1/a%2f..%2fb', 'dot-segment'],
    ['/r1/a%2F%2e%2E%2Fb', 'dot-segment'],
    ['/r1/..;x=1/a', 'dot-segment'],
    ['/r1/..%3bx/a', 'dot-segment'],
    ['/r1/..%3Fx', 'dot-segment'],
    ['/r1/..%23x', 'dot-segment'],
    ['/r1/%252e%252e/a', 'dot-segment'],
    ['/r1/%2e%252E/a', 'dot-segment'],
    ['/r1/%25zz%252e/%252e./a', 'dot-segment'],
    ['/r1/%25%32%65%25%32%65/a', 'dot-segment'],
    ['/r1/a\\b', 'target-character'],
    ['/r1/a%5cb', 'target-character'],
    ['/r1/a%5Cb', 'target-character'],
    ['/r1/a%255cb', 'target-character'],
    ['/r1/a%00b', 'target-character'],
    ['/r1/a%0d%0ab', 'target-character'],
    ['/r1/a%7f', 'target-character'],
    ['/r1/a%2500', 'target-character'],
    ['/r1/a%C2%85b', 'target-character'],
    ['/r1/a\x01b', 'target-character'],
    ['/r1/a b', 'target-character'],
    ['/r1/a\xe4', 'target-character'],
    ['/r1/a#b', 'target-character'],
    ['/r1/a|b', 'target-character'],
    ['/r1/a[b]', 'target-character'],
    ['/r1/a"b<c>', 'target-character'],
    ['/r1/a%', 'target-escape'],
    ['/r1/a%4', 'target-escape'],
    ['/r1/a%zz', 'target-escape'],
    ['/r1/a%u002e', 'target-escape'],
    ['/r1/%c0%ae%c0%ae/', 'target-escape'],
    ['/r1/a%E4', 'target-escape'],
    ['/r1/%ED%A0%80', 'target-escape'],
    ['/r1/%25252525', 'target-escape'],
    ['/r1/a?x=%', 'target-escape'],
    ['/r1/a?x=%0g', 'target-escape'],
    ['/r1/a?x=%00', 'target-character'],
    ['/r1/a?x=a\\b', 'target-character'],
    ['/r1/a?x=\xe4', 'target-character'],
    ['/r1/a?x=#', 'target-character'],
    ['/r1/a?x= ', 'target-character'],
    ['//evil.example/r1', 'target-form'],
    ['*', 'target-form'],
    ['gw.example:8080', 'target-form'],
    ['', 'target-form'],
    ['r1/a', 'target-form'],
    ['http://evil.example/r1/a', 'target-form'],
    ['https://gw.example:8080/r1/a', 'target-form'],
    ['http://user@gw.example:8080/r1/a', 'target-form'],
    ['ftp://gw.example:8080/r1/a', 'target-form'],
    ['http://gw.example:8080/../a', 'dot-segment'],
    ['http://gw.example:8080//a', 'target-form'],
    [`/${'a'.repeat(2000)}`, 'target-length'],
  ]
  for (const [url, reason] of refused) t.strictSame(judge({ url }), { refused: reason }, url.slice(0, 60))
  t.end()
})

t.test('takes an absolute-form target that names the host it was sent to', (t) => {
  t.strictSame(judge({ url: 'http://gw.example:8080/r1/a?b' }), { target: '/r1/a?b' })
  t.strictSame(judge({ url: 'HTTP://GW.example:8080/r1/a' }), { target: '/r1/a' })
  t.strictSame(judge({ url: 'http://gw.example:8080' }), { target: '/' })
  t.strictSame(judge({ url: 'http://gw.example:8080?x' }), { target: '/?x' })
  t.strictSame(judge({ url: 'https://gw.example:8080/r1/a' }, { secure: true }), { target: '/r1/a' })
  t.strictSame(judge({ url: 'http://gw.example:8080/r1/a' }, { secure: true }), { refused: 'target-form' })
  t.end()
})

t.test('takes ordinary headers', (t) => {
  const taken: readonly (readonly string[])[] = [
    ['X-Road-Client', 'OWL/GOV/1/A', 'X-Road-Client', 'OWL/GOV/1/B'],
    ['Accept', 'a', 'Accept', 'b'],
    ['Cookie', 'a=b', 'Cookie', 'c=d'],
    ['X-Text', 'caf\xe9\tau lait'],
    ['OWL-Purpose', 'ummeldung', 'owl-signature', 'x..y'],
    ['Content-Length', '1073741824'],
    ['Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'Chunked'],
    ['Expect', '100-continue'],
    ['Expect', '100-Continue'],
    ['TE', 'trailers'],
    ['Authorization', 'Bearer x.y.z'],
    ['constructor', 'x', 'constructor', 'y'],
    ['X-Empty', ''],
  ]
  for (const headers of taken) {
    t.strictSame(judge({ rawHeaders: [...HEADERS, ...headers] }), { target: '/r1/OWL' }, headers.join(' '))
  }
  t.strictSame(judge({ rawHeaders: ['hOST', '[::1]:443'] }), { target: '/r1/OWL' })
  t.end()
})

t.test('refuses headers that parsers disagree about', (t) => {
  const refused: ReadonlyArray<readonly [readonly string[], HttpReason]> = [
    [['host', 'gw.example:8080'], 'header-twice'],
    [['Content-Type', 'a/b', 'content-type', 'a/b'], 'header-twice'],
    [['Content-Length', '3', 'Content-Length', '3'], 'header-twice'],
    [['Authorization', 'a', 'Authorization', 'b'], 'header-twice'],
    [['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'], 'header-twice'],
    [['OWL-Purpose', 'a', 'owl-purpose', 'b'], 'header-twice'],
    [['OWL-Signature', 'a', 'OWL-Signature', 'a'], 'header-twice'],
    [['OWL-Purpose', 'umm\xe9ldung'], 'header-value'],
    [['OWL-Purpose', 'a\tb'], 'header-value'],
    [['X', 'a\x00b'], 'header-value'],
    [['X', 'a\r\nb'], 'header-value'],
    [['X', 'a\x7fb'], 'header-value'],
    [['X_Road_Client', 'a'], 'header-name'],
    [['X Y', 'a'], 'header-name'],
    [['', 'a'], 'header-name'],
    [['X\xe9', 'a'], 'header-name'],
    [['X:', 'a'], 'header-name'],
    [['Transfer-Encoding', 'identity, chunked'], 'transfer-encoding'],
    [['Transfer-Encoding', 'gzip'], 'transfer-encoding'],
    [['Transfer-Encoding', 'chunked, chunked'], 'transfer-encoding'],
    [['Transfer-Encoding', ''], 'transfer-encoding'],
    [['Transfer-Encoding', 'xchunked'], 'transfer-encoding'],
    [['Transfer-Encoding', 'chunked', 'Content-Length', '3'], 'content-length'],
    [['Content-Length', '3', 'Transfer-Encoding', 'chunked'], 'content-length'],
    [['Content-Length', '+3'], 'content-length'],
    [['Content-Length', '3, 3'], 'content-length'],
    [['Content-Length', ''], 'content-length'],
    [['Content-Length', '0x3'], 'content-length'],
    [['Connection', 'Upgrade', 'Upgrade', 'h2c'], 'upgrade'],
    [['Upgrade', 'websocket'], 'upgrade'],
    [['HTTP2-Settings', 'AAMAAABkAAQCAAAAAAIAAAAA'], 'upgrade'],
    [['Expect', '200-ok'], 'expect'],
    [['Expect', '100-continue, x'], 'expect'],
    [['Trailer', 'X'], 'trailer'],
    [new Array(202).fill('a'), 'header-count'],
  ]
  for (const [headers, reason] of refused) {
    const what = JSON.stringify(headers).slice(0, 60)
    t.strictSame(judge({ rawHeaders: [...HEADERS, ...headers] }), { refused: reason }, what)
  }
  t.strictSame(judge({ rawHeaders: [] }), { refused: 'host' })
  for (const host of ['', 'a b', 'a/b', 'a,b', 'a@b', 'a:b', '[::1', 'a:123456', 'a?b', '[]']) {
    t.strictSame(judge({ rawHeaders: ['Host', host] }), { refused: 'host' }, `Host: ${host}`)
  }
  t.end()
})

t.test('refuses other methods and versions', (t) => {
  for (const method of ['CONNECT', 'PRI', 'QUERY', 'PROPFIND', 'get', '', undefined]) {
    t.strictSame(judge({ method }), { refused: 'method' }, String(method))
  }
  for (const httpVersion of ['1.0', '0.9', '2.0', '1.2', '']) {
    t.strictSame(judge({ httpVersion }), { refused: 'version' }, httpVersion)
  }
  for (const method of ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']) {
    t.strictSame(judge({ method }), { target: '/r1/OWL' }, method)
  }
  t.end()
})

t.test('follows its rules', (t) => {
  const upgrade = [...HEADERS, 'Upgrade', 'h2c', 'HTTP2-Settings', 'x']
  t.strictSame(judge({ rawHeaders: upgrade }, { upgrade: 'ignored' }), { target: '/r1/OWL' })
  const chunked = [...HEADERS, 'Transfer-Encoding', 'chunked']
  t.strictSame(judge({ rawHeaders: chunked }, { chunked: false }), { refused: 'length-required' })
  t.end()
})

t.test('leaves a router nothing to decode', (t) => {
  t.equal(routableTarget('/r1/a%2Fb?c=%2F'), '/r1/a%252Fb?c=%2F')
  t.equal(routableTarget('/r1/a?c=%2F'), '/r1/a?c=%2F')
  t.end()
})

t.test('whatever is taken holds no dot segment, backslash or control, however often it is decoded', (t) => {
  const piece = fc.constantFrom(
    '/',
    '.',
    '%',
    '2e',
    '2E',
    '25',
    '2f',
    '5c',
    '\\',
    ';',
    '%2e',
    '%252e',
    'a',
    '00',
    '?',
    'c0',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const target = `/${pieces.join('')}`
      if (judgeTarget(target) !== undefined) return
      let text = target.split('?')[0] ?? ''
      for (let round = 0; round < 20; round++) {
        if (/(^|\/)\.\.?(\/|;|$)/.test(text) || /[\\\x00-\x1f\x7f]/.test(text)) throw new Error(`took ${target}`)
        text = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      }
    }),
    { numRuns: 20_000 },
  )
  t.pass()
  t.end()
})

t.test('headers are judged the same again, and however their names are written', (t) => {
  const name = fc.oneof(
    fc.constantFrom('accept', 'content-length', 'content-type', 'expect', 'http2-settings', 'owl-kind', 'owl-purpose'),
    fc.constantFrom('trailer', 'transfer-encoding', 'upgrade', 'x-road-client', 'a b', 'a_b', 'n\u00e4me', ''),
    fc.string({ maxLength: 3 }),
    fc.integer({ min: 99, max: 101 }).map((length) => 'x'.repeat(length)),
  )
  const value = fc.oneof(
    fc.constantFrom('', 'a/b', '5', '+5', 'chunked', 'gzip', '100-continue', '\u00e4', 'a\tb', 'a\0b'),
    fc.string({ maxLength: 3 }),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 4 }), (headers) => {
      const written = (write: (name: string) => string): Verdict =>
        judge({ rawHeaders: [...HEADERS, ...headers.flatMap(([name, value]) => [write(name), value])] })
      const verdict = written((name) => name)

      t.strictSame(
        written((name) => name),
        verdict,
      )
      t.strictSame(
        written((name) => name.replace(/[a-z]/g, (letter) => letter.toUpperCase())),
        verdict,
      )
    }),
    { numRuns: 2000 },
  )
  t.end()
})
