import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createServer, SERVER_LIMITS } from '../../../gateway/http/server.ts'
import type { Wire } from '../server-rig.ts'
import { badRequest, faultOf, listen, makeRig } from '../server-rig.ts'
import { makeAuthority } from '../tls-material.ts'

// Each test mostly waits.
t.jobs = 4

/** The same limits, twenty times as fast. */
const limits = {
  headTimeoutMs: 400,
  bodyBytesPerSecondMin: 1024,
  bodyGraceMs: 250,
  bodyStallMsMax: 500,
  replyStallMsMax: 500,
  checkIntervalMs: 50,
}
const HEAD = 'POST /r1/x HTTP/1.1\r\nHost: gw.example\r\n'

/** Sends a piece every 20 ms until the server has had enough. */
async function trickle(wire: Wire, piece: string, first: string): Promise<number> {
  const began = performance.now()
  let ended = false
  void wire.end().then(() => (ended = true))
  wire.send(first)
  while (!ended && performance.now() - began < 10_000) {
    wire.send(piece)
    await sleep(20)
  }
  return performance.now() - began
}

t.test('by default slow senders are gone within 15 s', async (t) => {
  const { headTimeoutMs, bodyGraceMs, bodyStallMsMax, checkIntervalMs, lingerMs } = SERVER_LIMITS
  t.ok(headTimeoutMs + checkIntervalMs + lingerMs <= 15_000)
  t.ok(Math.max(bodyGraceMs, bodyStallMsMax) + 2 * checkIntervalMs + lingerMs <= 15_000)
})

t.test('slow heads, slow bodies and silence go, and a healthy client does not notice', async (t) => {
  const { handled, open } = await makeRig(t, { limits })
  const slow: ReadonlyArray<readonly [piece: string, first: string]> = [
    ['X: y\r\n', HEAD],
    ['X', ''],
    ['', ''],
    ['0123456789', `${HEAD}Content-Length: 1000000\r\n\r\n`],
    ['', `${HEAD}Content-Length: 1000000\r\n\r\n`],
    ['1\r\na\r\n', `${HEAD}Transfer-Encoding: chunked\r\n\r\n`],
    ['\r', HEAD.slice(0, 10)],
  ]
  const attacks = slow.flatMap((attack) => Array.from({ length: 10 }, () => attack))
  let under = true
  const healthy = (async () => {
    const wire = await open()
    let count = 0
    for (; under; count++) {
      wire.send('GET /r1/healthy HTTP/1.1\r\nHost: gw.example\r\n\r\n')
      t.equal((await wire.answers(count + 1)).at(-1)?.status, 200)
      await sleep(100)
    }
    return count
  })()

  const results = await Promise.all(
    attacks.map(async ([piece, first]) => {
      const wire = await open()
      const took = await trickle(wire, piece, first)
      return { took, answers: await wire.end() }
    }),
  )
  under = false

  for (const { took, answers } of results) {
    t.ok(took < 3000, `gone after ${Math.round(took)} ms`)
    t.match(faultOf(answers[0]), /^(too-slow|malformed)$/)
  }
  t.ok((await healthy) > 3)
  t.ok(handled.every(({ target }) => target === '/r1/healthy'))
})

t.test('a body may take as long as it needs when it comes at the least rate', async (t) => {
  const { handled, open } = await makeRig(t, { limits })
  const wire = await open()
  wire.send(`${HEAD}Content-Length: 6000\r\n\r\n`)
  for (let i = 0; i < 60; i++) {
    await sleep(25)
    wire.send('x'.repeat(100))
  }
  t.equal((await wire.answers(1))[0]?.status, 200)
  t.equal(handled[0]?.body.length, 6000)
})

t.test('what has come fast buys a pause, but no long one', async (t) => {
  const { open } = await makeRig(t, { limits: { ...limits, bodyStallMsMax: 1000 } })
  const [short, long] = [await open(), await open()]
  for (const wire of [short, long]) wire.send(`${HEAD}Content-Length: 1000001\r\n\r\n${'x'.repeat(1_000_000)}`)
  await sleep(450)
  short.send('x')
  t.equal((await short.answers(1))[0]?.status, 200)
  t.strictSame((await long.end()).map(faultOf), ['too-slow'])
})

t.test('time that we do not read in is not the sender’s; a body that trickles on after its answer is', async (t) => {
  const app = createServer({ badRequest, limits })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  let bytes = 0
  app.post('/busy', async (request) => {
    await sleep(1200)
    for await (const piece of request.body as AsyncIterable<Buffer>) bytes += piece.length
    return 'ok'
  })
  app.post('/early', async () => 'ok')
  const { open } = await listen(t, app)

  const patient = await open()
  patient.send(`POST /busy HTTP/1.1\r\nHost: gw.example\r\nContent-Length: 5000000\r\n\r\n`)
  patient.send(Buffer.alloc(5_000_000))
  t.equal((await patient.answers(1))[0]?.status, 200)
  t.equal(bytes, 5_000_000)

  const early = await open()
  const took = await trickle(early, 'x', `POST /early HTTP/1.1\r\nHost: gw.example\r\nContent-Length: 5000000\r\n\r\n`)
  t.ok(took > 200 && took < 3000, `${Math.round(took)} ms`)
  t.strictSame(
    (await early.end()).map(({ status }) => status),
    [200],
  )
})

const ca = await makeAuthority('region')
const { key, cert } = await ca.issue('gateway')

for (const secure of [false, true]) {
  t.test(
    `a reply that nobody reads ends the connection, one read slowly does not${secure ? ' (TLS)' : ''}`,
    async (t) => {
      const tls = { key, cert, minVersion: 'TLSv1.3', requestCert: false, rejectUnauthorized: false } as const
      // Not as fast as the others: a busy machine must not look like a reader that has gone.
      const patient = { ...limits, replyStallMsMax: 2000 }
      const app = createServer({ badRequest, limits: patient, ...(secure ? { tls } : {}) })
      const size = 20_000_000
      app.get('/stream', async (_request, reply) => {
        const pieces = Array.from({ length: 200 }, () => Buffer.alloc(size / 200))
        return reply.header('content-length', size).send(Readable.from(pieces))
      })
      app.get('/buffer', async () => Buffer.alloc(size))
      const { open } = await listen(t, app)

      const read = async (path: string, pauseMs: (nth: number) => number): Promise<number> => {
        const { socket, send } = await open(secure ? { ca: ca.cert } : undefined)
        let [bytes, pieces] = [0, 0]
        socket.removeAllListeners('data')
        socket.on('data', (octets) => {
          bytes += octets.length
          socket.pause()
          setTimeout(() => socket.resume(), pauseMs(++pieces))
          if (bytes > size) socket.destroy()
        })
        send(`GET /${path} HTTP/1.1\r\nHost: gw.example\r\n\r\n`)
        await new Promise((resolve) => socket.once('close', resolve))
        return bytes
      }
      const slowly = (): number => 3
      const late = (nth: number): number => (nth === 1 ? 5000 : 0)
      const [slow, slowWhole, never, neverWhole] = await Promise.all([
        read('stream', slowly),
        read('buffer', slowly),
        read('stream', late),
        read('buffer', late),
      ])
      t.ok(slow > size && slowWhole > size, `${slow} ${slowWhole}`)
      t.ok(never < size && neverWhole < size, `${never} ${neverWhole}`)
    },
  )
}
