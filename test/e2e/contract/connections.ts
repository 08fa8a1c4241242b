/** One connection for many requests, many connections at a time, and what sits at their ends: contract §2.2, §2.4. */

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpRequest } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Rig } from '../rig.ts'
import { addOffers, pemOf } from '../rig.ts'
import { CLIENT, ECHO, WEST } from '../rig-region.ts'
import type { Header } from '../wire.ts'
import { isFault } from './fault.ts'

export async function connections(t: Test, rig: Rig): Promise<void> {
  async function ask(agent: Agent, path: string, body: string | undefined, client: string = CLIENT) {
    const options = { agent, host: '127.0.0.1', port: rig.ost.http.port, path, headers: { 'x-road-client': client } }
    const request = httpRequest({ ...options, method: body === undefined ? 'GET' : 'POST' })
    request.end(body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return { status: response.statusCode, text: await text(response), port: request.socket?.localPort }
  }

  t.test('a fault ends no connection, whether it left a body unread or not', async (t) => {
    rig.service.answer({ body: 'ok' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => agent.destroy())
    const ports = new Set<number | undefined>()
    for (let i = 0; i < 3; i++) {
      for (const [path, body, client, status] of [
        [`/r1/${ECHO}`, undefined, CLIENT, 200],
        [`/r1/${ECHO}`, 'body', 'x', 400],
        [`/r1/${ECHO}`, 'body', CLIENT, 200],
        [`/r1/${WEST}/DIENSTE/forbidden`, 'body', CLIENT, 500],
        ['/r1/OWL', 'body', CLIENT, 400],
        [`/r1/${ECHO}`, undefined, CLIENT, 200],
      ] as const) {
        const answer = await ask(agent, path, body, client)
        t.equal(answer.status, status, path)
        ports.add(answer.port)
      }
    }
    t.equal(ports.size, 1, 'one connection')
  })

  t.test('of many at a time everyone gets its own', async (t) => {
    rig.service.answer(({ body }) => ({ body, afterMs: Math.random() * 20 }))
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    t.teardown(() => agent.destroy())
    const sent = Array.from({ length: 100 }, (_, i) => `${i} `.repeat(i))

    const answers = await Promise.all(sent.map((body) => ask(agent, `/r1/${ECHO}`, body)))

    t.same(
      answers.map(({ text }) => text),
      sent,
    )
    t.equal(rig.service.seen.length, 100)
    t.equal(
      new Set(rig.service.seen.map(({ headers }) => headers.find(([name]) => name === 'x-road-id')?.[1])).size,
      100,
    )
  })

  t.test('Java’s HttpClient offers h2c with every plain request', async (t) => {
    const headers: Header[] = [
      ['Connection', 'Upgrade, HTTP2-Settings'],
      ['Upgrade', 'h2c'],
      ['HTTP2-Settings', 'AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA'],
    ]
    const { response, seen } = await rig.exchange({ method: 'POST', headers, body: 'x' })

    t.equal(response.status, 200)
    t.notMatch(seen?.headers.flat().join().toLowerCase() ?? '', /upgrade|http2/)
  })

  t.test(
    'a service by HTTPS shows a certificate of its CA, and is spoken to by HTTP/1.1 though it offers HTTP/2',
    async (t) => {
      const seen: string[] = []
      const { key } = await pemOf(rig.federation, 'service/server')
      const cert = await readFile(join(rig.federation.trust.directory, 'service/server.chain.pem'))
      const server = createSecureServer({ key, cert, allowHTTP1: true }, async (request, response) => {
        const many = request.rawHeaders.filter((_, i, all) => all[i - 1] === 'X-Many')
        seen.push(`${request.httpVersion} ${request.url} ${many.join()} ${await buffer(request)}`)
        response.setHeader('X-Many', ['c', 'd'])
        response.end('by TLS')
      })
      const sockets: Socket[] = []
      server.on('secureConnection', (socket: Socket) => sockets.push(socket))
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      t.teardown(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
      const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/base`
      const [trusted, untrusted] = [`${WEST}/TEST/tls`, `${WEST}/TEST/tls-unknown`]
      await addOffers(rig.federation, '', {
        [trusted]: { path: '', local: { url, ca: rig.federation.trust.ca } },
        [untrusted]: { path: '', local: { url } },
      })
      for (let waited = 0; waited < 5000; waited += 50) {
        if ((await rig.exchange({ service: trusted })).response.status === 200) break
        await sleep(50)
      }
      seen.length = 0

      const headers: Header[] = [
        ['X-Many', 'a'],
        ['X-Many', 'b'],
      ]
      const { response } = await rig.exchange({ service: trusted, method: 'POST', path: '/v1', headers, body: 'x' })
      t.same([response.body.toString(), response.reason, response.all('x-many')], ['by TLS', 'OK', ['c', 'd']])
      t.same(seen, ['1.1 /base/v1 a,b x'])
      const refused = await rig.exchange({ service: untrusted, method: 'POST', path: '/v1', body: 'x' })
      isFault(t, refused.response, 'Server.ServerProxy.ServiceFailed.SslAuthenticationFailed', 'of another CA:')
      t.equal(seen.length, 1)
    },
  )
}
