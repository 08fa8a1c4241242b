/** Security rows 7 and 8 from the other side: what a provider's gateway with real keys can make a consumer believe: nothing. */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tlsOf } from './attacker.ts'
import { liesOf } from './lies.ts'
import { answerOf, openLyingGateway, sealReply } from './lying-gateway.ts'
import { outline } from './records.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const rig = await openRig(t, { start: ['paderborn'], limits: { progressTimeoutMs: 1000, peerTimeoutMs: 1500 } })
const { paderborn } = rig.gateways
const liar = await openLyingGateway(t, rig)
const remembered: Buffer[] = []

const CLIENT = 'Server.ClientProxy.'

t.test('the honest reply passes', async (t) => {
  liar.lie = (asked) => {
    const octets = answerOf(sealReply(rig, asked))
    remembered.push(octets)
    return octets
  }

  const answer = await paderborn.call()

  t.equal(answer.status, 200)
  t.equal(answer.text, '{"antwort":1}')
})

for (const [name, { lie, type, stage = 'sent' }] of Object.entries(liesOf(rig, remembered))) {
  t.test(`${name}: refused, nothing of it delivered, on record`, async (t) => {
    const seq = paderborn.records().at(-1)?.seq ?? 0
    liar.lie = lie

    const answer = await paderborn.call()

    t.equal(answer.status, 500)
    t.equal(answer.error, type)
    t.match(answer.fault, { type, stage, detail: answer.requestId })
    t.notMatch(answer.text, /antwort/, 'nothing of the reply')
    t.notOk(answer.headers['set-cookie'])
    t.strictSame(paderborn.records(seq).map(outline), [
      { kind: 'request', side: 'consumer', direction: 'out', code: null, stage: null, purpose: 'TEST', body: true },
      { kind: 'failure', side: 'consumer', direction: 'out', code: type, stage, purpose: 'TEST', body: true },
    ])
    const [request, failure] = paderborn.records(seq)
    t.equal(failure?.ends, request?.seq, 'the request has its end')
    t.equal(request?.requestId, answer.requestId)
    t.ok(failure?.signature, 'signed by the consumer’s own seal')
  })
}

t.test('the gateway is none the worse for it', async (t) => {
  liar.lie = (asked) => answerOf(sealReply(rig, asked))

  const answers = await Promise.all(Array.from({ length: 20 }, () => paderborn.call()))

  t.ok(answers.every(({ status }) => status === 200))
})

t.test('large replies that are refused do not use up the connections', { timeout: 60_000 }, async (t) => {
  liar.lie = (asked) =>
    answerOf(sealReply(rig, asked, { body: Buffer.alloc(2 * 1024 * 1024), ids: { xRoadId: 'OWL-1' } }))
  for (let i = 0; i < 10; i++) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => paderborn.call()))
    t.ok(answers.every(({ error }) => error === `${CLIENT}InconsistentResponse`))
  }

  liar.lie = (asked) => answerOf(sealReply(rig, asked))
  const answer = await paderborn.call()

  t.equal(answer.status, 200)
  t.ok(liar.connections() <= 64, `${liar.connections()} connections`)
})

t.test('of a large reply that is another than the signed one, no file stays', async (t) => {
  const body = Buffer.alloc(2 * 1024 * 1024)
  liar.lie = (asked) => answerOf(sealReply(rig, asked, { body }), Buffer.alloc(body.length, 1))

  const answer = await paderborn.call()

  t.equal(answer.error, `${CLIENT}SignatureVerification.InvalidReference`)
  t.strictSame(readdirSync(join(paderborn.state, 'log', 'spool')), [])
})

t.test('a server certificate of another gateway, or of a local system, is not spoken to', async (t) => {
  const { asked } = liar
  t.ok(asked.length > 0)
  const rig = await openRig(t, { start: ['paderborn'] })
  for (const tls of [tlsOf(rig, 'delbrueck', 'peer-server'), tlsOf(rig, 'bielefeld', 'peer-client')]) {
    await t.test('one of them', async (t) => {
      const other = await openLyingGateway(t, rig, tls)
      other.lie = (asked) => answerOf(sealReply(rig, asked))

      const answer = await rig.gateways.paderborn.call()

      t.match(answer.error, /^Server\.ClientProxy\.(?:SslAuthenticationFailed|NetworkError)$/)
      t.equal(other.asked.length, 0, 'not an octet of the request')
      t.match(rig.gateways.paderborn.records().map(outline).slice(-2), [
        { kind: 'request', side: 'consumer' },
        { kind: 'failure', side: 'consumer', code: answer.error },
      ])
    })
  }
})
