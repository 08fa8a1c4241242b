import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect as connectPlain } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { connect } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Test } from 'tap'
import t from 'tap'
import type { MutualTlsOptions, Peer } from '../../../gateway/http/mutual-tls.ts'
import { destroySockets, mutualTls, openSockets, peerOf, sameFingerprint } from '../../../gateway/http/mutual-tls.ts'
import type { Material } from '../tls-material.ts'
import { makeAuthority } from '../tls-material.ts'

const ca = await makeAuthority('region')
const stranger = await makeAuthority('elsewhere')
const server = await ca.issue('gateway')
const [paderborn, bielefeld, unknown] = [await ca.issue('a'), await ca.issue('b'), await stranger.issue('c')]

interface Rig {
  readonly app: FastifyInstance
  /** Whom each request was taken to come from. */
  readonly seen: (Peer | undefined)[]
  open(client?: Material, options?: ConnectionOptions): Promise<TLSSocket>
}

async function rig(t: Test, options: MutualTlsOptions = {}): Promise<Rig> {
  const app = fastify({ https: { ...server, ca: ca.cert, requestCert: true, rejectUnauthorized: false } })
  const seen: (Peer | undefined)[] = []
  await app.register(mutualTls, options)
  // Registered beside the plugin, encapsulated: the hook must reach it all the same.
  await app.register(async (part) => {
    part.get('/', async (request) => {
      seen.push(peerOf(request))
      return 'ok'
    })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const sockets: TLSSocket[] = []
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await app.close()
  })
  return {
    app,
    seen,
    async open(client, options = {}) {
      const { port } = app.server.address() as { readonly port: number }
      const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, ...client, ...options })
      sockets.push(socket)
      socket.on('error', () => {})
      await once(socket, 'secureConnect')
      return socket
    },
  }
}

/** @returns the status line, or undefined when the connection ends without one */
function ask(socket: TLSSocket): Promise<string | undefined> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve(undefined)
    socket.once('data', (octets: Buffer) => resolve(octets.toString('latin1').split('\r\n')[0]))
    socket.once('close', () => resolve(undefined))
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  })
}

t.test('puts the certificate whose key was proved on every request', async (t) => {
  const { seen, open } = await rig(t)
  const [one, two] = [await open(paderborn), await open(bielefeld)]
  t.match(await ask(one), / 200 /)
  t.match(await ask(two), / 200 /)
  t.match(await ask(one), / 200 /)

  const [first, second, third] = seen
  const expected = new X509Certificate(paderborn.cert)
  t.equal(first?.sha256, expected.fingerprint256.replaceAll(':', '').toLowerCase())
  t.match(first?.sha256, /^[0-9a-f]{64}$/)
  t.ok(first?.certificate.raw.equals(expected.raw))
  t.equal(first?.certificate.subject, 'CN=a')
  t.equal(first?.authorized, true)
  t.notOk(first !== undefined && 'authorizationError' in first)
  t.equal(second?.certificate.subject, 'CN=b')
  t.equal(third, first, 'read once per connection')
})

t.test('tells a certificate of another CA and no certificate apart', async (t) => {
  const { seen, open } = await rig(t)
  await ask(await open(unknown))
  await ask(await open())

  t.equal(seen[0]?.authorized, false)
  t.equal(seen[0]?.authorizationError, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  t.equal(seen[0]?.certificate.subject, 'CN=c')
  t.equal(seen[1], undefined)
})

t.test('cuts the connections of a peer that is no longer welcome, and no others', async (t) => {
  const { app, seen, open } = await rig(t)
  const [one, again, two, nobody] = [await open(paderborn), await open(paderborn), await open(bielefeld), await open()]
  await Promise.all([ask(one), ask(again), ask(two), ask(nobody)])
  t.equal(openSockets(app), 4)
  const gone = seen[0]?.sha256 ?? ''

  t.equal(
    destroySockets(app, (peer) => sameFingerprint(peer.sha256, gone)),
    2,
  )

  t.equal(await ask(one), undefined)
  t.equal(await ask(again), undefined)
  t.match(await ask(two), / 200 /)
  t.match(await ask(nobody), / 200 /)
  t.equal(seen.length, 6, 'nothing was handled for the cut ones')
  t.equal(openSockets(app), 2)
  t.equal(
    destroySockets(app, () => true),
    1,
    'a connection without certificate is nobody’s',
  )
})

t.test('limits the connections of one certificate, not of all', async (t) => {
  const { app, open } = await rig(t, { socketsPerPeerMax: 2 })
  const [one, two] = [await open(paderborn), await open(paderborn)]
  const third = await open(paderborn)
  t.equal(await ask(third), undefined)
  t.match(await ask(await open(bielefeld)), / 200 /)
  t.match(await ask(one), / 200 /)

  two.destroy()
  while (openSockets(app) > 2) await setImmediate()
  t.match(await ask(await open(paderborn)), / 200 /, 'a closed connection makes room')
})

t.test('strangers make room for each other, whoever is known stays', async (t) => {
  const known = new X509Certificate(paderborn.cert).fingerprint256.replaceAll(':', '').toLowerCase()
  const { app, open } = await rig(t, { strangersMax: 3, isKnown: (sha256) => sha256 === known })
  const friends = [await open(paderborn), await open(paderborn)]
  const { port } = app.server.address() as { readonly port: number }
  const silent: Socket[] = []
  for (let i = 0; i < 3; i++) {
    const socket = connectPlain(port, '127.0.0.1')
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    silent.push(socket)
    await once(socket, 'connect')
  }

  const cut = silent.map((socket) => once(socket, 'close'))
  const others = [await open(bielefeld), await open(unknown)]
  await Promise.all(cut.slice(0, 2))
  t.equal(silent[2]?.destroyed, false, 'no more than have to go')
  friends.push(await open(paderborn))
  await Promise.all(cut)

  for (const socket of [...friends, ...others]) t.match(await ask(socket), 'HTTP/1.1 200')
})

t.test('does nothing without TLS', async (t) => {
  const app = fastify()
  await app.register(mutualTls)
  app.get('/', async (request) => ({ peer: peerOf(request) ?? null }))
  t.strictSame((await app.inject('/')).json(), { peer: null })
  t.equal(openSockets(app), 0)
  t.equal(
    destroySockets(app, () => true),
    0,
  )
  await app.close()
})

t.test('compares fingerprints whole', async (t) => {
  const a = 'ab'.repeat(32)
  t.ok(sameFingerprint(a, 'ab'.repeat(32)))
  t.notOk(sameFingerprint(a, `${a.slice(0, -1)}c`))
  t.notOk(sameFingerprint(a, a.slice(0, -2)))
  t.notOk(sameFingerprint('', ''), 'nothing is nobody’s fingerprint')
  t.notOk(sameFingerprint(a, `${a}00`))
})
