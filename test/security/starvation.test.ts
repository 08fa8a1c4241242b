/** Security rows 11, 12 and 40: one who asks much, slowly or without end takes nothing from the others. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import type { Answer } from './attacker.ts'
import { frameOf, makeMessage, sealOf, sendMessage, tlsOf } from './attacker.ts'
import { CLIENTS } from './region.ts'
import { openRig } from './rig.ts'
import { until } from './waiting.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const PER_PARTY = 4
const STRANGERS_MAX = 40
const HELD: (() => void)[] = []

const rig = await openRig(t, {
  start: ['paderborn', 'bielefeld'],
  limits: {
    ...{ inFlightMax: 10, inFlightPerClientMax: PER_PARTY, refusalsBurst: 20, refusalsPerSecond: 5 },
    strangersMax: STRANGERS_MAX,
    ...{ headTimeoutMs: 1500, bodyStallMsMax: 1500, keepAliveTimeoutMs: 3000 },
  },
  answer: (request, response) => {
    if (request.url !== '/wartet') response.end('{}')
    else HELD.push(() => response.end('{}'))
  },
  content: (content) => ({
    ...content,
    agreements: content.agreements.flatMap((agreement) => [
      agreement,
      { ...agreement, id: 'TEST-2', client: CLIENTS.delbrueck },
    ]),
  }),
})
const { paderborn, bielefeld } = rig.gateways

function ask(from: 'paderborn' | 'delbrueck', path: string, agent?: Agent): Promise<Answer> {
  const message = makeMessage(rig, sealOf(rig, from), { from, path })
  return sendMessage(rig, message, { tls: tlsOf(rig, from), ...(agent !== undefined && { agent }) })
}

function release(): void {
  for (const answer of HELD.splice(0)) answer()
}

t.test('a local client has so many exchanges under way and no more', async (t) => {
  const calls = Array.from({ length: PER_PARTY }, () => paderborn.call({ path: '/wartet' }))
  await until('all are at the service', 5000, () => HELD.length === PER_PARTY)
  const seq = paderborn.records().at(-1)?.seq ?? 0

  const answer = await paderborn.call()

  t.match(answer.fault, { type: 'Server.ClientProxy.TooManyRequests', stage: 'received', retryable: true })
  t.strictSame(paderborn.records(seq), [], 'it was not even admitted')
  release()
  t.ok((await Promise.all(calls)).every(({ status }) => status === 200))
  t.equal((await paderborn.call()).status, 200, 'as soon as there is room')
})

t.test('a peer has so many exchanges under way; another one is served meanwhile', async (t) => {
  const calls = Array.from({ length: PER_PARTY }, () => ask('paderborn', '/wartet'))
  await until('all are at the service', 5000, () => HELD.length === PER_PARTY)

  const answer = await ask('paderborn', '/v1')
  const other = await ask('delbrueck', '/v1')

  t.equal(answer.status, 429)
  t.equal(answer.signed, undefined)
  t.match(answer.fault, { type: 'Server.ServerProxy.TooManyRequests', stage: 'received' })
  t.equal(other.signed?.head.status, 200)
  release()
  t.ok((await Promise.all(calls)).every(({ signed }) => signed?.head.status === 200))
})

t.test('a peer that asks as fast as it can does not slow the others down', { timeout: 30_000 }, async (t) => {
  const quiet = await timesOf(40)
  let floods = 0
  let flooding = true
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  t.teardown(() => agent.destroy())
  const message = makeMessage(rig, sealOf(rig, 'paderborn'))
  const attackers = Array.from({ length: 16 }, async () => {
    // The same message each time: replayed, refused, soon without a signature.
    while (flooding) {
      await sendMessage(rig, message, { tls: tlsOf(rig, 'paderborn'), agent })
      floods++
    }
  })

  const busy = await timesOf(40)
  flooding = false
  await Promise.all(attackers)

  t.ok(floods > 100, `${floods} messages in the meantime`)
  t.comment(`p90 ${quiet.p90.toFixed(1)} ms alone, ${busy.p90.toFixed(1)} ms beside them`)
  t.equal(busy.served, 40, 'each is served')
  // The attacker shares two processors with the gateway and with this test: a bound, not a measurement.
  t.ok(busy.p90 < Math.max(500, 10 * quiet.p90), 'in reasonable time')
})

async function timesOf(count: number): Promise<{ p90: number; served: number }> {
  const times: number[] = []
  let served = 0
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let i = 0; i < count; i++) {
    const started = performance.now()
    const { signed } = await ask('delbrueck', '/v1', agent)
    times.push(performance.now() - started)
    if (signed?.head.status === 200) served++
  }
  agent.destroy()
  return { p90: times.sort((a, b) => a - b)[Math.floor(count * 0.9)] as number, served }
}

/** How an attacker begins, and then says no more. */
const SLOW: Readonly<Record<string, { readonly port: 'consumerHttp' | 'provider'; readonly begins: () => Buffer }>> = {
  'half a head, consumer port': {
    port: 'consumerHttp',
    begins: () => Buffer.from('POST /r1/OWL/GOV/05711000/TEST/echo/v1 HTTP/1.1\r\nhost: x\r\n'),
  },
  'half a body, consumer port': {
    port: 'consumerHttp',
    begins: () =>
      Buffer.from(
        `POST /r1/OWL/GOV/05711000/TEST/echo/v1 HTTP/1.1\r\nhost: x\r\nx-road-client: ${CLIENTS.paderborn}\r\ncontent-length: 1000\r\n\r\nx`,
      ),
  },
  'no head, provider port': { port: 'provider', begins: () => Buffer.alloc(0) },
  'half a message, provider port': {
    port: 'provider',
    begins: () => {
      const message = makeMessage(rig, sealOf(rig, 'paderborn'), { body: Buffer.alloc(5000) })
      const frame = frameOf(message)
      const head = `POST /owl/v1/exchange HTTP/1.1\r\nhost: x\r\ncontent-type: application/owl-message\r\ncontent-length: ${frame.length}\r\nowl-signature: ${message.signature}\r\n\r\n`
      return Buffer.concat([Buffer.from(head), frame.subarray(0, 2000)])
    },
  },
}

t.test('who sends slowly goes within seconds, and costs the others nothing', { timeout: 60_000 }, async (t) => {
  const before = residentMiB(bielefeld.process().pid)
  const sockets: Socket[] = []
  for (const { port, begins } of Object.values(SLOW)) {
    for (let i = 0; i < 40; i++) {
      const address = {
        host: '127.0.0.1',
        port: rig.gateways[port === 'provider' ? 'bielefeld' : 'paderborn'].ports[port],
      }
      const socket =
        port === 'provider'
          ? connectTls({ ...address, rejectUnauthorized: false, ...tlsOf(rig, 'paderborn') })
          : connect(address)
      socket.on('error', () => {})
      socket.resume()
      sockets.push(socket)
      await once(socket, port === 'provider' ? 'secureConnect' : 'connect')
      socket.write(begins())
    }
  }
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  const started = performance.now()

  const during: number[] = []
  while (performance.now() - started < 1000) {
    const at = performance.now()
    const { signed } = await ask('delbrueck', '/v1')
    if (signed?.head.status === 200) during.push(performance.now() - at)
    await sleep(50)
  }
  const tookMs = await until('all are gone', 15_000, () => sockets.every(({ closed }) => closed))

  t.comment(`${sockets.length} connections gone after ${((tookMs + 1000) / 1000).toFixed(1)} s`)
  t.ok(during.length > 3, 'a healthy peer is served')
  t.ok(Math.max(...during) < 1000, `in ${Math.max(...during).toFixed(0)} ms at most`)
  t.ok(residentMiB(bielefeld.process().pid) - before < 64)
  await until('there is room again', 5000, async () => (await paderborn.call()).status === 200)
})

t.test(
  'strangers who hold all that they can get shut out no peer that connects anew',
  { timeout: 30_000 },
  async (t) => {
    const strangers: Socket[] = []
    const flood = setInterval(() => {
      // Every other one shows a certificate that nobody has registered.
      const address = { host: '127.0.0.1', port: bielefeld.ports.provider }
      const isSilent = strangers.length % 2 === 0
      const socket = isSilent ? connect(address) : connectTls({ ...address, rejectUnauthorized: false })
      socket.on('error', () => {})
      strangers.push(socket)
    }, 2)
    t.teardown(() => {
      clearInterval(flood)
      for (const socket of strangers) socket.destroy()
    })
    await until('there are more than are let in', 10_000, () => strangers.length > 2 * STRANGERS_MAX)

    for (let i = 0; i < 10; i++) {
      const { signed } = await ask('delbrueck', '/v1')
      t.equal(signed?.head.status, 200)
    }
    const open = strangers.filter(({ closed, connecting }) => !closed && !connecting)
    t.ok(open.length <= STRANGERS_MAX + 10, `${open.length} of ${strangers.length} are open`)
  },
)

t.test('10 GiB are announced, and refused before they are sent', async (t) => {
  const socket = connect({ host: '127.0.0.1', port: paderborn.ports.consumerHttp })
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  socket.on('error', () => {})

  socket.write(
    `POST /r1/OWL/GOV/05711000/TEST/echo/v1 HTTP/1.1\r\nhost: x\r\nx-road-client: ${CLIENTS.paderborn}\r\ncontent-length: ${10 * 1024 ** 3}\r\n\r\n`,
  )
  await until('an answer', 5000, () => text.includes('\r\n\r\n'))

  t.match(text, /^HTTP\/1\.1 400 /)
  t.match(text, /Client\.BadRequest/)
  t.match(text, /connection: close/i)
})

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
