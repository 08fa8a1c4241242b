/** Services as they really answer: what HTTP allows arrives, what it does not says whose fault it is. RFC 9110, RFC 9112. */

import type { Socket } from 'node:net'
import type { Test } from 'tap'
import t from 'tap'
import { makeAuthority } from '../tls-material.ts'
import type { Deliver, DeliverOptions, Wire } from './service-rig.ts'
import { headOf, openWire, serviceAt } from './service-rig.ts'

// Many uploads of some MiB, and the machine may have other things to do.
t.setTimeout(120_000)

const X = Buffer.from('x')
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

interface Asked {
  readonly wire: Wire
  readonly deliver: Deliver
}

async function ask(
  t: Test,
  speak: (socket: Socket, wire: Wire, octets: Buffer) => void,
  options?: DeliverOptions,
): Promise<Asked> {
  const wire = await openWire(t, speak)
  return { wire, deliver: await serviceAt(t, `http://127.0.0.1:${wire.port}`, options) }
}

for (const framing of [
  'Content-Length: 2 \r\n\r\n{}',
  'Content-Length:2\t \r\n\r\n{}',
  'content-length: \t 2\r\n\r\n{}',
  'Transfer-Encoding: chunked \r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'Transfer-Encoding:\tchunked\t\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'TRANSFER-ENCODING: Chunked \t \r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked \t \r\nX-B: a\tb\r\n\r\n5\r\n{\t\r\n}\r\n0\r\n\r\n',
  'Upgrade: h2c\r\nConnection: Upgrade, keep-alive\r\nContent-Length: 2\r\n\r\n{}',
]) {
  t.test(`blanks and tabs are no part of a value: ${JSON.stringify(framing)}`, async (t) => {
    const { deliver, wire } = await ask(t, (socket) => socket.write(`HTTP/1.1 200 OK\r\nX-A: \ta b \t\r\n${framing}`))

    for (const method of ['POST', 'GET']) {
      const reply = await deliver(headOf(method), method === 'POST' ? X : undefined)

      t.match(reply.body?.bytes?.toString(), framing.includes('X-B') ? /^\{\t\r\n\}$/ : /^\{\}$/)
      t.same(
        reply.headers.find(([name]) => name === 'X-A'),
        ['X-A', 'a b'],
      )
    }
    t.equal(wire.connections, 1, 'the connection is of use again')
  })
}

const FINAL = 'HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok'
for (const interim of [
  ['100 Continue'],
  ['100 Continue', '100 Continue', '100 Continue'],
  ['102 Processing', '100 Continue', '103 Early Hints'],
  ['100'],
  ['199 Odd'],
]) {
  t.test(`${interim.join(', ')} that nobody asked for`, async (t) => {
    const before = interim.map((line) => `HTTP/1.1 ${line}\r\nLink: </a>; rel=preload\r\n\r\n`)
    for (const pieces of [[before.join('') + FINAL], [...before, FINAL]]) {
      const { deliver, wire } = await ask(t, async (socket) => {
        for (const piece of pieces) await new Promise((resolve) => socket.write(piece, () => setTimeout(resolve, 5)))
      })
      for (const [method, content] of [['POST', X], ['GET'], ['PUT', Buffer.alloc(20_000)]] as const) {
        const reply = await deliver(headOf(method), content)
        t.same([reply.status, reply.body?.bytes?.toString()], [201, 'ok'])
      }
      t.ok(wire.connections <= 2)
    }
  })
}

t.test('interim answers without end are no answer', async (t) => {
  const { deliver } = await ask(
    t,
    (socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 50)
      socket.on('close', () => clearInterval(timer))
    },
    { timeoutMs: 300 },
  )

  await t.rejects(deliver(headOf('POST'), X), { code: 'ServiceFailed.TimedOut', undelivered: false })
})

t.test('nobody asked for another protocol', async (t) => {
  const { deliver } = await ask(t, (socket) =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n'),
  )

  await t.rejects(deliver(headOf('POST'), X), { code: 'ServiceFailed.InvalidResponse' })
})

/** What a service does with the rest of a body once it has refused it. */
const ENDINGS: Readonly<Record<string, (socket: Socket, answer: string) => void>> = {
  'closes at once': (socket, answer) => socket.pause().write(answer, () => socket.destroy()),
  'resets the connection': (socket, answer) => socket.pause().write(answer, () => socket.resetAndDestroy()),
  'says that nothing more comes, and reads on': (socket, answer) => socket.end(answer),
  'says that nothing more comes, and reads nothing': (socket, answer) => socket.pause().end(answer),
  'closes a little later': (socket, answer) =>
    socket.pause().write(answer, () => setTimeout(() => socket.destroy(), 20)),
  'keeps the connection, and reads nothing': (socket, answer) => socket.pause().write(answer),
  'keeps the connection, and reads on': (socket, answer) => socket.write(answer),
}
const REFUSALS = [
  'HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nviel',
  'HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nviel\r\n0\r\n\r\n',
  'HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nviel',
]
const CLOSING = 'HTTP/1.0 413 Too Large\r\n\r\nviel'
const authority = await makeAuthority('CA')
const server = await authority.issue('service')

for (const scheme of ['http', 'https']) {
  for (const [ending, end] of Object.entries(ENDINGS)) {
    if (scheme === 'https' && ending.startsWith('resets')) continue
    t.test(`${scheme}: a service that refuses a body early and ${ending}`, async (t) => {
      const answers = ending.startsWith('keeps') ? REFUSALS : [...REFUSALS, CLOSING]
      let answer = ''
      const answered = new WeakSet<Socket>()
      const wire = await openWire(
        t,
        (socket) => {
          if (answered.has(socket)) return
          answered.add(socket)
          end(socket, answer)
        },
        scheme === 'https' ? server : undefined,
      )
      const deliver = await serviceAt(t, `${scheme}://127.0.0.1:${wire.port}`, { ca: authority.cert })
      for (const size of [300_000, 3_000_000, 6_000_000]) {
        for (const text of answers) {
          answer = text
          const { connections } = wire
          const reply = await deliver(headOf('POST'), Buffer.alloc(size, 'y'))

          t.equal(reply.status, Number(text.slice(9, 12)))
          t.equal(reply.body?.bytes?.toString(), 'viel')
          t.equal(wire.connections, connections + 1, 'sent once, on a connection that is not used again')
        }
      }
    })
  }
}

t.test('a refusal that broke off is none', async (t) => {
  for (const answer of [
    'HTTP/1.1 413 Too Large\r\nContent-Length: 10\r\n\r\nviel',
    'HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nviel\r\n',
  ]) {
    const { deliver, wire } = await ask(t, (socket) => socket.pause().write(answer, () => socket.resetAndDestroy()))

    await t.rejects(deliver(headOf('POST'), Buffer.alloc(3_000_000)), {
      code: 'ServiceFailed.NetworkError',
      undelivered: false,
    })
    t.equal(wire.requests, 1)
  }
})

t.test('a head may be as long as `limits.headBytesMax` says, however many headers it has', async (t) => {
  let head = ''
  const { deliver } = await ask(t, (socket) => socket.write(`HTTP/1.1 200 OK\r\n${head}Content-Length: 2\r\n\r\n{}`))
  const long = (bytes: number) => `X-Long: ${'x'.repeat(bytes)}\r\n`
  for (const more of [long(17_000), long(32_000), 'A: b\r\n'.repeat(5000)]) {
    head = more
    const { body, headers } = await deliver(headOf('POST'), X)
    t.equal(body?.bytes?.toString(), '{}')
    t.equal(headers.length, more.split('\r\n').length - 1, 'none is lost')
  }
  for (const more of [long(32_768), long(60_000), 'A: b\r\n'.repeat(6000), 'A:\r\n'.repeat(30_000)]) {
    head = more
    await t.rejects(deliver(headOf('POST'), X), { code: 'ServiceFailed.TooLarge', message: /head/ })
  }
})

for (const long of [`0\r\nX: ${'x'.repeat(40_000)}`, `0\r\n${'A: b\r\n'.repeat(20_000)}`, `1;${'x'.repeat(40_000)}`]) {
  t.test(`trailers and extensions of chunks have the same limit: ${JSON.stringify(long.slice(0, 6))}`, async (t) => {
    const { deliver } = await ask(t, (socket) => socket.write(`${CHUNKED}2\r\n{}\r\n${long}\r\n\r\n`))
    await t.rejects(deliver(headOf('POST'), X), { code: 'ServiceFailed.TooLarge', message: /frames its body/ })
  })
}

for (const chunks of ['zz\r\n{}\r\n', '2\r\n{}{}\r\n', '-2\r\n{}\r\n', '2 3\r\n{}\r\n', 'fffffffffffffffff\r\n']) {
  for (const before of ['', `7530\r\n${'x'.repeat(30_000)}\r\n`]) {
    t.test(`malformed chunks are the service's fault: ${JSON.stringify(chunks)}`, async (t) => {
      const { deliver } = await ask(t, (socket) => socket.write(`${CHUNKED}${before}${chunks}`))
      await t.rejects(deliver(headOf('POST'), X), { code: 'ServiceFailed.InvalidResponse', undelivered: false })
    })
  }
}

for (const [what, answer] of Object.entries({
  'both framings': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
  'a coding besides chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'a length that is none': 'HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n{}',
})) {
  t.test(`an answer with ${what} is not read`, async (t) => {
    const { deliver } = await ask(t, (socket) => socket.write(answer))

    await t.rejects(deliver(headOf('POST'), X), { code: 'ServiceFailed.InvalidResponse' })
  })
}

/** Answers the first request of its first connection; the second one meets a closed door. */
function closeAfterOne(last: (socket: Socket) => void) {
  return (socket: Socket, { connections, requests }: Wire): void => {
    if (connections === 1 && requests === 2) last(socket)
    else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  }
}

for (const [what, last] of Object.entries({
  'closes it': (socket: Socket) => socket.end(),
  'resets it': (socket: Socket) => socket.resetAndDestroy(),
})) {
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    t.test(`${method} on a kept connection is sent once more when the service ${what} without a word`, async (t) => {
      const { deliver, wire } = await ask(t, closeAfterOne(last))
      await deliver(headOf('GET'))

      const reply = await deliver(headOf(method))

      t.equal(reply.status, 200)
      t.same([wire.requests, wire.connections], [3, 2])
    })
  }
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE']) {
    t.test(`${method} never is`, async (t) => {
      const { deliver, wire } = await ask(t, closeAfterOne(last))
      await deliver(headOf('GET'))

      await t.rejects(deliver(headOf(method)), { code: 'ServiceFailed.NetworkError', undelivered: false })
      t.equal(wire.requests, 2)
    })
  }
}

t.test('nothing is sent again once an octet has come, on a new connection, or a second time', async (t) => {
  const spoke = await ask(
    t,
    closeAfterOne((socket) => socket.end('HTTP/1')),
  )
  await spoke.deliver(headOf('GET'))
  await t.rejects(spoke.deliver(headOf('GET')), { code: /^ServiceFailed\.(?:NetworkError|InvalidResponse)$/ })
  t.equal(spoke.wire.requests, 2)

  const fresh = await ask(t, (socket) => socket.end())
  await t.rejects(fresh.deliver(headOf('GET')), { code: 'ServiceFailed.NetworkError', undelivered: false })
  t.equal(fresh.wire.requests, 1)

  const dead = await ask(t, (socket, { requests }) => {
    if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    else socket.end()
  })
  await dead.deliver(headOf('GET'))
  await t.rejects(dead.deliver(headOf('GET')), { code: 'ServiceFailed.NetworkError', undelivered: false })
  t.equal(dead.wire.requests, 3)
})

t.test('what a service says between two answers is nobody’s answer', async (t) => {
  const { deliver, wire } = await ask(t, (socket, { connections }) => {
    const answer = (text: string) => `HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n${text}`
    if (connections > 1) socket.write(answer('mine'))
    else socket.write(answer('mine'), () => setTimeout(() => socket.write(answer('evil')), 20))
  })
  await deliver(headOf('GET'))
  await new Promise((resolve) => setTimeout(resolve, 100))

  const reply = await deliver(headOf('POST'), X)

  t.equal(reply.body?.bytes?.toString(), 'mine')
  t.equal(wire.connections, 2)
})

t.test('no more than 64 connections, whatever is waiting', async (t) => {
  const { deliver, wire } = await ask(t, () => {}, { timeoutMs: 900 })
  const outcomes = Promise.all(
    Array.from({ length: 100 }, () => t.rejects(deliver(headOf('POST'), X), { code: /TimedOut|NetworkError/ })),
  )
  await new Promise((resolve) => setTimeout(resolve, 400))
  t.equal(wire.connections, 64)
  await outcomes
})

t.test('who waits in vain for a connection was not delivered', async (t) => {
  const { deliver, wire } = await ask(t, () => {}, { timeoutMs: 500 })
  const held = Array.from({ length: 64 }, () => deliver(headOf('POST'), X).catch(() => {}))

  await t.rejects(deliver(headOf('POST'), X), { code: 'ServiceFailed.NetworkError', undelivered: true })
  await Promise.all(held)
  t.ok(wire.requests <= 65)
})
