/** Security rows 12 and 29: whoever hangs up, at whatever octet, leaves no process dead, no room taken, no file behind. */

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { frameOf, makeMessage, sealOf, tlsOf } from './attacker.ts'
import { CLIENTS, SERVICE } from './region.ts'
import { openRig } from './rig.ts'
import { until } from './waiting.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const LARGE = randomBytes(3 * 1024 * 1024)
const rig = await openRig(t, {
  start: ['paderborn', 'bielefeld'],
  answer: (request, response, body) => {
    if (request.url === '/wartet') setTimeout(() => response.end('{}'), 300)
    else if (request.url === '/gross') response.end(LARGE)
    else response.end(body)
  },
})
const { paderborn, bielefeld } = rig.gateways
const pids = [paderborn.process().pid, bielefeld.process().pid]

interface Talk {
  readonly port: 'consumer' | 'provider'
  readonly octets: Buffer
}

function asLocalSystem(body: Buffer, path = '/v1'): Talk {
  const head = `POST /r1/${SERVICE}${path} HTTP/1.1\r\nhost: x\r\nx-road-client: ${CLIENTS.paderborn}\r\ncontent-length: ${body.length}\r\n\r\n`
  return { port: 'consumer', octets: Buffer.concat([Buffer.from(head), body]) }
}

function asGateway(body: Buffer, path = '/v1'): Talk {
  const message = makeMessage(rig, sealOf(rig, 'paderborn'), { body, path })
  const frame = frameOf(message)
  const head = `POST /owl/v1/exchange HTTP/1.1\r\nhost: x\r\ncontent-type: application/owl-message\r\ncontent-length: ${frame.length}\r\nowl-signature: ${message.signature}\r\n\r\n`
  return { port: 'provider', octets: Buffer.concat([Buffer.from(head), frame]) }
}

async function open(port: Talk['port']): Promise<Socket> {
  const socket =
    port === 'consumer'
      ? connect({ host: '127.0.0.1', port: paderborn.ports.consumerHttp })
      : connectTls({
          host: '127.0.0.1',
          port: bielefeld.ports.provider,
          rejectUnauthorized: false,
          ...tlsOf(rig, 'paderborn'),
        })
  socket.on('error', () => {})
  await once(socket, port === 'consumer' ? 'connect' : 'secureConnect')
  return socket
}

/** Sends so much of it, waits a moment, and is gone: in good order or not. */
async function hangUp({ port, octets }: Talk, count: number, waitMs: number, rude: boolean): Promise<void> {
  const socket = await open(port)
  socket.write(octets.subarray(0, count))
  await sleep(waitMs)
  if (!rude) socket.destroySoon()
  else if (port === 'consumer') socket.resetAndDestroy()
  else socket.destroy()
}

async function allIsWell(): Promise<boolean> {
  for (const gateway of [paderborn, bielefeld]) {
    const { inFlight } = (await gateway.admin('/health')).json as { inFlight?: { consumer: number; provider: number } }
    if (inFlight?.consumer !== 0 || inFlight.provider !== 0) return false
    if (readdirSync(join(gateway.state, 'log', 'spool')).length > 0) return false
  }
  return true
}

for (const [name, talk] of [
  ['a local system with a small request', () => asLocalSystem(Buffer.from('{"frage":1}'))],
  ['a local system with a large request', () => asLocalSystem(LARGE)],
  ['a gateway with a small message', () => asGateway(Buffer.from('{"frage":1}'))],
  ['a gateway with a large message', () => asGateway(LARGE)],
] as const) {
  t.test(`${name}, anywhere in it`, async (t) => {
    const { length } = talk().octets
    const small = length < 10_000
    const cuts = Array.from({ length: 24 }, (_, i) =>
      small ? Math.floor((length * i) / 24) : 100 + Math.floor((length * i) / 24),
    )

    await Promise.all(cuts.map((count, i) => hangUp(talk(), count, (i % 4) * 10, i % 2 === 0)))

    await until('nothing is left of it', 10_000, allIsWell)
    t.equal((await paderborn.call()).status, 200)
  })
}

for (const [name, talk, waitMs] of [
  ['a local system that waits for its reply', () => asLocalSystem(Buffer.from('{}'), '/wartet'), 100],
  ['a gateway that waits for its reply', () => asGateway(Buffer.from('{}'), '/wartet'), 100],
  ['a local system in the midst of a large reply', () => asLocalSystem(Buffer.from('{}'), '/gross'), 60],
  ['a gateway in the midst of a large reply', () => asGateway(Buffer.from('{}'), '/gross'), 60],
] as const) {
  t.test(name, async (t) => {
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => {
        const one = talk()
        return hangUp(one, one.octets.length, waitMs + i * 5, i % 2 === 0)
      }),
    )

    await until('nothing is left of it', 10_000, allIsWell)
    t.equal((await paderborn.call()).status, 200)
  })
}

t.test('both gateways live, and every request has its end', async (t) => {
  t.same([paderborn.process().pid, bielefeld.process().pid], pids)
  for (const gateway of [paderborn, bielefeld]) {
    const records = gateway.records()
    const ended = new Set(records.map(({ ends }) => ends))
    const open = records.filter(({ kind, seq }) => kind === 'request' && !ended.has(seq))
    t.strictSame(open, [], gateway.slug)
    t.notMatch(gateway.output(), /InternalError|a route failed/, gateway.slug)
    t.match((await gateway.admin('/log/verify')).json, { ok: true })
  }
  const ids = rig.service.delivered.map(({ requestId }) => requestId)
  t.equal(new Set(ids).size, ids.length)
})
