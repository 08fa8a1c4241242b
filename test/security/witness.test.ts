/** Partners as witnesses, over real gateways: honest logs agree, and two stories of one log are found out. Design of the evidence, section 4. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { formatLogHead } from '../../gateway/protocol/log-head.ts'
import { owl } from '../gateway/owl.ts'
import { answerOf, openLyingGateway, sealReply } from './lying-gateway.ts'
import { openRig } from './rig.ts'
import type { State } from './witness-rig.ts'
import { batched, exchanges, LOG, reconcile, witnessed } from './witness-rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(240_000)

t.test('two honest logs', async (t) => {
  const rig = await openRig(t, { start: ['paderborn', 'bielefeld'], log: LOG })
  const { paderborn, bielefeld } = rig.gateways
  await exchanges(t, rig, 3)
  await batched(rig)
  await exchanges(t, rig, 3)
  await witnessed(rig)

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

  await t.test('what happens every night compares with everybody, as far as the logs have settled', async (t) => {
    const { code, out, err } = await owl('log', 'reconcile', '--all', '--config', paderborn.config, '--json')

    t.equal(code, 0, err)
    const { partners } = JSON.parse(out) as { partners: State[] }
    t.match(partners, [{ partner: bielefeld.id, result: 'agreed', problem: null, ours: 0, alarms: [] }])
    t.equal(partners.length, 1, 'Delbrück shares nothing with it')
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
  const { contradictions } = JSON.parse(out) as { contradictions: { seqs: number[] }[] }
  t.equal(contradictions.length, 1)
  t.match(contradictions, [{ kind: 'fork', log, batch: 7, seqs: [seqOf(first), seqOf(second)] }])
  const file = join(rig.directory, 'contradictions.zip')
  const exported = await owl('log', 'contradictions', '--config', paderborn.config, '--export', file)
  t.equal(exported.code, 3, exported.err)
  const anchors = ['--anchors', join(rig.directory, 'certs', 'ca.pem')]
  const verified = await owl('evidence', 'verify', file, ...anchors)
  t.equal(verified.code, 0, verified.err)
  t.match(verified.err, '2 verified: 0 valid, 2 valid with warnings', 'both messages are proven')
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
