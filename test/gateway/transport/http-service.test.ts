/** A service by URL: what it gets, what comes back, and what happens when it misbehaves. Contract §2.1, §2.4. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import t from 'tap'
import { httpService, joinPath } from '../../../gateway/transport/http-service.ts'
import { openSpool } from '../../../gateway/transport/spool.ts'
import { headOf, listen, openWire, REQUEST_ID, serviceAt } from './service-rig.ts'

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly rawHeaders: string[]
  readonly body: Buffer
}

async function echo(t: Test, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    seen.push({ method: request.method, url: request.url, rawHeaders: request.rawHeaders, body: await buffer(request) })
    answer(request, response)
  })
  return { seen, url: `http://127.0.0.1:${await listen(t, server)}` }
}

t.test('the service sees the signed request and nothing of ours but ids and purpose', async (t) => {
  const { seen, url } = await echo(t, (_, response) => response.end())
  const deliver = await serviceAt(t, `${url}/base/`)
  const content = Buffer.from([0, 255, 10])

  await deliver(
    headOf('PATCH', '/v1/x%20y%2F?a=1&a=2&b=%20%2F&c', [
      'X-Foo',
      'b\u00e4r',
      'x-foo',
      '2',
      'Authorization',
      'Bearer j',
      'OWL-Purpose',
      'MOVE',
    ]),
    content,
  )

  const [request] = seen
  t.equal(request?.url, '/base/v1/x%20y%2F?a=1&a=2&b=%20%2F&c')
  t.equal(request?.method, 'PATCH')
  t.ok(request?.body.equals(content))
  const names = request?.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
  t.same(names?.toSorted(), [
    'authorization',
    'connection',
    'content-length',
    'host',
    'owl-purpose',
    'x-foo',
    'x-foo',
    'x-road-client',
    'x-road-id',
    'x-road-request-id',
  ])
  t.ok(request?.rawHeaders.includes('b\u00e4r'))
  t.ok(request?.rawHeaders.includes(REQUEST_ID))
})

for (const method of ['GET', 'DELETE', 'POST', 'PUT', 'OPTIONS']) {
  t.test(`a body goes with ${method}`, async (t) => {
    const { seen, url } = await echo(t, (_, response) => response.end('ok'))
    const deliver = await serviceAt(t, url)

    const reply = await deliver(headOf(method, ''), Buffer.from('x'))

    t.equal(seen[0]?.body.toString(), 'x')
    t.equal(reply.body?.bytes?.toString(), 'ok')
  })
}

t.test('status, reason, headers and body come back as they are; a redirect is not followed', async (t) => {
  const { seen, url } = await echo(t, (_, response) => {
    response.writeHead(302, 'Over There', [
      'Location',
      '/elsewhere',
      'Set-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'X-Road-Service',
      'forged',
      'Server',
      'secret',
    ])
    response.end('moved')
  })
  const deliver = await serviceAt(t, url)

  const reply = await deliver(headOf('GET', '/v1'))

  t.equal(seen.length, 1)
  t.same([reply.status, reply.reason, reply.body?.bytes?.toString()], [302, 'Over There', 'moved'])
  t.same(reply.headers.filter(([name]) => /cookie|location|road|server/i.test(name)).flat(), [
    'Location',
    '/elsewhere',
    'Set-Cookie',
    'a=1',
    'Set-Cookie',
    'b=2',
  ])
})

for (const [method, status] of [
  ['HEAD', 200],
  ['GET', 204],
  ['GET', 304],
] as const) {
  t.test(`${method} answered ${status} has no body`, async (t) => {
    const { url } = await echo(t, (_, response) => response.writeHead(status).end())
    const deliver = await serviceAt(t, url)

    const reply = await deliver(headOf(method, ''))

    t.same([reply.status, reply.body], [status, undefined])
  })
}

t.test('a large reply comes whole, and not in memory', async (t) => {
  const content = Buffer.from('0123456789'.repeat(9000))
  const { url } = await echo(t, (_, response) => response.end(content))
  const deliver = await serviceAt(t, url)

  const { body } = await deliver(headOf('GET', ''))

  t.equal(body?.bytes, undefined)
  t.ok((await buffer(body?.stream() as Readable)).equals(content))
  await body?.dispose()
})

const misbehaving: Record<string, { speak: (socket: Socket) => void; code: string }> = {
  'hangs up': { speak: (socket) => socket.destroy(), code: 'ServiceFailed.NetworkError' },
  'says nothing': { speak: () => {}, code: 'ServiceFailed.TimedOut' },
  'speaks no HTTP': { speak: (socket) => socket.write('220 smtp ready\r\n'), code: 'ServiceFailed.InvalidResponse' },
  'breaks off in its body': {
    speak: (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'),
    code: 'ServiceFailed.NetworkError',
  },
  'stops in its body': {
    speak: (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'),
    code: 'ServiceFailed.NetworkError',
  },
  'says too much': {
    speak: (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`),
    code: 'ServiceFailed.TooLarge',
  },
  'breaks off in a large body': {
    speak: (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n${'x'.repeat(50_000)}`),
    code: 'ServiceFailed.NetworkError',
  },
  'breaks the framing of a large body': {
    speak: (socket) =>
      socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n${'x'.repeat(20_000)}\r\nno size\r\n`),
    code: 'ServiceFailed.InvalidResponse',
  },
  'has a status that is none, and no end': {
    speak: (socket) => socket.write('HTTP/1.1 999 Odd\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'),
    code: 'ServiceFailed.InvalidResponse',
  },
  'sends endless headers': {
    speak: (socket) => socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`),
    code: 'ServiceFailed.TooLarge',
  },
}
for (const [name, { speak, code }] of Object.entries(misbehaving)) {
  t.test(`a service that ${name} fails with ${code}`, async (t) => {
    const { port } = await openWire(t, (socket) => speak(socket))
    const deliver = await serviceAt(t, `http://127.0.0.1:${port}`, { timeoutMs: 300 })

    await t.rejects(deliver(headOf('POST', '/v1'), Buffer.from('x')), { code })
  })
}

/** A service whose OpenAPI document is asked for. */
async function describedService(t: Test, port: number) {
  const spool = await openSpool({ directory: t.testdir(), spoolAboveBytes: 10_000 })
  return httpService(
    {
      id: 'I/C/M/S/svc',
      url: `http://127.0.0.1:${port}`,
      timeoutMs: 2000,
      bodyBytesMax: 100_000,
      openapi: '/openapi.json',
    },
    {
      services: [],
      adapters: {},
      networksAllowed: ['127.0.0.0/8'],
      headBytesMax: 32_768,
      connectTimeoutMs: 1000,
      progressTimeoutMs: 1000,
      spool,
    },
  )
}

for (const [name, octets, code] of [
  ['breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}', 'ServiceFailed.NetworkError'],
  ['is too large', `HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n${' '.repeat(20_000)}`, 'ServiceFailed.TooLarge'],
  ['is not there', 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}', 'ServiceFailed.InvalidResponse'],
  ['is empty', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'ServiceFailed.InvalidResponse'],
] as const) {
  t.test(`a description that ${name} is the service's fault`, async (t) => {
    const { port } = await openWire(t, (socket) => socket.end(octets))
    const service = await describedService(t, port)
    t.teardown(() => service.close())

    await t.rejects(service.describe('Probe'), { code })
  })
}

t.test('a description is read as it was written, or refused; nothing in it is replaced', async (t) => {
  const text = '{"openapi":"3.1.0","info":{"title":"Grüße \u00a0"}}'
  let document = Buffer.from(text)
  const { port } = await openWire(t, (socket) => {
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${document.length}\r\nConnection: close\r\n\r\n`
    socket.end(Buffer.concat([Buffer.from(head), document]))
  })
  const service = await describedService(t, port)
  t.teardown(() => service.close())

  const marked = Buffer.from(`\ufeff${text}`, 'utf16le')
  for (const written of [Buffer.from(text), Buffer.from(`\ufeff${text}`), marked, Buffer.from(marked).swap16()]) {
    document = written
    const { octets } = await service.describe('Probe')
    t.match(JSON.parse(octets.toString()), JSON.parse(text))
  }
  const code = 'ServiceFailed.InvalidContentType'
  document = Buffer.from(`\n${text}`, 'latin1')
  await t.rejects(service.describe('Probe'), { code, message: /its OpenAPI document is not UTF-8 \(line 2\)$/ })
  document = Buffer.from('openapi: 3.1.0')
  await t.rejects(service.describe('Probe'), { code, message: /its OpenAPI document is not JSON$/ })
})

t.test('nobody listening is a network error', async (t) => {
  const deliver = await serviceAt(t, 'http://127.0.0.1:1')

  await t.rejects(deliver(headOf('GET', '')), { code: 'ServiceFailed.NetworkError' })
})

for (const url of [
  'http://10.0.0.1/',
  'http://169.254.169.254/',
  'http://[::ffff:a00:1]/',
  'http://0x0a000001/',
  'http://user@127.0.0.1/',
  'http://127.0.0.1/?a=b',
]) {
  t.test(`${url} is no service address`, async (t) => {
    await t.rejects(serviceAt(t, url), { message: /I\/C\/M\/S\/svc/ })
  })
}

t.test('a name is judged by the address it leads to', async (t) => {
  const { seen, url } = await echo(t, (_, response) => response.end())
  const deliver = await serviceAt(t, url.replace('127.0.0.1', 'localhost'), { networksAllowed: ['10.0.0.0/8'] })

  await t.rejects(deliver(headOf('GET', '')), { code: 'ServiceFailed.NetworkError' })
  t.same(seen, [])
})

t.test('one slash at the join', async (t) => {
  t.equal(joinPath('/', '/v1'), '/v1')
  t.equal(joinPath('/base', '/v1/'), '/base/v1/')
  t.equal(joinPath('/base/', '/v1'), '/base/v1')
  t.equal(joinPath('/base/', ''), '/base/')
})
