/** What crosses the gateway and what does not. Contract §2.2. */

import fc from 'fast-check'
import t from 'tap'
import {
  areReplyHeaders,
  headerOf,
  headerText,
  mediaTypeOf,
  namesLength,
  replyHeaders,
  requestHeaders,
} from '../../../gateway/protocol/headers.ts'

t.test('keeps order, case and duplicates of what crosses', async (t) => {
  const raw = [
    'X-Powered-By',
    'x',
    'accept',
    'a',
    'Accept',
    'b',
    'Authorization',
    'Bearer y',
    'X-Road-Foo',
    '1',
    'Cache-Control',
    'no-cache',
  ]

  t.same(requestHeaders(raw).flat(), raw)
  t.same(replyHeaders(raw).flat(), raw)
})

for (const name of [
  'Connection',
  'Keep-Alive',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
  'Host',
  'User-Agent',
  'Server',
  'Content-Length',
  'Expect',
  'OWL-Signature',
  'owl-kind',
]) {
  t.test(`${name} stays behind, both ways`, async (t) => {
    t.same(requestHeaders([name, 'x', 'A', 'b']), [['A', 'b']])
    t.same(replyHeaders([name.toLowerCase(), 'x', 'A', 'b']), [['A', 'b']])
  })
}

t.test('a length crosses only where there is no body that it would frame, and only once', async (t) => {
  const raw = ['Content-Length', '3', 'A', 'b']
  t.same(replyHeaders(raw, '3'), [
    ['A', 'b'],
    ['Content-Length', '3'],
  ])
  for (const [method, status, is] of [
    ['HEAD', 200, true],
    ['HEAD', 500, true],
    ['GET', 304, true],
    ['HEAD', 204, false],
    ['GET', 204, false],
    ['GET', 200, false],
  ] as const)
    t.equal(namesLength(method, status), is, `${method} ${status}`)
  t.ok(areReplyHeaders([['content-LENGTH', '12']]))
  for (const value of ['', '-1', '1 ', '+1', '0x1', '1,1', 'x', '1'.repeat(16)])
    t.notOk(areReplyHeaders([['Content-Length', value]]), value)
  for (const [first, second] of [
    ['1', '1'],
    ['1', '2'],
    ['x', '1'],
  ] as const)
    t.notOk(
      areReplyHeaders([
        ['Content-Length', first],
        ['content-length', second],
      ]),
    )
})

for (const name of ['Client', 'Id', 'UserId', 'Issue', 'Security-Server', 'Represented-Party']) {
  t.test(`of several X-Road-${name} the last one counts, and it alone goes on`, async (t) => {
    const raw = ['A', '1', `x-road-${name}`, 'a', 'a', '2', `X-ROAD-${name}`, 'b', 'A', '3']

    t.same(requestHeaders(raw).flat(), ['A', '1', 'a', '2', `X-ROAD-${name}`, 'b', 'A', '3'])
  })
}

t.test('an empty X-Road-Id is none', async (t) => {
  t.same(requestHeaders(['X-Road-Id', '', 'X-Road-Issue', '']), [['X-Road-Issue', '']])
  t.same(requestHeaders(['X-Road-Id', 'a', 'x-road-id', '']), [['X-Road-Id', 'a']])
})

t.test('a local system cannot set what the gateway sets', async (t) => {
  t.same(requestHeaders(['X-Road-Request-Id', '1', 'x-road-request-hash', '2', 'X-Road-Id', '3']), [['X-Road-Id', '3']])
})

t.test('a service cannot set what the gateway sets', async (t) => {
  t.same(
    replyHeaders([
      'x-road-service',
      '1',
      'X-Road-Client',
      '2',
      'x-road-id',
      '3',
      'X-Road-Error',
      '4',
      'x-road-request-id',
      '5',
      'X-Road-Request-Hash',
      '6',
      'X-Road-UserId',
      '7',
    ]),
    [['X-Road-UserId', '7']],
  )
})

t.test('what Connection names goes no further, but it cannot name what is X-Road’s', async (t) => {
  t.same(requestHeaders(['Connection', 'close, X-Hop, x-road-client', 'X-Hop', '1', 'X-Road-Client', 'a/b/c']), [
    ['X-Road-Client', 'a/b/c'],
  ])
})

t.test('finds the last of a name', async (t) => {
  t.equal(
    headerOf(
      [
        ['A', '1'],
        ['a', '2'],
      ],
      'a',
    ),
    '2',
  )
  t.equal(headerOf([], 'a'), undefined)
})

const types: [string[], string, string][] = [
  [['application/json'], 'application/json', 'json'],
  [['Application/JSON; charset=utf-8'], 'application/json', 'json'],
  [['application/problem+json'], 'application/problem+json', 'json'],
  [['text/xml'], 'text/xml', 'xml'],
  [['application/soap+xml; action=x'], 'application/soap+xml', 'xml'],
  [['application/pdf'], 'application/pdf', 'pdf'],
  [['application/zip'], 'application/zip', 'zip'],
  [['multipart/form-data; boundary=something'], 'multipart/form-data', 'bin'],
  [[], 'application/octet-stream', 'bin'],
  [['application/json', 'application/json'], 'application/octet-stream', 'bin'],
  [['a"b/c'], 'application/octet-stream', 'bin'],
  [['json'], 'application/octet-stream', 'bin'],
]
for (const [values, type, extension] of types) {
  t.test(`a body announced as ${values.join(' and ') || 'nothing'} is ${type}`, async (t) => {
    t.same(mediaTypeOf(values.map((value) => ['Content-Type', value])), { type, extension })
  })
}

t.test('a value is read as UTF-8 where it is valid UTF-8, as latin1 otherwise', async (t) => {
  const octets = (text: string, encoding: BufferEncoding): string => Buffer.from(text, encoding).toString('latin1')
  for (const [value, text] of [
    [octets('Jörg Weiß', 'utf8'), 'Jörg Weiß'],
    [octets('Jörg Weiß', 'latin1'), 'Jörg Weiß'],
    [octets('\ufeffM̂bala 中 😀', 'utf8'), 'M̂bala 中 😀'],
    ['\xc3', '\xc3'],
    ['\xed\xa0\x80', '\xed\xa0\x80'],
    ['\xc0\xaf', '\xc0\xaf'],
    ['DE1', 'DE1'],
    ['', ''],
  ] as const) {
    t.equal(headerText(value), text, encodeURIComponent(value))
  }
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => headerText(octets(text, 'utf8')) === text))
})
