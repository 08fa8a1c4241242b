/** `100 Continue` that nobody asked for is skipped, wherever it is cut, and nothing else is. Contract §2.4; RFC 9110 §15.2. */

import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import { buildConnector, Pool } from 'undici'
import { skippingContinue } from '../../../gateway/transport/interim-answer.ts'

const CONTINUE = 'HTTP/1.1 100 Continue\r\nX-Why: not\r\n\r\n'
const ANSWER = 'HTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok'

/** @param speak to whoever has asked, each time */
async function poolAt(t: Test, speak: (socket: Socket) => unknown): Promise<Pool> {
  const server = createServer((socket) =>
    socket
      .setNoDelay()
      .on('error', () => {})
      .on('data', () => speak(socket)),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const pool = new Pool(`http://127.0.0.1:${port}`, {
    connections: 1,
    headersTimeout: 500,
    connect: skippingContinue(buildConnector({})),
  })
  t.teardown(async () => {
    await pool.destroy()
    server.close()
  })
  return pool
}

async function ask(pool: Pool, body: string | Readable | null = 'asked'): Promise<string> {
  const answer = await pool.request({ method: 'POST', path: '/', body })
  return `${answer.statusCode} ${await answer.body.text()}`
}

t.test('one, many, and between requests of one connection', async (t) => {
  let connections = 0
  const pool = await poolAt(t, (socket) => socket.write(CONTINUE + CONTINUE + CONTINUE + ANSWER))
  pool.on('connect', () => connections++)

  for (const body of ['asked', null, 'asked']) t.equal(await ask(pool, body), '201 ok')
  t.equal(connections, 1)
})

t.test('wherever it is cut', async (t) => {
  let at = 0
  const pool = await poolAt(t, async (socket) => {
    socket.write((CONTINUE + ANSWER).slice(0, at))
    await sleep(2)
    socket.write((CONTINUE + ANSWER).slice(at))
  })
  for (at = 1; at < CONTINUE.length + ANSWER.length; at++) t.equal(await ask(pool), '201 ok', `after ${at}`)
})

t.test('a body that reads like one is a body', async (t) => {
  const pool = await poolAt(t, async (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${CONTINUE.length * 2}\r\n\r\n`)
    await sleep(10)
    socket.write(CONTINUE)
    await sleep(10)
    socket.write(CONTINUE)
  })

  t.equal(await ask(pool), `200 ${CONTINUE}${CONTINUE}`)
})

t.test('the same while the request is still leaving', async (t) => {
  let begun = false
  const pool = await poolAt(t, async (socket) => {
    if (begun) return
    begun = true
    socket.write(`${CONTINUE}HTTP/1.1 200 OK\r\nContent-Length: ${CONTINUE.length}\r\n\r\n`)
    await sleep(30)
    socket.write(CONTINUE)
  })
  const slow = Readable.from(
    (async function* () {
      for (let i = 0; i < 20; i++) {
        yield Buffer.from('piece')
        await sleep(5)
      }
    })(),
  )

  const answer = await pool.request({ method: 'POST', path: '/', headers: { 'content-length': '100' }, body: slow })

  t.equal(await answer.body.text(), CONTINUE)
})

for (const [name, speak] of [
  ['without end', (socket) => socket.write(`HTTP/1.1 100 Continue\r\nX: ${'x'.repeat(5000)}`)],
  ['and then nothing', (socket) => socket.end(CONTINUE)],
  ['and then half of one', (socket) => socket.end(`${CONTINUE}HTTP/1.1 100`)],
  ['and then no HTTP', (socket) => socket.end(`${CONTINUE}HTTX`)],
  ['and no answer in time', (socket) => socket.write(CONTINUE)],
  ['again and again', (socket) => setInterval(() => socket.write(CONTINUE), 50).unref()],
] as const satisfies readonly (readonly [string, (socket: Socket) => unknown])[]) {
  t.test(`100 Continue ${name} is no answer`, async (t) => {
    await t.rejects(ask(await poolAt(t, speak)))
  })
}
