/**
 * Every outcome is evidence, for those who have a name: what each refusal leaves behind on either side, and how many of
 * them one peer may cause. Architecture, "Every outcome is evidence".
 */

import { readdirSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { CONFIG_SCHEMA } from '../../gateway/config/schema.ts'
import { makeMessage, sealOf, sendMessage, tlsOf } from './attacker.ts'
import type { CallOptions } from './local-call.ts'
import { outline, refused } from './records.ts'
import { CLIENTS, PROVIDER } from './region.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const rig = await openRig(t, {
  limits: { bodyBytesMax: 100_000, refusalsPerSecond: 2, refusalsBurst: 40 },
  content(content) {
    const [service] = content.services
    const [agreement] = content.agreements
    if (service === undefined || agreement === undefined) throw new TypeError('the region has both')
    const more = ['ruht', 'fehlt', 'aktenzeichen', 'gross'].map((code) => `${PROVIDER}/TEST/${code}`)
    const purpose = { ...content.purposes[0], code: 'AKTE', requires: ['issue'] as const }
    return {
      ...content,
      purposes: [...content.purposes, purpose as (typeof content.purposes)[number]],
      services: [
        service,
        ...more.map((id) => ({
          ...service,
          id,
          bodyBytesMax: 50_000,
          ...(id.endsWith('ruht') && { disabledNotice: 'bis morgen' }),
        })),
      ],
      agreements: [
        agreement,
        ...more.map((id, index) => ({
          ...agreement,
          id: `MEHR-${index}`,
          service: id,
          endpoints: [{ method: '*', path: '**', purposes: [id.endsWith('aktenzeichen') ? 'AKTE' : 'TEST'] }],
        })),
      ],
    }
  },
  config(config, slug) {
    const [service] = config['services'] as [{ id: string }?]
    const services =
      service === undefined ? [] : [service, { ...service, id: `${PROVIDER}/TEST/gross`, bodyBytesMax: 1000 }]
    return slug === 'bielefeld' ? { ...config, services } : config
  },
})
const { bielefeld, paderborn, delbrueck } = rig.gateways
const { delivered } = rig.service
const SERVER = 'Server.ServerProxy.'
const OWN = 'Server.ClientProxy.'

interface Asked {
  readonly call: CallOptions
  readonly from?: 'delbrueck'
  readonly type: string
  readonly stage: string
}

/** What the provider's gateway refuses. */
const BY_PROVIDER: Readonly<Record<string, Asked>> = {
  'no agreement': { from: 'delbrueck', call: {}, type: `${SERVER}AccessDenied`, stage: 'fresh' },
  'a service that does not exist': {
    call: { service: `${PROVIDER}/TEST/nichts` },
    type: `${SERVER}UnknownService`,
    stage: 'fresh',
  },
  'another purpose': {
    call: { headers: { 'owl-purpose': 'AKTE', 'x-road-issue': '1' } },
    type: `${SERVER}PurposeNotAllowed`,
    stage: 'fresh',
  },
  'a purpose that does not exist': {
    call: { headers: { 'owl-purpose': 'NICHTS' } },
    type: `${SERVER}PurposeNotAllowed`,
    stage: 'fresh',
  },
  'a service at rest': { call: { service: `${PROVIDER}/TEST/ruht` }, type: `${SERVER}ServiceDisabled`, stage: 'fresh' },
  'a service without an address': {
    call: { service: `${PROVIDER}/TEST/fehlt` },
    type: `${SERVER}ServiceMissingUrl`,
    stage: 'fresh',
  },
  'more than the service takes': {
    call: { service: `${PROVIDER}/TEST/gross`, body: Buffer.alloc(2000) },
    type: 'Client.BadRequest',
    stage: 'permitted',
  },
}
for (const [name, { from = 'paderborn', call, type, stage }] of Object.entries(BY_PROVIDER)) {
  t.test(`${name}: the same refusal in both logs`, async (t) => {
    const consumer = rig.gateways[from]
    const [own, theirs] = [consumer.records().at(-1)?.seq ?? 0, bielefeld.records().at(-1)?.seq ?? 0]
    const deliveries = delivered.length

    const answer = await consumer.call(call)

    t.equal(answer.status, type.startsWith('Client.') ? 400 : 500)
    t.match(answer.fault, { type, stage, detail: answer.requestId })
    t.equal(delivered.length, deliveries, 'nothing is delivered')
    const here = consumer.records(own)
    const there = bielefeld.records(theirs)
    t.strictSame(there.map(outline), refused(type, stage))
    t.match(here.map(outline), [
      { kind: 'request', side: 'consumer', direction: 'out', code: null },
      { kind: 'refusal', side: 'consumer', direction: 'in', code: type, stage },
    ])
    t.strictSame(
      here.map(({ signature }) => signature),
      there.map(({ signature }) => signature),
      'what one side signed the other side keeps',
    )
    t.ok([...here, ...there].every(({ requestId }) => requestId === answer.requestId))
    t.equal(there[1]?.ends, there[0]?.seq)
    t.equal(here[1]?.ends, here[0]?.seq)
  })
}

/** What the consumer's own gateway refuses, once the local system is admitted. */
const BY_CONSUMER: Readonly<Record<string, Asked>> = {
  'a provider that does not exist': {
    call: { service: 'OWL/GOV/05711000/NICHTS/echo' },
    type: `${OWN}UnknownMember`,
    stage: 'admitted',
  },
  'another gateway of the provider': {
    call: { headers: { 'x-road-security-server': 'OWL/GOV/05711000/gw9' } },
    type: `${OWN}InvalidSecurityServer`,
    stage: 'admitted',
  },
  'a purpose without what it requires': {
    call: { service: `${PROVIDER}/TEST/aktenzeichen` },
    type: 'Client.BadRequest',
    stage: 'admitted',
  },
  'more than it takes': { call: { body: Buffer.alloc(200_000) }, type: 'Client.BadRequest', stage: 'located' },
}
for (const [name, { call, type, stage }] of Object.entries(BY_CONSUMER)) {
  t.test(`${name}: refused at home, on record there and nowhere else`, async (t) => {
    const [own, theirs] = [paderborn.records().at(-1)?.seq ?? 0, bielefeld.records().length]

    const answer = await paderborn.call(call)

    t.match(answer.fault, { type, stage, detail: answer.requestId })
    t.strictSame(paderborn.records(own).map(outline), [
      { kind: 'refusal', side: 'consumer', direction: 'out', code: type, stage, purpose: 'refusal', body: true },
    ])
    t.equal(bielefeld.records().length, theirs)
  })
}

t.test('a local system that is not admitted leaves nothing', async (t) => {
  const own = paderborn.records().length
  for (const client of [CLIENTS.delbrueck, 'OWL/GOV/05774032/NIEMAND', 'OWL/GOV/05774032', 'x']) {
    const answer = await paderborn.call({ client })

    t.match(answer.fault.type, /^(?:Server\.ClientProxy\.UnknownMember|Client\.BadRequest)$/)
    t.equal(answer.fault.stage, 'received')
  }
  t.equal(paderborn.records().length, own)
})

t.test('of what exists, nothing is told to who may not call it', async (t) => {
  const refusals = [
    await delbrueck.call(),
    await delbrueck.call({ service: `${PROVIDER}/TEST/ruht` }),
    await delbrueck.call({ service: `${PROVIDER}/TEST/fehlt` }),
    await delbrueck.call({ service: `${PROVIDER}/TEST/aktenzeichen` }),
    await delbrueck.call({ path: '/anders', method: 'DELETE' }),
    await delbrueck.call({ headers: { 'owl-purpose': 'NICHTS' } }),
  ]
  const told = refusals.map(({ status, text, requestId }) => JSON.stringify([status, text.replaceAll(requestId, 'ID')]))
  t.equal(new Set(told).size, 1, 'status, code, stage, words')

  // Contract §4.2 rows 8 and 9: X-Road tells the two apart by their codes; listMethods tells everybody what there is.
  const unknown = await delbrueck.call({ service: `${PROVIDER}/TEST/nichts` })
  t.equal(unknown.error, `${SERVER}UnknownService`)
  t.same([unknown.status, unknown.fault.stage], [refusals[0]?.status, refusals[0]?.fault.stage], 'by nothing else')
})

t.test('of refusals each peer has a budget; beyond it they are unsigned and leave nothing', async (t) => {
  const signer = sealOf(rig, 'delbrueck')
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => agent.destroy())
  const tls = tlsOf(rig, 'delbrueck')
  const theirs = bielefeld.records().at(-1)?.seq ?? 0
  const started = performance.now()
  const messages = Array.from({ length: 80 }, () => makeMessage(rig, signer, { from: 'delbrueck' }))

  const answers = await Promise.all(messages.map((message) => sendMessage(rig, message, { tls, agent })))

  const tookS = (performance.now() - started) / 1000
  const signed = answers.filter(({ signed }) => signed !== undefined)
  const turnedAway = answers.filter(({ status }) => status === 429)
  t.equal(signed.length + turnedAway.length, answers.length)
  t.ok(signed.length > 20, `${signed.length} are signed: what is left of a burst of 40`)
  t.ok(signed.length <= 40 + 2 * tookS, `and 2 a second in ${tookS.toFixed(1)} s`)
  t.ok(turnedAway.every(({ fault }) => fault.type === `${SERVER}TooManyRequests` && fault.stage === 'fresh'))
  t.equal(bielefeld.records(theirs).length, 2 * signed.length, 'only the signed ones are on record')
  t.equal((await paderborn.call()).status, 200, 'another peer notices nothing')
  t.equal(
    (await paderborn.call({ path: '/v1', headers: { 'owl-purpose': 'NICHTS' } })).error,
    `${SERVER}PurposeNotAllowed`,
  )

  await sleep(600)
  t.equal((await delbrueck.call()).error, `${SERVER}AccessDenied`, 'and so it goes on')
})

t.test('by default these are 100 at once and 20 a second', async (t) => {
  const { refusalsBurst, refusalsPerSecond } = CONFIG_SCHEMA.properties.limits.properties

  t.same([refusalsBurst.default, refusalsPerSecond.default], [100, 20])
})

t.test('what is granted costs no budget', async (t) => {
  const statuses: number[] = []
  const worker = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) statuses.push((await paderborn.call()).status)
  }
  await Promise.all(Array.from({ length: 8 }, worker))

  t.strictSame(
    statuses,
    Array.from({ length: 80 }, () => 200),
  )
})

t.test('beyond the budget no file of a large body stays either', async (t) => {
  const signer = sealOf(rig, 'paderborn')
  const tls = tlsOf(rig, 'paderborn')
  const send = (size: number) => {
    const message = makeMessage(rig, signer, { body: Buffer.alloc(size) })
    return sendMessage(rig, { ...message, body: { bytes: Buffer.alloc(size, 1) } as never }, { tls })
  }
  await Promise.all(Array.from({ length: 50 }, () => send(10)))

  const answers = await Promise.all(Array.from({ length: 6 }, () => send(2 * 1024 * 1024)))

  t.ok(answers.some(({ status }) => status === 429))
  t.strictSame(readdirSync(join(bielefeld.state, 'log', 'spool')), [])
})
