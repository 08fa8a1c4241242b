import { equal, ok } from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import type { ServerOptions } from '../../../gateway/http/server.ts'
import { createServer } from '../../../gateway/http/server.ts'
import type { Answer } from '../server-rig.ts'
import { badRequest, faultOf, listen, makeRig } from '../server-rig.ts'
import { makeAuthority } from '../tls-material.ts'

const HOST = 'Host: gw.example\r\n'
const get = (target: string, headers = ''): string => `GET ${target} HTTP/1.1\r\n${HOST}${headers}\r\n`
const post = (headers: string, body: string): string => `POST /r1/x HTTP/1.1\r\n${HOST}${headers}\r\n${body}`
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body)

/** What Node and Fastify take, or refuse in another shape, → why we do not. Security finding 4. */
const PROBES: Readonly<Record<string, readonly [octets: string, reason: string]>> = {
  'two Hosts': [get('/r1/x', 'Host: evil.example\r\n'), 'header-twice'],
  'two equal Hosts': [get('/r1/x', HOST), 'header-twice'],
  'no Host': ['GET /r1/x HTTP/1.1\r\n\r\n', 'host'],
  'an empty Host': ['GET /r1/x HTTP/1.1\r\nHost:\r\n\r\n', 'host'],
  'a Host with a path': ['GET /r1/x HTTP/1.1\r\nHost: a/b\r\n\r\n', 'host'],
  'absolute-form of another host': [get('http://evil.example/r1/x'), 'target-form'],
  'absolute-form of another scheme': [get('ftp://gw.example/r1/x'), 'target-form'],
  'asterisk-form': [`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 'target-form'],
  'authority-form': [`CONNECT gw.example:443 HTTP/1.1\r\n${HOST}\r\n`, 'method'],
  'two Content-Types': [post('Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 1\r\n', 'a'), 'header-twice'],
  'two Authorizations': [get('/r1/x', 'Authorization: a\r\nAuthorization: b\r\n'), 'header-twice'],
  'two OWL-Purposes': [get('/r1/x', 'OWL-Purpose: a\r\nowl-purpose: b\r\n'), 'header-twice'],
  'obs-text in OWL-Purpose': [get('/r1/x', 'OWL-Purpose: \xe4\r\n'), 'header-value'],
  'two Content-Lengths': [post('Content-Length: 1\r\nContent-Length: 2\r\n', 'ab'), 'malformed'],
  'two equal Content-Lengths': [post('Content-Length: 1\r\nContent-Length: 1\r\n', 'a'), 'malformed'],
  'a list as Content-Length': [post('Content-Length: 1, 1\r\n', 'a'), 'malformed'],
  'a signed Content-Length': [post('Content-Length: +2\r\n', 'ab'), 'malformed'],
  'a hexadecimal Content-Length': [post('Content-Length: 0x2\r\n', 'ab'), 'malformed'],
  'both lengths': [post('Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', '0\r\n\r\n'), 'malformed'],
  'both lengths, turned': [post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 'malformed'],
  'identity, chunked': [post('Transfer-Encoding: identity, chunked\r\n', '0\r\n\r\n'), 'transfer-encoding'],
  'gzip, chunked': [post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 'transfer-encoding'],
  'two Transfer-Encodings': [
    post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    'transfer-encoding',
  ],
  'chunked, then identity': [post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', ''), 'malformed'],
  'Transfer-Encoding: xchunked': [post('Transfer-Encoding: xchunked\r\n', ''), 'transfer-encoding'],
  'Transfer-Encoding in HTTP/1.0': [
    `POST /r1/x HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'version',
  ],
  'HTTP/1.0': [`GET /r1/x HTTP/1.0\r\n${HOST}\r\n`, 'version'],
  'HTTP/0.9': [`GET /r1/x HTTP/0.9\r\n${HOST}\r\n`, 'version'],
  'HTTP/2.0': [`GET /r1/x HTTP/2.0\r\n${HOST}\r\n`, 'version'],
  'RTSP/1.0': [`OPTIONS /r1/x RTSP/1.0\r\n${HOST}\r\n`, 'version'],
  'the preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'malformed'],
  'no version': ['GET /r1/x\r\n\r\n', 'version'],
  h2c: [get('/r1/x', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'), 'upgrade'],
  'a web socket': [get('/r1/x', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'), 'upgrade'],
  'Expect: other': [post('Expect: other\r\nContent-Length: 1\r\n', 'a'), 'expect'],
  'Expect: 100-continue and more': [post('Expect: 100-continue, other\r\nContent-Length: 1\r\n', 'a'), 'expect'],
  'a Trailer announced': [post('Trailer: X\r\nTransfer-Encoding: chunked\r\n', '0\r\nX: y\r\n\r\n'), 'trailer'],
  'a trailer unannounced': [chunked('1\r\na\r\n0\r\nX: y\r\n\r\n'), 'trailer'],
  'a chunk extension without a size': [chunked(';a=b\r\na\r\n0\r\n\r\n'), 'chunk-framing'],
  'a chunk extension behind a blank': [chunked('1 ;a=b\r\na\r\n0\r\n\r\n'), 'chunk-framing'],
  'a bare CR in a chunk extension': [chunked('1;a\rb\r\na\r\n0\r\n\r\n'), 'chunk-framing'],
  'a bare LF in a quoted chunk extension': [chunked('1;a="\n0\r\n\r\n"\r\na\r\n0\r\n\r\n'), 'chunk-framing'],
  'NUL in a chunk extension': [chunked('1;a\x00\r\na\r\n0\r\n\r\n'), 'chunk-framing'],
  'a chunk extension of 20,000 octets': [chunked(`1;${'a'.repeat(20_000)}\r\na\r\n0\r\n\r\n`), 'chunk-framing'],
  'chunk extensions of 20,000 octets together': [
    chunked(`${`1;${'a'.repeat(99)}\r\na\r\n`.repeat(200)}0\r\n\r\n`),
    'chunk-framing',
  ],
  'a bare LF behind an extension': [chunked('1;\na\r\n0\r\n\r\n'), 'chunk-framing'],
  'a bare LF behind a chunk size': [chunked('1\na\r\n0\r\n\r\n'), 'chunk-framing'],
  'a space behind a chunk size': [chunked('1 \r\na\r\n0\r\n\r\n'), 'chunk-framing'],
  'a chunk size out of range': [chunked('10000000000000001\r\na\r\n0\r\n\r\n'), 'chunk-framing'],
  'a chunk longer than its size': [chunked('1\r\nabc\r\n0\r\n\r\n'), 'chunk-framing'],
  'a header name with _': [get('/r1/x', 'X_Road_Client: a\r\n'), 'header-name'],
  'a space before the colon': [get('/r1/x', 'X : a\r\n'), 'malformed'],
  'a folded header': [get('/r1/x', 'X: a\r\n b\r\n'), 'malformed'],
  'NUL in a header': [get('/r1/x', 'X: a\x00b\r\n'), 'malformed'],
  'a control in a header': [get('/r1/x', 'X: a\x01b\r\n'), 'malformed'],
  'a bare CR in a header': [get('/r1/x', 'X: a\rb\r\n'), 'malformed'],
  'bare LFs': ['GET /r1/x HTTP/1.1\nHost: gw.example\n\n', 'malformed'],
  'too many headers': [get('/r1/x', 'X: a\r\n'.repeat(100)), 'header-count'],
  'too large a head': [get('/r1/x', `X: ${'a'.repeat(40_000)}\r\n`), 'head-too-large'],
  'a method nobody has': [`QUERY /r1/x HTTP/1.1\r\n${HOST}\r\n`, 'method'],
  'a method in lower case': [`get /r1/x HTTP/1.1\r\n${HOST}\r\n`, 'malformed'],
  'a target of 2001 characters': [get(`/r1/${'a'.repeat(1997)}`), 'target-length'],
  'a fragment': [get('/r1/x#y'), 'target-character'],
  'an umlaut in the path': [get('/r1/\xe4'), 'malformed'],
  'a backslash': [get('/r1/a\\b'), 'target-character'],
  'a backslash, encoded': [get('/r1/a%5Cb'), 'target-character'],
  'NUL, encoded': [get('/r1/a%00b'), 'target-character'],
  'dot segments': [get('/r1/../x'), 'dot-segment'],
  'dot segments, encoded': [get('/r1/%2e%2E/x'), 'dot-segment'],
  'dot segments between encoded slashes': [get('/r1/a%2f..%2fb/%2e%2e/'), 'dot-segment'],
  'an escape cut short': [get('/r1/a%2'), 'target-escape'],
  'an overlong escape': [get('/r1/%c0%af'), 'target-escape'],
  'two slashes first': [get('//evil.example/r1/x'), 'target-form'],
  'no slash first': [get('r1/x'), 'malformed'],
}

/** What must go through, and what the route then saw. */
const TAKEN: Readonly<Record<string, readonly [octets: string, target: string, body?: string]>> = {
  'a GET': [get('/r1/x?a=1&a=2&b=%20%2F&c'), '/r1/x?a=1&a=2&b=%20%2F&c'],
  'absolute-form of this host': [get('http://gw.example/r1/x?y'), '/r1/x?y'],
  'an encoded slash': [get('/r1/BAR%2FSERVICE/x'), '/r1/BAR%2FSERVICE/x'],
  'an encoded letter': [get('/r1/%61%C3%A4'), '/r1/%61%C3%A4'],
  'an empty segment': [get('/r1/x//y/'), '/r1/x//y/'],
  'a semicolon': [get('/r1/x;a=b?c;d'), '/r1/x;a=b?c;d'],
  'obs-text in a header': [get('/r1/x', 'X: \xe4\r\n'), '/r1/x'],
  'two X-Road-Clients': [get('/r1/x', 'X-Road-Client: a\r\nX-Road-Client: b\r\n'), '/r1/x'],
  'an empty line first': [`\r\n${get('/r1/x')}`, '/r1/x'],
  'a body of given length': [post('Content-Length: 3\r\n', 'abc'), '/r1/x', 'abc'],
  'a chunked body': [chunked('1\r\na\r\n002\r\nbc\r\n0\r\n\r\n'), '/r1/x', 'abc'],
  'chunk extensions, RFC 9112 §7.1.1': [
    chunked('1;a\r\na\r\n2;a=b;c="d;\\"e"\r\nbc\r\n0;last\r\n\r\n'),
    '/r1/x',
    'abc',
  ],
  'a chunked body with an empty line first': [`\r\n${chunked('1\r\n;\r\n0\r\n\r\n')}`, '/r1/x', ';'],
  'a body that says gzip and is not': [post('Content-Encoding: gzip\r\nContent-Length: 1\r\n', 'a'), '/r1/x', 'a'],
  'a body that is not UTF-8': [post('Content-Length: 2\r\n', '\xff\xfe'), '/r1/x', '\xff\xfe'],
  'a body with GET': [`GET /r1/x HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\na`, '/r1/x', 'a'],
  'a body with DELETE': [`DELETE /r1/x HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\na`, '/r1/x', 'a'],
}

const ca = await makeAuthority('region')
const { key, cert } = await ca.issue('gateway')
const tls = { key, cert, minVersion: 'TLSv1.3', requestCert: false, rejectUnauthorized: false } as const

for (const [name, options] of Object.entries<Partial<ServerOptions>>({ http: {}, https: { tls } })) {
  t.test(`${name}: refuses, answers and hangs up`, async (t) => {
    const { handled, open } = await makeRig(t, options)
    for (const [what, [octets, reason]] of Object.entries(PROBES)) {
      const wire = await open(name === 'http' ? undefined : { ca: ca.cert })
      // What a smuggler would have been after: the octets behind it as a request of their own.
      wire.send(octets + get('/r1/smuggled'))
      const answers = await wire.end()
      t.strictSame(answers.map(faultOf), [reason], what)
      t.equal(answers[0]?.headers['connection'], 'close')
    }
    t.strictSame(handled, [], 'nothing was handled')
  })

  t.test(`${name}: takes unchanged`, async (t) => {
    const { handled, open } = await makeRig(t, options)
    const wire = await open(name === 'http' ? undefined : { ca: ca.cert })
    let count = 0
    for (const [what, [octets, target, body = '']] of Object.entries(TAKEN)) {
      wire.send(name === 'http' ? octets : octets.replace('GET http:', 'GET https:'))
      const answers = await wire.answers(++count)
      t.equal(answers.length, count, what)
      t.equal(answers.at(-1)?.status, 200, what)
      t.equal(handled.length, count, 'one request, not two')
      const { wildcard } = handled.at(-1) ?? {}
      t.match(handled.at(-1), { target, body }, what)
      t.equal(`/r1/${wildcard}`, target.split('?')[0], 'routed by what would be forwarded')
    }
  })
}

t.test('whatever the URL: refused, or routed by exactly what would be forwarded', async (t) => {
  const { handled, open } = await makeRig(t)
  const piece = fc.oneof(
    fc.constantFrom(
      '/',
      '.',
      '..',
      '%',
      '%2',
      '%2e',
      '%2E%2e',
      '%2f',
      '%2F',
      '%25',
      '%252e',
      '%5c',
      '\\',
      '%00',
      ';',
      '?',
    ),
    fc.constantFrom(
      '#',
      '//',
      'a',
      'r1',
      '%C3%A4',
      '%61',
      '%7e',
      ':',
      '@',
      '*',
      '%2a',
      '%3F',
      '%23',
      '+',
      '%2B',
      '&=',
      '|',
      '{',
    ),
    fc.integer({ min: 33, max: 255 }).map((code) => String.fromCharCode(code)),
  )
  let taken = 0
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      const target = `/r1/${pieces.join('')}`
      handled.length = 0
      const wire = await open()
      wire.send(get(target))
      const [answer] = await wire.answers(1)
      wire.socket.destroy()
      if (answer?.status === 200) {
        taken++
        const [seen] = handled
        equal(seen?.target, target)
        equal(`/r1/${seen?.wildcard}`, target.split('?')[0])
      } else {
        ok(faultOf(answer) !== undefined, 'a proper fault')
        equal(handled.length, 0)
      }
    }),
    { numRuns: 1000 },
  )
  t.ok(taken > 50, `${taken} of 1000 were taken`)
})

t.test('refuses what comes in pieces as it does the whole', async (t) => {
  const { handled, open } = await makeRig(t)
  for (const [what, [octets, reason]] of Object.entries(PROBES)) {
    if (octets.length > 300) continue
    const wire = await open()
    wire.socket.setNoDelay(true)
    for (const octet of octets) {
      wire.send(octet)
      await new Promise((resolve) => setImmediate(resolve))
    }
    t.strictSame((await wire.end()).map(faultOf), [reason], what)
  }
  t.strictSame(handled, [])
})

t.test('finds loose framing and trailers in later pieces, before the route does', async (t) => {
  const { handled, open } = await makeRig(t)
  for (const [first, second, reason] of [
    ['1\r\na\r\n', '1;x\ry\r\nb\r\n0\r\n\r\n', 'chunk-framing'],
    ['1\r\na\r\n1;', `${'x'.repeat(20_000)}\r\nb\r\n0\r\n\r\n`, 'chunk-framing'],
    ['1\r\na\r\n0\r\n', 'X: y\r\n\r\n', 'trailer'],
    ['1\r\na\r\n0\r\nX', ': y\r\n\r\n', 'trailer'],
  ] as const) {
    const wire = await open()
    wire.send(chunked(first))
    await new Promise((resolve) => setTimeout(resolve, 5))
    wire.send(second)
    t.strictSame((await wire.end()).map(faultOf), [reason])
  }
  t.strictSame(handled, [])
})

t.test('answers a whole request before it refuses what follows', async (t) => {
  const { handled, open } = await makeRig(t)
  for (const bad of [get('/r1/../x'), 'garbage\r\n\r\n', chunked('0\r\n\r\n')]) {
    const wire = await open()
    wire.send(get('/r1/slow/x') + bad + get('/r1/y'))
    const answers = await wire.end()
    t.strictSame(
      answers.map(({ status }) => status),
      [200, 400],
      JSON.stringify(bad.slice(0, 20)),
    )
    t.ok(faultOf(answers[1]))
  }
  t.strictSame(
    handled.map(({ target }) => target),
    ['/r1/slow/x', '/r1/slow/x', '/r1/slow/x'],
  )
})

t.test('answers HEAD without a body', async (t) => {
  const { open } = await makeRig(t)
  const wire = await open()
  wire.send(`HEAD /r1/../x HTTP/1.1\r\n${HOST}\r\n`)
  let octets = ''
  wire.socket.on('data', (piece) => (octets += piece.toString()))
  await wire.end()
  t.match(octets, /^HTTP\/1\.1 400 .*\r\n\r\n$/s)
})

t.test('lets a sender finish and read why it was refused', async (t) => {
  const { handled, open } = await makeRig(t)
  const wire = await open()
  wire.send(`POST /r1/../x HTTP/1.1\r\n${HOST}Content-Length: 10000000\r\n\r\n`)
  for (let i = 0; i < 100; i++) wire.send(Buffer.alloc(100_000))
  t.strictSame((await wire.end()).map(faultOf), ['dot-segment'])
  t.strictSame(handled, [])
})

t.test('asks for no body that it will refuse', async (t) => {
  const { open } = await makeRig(t)
  const wire = await open()
  let octets = ''
  wire.socket.on('data', (piece) => (octets += piece.toString()))
  wire.send(`POST /r1/../x HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`)
  t.strictSame((await wire.end()).map(faultOf), ['dot-segment'])
  t.notMatch(octets, /100 Continue/)
})

const ASKING = 'Expect: 100-continue\r\nContent-Type: application/json\r\n'

t.test('says 100 Continue when the body is read, and to nobody before', async (t) => {
  const app = createServer({ badRequest, limits: { bodyBytesMax: 1000 } })
  app.post('/json', async () => 'read')
  const reads: string[] = []
  app.post('/refuses', { onRequest: async (_request, reply) => reply.code(403).send('no') }, async () => 'unreached')
  app.all('/unread', { onRequest: async (_request, reply) => reply.code(200).send('ok') }, async () => 'unreached')
  app.post('/late', {
    onRequest: async (request, reply) => {
      await sleep(100)
      reads.push('reads now')
      for await (const piece of request.raw) reads.push(String(piece))
      return reply.send('read')
    },
    handler: async () => 'unreached',
  })
  const { open } = await listen(t, app)
  const ask = async (request: string): Promise<{ first: string; last: Answer | undefined }> => {
    const wire = await open()
    const first = new Promise<string>((resolve) => wire.socket.once('data', (piece) => resolve(String(piece))))
    wire.send(request)
    const line = (await first).split('\r\n')[0] ?? ''
    if (line.includes(' 100 ')) wire.send('{}')
    return { first: line, last: (await wire.answers(1))[0] }
  }
  const posted = (target: string, headers = ''): string =>
    `POST ${target} HTTP/1.1\r\n${HOST}${ASKING}${headers || 'Content-Length: 2\r\n'}\r\n`

  for (const [what, request, status] of [
    ['another route', posted('/nowhere'), 400],
    ['another route, chunked', posted('/nowhere', 'Transfer-Encoding: chunked\r\n'), 400],
    ['a client without rights', posted('/refuses'), 403],
    ['a route that wants no body', posted('/unread'), 200],
    ['a body that is announced as too large', posted('/json', 'Content-Length: 1001\r\n'), 400],
    ['a head that does not hold', posted('/r1/../x'), 400],
    ['an expectation without a body', get('/unread', 'Expect: 100-continue\r\n'), 200],
    ['HTTP/1.0', posted('/r1/x').replace('HTTP/1.1', 'HTTP/1.0'), 400],
  ] as const) {
    const { first, last } = await ask(request)
    t.match(first, new RegExp(`^HTTP/1.1 ${status} `), `${what}: the answer comes first`)
    t.equal(last?.headers['connection'], 'close', what)
  }
  for (const target of ['/json', '/late']) {
    const { first, last } = await ask(posted(target))
    t.equal(first, 'HTTP/1.1 100 Continue', target)
    t.equal(last?.status, 200)
  }
  t.strictSame(reads, ['reads now', '{}'])
  for (const expect of ['Expect: 100-Continue\r\n', 'Expect: 100-continue\r\nExpect: 100-continue\r\n']) {
    const wire = await open()
    wire.send(`${posted('/json').replace(/Expect.*\r\n/, expect)}{}`)
    t.equal((await wire.answers(1))[0]?.status, 200, 'a body that does not wait is taken as it comes')
  }
})

t.test('a sender who was not asked for its body is not slow', async (t) => {
  const limits = { bodyGraceMs: 100, bodyStallMsMax: 100, checkIntervalMs: 20 }
  const app = createServer({ badRequest, limits })
  app.post('/late', { onRequest: async () => sleep(500) }, async (request) => request.body)
  const { open } = await listen(t, app)
  const wire = await open()
  const continued = new Promise((resolve) => wire.socket.once('data', resolve))
  wire.send(`POST /late HTTP/1.1\r\n${HOST}${ASKING}Content-Length: 2\r\n\r\n`)
  await continued
  wire.send('{}')
  t.equal((await wire.answers(1))[0]?.status, 200)

  const silent = await open()
  silent.send(`POST /late HTTP/1.1\r\n${HOST}${ASKING}Content-Length: 2\r\n\r\n`)
  t.strictSame((await silent.end()).map(faultOf), ['too-slow'], 'once asked it has to send')
})

t.test('takes no chunks where a length is required, and ignores Upgrade where told to', async (t) => {
  const { handled, open } = await makeRig(t, { rules: { chunked: false, upgrade: 'ignored' } })
  const wire = await open()
  wire.send(get('/r1/x', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'))
  t.equal((await wire.answers(1))[0]?.status, 200)
  wire.send(chunked('0\r\n\r\n'))
  t.strictSame((await wire.end()).map(faultOf).slice(1), ['length-required'])
  t.equal(handled.length, 1)
})

t.test('closes at once with connections open that have said nothing or half of something', async (t) => {
  const { app, open } = await makeRig(t)
  const [silent, half, kept, busy] = [await open(), await open(), await open(), await open()]
  half.send('GET /r1/x HT')
  kept.send(get('/r1/x'))
  await kept.answers(1)
  busy.send(get('/r1/slow/x'))
  await new Promise((resolve) => setTimeout(resolve, 10))

  const began = performance.now()
  await app.close()
  t.ok(performance.now() - began < 1000)
  t.equal((await busy.end())[0]?.status, 200, 'what was under way is answered')
  t.strictSame(await silent.end(), [])
  t.strictSame(await half.end(), [])
})
