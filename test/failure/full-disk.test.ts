/** Security row 27: a full disk refuses exchanges with `LoggingFailed`, loses nothing, and heals without a restart. */

import type { Test } from 'tap'
import t from 'tap'
import { outline } from '../security/records.ts'
import type { Slug } from '../security/region.ts'
import type { Rig } from '../security/rig.ts'
import { openRig } from '../security/rig.ts'
import { until } from '../security/waiting.ts'
import type { SmallDisk } from './small-disk.ts'
import { mountSmallDisk, whyNoSmallDisk } from './small-disk.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const DISK_MIB = 24
const HEAL_MS = 10_000
const skip = await whyNoSmallDisk()

interface Full {
  readonly rig: Rig
  readonly disk: SmallDisk
  /** Lets the service answer what it holds back at the path `/wartet`. */
  release(): void
  held(): number
}

async function openFull(t: Test, slug: Slug): Promise<Full> {
  const held: (() => void)[] = []
  const rig = await openRig(t, {
    start: [],
    answer: (request, response, body) => {
      const answer = (): void => void response.end(body)
      if (request.url === '/wartet') held.push(answer)
      else answer()
    },
  })
  const disk = await mountSmallDisk(t, rig.gateways[slug].state, DISK_MIB)
  await Promise.all([rig.gateways.paderborn.start(), rig.gateways.bielefeld.start()])
  return {
    rig,
    disk,
    release: () => {
      for (const answer of held.splice(0)) answer()
    },
    held: () => held.length,
  }
}

async function verifies(t: Test, rig: Rig): Promise<void> {
  for (const gateway of [rig.gateways.paderborn, rig.gateways.bielefeld]) {
    const { status, json } = await gateway.admin('/log/verify')
    t.equal(status, 200)
    t.match(json, { ok: true }, `${gateway.slug}: ${JSON.stringify(json)}`)
  }
}

t.test('at the provider', { skip, timeout: 60_000 }, async (t) => {
  const full = await openFull(t, 'bielefeld')
  const { rig, disk } = full
  const { paderborn, bielefeld } = rig.gateways
  t.equal((await paderborn.call()).status, 200)
  const theirs = bielefeld.records().at(-1)?.seq ?? 0
  const delivered = rig.service.delivered.length

  disk.fill()
  await until('refused', 5000, async () => (await paderborn.call()).status !== 200)

  const ids: string[] = []
  const deliveredWhenFull = rig.service.delivered.length
  for (let i = 0; i < 5; i++) {
    const seq = paderborn.records().at(-1)?.seq ?? 0
    const answer = await paderborn.call()
    ids.push(answer.requestId)
    t.equal(answer.error, 'Server.ServerProxy.LoggingFailed')
    t.match(answer.fault, { side: 'provider-gateway', retryable: true })
    t.match(paderborn.records(seq).map(outline), [
      { kind: 'request', side: 'consumer' },
      { kind: 'failure', side: 'consumer', code: 'Server.ServerProxy.LoggingFailed' },
    ])
  }
  t.equal(rig.service.delivered.length, deliveredWhenFull, 'nothing is delivered that is not on record')
  const readiness = await bielefeld.admin('/readyz')
  t.equal(readiness.status, 503)
  t.match(readiness.json, { checks: { log: { state: 'fail' } } })

  disk.empty()
  await until('healed', HEAL_MS, async () => (await paderborn.call()).status === 200)

  const requestIds = new Set(bielefeld.records(theirs).map(({ requestId }) => requestId))
  t.notOk(
    ids.some((id) => requestIds.has(id)),
    'what was refused so is recorded nowhere there',
  )
  const reached = new Set(rig.service.delivered.slice(delivered).map(({ requestId }) => requestId))
  for (const id of reached) t.ok(requestIds.has(id), 'what was delivered is on record')
  t.match((await bielefeld.admin('/readyz')).json, { checks: { log: { state: 'ok' } } })
  await verifies(t, rig)
})

t.test(
  'at the provider, between request and reply: the outcome is unknown, and said to be',
  { skip, timeout: 60_000 },
  async (t) => {
    const full = await openFull(t, 'bielefeld')
    if (full === undefined) return
    const { rig, disk } = full
    const { paderborn, bielefeld } = rig.gateways
    await paderborn.call()
    const theirs = bielefeld.records().at(-1)?.seq ?? 0
    const waiting = paderborn.call({ path: '/wartet' })
    await until('it is at the service', 5000, () => full.held() === 1)

    disk.fill()
    full.release()
    const answer = await waiting

    t.match(answer.error, /\.OutcomeUnknown$/)
    t.match(answer.fault, { retryable: false })
    t.match(paderborn.records().at(-1), { kind: 'failure', requestId: answer.requestId })

    disk.empty()
    await until('healed', HEAL_MS, async () => (await paderborn.call()).status === 200)
    const records = bielefeld.records(theirs).filter(({ requestId }) => requestId === answer.requestId)
    t.match(
      records.map(({ kind }) => kind),
      ['request', 'in-doubt'],
      'the request has its end',
    )
    t.equal(records[1]?.ends, records[0]?.seq)
    await verifies(t, rig)
  },
)

t.test('at the consumer', { skip, timeout: 60_000 }, async (t) => {
  const full = await openFull(t, 'paderborn')
  const { rig, disk } = full
  const { paderborn, bielefeld } = rig.gateways
  t.equal((await paderborn.call()).status, 200)
  const waiting = paderborn.call({ path: '/wartet' })
  await until('it is at the service', 5000, () => full.held() === 1)
  const own = paderborn.records().at(-1)?.seq ?? 0

  disk.fill()
  full.release()
  const unknown = await waiting
  await until('refused', 5000, async () => (await paderborn.call()).error === 'Server.ClientProxy.LoggingFailed')

  t.equal(unknown.error, 'Server.ClientProxy.OutcomeUnknown', 'its reply cannot be put on record, so it is not given')
  t.match(unknown.fault, { retryable: false })
  const theirs = bielefeld.records().length
  const delivered = rig.service.delivered.length
  const small = await paderborn.call()
  t.match(small.fault, { type: 'Server.ClientProxy.LoggingFailed', stage: 'sealed', retryable: true })
  const large = await paderborn.call({ body: Buffer.alloc(3 * 1024 * 1024, 'x') })
  t.match(large.fault, { type: 'Server.ClientProxy.LoggingFailed', retryable: true })
  t.equal(bielefeld.records().length, theirs, 'nothing leaves before it is on record')
  t.equal(rig.service.delivered.length, delivered)

  disk.empty()
  await until('healed', HEAL_MS, async () => (await paderborn.call()).status === 200)
  const recorded = paderborn.records(own)
  t.notOk(
    recorded.some(({ requestId }) => [small.requestId, large.requestId].includes(requestId)),
    'recorded nowhere',
  )
  const doubted = paderborn.records().filter(({ requestId }) => requestId === unknown.requestId)
  t.strictSame(
    doubted.map(({ kind }) => kind),
    ['request', 'in-doubt'],
  )
  t.equal((await paderborn.call({ body: Buffer.alloc(3 * 1024 * 1024, 'x') })).status, 200)
  await verifies(t, rig)
})
