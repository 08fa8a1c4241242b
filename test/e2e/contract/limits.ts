/** What is too large, too slow to end, or gone before its answer: contract §2.1, §2.4; architecture, "What bad input gets". */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Call, Rig } from '../rig.ts'
import { CLIENT, CLIENT_MTLS, ECHO, OST, WEST } from '../rig-region.ts'
import type { Header } from '../wire.ts'
import { octetsOf, openWire, sendOctets } from '../wire.ts'
import { isFault, isRefused } from './fault.ts'

const SMALL_BYTES = 1000
const MIB = 1024 * 1024
const [small, smallThere, smallHere] = ['small', 'small-there', 'small-here'].map((code) => `${WEST}/DIENSTE/${code}`)

export async function limits(t: Test, rig: Rig): Promise<void> {
  const post = (service: string | undefined, bytes: number, framing: 'length' | 'chunked' = 'length'): Call => ({
    method: 'POST',
    body: Buffer.alloc(bytes, 'x'),
    framing,
    ...(service !== undefined && { service }),
  })

  t.test('a request is as large as the service takes, and an octet more is refused', async (t) => {
    for (const service of [small, smallThere, smallHere]) {
      for (const framing of ['length', 'chunked'] as const) {
        const fits = await rig.exchange(post(service, SMALL_BYTES, framing))
        t.equal(fits.seen?.body.length, SMALL_BYTES, `${service} ${framing}`)
        const more = await rig.exchange(post(service, SMALL_BYTES + 1, framing))
        if (service === smallHere) isRefused(t, more, 'Client.BadRequest', 'by the consumer’s gateway')
        else t.match(isRefused(t, more, 'Client.BadRequest').message, /larger than allowed/)
      }
    }
  })

  t.test('64 a reply that is too large is withheld, and both logs say so', async (t) => {
    const outcome = async (service: string | undefined, bytes: number) => {
      const { response } = await rig.exchange(service === undefined ? {} : { service }, {
        body: Buffer.alloc(bytes, 'canary'),
      })
      const [ost, west] = await Promise.all(
        [rig.ost, rig.west].map((gateway) => gateway.records(response.header('x-road-request-id') ?? '')),
      )
      return { response, ost: ost?.map((it) => it.outcome), west: west?.map((it) => it.outcome) }
    }
    const [done, at] = [['request', 'reply'], 'Server.ServerProxy.ServiceFailed.TooLarge']

    for (const service of [small, smallThere, smallHere]) {
      const { response, ost, west } = await outcome(service, SMALL_BYTES)
      t.same([response.body.length, ost, west], [SMALL_BYTES, done, done])
    }
    for (const service of [small, smallThere]) {
      const { response, ost, west } = await outcome(service, SMALL_BYTES + 1)
      isFault(t, response, at)
      t.notMatch(response.body.toString(), 'canary')
      t.same(
        [ost, west],
        [
          ['request', 'refusal'],
          ['request', 'failure'],
        ],
      )
    }
    const { response, ost, west } = await outcome(smallHere, SMALL_BYTES + 1)
    t.equal(isFault(t, response, 'Server.ClientProxy.ReplyTooLarge').side, 'consumer-gateway')
    t.same([ost, west], [['request', 'failure'], done], 'the provider has answered')
  })

  t.test('a body announced as too large is refused before it comes', async (t) => {
    for (const service of [small, ECHO]) {
      const { head } = octetsOf({
        method: 'POST',
        target: `/r1/${service}`,
        headers: [
          ['X-Road-Client', CLIENT],
          ['Content-Length', String(5 * 1024 * MIB)],
        ],
      })
      const response = await sendOctets(rig.ost.http, head)
      t.match(isFault(t, response, 'Client.BadRequest').message, /larger than allowed/)
      t.equal(response.header('connection'), 'close')
    }
  })

  t.test('who asks before it sends its body is refused by the head alone', async (t) => {
    const expecting: Header = ['Expect', '100-continue']
    const calls: readonly (readonly [type: string, call: Call])[] = [
      ['Client.BadRequest', { client: null }],
      ['Client.BadRequest', { target: '/nowhere' }],
      ['Client.BadRequest', { body: Buffer.alloc(SMALL_BYTES + 1), service: smallHere }],
      ['Client.BadRequest', { service: `${WEST}/DIENSTE/strict` }],
      ['Client.BadRequest', { service: `${WEST}/DIENSTE/two` }],
      ['Client.BadRequest', { headers: [['OWL-Purpose', 'two words']] }],
      ['Server.ClientProxy.UnknownMember', { client: `${OST}/NIEMAND` }],
      ['Server.ClientProxy.SslAuthenticationFailed', { client: CLIENT_MTLS }],
      ['Server.ClientProxy.UnknownMember', { service: `${WEST}/NICHTS/x` }],
      ['Server.ClientProxy.InvalidSecurityServer', { headers: [['X-Road-Security-Server', `${OST}/gw1`]] }],
      ['Server.ClientProxy.IdentifierNotAllowed', { path: '/86095742719' }],
    ]
    for (const [type, call] of calls) {
      const headers = [expecting, ...(call.headers ?? [])]
      const asked = { method: 'POST', body: 'never sent', ...call, headers, awaitContinue: true } as const
      const refused = await rig.exchange(asked)

      const about = JSON.stringify(call).slice(0, 99)
      isRefused(t, refused, type, about)
      t.notOk(refused.response.continued, about)
      t.equal(refused.response.header('connection'), 'close', about)
    }
    const admitted = await rig.exchange({ method: 'POST', body: 'x', headers: [expecting], awaitContinue: true })
    t.same([admitted.response.continued, admitted.seen?.body.toString()], [true, 'x'])
  })

  t.test('a sender that does not stop still reads why it was refused', async (t) => {
    for (const at of [rig.ost.http, await rig.ost.https()]) {
      for (const framing of ['length', 'chunked'] as const) {
        const refused = await rig.exchange({ ...post(`${WEST}/TEST/base`, 12 * MIB, framing), at })
        isRefused(t, refused, 'Client.BadRequest', framing)
      }
    }
    for (let i = 0; i < 3; i++) {
      // The provider's gateway refuses before it has read what the consumer's is still sending.
      const denied = await rig.exchange(post(`${WEST}/DIENSTE/forbidden`, 4 * MIB))
      isRefused(t, denied, 'Server.ServerProxy.AccessDenied')
    }
  })

  t.test('a head is 32 KiB at most, of 100 headers at most, and up to there it arrives whole', async (t) => {
    const headers = (count: number, bytes: number): Header[] =>
      Array.from({ length: count }, (_, i) => [`X-${i}`, 'x'.repeat(bytes)])

    for (const [count, bytes] of [
      [90, 10],
      [3, 10_000],
      [1, 32_000],
      [1, 32_500],
    ] as const) {
      const { response, seen } = await rig.exchange({ headers: headers(count, bytes) })
      t.equal(response.status, 200, `${count} of ${bytes}`)
      t.equal(seen?.headers.filter(([name]) => /^X-\d+$/.test(name)).length, count)
    }
    for (const [count, bytes] of [
      [101, 1],
      [4, 10_000],
      [1, 33_000],
    ] as const) {
      isRefused(t, await rig.exchange({ headers: headers(count, bytes) }), 'Client.BadRequest', `${count} of ${bytes}`)
    }
  })

  t.test(
    '70 a local system that goes before its answer: the exchange is on record, whole, on both sides',
    async (t) => {
      rig.service.answer({ afterMs: 200, body: 'for nobody' })
      const id = 'gone-before-the-answer'
      const socket = await openWire(rig.ost.http)
      socket.write(
        octetsOf({
          target: `/r1/${ECHO}`,
          headers: [
            ['X-Road-Client', CLIENT],
            ['X-Road-Id', id],
          ],
        }).head,
      )
      while (rig.service.seen.length === 0) await sleep(10)
      socket.destroy()

      const requestId = rig.service.seen[0]?.headers.find(([name]) => name === 'x-road-request-id')?.[1] ?? ''
      const outcomes = async () => {
        const logs = await Promise.all([rig.ost, rig.west].map((gateway) => gateway.records(requestId)))
        return logs.map((records) => records.map(({ outcome, xRoadId }) => `${outcome} ${xRoadId}`))
      }
      const whole = [`request ${id}`, `reply ${id}`]
      for (let waited = 0; waited < 2000 && (await outcomes()).flat().length < 4; waited += 50) await sleep(50)
      t.same(await outcomes(), [whole, whole])
      t.equal(rig.service.seen.length, 1, 'nothing is sent again')
      t.equal((await rig.exchange({})).response.status, 200)
    },
  )

  t.test('70 one that goes before its request is whole has asked nothing', async (t) => {
    rig.service.answer({})
    for (const bytes of [10, 2 * MIB]) {
      const { head } = octetsOf({
        method: 'POST',
        target: `/r1/${ECHO}`,
        headers: [
          ['X-Road-Client', CLIENT],
          ['Content-Length', String(bytes + 1)],
        ],
      })
      const before = (await rig.ost.output()).split('\n').length
      const socket = await openWire(rig.ost.http)
      socket.end(Buffer.concat([head, Buffer.alloc(bytes)]))
      const lines = async () =>
        (await rig.ost.output())
          .split('\n')
          .slice(before - 1)
          .join('\n')
      for (let waited = 0; waited < 2000 && !(await lines()).includes('MissingBody'); waited += 50) await sleep(50)
      t.match(await lines(), /"code":"Server\.ClientProxy\.MissingBody"/)
      socket.destroy()
    }
    await rig.exchange({ path: '/after' })
    t.same(
      rig.service.seen.map(({ target }) => target),
      ['/after'],
    )
  })
}
