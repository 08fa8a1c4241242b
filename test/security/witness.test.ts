/**
 * Partners as witnesses, over real gateways: what one writes anew in its own log, the other's shows. Security row 23;
 * design of the evidence, section 4.
 */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import { formatLogHead } from '../../gateway/protocol/log-head.ts'
import { rewriteLog } from '../gateway/message-log/insider.ts'
import { owl } from '../gateway/owl.ts'
import { answerOf, openLyingGateway, sealReply } from './lying-gateway.ts'
import type { GatewayRig, Rig } from './rig.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(240_000)

const LOG = { stampIntervalMs: 400 }
const BATCH_MS = 1000

interface State {
  readonly result: string
  readonly problem: string | null
  readonly ours: number
  readonly theirs: number
  readonly explained: number
  readonly alarms: readonly { readonly requestId: string; readonly reason: string; readonly missingAt: string | null }[]
  readonly conflicts: readonly {
    readonly kind: string
    readonly log: string
    readonly seq: number
    proof: string | null
  }[]
  readonly anchors: readonly { readonly head: readonly [string, number, string] }[]
  readonly last: { readonly findings: readonly { readonly reason: string; readonly requestId: string }[] } | null
}

/** As an operator does, beside the running gateway. */
async function reconcile(gateway: GatewayRig, partner: GatewayRig): Promise<{ code: number | null; state: State }> {
  const member = partner.id.slice(0, partner.id.lastIndexOf('/'))
  const range = ['--from', '1h', '--to', new Date().toISOString()]
  const { code, out, err } = await owl('log', 'reconcile', member, ...range, '--config', gateway.config, '--json')
  if (out === '') throw new Error(err)
  const [state] = (JSON.parse(out) as { partners: State[] }).partners
  return { code, state: state as State }
}

async function stopped(gateway: GatewayRig, work: () => void): Promise<void> {
  await gateway.process().stop()
  work()
  await gateway.start()
}

async function exchanges(t: Test, { gateways }: Rig, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    const { status, requestId } = await gateways.paderborn.call()
    t.equal(status, 200)
    ids.push(requestId)
  }
  return ids
}

t.test('two honest logs', async (t) => {
  const rig = await openRig(t, { start: ['paderborn', 'bielefeld'], log: LOG })
  const { paderborn, bielefeld } = rig.gateways
  await exchanges(t, rig, 3)
  await sleep(BATCH_MS)
  await exchanges(t, rig, 3)

  await t.test('agree, seen from either side, and each learns what the other holds of it', async (t) => {
    for (const [own, partner] of [
      [paderborn, bielefeld],
      [bielefeld, paderborn],
    ] as const) {
      const { code, state } = await reconcile(own, partner)

      t.equal(code, 0)
      t.match(state, { result: 'agreed', problem: null, ours: 6, theirs: 6, explained: 0 })
      t.strictSame(state.alarms, [])
      t.strictSame(state.conflicts, [])
      t.match(state.anchors, [{ head: [`${own.id}/n1/1`, Number, String] }])
    }
  })

  await t.test('the audit API and the command show what came of it', async (t) => {
    const { json } = await paderborn.admin('/log/partners')
    t.match(json, {
      partners: [{ partner: bielefeld.id, missing: 0, heads: [{ batch: Number }], reconciled: { result: 'agreed' } }],
    })
    const shown = await owl('log', 'partners', '--config', paderborn.config)
    t.match(shown.out, /OWL\/GOV\/05711000\/gw1 +\d+ .* agreed +0 +0 +0/)
    t.match(await owl('log', 'contradictions', '--config', paderborn.config, '--json'), {
      code: 0,
      out: '{"contradictions":[]}\n',
    })
  })

  await t.test('what honestly differs has its reason', async (t) => {
    await bielefeld.process().stop()
    const lost = await paderborn.call()
    t.equal(lost.error, 'Server.ClientProxy.NetworkError')
    await bielefeld.start()
    await exchanges(t, rig, 1)

    const { code, state } = await reconcile(paderborn, bielefeld)

    t.equal(code, 0)
    t.match(state, { result: 'agreed', ours: 8, theirs: 7, explained: 1 })
    t.match(state.last?.findings, [{ reason: 'never-arrived', missingAt: 'partner', requestId: lost.requestId }])
    t.match((await reconcile(bielefeld, paderborn)).state.last?.findings, [
      { reason: 'never-arrived', missingAt: 'here', requestId: lost.requestId },
    ])
  })

  await t.test('a member that is none, or this one, is not asked', async (t) => {
    for (const member of ['OWL/GOV/4711', 'OWL/GOV/05774032']) {
      const { code, out, err } = await owl('log', 'reconcile', member, '--config', paderborn.config)
      t.equal(code, 2, err)
      t.equal(out, '')
    }
  })

  await t.test('a partner that does not answer is a result, too', async (t) => {
    await bielefeld.process().stop()
    const { code, state } = await reconcile(paderborn, bielefeld)

    t.equal(code, 1)
    t.match(state, { result: 'failed', problem: /could not be reached/ })
    t.equal(state.anchors.length > 0, true, 'what was known is still known')
  })
})

t.test('an insider at the provider removes an exchange and writes his log anew', async (t) => {
  const rig = await openRig(t, { start: ['paderborn', 'bielefeld'], log: LOG })
  const { paderborn, bielefeld } = rig.gateways
  await exchanges(t, rig, 2)
  await sleep(BATCH_MS)
  const [victim] = await exchanges(t, rig, 1)
  await sleep(BATCH_MS)
  await exchanges(t, rig, 2)
  t.equal((await reconcile(paderborn, bielefeld)).code, 0)

  await stopped(bielefeld, () =>
    rewriteLog({
      file: bielefeld.log,
      highWaterFile: highWaterOf(bielefeld),
      drop: ({ requestId }) => requestId === victim,
    }),
  )
  const { code, state } = await reconcile(paderborn, bielefeld)

  t.equal(code, 3)
  t.equal(state.result, 'alarm')
  const reasons = new Map(state.alarms.map(({ requestId, reason }) => [requestId, reason]))
  t.equal(reasons.get(victim as string), 'missing')
  t.ok([...reasons.values()].includes('receipt'), 'what came after it has another leaf than its receipt says')
  t.ok(
    state.conflicts.some(
      ({ kind, log, seq, proof }) => kind === 'rewritten' && log === `${bielefeld.id}/n1/1` && seq > 0 && proof,
    ),
    'and his log another header than the one he signed',
  )
  await t.test('is told wherever an operator looks', async (t) => {
    await sleep(5500)
    const { json } = await paderborn.admin('/health')
    t.match(json, {
      ready: true,
      checks: { partners: { state: 'warn' } },
      partners: { alarms: Number, conflicts: Number },
    })
    const { text } = await paderborn.admin('/metrics')
    t.match(text, /^owl_partner_alarms [1-9]/m)
    t.match(text, /^owl_log_contradictions [1-9]/m)
    const listed = await owl('log', 'contradictions', '--config', paderborn.config, '--json')
    t.equal(listed.code, 3)
    t.match(JSON.parse(listed.out), { contradictions: [{ kind: 'rewritten', seqs: [Number], proof: /\.jws$/ }] })
  })
  t.equal((await paderborn.call()).status, 200, 'nothing is blocked')
})

t.test('an insider at the consumer removes an exchange and writes his log anew', async (t) => {
  const rig = await openRig(t, { start: ['paderborn', 'bielefeld'], log: LOG })
  const { paderborn, bielefeld } = rig.gateways
  const ids = await exchanges(t, rig, 2)
  await sleep(BATCH_MS)
  await exchanges(t, rig, 2)
  const before = await reconcile(paderborn, bielefeld)
  t.equal(before.code, 0)
  t.equal(before.state.anchors.length, 1)

  await stopped(paderborn, () =>
    rewriteLog({
      file: paderborn.log,
      highWaterFile: highWaterOf(paderborn),
      drop: ({ requestId }) => requestId === ids[0],
    }),
  )

  t.match(
    paderborn.output(),
    /"event":"contradiction","kind":"(?:rewritten|cut-off)"/,
    'his own gateway says so when it starts',
  )
  const verified = await owl('log', 'verify', '--config', paderborn.config, '--json')
  t.equal(verified.code, 3)
  t.match(JSON.parse(verified.out), { ok: false, damage: { message: /batch/i } }, 'the anchor is held against it')
  const { code, state } = await reconcile(bielefeld, paderborn)
  t.equal(code, 3)
  t.match(
    state.alarms.filter(({ reason }) => reason === 'missing'),
    [{ requestId: ids[0], missingAt: 'partner' }],
  )
})

function highWaterOf({ slug, state }: GatewayRig): string {
  return join(state, '..', 'secrets', slug, 'high-water.json')
}

t.test('a partner that tells two stories of its log is found out, and both messages are named', async (t) => {
  const rig = await openRig(t, { start: ['paderborn'], log: LOG })
  const { paderborn, bielefeld } = rig.gateways
  const liar = await openLyingGateway(t, rig)
  const log = `${bielefeld.id}/n1/1`
  const say = async (batch: number, letter: string): Promise<string> => {
    const logHead = formatLogHead({ log, batch, sha256: `${letter.repeat(42)}A` })
    liar.lie = (asked) => answerOf(sealReply(rig, asked, { block: { logHead } }))
    const { status, requestId } = await paderborn.call()
    t.equal(status, 200, 'nothing is blocked')
    return requestId
  }
  const seqOf = (requestId: string): number | undefined =>
    paderborn.records().find((record) => record.requestId === requestId && record.kind === 'reply')?.seq

  const first = await say(7, 'a')
  const second = await say(7, 'b')
  await say(7, 'b')
  await sleep(1500)

  const { code, out } = await owl('log', 'contradictions', '--config', paderborn.config, '--json')
  t.equal(code, 3)
  const { contradictions } = JSON.parse(out) as { contradictions: unknown[] }
  t.equal(contradictions.length, 1)
  t.match(contradictions, [{ kind: 'fork', log, batch: 7, seqs: [seqOf(first), seqOf(second)] }])
  t.match(paderborn.output(), /"event":"contradiction","kind":"fork"/)
  t.match((await paderborn.admin('/health')).json, { ready: true, checks: { partners: { state: 'warn' } } })

  liar.lie = (asked) =>
    answerOf(
      sealReply(rig, asked, {
        block: { logHead: formatLogHead({ log: `${paderborn.id}/n1/1`, batch: 1, sha256: `${'a'.repeat(42)}A` }) },
      }),
    )
  t.equal((await paderborn.call()).error, 'Server.ClientProxy.InvalidMessage', 'nobody speaks for the log of another')
})
