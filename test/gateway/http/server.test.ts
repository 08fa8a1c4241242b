import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect as connectPlain } from 'node:net'
import type { ConnectionOptions, TLSSocket, TlsOptions } from 'node:tls'
import { connect, createServer as createTlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import t from 'tap'
import { destroySockets, mutualTls, peerOf } from '../../../gateway/http/mutual-tls.ts'
import type { ServerTls } from '../../../gateway/http/server.ts'
import { createServer, SERVER_LIMITS, setSecureContext } from '../../../gateway/http/server.ts'
import { HTTP_REASONS } from '../../../gateway/protocol/strict-http.ts'
import { badRequest, faultOf, listen, makeRig } from '../server-rig.ts'
import { makeAuthority } from '../tls-material.ts'

const [ca, laterCa] = [await makeAuthority('region'), await makeAuthority('later region')]
const [server, renewed] = [await ca.issue('gateway'), await laterCa.issue('renewed gateway')]
const [client, laterClient] = [await ca.issue('client'), await laterCa.issue('later client')]
const mutual = { ...server, ca: ca.cert, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true } as const
const GET = 'GET /r1/x HTTP/1.1\r\nHost: gw.example\r\n\r\n'

t.test('every limit is finite and says its unit', async (t) => {
  for (const [name, value] of Object.entries(SERVER_LIMITS)) {
    t.ok(Number.isSafeInteger(value) && value >= 0, name)
    t.match(name, /(?:Ms|Max|Min|MsMax|BytesMax)$/)
  }
})

t.test('plain HTTP listens on loopback only', async (t) => {
  const app = createServer({ badRequest })
  await t.rejects(app.listen({ host: '0.0.0.0', port: 0 }), { message: /loopback/ })
  await app.close()
  const local = createServer({ badRequest })
  t.match(await local.listen({ host: '127.0.0.1', port: 0 }), /127\.0\.0\.1/)
  await local.close()
})

t.test('a validator judges a body and never changes it', async (t) => {
  const app = createServer({ badRequest })
  const bodies: unknown[] = []
  const properties = { a: { type: 'string' }, b: { type: 'string', default: 'x' } }
  const body = { type: 'object', properties, additionalProperties: false }
  app.post('/', { schema: { body } }, async (request) => {
    bodies.push(request.body)
    return 'ok'
  })
  for (const payload of [{ a: 1 }, { a: ['x'] }, { a: null }, { a: 'x', c: 1 }]) {
    const answer = await app.inject({ method: 'POST', url: '/', payload })
    t.equal(answer.statusCode, 400)
    t.equal(answer.json().detail, 'bad-content')
  }
  t.equal((await app.inject({ method: 'POST', url: '/', payload: { a: 'x' } })).statusCode, 200)
  t.strictSame(bodies, [{ a: 'x' }])
})

t.test('Fastify’s own failures have our shape, and tell nothing', async (t) => {
  const { open } = await makeRig(t, { limits: { bodyBytesMax: 10 } })
  const wire = await open()
  wire.send('GET /nowhere HTTP/1.1\r\nHost: gw.example\r\n\r\n')
  wire.send('GET /r1/throws HTTP/1.1\r\nHost: gw.example\r\n\r\n')
  wire.send('POST /r1/x HTTP/1.1\r\nHost: gw.example\r\nContent-Length: 11\r\n\r\n01234567890')
  const answers = await wire.end()
  t.strictSame(answers.map(faultOf), ['no-route', 'failed', 'body-too-large'])
  t.ok(answers.every(({ body }) => !body.includes('secret')))
  t.ok(Object.values(HTTP_REASONS).every((text) => /^[A-Z]/.test(text)))
})

t.test('takes so many connections and no more', async (t) => {
  const { open } = await makeRig(t, { limits: { connectionsMax: 2 } })
  const [one, two, three] = [await open(), await open(), await open()]
  t.strictSame(await three.end(), [])
  for (const wire of [one, two]) {
    wire.send(GET)
    t.equal((await wire.answers(1))[0]?.status, 200)
  }
})

interface TlsRig {
  readonly app: FastifyInstance
  /** @throws {Error} when the handshake fails or the connection is cut right after it */
  shake(options?: ConnectionOptions): Promise<TLSSocket>
  /** @returns the status of the answer, or undefined when none comes */
  ask(socket: TLSSocket): Promise<number | undefined>
}

async function tlsRig(t: Test, tls: ServerTls): Promise<TlsRig> {
  const app = createServer({ badRequest, tls, limits: { handshakeTimeoutMs: 200 } })
  await app.register(mutualTls)
  app.get('/r1/x', async (request) => peerOf(request)?.certificate.subject ?? 'nobody')
  const { port } = await listen(t, app)
  const sockets: TLSSocket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  return {
    app,
    async shake(options = {}) {
      const socket = connect({ host: '127.0.0.1', port, ca: [ca.cert, laterCa.cert], ...client, ...options })
      sockets.push(socket)
      await once(socket, 'secureConnect')
      socket.on('error', () => {})
      return socket
    },
    ask(socket) {
      return new Promise((resolve) => {
        if (socket.destroyed) resolve(undefined)
        socket.once('data', (octets) => resolve(Number(octets.toString('latin1').slice(9, 12))))
        socket.once('close', () => resolve(undefined))
        socket.write(GET)
      })
    },
  }
}

t.test('speaks TLS 1.3 only where asked, 1.2 where asked, never less', async (t) => {
  const [strict, local] = [await tlsRig(t, mutual), await tlsRig(t, { ...mutual, minVersion: 'TLSv1.2' })]
  t.equal((await strict.shake()).getProtocol(), 'TLSv1.3')
  await t.rejects(strict.shake({ maxVersion: 'TLSv1.2' }), /protocol version/)
  const older = await local.shake({ maxVersion: 'TLSv1.2' })
  t.equal(older.getProtocol(), 'TLSv1.2')
  t.match(older.getCipher().name, /^ECDHE-ECDSA-AES...-GCM/)
  await t.rejects(local.shake({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:ECDHE-ECDSA-AES128-SHA' }))
  await t.rejects(
    local.shake({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    /protocol version/,
  )
})

t.test('prefers the hybrid group, takes X25519 and P-256, and no other', async (t) => {
  const { shake } = await tlsRig(t, mutual)
  const group = async (ecdhCurve: string): Promise<unknown> =>
    ((await shake({ ecdhCurve })).getEphemeralKeyInfo() as { readonly name?: string }).name
  t.equal(await group('X25519MLKEM768:X25519:P-256'), 'X25519MLKEM768')
  t.equal(await group('auto'), 'X25519MLKEM768', 'what Node’s clients do by themselves')
  t.equal(await group('X25519'), 'X25519')
  t.equal(await group('P-256'), 'prime256v1')
  await t.rejects(group('P-384'), /handshake failure/)
})

t.test('speaks HTTP/1.1 only', async (t) => {
  const { shake } = await tlsRig(t, mutual)
  t.equal((await shake({ ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol, 'http/1.1')
  await t.rejects(shake({ ALPNProtocols: ['h2'] }), /no application protocol/)
})

t.test('asks for a certificate, and insists where told to', async (t) => {
  const [strict, open] = [await tlsRig(t, mutual), await tlsRig(t, { ...mutual, rejectUnauthorized: false })]
  // In TLS 1.3 a client learns only with its first read that its certificate was not enough.
  const none = { key: undefined, cert: undefined } as unknown as ConnectionOptions
  t.equal(await strict.ask(await strict.shake(none)), undefined)
  t.equal(await strict.ask(await strict.shake(laterClient)), undefined)
  t.equal(await strict.ask(await strict.shake()), 200)
  t.equal(await open.ask(await open.shake(none)), 200)
  t.equal(await open.ask(await open.shake(laterClient)), 200)
})

t.test('a handshake has its time', async (t) => {
  const { app } = await tlsRig(t, mutual)
  const { port } = app.server.address() as AddressInfo
  const began = performance.now()
  const socket = connectPlain(port, '127.0.0.1')
  socket.resume()
  await once(socket, 'close')
  t.ok(performance.now() - began < 2000)
})

/** A session that the server offers to resume, and what becomes of it on the next connection. */
async function resume(port: number, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<'resumed' | 'afresh' | 'cut'> {
  const options = { host: '127.0.0.1', port, ca: ca.cert, ...client, maxVersion }
  const first = connect(options)
  first.on('error', () => {})
  let session: Buffer | undefined
  first.on('session', (offered) => (session = offered))
  first.write(GET)
  await once(first, 'data')
  session ??= first.getSession()
  first.destroy()
  const second = connect({ ...options, ...(session === undefined ? {} : { session }) })
  second.on('error', () => {})
  second.write(GET)
  const answered = await Promise.race([once(second, 'data'), once(second, 'close').then(() => undefined)])
  const outcome = answered === undefined ? 'cut' : second.isSessionReused() ? 'resumed' : 'afresh'
  second.destroy()
  return outcome
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`a session is never resumed: ${version}`, async (t) => {
    const options: TlsOptions = { ...server, ca: ca.cert, requestCert: true, sessionIdContext: 'x' }
    const ordinary = createTlsServer(options, (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write('x'))
    })
    ordinary.listen(0, '127.0.0.1')
    await once(ordinary, 'listening')
    t.teardown(() => ordinary.close())
    t.equal(await resume((ordinary.address() as AddressInfo).port, version), 'resumed', 'an ordinary server does')

    const { app } = await tlsRig(t, { ...mutual, minVersion: 'TLSv1.2' })
    const { port } = app.server.address() as AddressInfo
    t.equal(await resume(port, version), 'afresh', 'ours does not')

    // Now with a session store, which nothing of ours has: OpenSSL resumes, and the connection is cut. Node asks a
    // store for sessions of TLS 1.2 only.
    if (version === 'TLSv1.3') return
    const store = new Map<string, Buffer>()
    app.server.on('newSession', (id: Buffer, data: Buffer, done: () => void) => {
      store.set(id.toString('hex'), data)
      done()
    })
    app.server.on('resumeSession', (id: Buffer, done: (error: null, data: Buffer | null) => void) => {
      done(null, store.get(id.toString('hex')) ?? null)
    })
    t.equal(await resume(port, version), 'cut', 'nor when OpenSSL would')
    t.ok(store.size > 0)
  })
}

t.test('takes new keys and CAs while it runs, and cuts who is no longer welcome', async (t) => {
  const { app, shake, ask } = await tlsRig(t, mutual)
  const [one, two] = [await shake(), await shake()]
  t.equal(await ask(one), 200)
  t.equal(one.getPeerCertificate().subject.CN, 'gateway')
  t.equal(await ask(await shake(laterClient)), undefined)

  setSecureContext(app, { ...renewed, ca: laterCa.cert })

  t.equal(await ask(one), 200, 'an open connection lives on')
  const later = await shake(laterClient)
  t.equal(later.getPeerCertificate().subject.CN, 'renewed gateway')
  t.equal(later.getProtocol(), 'TLSv1.3')
  t.equal(await ask(later), 200)
  t.equal(await ask(await shake()), undefined, 'the old CA counts no more')
  await t.rejects(shake({ ...laterClient, maxVersion: 'TLSv1.2' }), /protocol version/, 'what was set stays set')

  t.equal(
    destroySockets(app, (peer) => peer.certificate.subject === 'CN=client'),
    2,
  )
  t.equal(await ask(one), undefined, 'the next request fails')
  t.equal(await ask(two), undefined)
  t.equal(await ask(later), 200)
})

t.test('keeps what it has when new keys are no good', async (t) => {
  const { app, shake, ask } = await tlsRig(t, mutual)
  t.throws(() => setSecureContext(app, { key: renewed.key, cert: server.cert }))
  t.equal(await ask(await shake()), 200)
  const plain = createServer({ badRequest })
  t.throws(() => setSecureContext(plain, renewed), { message: 'This server has no TLS' })
  await plain.close()
})
