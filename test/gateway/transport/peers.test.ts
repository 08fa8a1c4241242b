/** Octets to other gateways: to whom, over what, and what a broken connection leaves known. */

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import t from 'tap'
import { makePki } from '../../../certs-dev/make.ts'
import { packFrame } from '../../../gateway/transport/frame.ts'
import { openPeers } from '../../../gateway/transport/peers.ts'
import { bodyOf } from '../../../gateway/transport/spool.ts'

const GATEWAYS = ['gw1', 'gw2']
const dir = t.testdir()
const member = {
  code: '057',
  name: 'Bezirksregierung Detmold',
  id: 'OWL/GOV/057',
  slug: 'detmold',
  subsystems: ['A'],
  gateways: GATEWAYS,
}
await makePki({ dir, members: [member], algorithm: 'p256' })
const home = join(dir, 'members/detmold')
const issuing = await readFile(join(dir, 'issuing.pem'), 'utf8')

const fingerprints = await Promise.all(
  GATEWAYS.map(async (code) =>
    new X509Certificate(await readFile(join(home, code, 'peer-server.pem'))).fingerprint256
      .replaceAll(':', '')
      .toLowerCase(),
  ),
)

async function gatewayAt(t: Test, code: string, answer: RequestListener): Promise<string> {
  const at = join(home, code)
  const server = createServer(
    {
      key: await readFile(join(at, 'peer-server.key')),
      cert: await readFile(join(at, 'peer-server.chain.pem')),
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
    },
    answer,
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function peersFor(t: Test, accepts: (gateway: string, certificate: string) => boolean = () => true) {
  const peers = openPeers({
    key: await readFile(join(home, 'gw1/peer-client.key')),
    certificate: await readFile(join(home, 'gw1/peer-client.pem')),
    connectionsMax: 4,
    connectTimeoutMs: 1000,
    answerTimeoutMs: 2000,
    progressTimeoutMs: 2000,
    answerBytesPerSecondMin: 1024,
    headBytesMax: 1000,
    authorities: () => [issuing],
    accepts,
  })
  t.teardown(() => peers.close())
  return peers
}

const message = packFrame(Buffer.from('head'), bodyOf(Buffer.from('body')))
const dead = { gateway: 'OWL/GOV/057/gw2', address: 'https://127.0.0.1:1' }

const echo: RequestListener = async (request, response) => {
  const octets = await buffer(request)
  response.writeHead(200, {
    'content-type': 'application/owl-message',
    'content-length': octets.length,
    'owl-signature': `${request.headers['owl-signature']}`,
  })
  response.end(octets)
}

t.test('brings a message and its signature there and back, and knows the connection', async (t) => {
  const address = await gatewayAt(t, 'gw1', echo)
  const peers = await peersFor(t, (_, certificate) => certificate === fingerprints[0])

  const answer = await peers.send({ gateway: 'OWL/GOV/057/gw1', address }, message, 'sig')

  t.equal(answer.signature, 'sig')
  t.equal(answer.frame?.head.toString(), 'head')
  t.equal(answer.frame?.begun.toString(), 'body')
  t.same([answer.connection.peer, answer.connection.version], [fingerprints[0], 'TLSv1.3'])
  t.match(answer.connection.group, /X25519/)
})

t.test('a certificate that is not accepted gets nothing', async (t) => {
  let asked = 0
  const address = await gatewayAt(t, 'gw1', (_, response) => {
    asked += 1
    response.end()
  })
  const peers = await peersFor(t, () => false)

  await t.rejects(peers.send({ gateway: 'OWL/GOV/057/gw1', address }, message, 'sig'), {
    code: 'SslAuthenticationFailed',
  })
  t.equal(asked, 0)
})

t.test('a connection whose certificate is no longer accepted is dropped', async (t) => {
  let good = true
  const address = await gatewayAt(t, 'gw1', echo)
  const peers = await peersFor(t, () => good)
  await peers.send({ gateway: 'OWL/GOV/057/gw1', address }, message, 'sig')

  good = false
  peers.recheck()

  await t.rejects(peers.send({ gateway: 'OWL/GOV/057/gw1', address }, message, 'sig'), {
    code: 'SslAuthenticationFailed',
  })
})

t.test('nobody there: nothing was sent', async (t) => {
  const peers = await peersFor(t)

  await t.rejects(peers.send(dead, message, 'sig'), { code: 'NetworkError' })
})

t.test('a connection that breaks after sending leaves the outcome unknown', async (t) => {
  const address = await gatewayAt(t, 'gw1', (request) => request.socket.destroy())
  const peers = await peersFor(t)

  await t.rejects(peers.send({ gateway: 'OWL/GOV/057/gw1', address }, message, 'sig'), { code: 'OutcomeUnknown' })
})

t.test('an unsigned answer is handed on as what it is', async (t) => {
  const address = await gatewayAt(t, 'gw1', (_, response) => response.writeHead(403).end('no'))
  const peers = await peersFor(t)

  const answer = await peers.send({ gateway: 'OWL/GOV/057/gw1', address }, message, 'sig')

  t.same([answer.status, answer.unsigned?.toString(), answer.frame], [403, 'no', undefined])
})

t.test('of several gateways the first that can be reached is asked', async (t) => {
  const address = await gatewayAt(t, 'gw1', echo)
  const peers = await peersFor(t)
  const alive = { gateway: 'OWL/GOV/057/gw1', address }

  t.equal(await peers.reach([dead, alive]), alive)
  t.equal(await peers.reach([alive, dead]), alive)
  t.equal(await peers.reach([dead]), dead, 'the only one is asked anyhow')
  t.equal(await peers.reach([dead, { ...dead, gateway: 'OWL/GOV/057/gw3' }]), dead)
})

t.test('a question is given up when its answer never begins, or never ends', async (t) => {
  const question = { path: '/', type: 'x/y', octets: Buffer.from('?'), answerBytesMax: 1000 }
  const never: Readonly<Record<string, (response: ServerResponse) => void>> = {
    begins: (response) => response.writeEarlyHints({ link: '</x>; rel=preload' }),
    ends: (response) => response.write('x'),
  }
  for (const act of Object.values(never)) {
    const address = await gatewayAt(t, 'gw1', (_, response) => {
      const timer = setInterval(() => act(response), 300)
      response.on('close', () => clearInterval(timer))
    })
    const peers = await peersFor(t)

    await t.rejects(peers.ask({ gateway: 'OWL/GOV/057/gw1', address }, question), { code: 'OutcomeUnknown' })
  }
})

t.test('a service that needs longer than a gateway is given gets its time', async (t) => {
  const address = await gatewayAt(t, 'gw2', (request, response) => {
    request.resume()
    // Above the gateway's own limit of 2 s; undici looks at its clocks twice a second.
    setTimeout(() => response.writeHead(503, { 'content-length': 0 }).end(), 3500)
  })
  const peers = await peersFor(t)
  const peer = { gateway: 'OWL/GOV/057/gw2', address }

  const [patient, others] = await Promise.allSettled([
    peers.send(peer, message, 'sig', 10_000),
    peers.send(peer, message, 'sig'),
  ])

  t.match(patient, { status: 'fulfilled', value: { status: 503 } })
  t.match(others, { status: 'rejected', reason: { code: 'OutcomeUnknown' } })
})
