/** What a service answered arrives as it was: contract §2.4. */

import { gzipSync } from 'node:zlib'
import type { Test } from 'tap'
import type { Rig } from '../rig.ts'
import { WEST } from '../rig-region.ts'
import type { Header } from '../wire.ts'
import { isFault } from './fault.ts'

/** Every octet, alone and beside every other kind. */
const BINARY = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff))

export async function replies(t: Test, rig: Rig): Promise<void> {
  t.test(
    '52 status, reason and body of an error of the service are passed on, and it is no error of X-Road',
    async (t) => {
      for (const [status, reason] of [
        [500, 'Internal Server Error'],
        [503, 'Try Later, Please'],
        [404, Buffer.from('Łódź nicht da').toString('latin1')],
        [400, 'Bad Request'],
        [401, 'Unauthorized'],
        [418, "I'm a Teapot"],
        [429, 'Too Many Requests'],
        [200, 'Fine'],
        [207, 'Multi-Status'],
        [299, ''],
        [599, 'x'],
      ] as const) {
        const headers: Header[] = [
          ['Content-Type', 'application/json;charset=utf-8'],
          ['WWW-Authenticate', 'Bearer'],
          ['Retry-After', '120'],
        ]
        const { response } = await rig.exchange({}, { status, reason, headers, body: '{"error":1}' })

        t.same([response.status, response.reason], [status, reason])
        t.equal(response.body.toString(), '{"error":1}')
        t.equal(response.header('x-road-error'), undefined)
        for (const [name, value] of headers) t.equal(response.header(name.toLowerCase()), value)
      }
    },
  )

  t.test('a reason that cannot be passed on is the usual one, and never more than a reason', async (t) => {
    for (const reason of ['control \x01', 'del \x7f']) {
      const { response } = await rig.exchange({}, octets(`HTTP/1.1 404 ${reason}\r\nContent-Length: 0\r\n\r\n`))
      t.same([response.status, response.reason], [404, 'Not Found'])
    }
    const { response: latin1 } = await rig.exchange(
      {},
      octets('HTTP/1.1 404 \xe4 \xc3\xa4\r\nContent-Length: 0\r\n\r\n'),
    )
    t.same([latin1.status, latin1.reason], [404, '\xe4 \xc3\xa4'], 'RFC 9112 §4 has obs-text in it')
    // U+010D and U+010A end a line when cut to one octet each.
    const injected = Buffer.from('HTTP/1.1 200 x\u010d\u010ax-forged:1\r\nContent-Length: 0\r\n\r\n')
    const { response } = await rig.exchange({}, { octets: injected })
    t.same([response.status, response.header('x-forged')], [200, undefined])
  })

  t.test('50 a redirect is passed on and not followed', async (t) => {
    for (const status of [301, 302, 303, 307, 308, 300]) {
      const location = `${rig.service.url}/elsewhere?a=%2F`

      const { response, seen } = await rig.exchange({ path: '/v1' }, { status, headers: [['Location', location]] })

      t.same([response.status, response.header('location')], [status, location])
      t.equal(seen?.target, '/v1', 'asked once')
    }
  })

  t.test('HEAD, 204 and 304 have no body, and nothing follows their heads', async (t) => {
    for (const [method, status] of [
      ['HEAD', 200],
      ['HEAD', 404],
      ['GET', 204],
      ['POST', 204],
      ['GET', 304],
    ] as const) {
      const { response } = await rig.exchange(
        { method, headers: [['Connection', 'close']], untilEnd: true },
        { status, headers: [['ETag', '"x"']], ...(status < 204 || status > 304 ? { body: 'unseen' } : {}) },
      )

      t.same(
        [response.status, response.body.length, response.header('etag')],
        [status, 0, '"x"'],
        `${method} ${status}`,
      )
      t.equal(response.header('transfer-encoding'), undefined)
    }
  })

  t.test('what HEAD, and 304, say of the length crosses; elsewhere the body has its own. RFC 9110 §8.6', async (t) => {
    const announced = [['Content-Length', '4711']] as const
    for (const [method, status, expected] of [
      ['HEAD', 200, '4711'],
      ['HEAD', 404, '4711'],
      ['HEAD', 304, '4711'],
      ['GET', 304, '4711'],
      ['POST', 304, '4711'],
      ['GET', 204, undefined],
      ['HEAD', 204, undefined],
    ] as const) {
      const head = `HTTP/1.1 ${status} \r\n${announced.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
      const { response } = await rig.exchange(
        { method, headers: [['Connection', 'close']], untilEnd: true },
        { octets: Buffer.from(head) },
      )

      t.same(
        [response.status, response.header('content-length'), response.body.length],
        [status, expected, 0],
        `${method} ${status}`,
      )
    }
    for (const status of [200, 404]) {
      const { response } = await rig.exchange({ method: 'HEAD' }, { status, headers: [['Content-Length', '0']] })
      t.equal(response.header('content-length'), '0')
    }
  })

  t.test('an empty answer is empty', async (t) => {
    const { response } = await rig.exchange(
      { method: 'POST', body: 'x' },
      { status: 201, headers: [['Location', '/x/1']] },
    )

    t.same([response.status, response.header('content-length'), response.body.length], [201, '0', 0])
  })

  t.test('bodies of any type and encoding are the same octets at both ends', async (t) => {
    for (const [type, body, ...more] of [
      ['application/octet-stream', BINARY],
      ['application/json', Buffer.from('{"a":1,"a":2,"__proto__":{}} \ufeff not even JSON \xff', 'latin1')],
      ['application/json', gzipSync(BINARY), ['Content-Encoding', 'gzip']],
      ['text/plain', gzipSync('x'), ['Content-Encoding', 'gzip, br, nonsense']],
      ['multipart/form-data; boundary=b', Buffer.from('--b\r\n\r\n\0\r\n--b--\r\n')],
      ['application/xml', Buffer.from('<?xml version="1.0" encoding="UTF-16"?>\n<a/>', 'utf16le')],
      [undefined, Buffer.from([0])],
      [undefined, Buffer.from('\r\n\r\n')],
      ['text/plain', Buffer.alloc(1024 * 1024, 'just in memory')],
      ['text/plain', Buffer.alloc(1024 * 1024 + 1, 'just not')],
      ['application/pdf', Buffer.alloc(2_500_000, BINARY)],
    ] as const satisfies readonly (readonly [string | undefined, Buffer, ...Header[]])[]) {
      const headers: Header[] = [...(type === undefined ? [] : [['Content-Type', type] as const]), ...more]

      const { response, seen } = await rig.exchange({ method: 'POST', headers, body }, { headers, body })

      t.ok(seen?.body.equals(body), `${type} ${body.length} to the service`)
      t.ok(response.body.equals(body), `${type} ${body.length} to the local system`)
      for (const [name, value] of headers) t.equal(response.header(name.toLowerCase()), value)
    }
  })

  t.test('a chunked answer, one that ends with its connection, and cookies', async (t) => {
    const head = 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-Between: x\r\nset-cookie: b=2\r\n'
    const chunked = `${head}Transfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\n4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\nX-T: 1\r\n\r\n`
    for (const octets of [chunked, `${head}Connection: close\r\n\r\nabcdefg`]) {
      const { response } = await rig.exchange({}, { octets: Buffer.from(octets) })

      t.equal(response.body.toString(), 'abcdefg')
      t.same(response.headers.slice(0, 3), [
        ['Set-Cookie', 'a=1'],
        ['X-Between', 'x'],
        ['set-cookie', 'b=2'],
      ])
      for (const name of ['transfer-encoding', 'trailer', 'x-t']) t.equal(response.header(name), undefined)
    }
  })

  t.test('interim answers of a service are not its answer', async (t) => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n'
    const { response } = await rig.exchange({}, octets(`${interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`))

    t.same([response.status, response.body.toString(), response.header('link')], [200, 'ok', undefined])
  })

  t.test('a service that answers garbage, breaks off or is not there: the second category of errors', async (t) => {
    const failed = 'Server.ServerProxy.ServiceFailed'
    for (const [text, type] of [
      ['', 'NetworkError'],
      ['garbage\r\n\r\n', 'InvalidResponse'],
      ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'NetworkError'],
      ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 'InvalidResponse'],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'InvalidResponse'],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', 'NetworkError'],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n', 'InvalidResponse'],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab', 'InvalidResponse'],
      ['HTTP/1.1 99 Low\r\n\r\n', 'InvalidResponse'],
      ['HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n', 'InvalidResponse'],
      ['HTTP/1.1 999 Higher\r\nContent-Length: 0\r\n\r\n', 'InvalidResponse'],
      ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'InvalidResponse'],
      [`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`, 'TooLarge'],
      ['HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 0\r\n\r\n', 'InvalidResponse'],
      ['HTTP/1.1 200 OK\r\nX-Ctl: a\x01b\r\nContent-Length: 0\r\n\r\n', 'InvalidResponse'],
      ['HTTP/1.1 200 OK\r\nX-Del: a\x7fb\r\nContent-Length: 0\r\n\r\n', 'InvalidResponse'],
      ['HTTP/1.1 200 OK\r\nX Space: a\r\nContent-Length: 0\r\n\r\n', 'InvalidResponse'],
    ] as const) {
      const { response } = await rig.exchange({}, octets(text))
      isFault(t, response, `${failed}.${type}`, JSON.stringify(text.slice(0, 60)))
    }
    const slow = await rig.exchange({ service: `${WEST}/DIENSTE/slow` }, { afterMs: 3000 })
    t.equal(isFault(t, slow.response, `${failed}.TimedOut`).side, 'provider-system')
    const down = await rig.exchange({ service: `${WEST}/DIENSTE/down` })
    t.equal(isFault(t, down.response, `${failed}.NetworkError`).side, 'provider-system')
  })
}

function octets(text: string): { readonly octets: Buffer } {
  return { octets: Buffer.from(text, 'latin1') }
}
