/** What an insider writes anew in his own log, the other's log shows: over real gateways. Security row 23; design of the evidence, section 4. */

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { MarkPlace } from '../../gateway/message-log/keys/high-water.ts'
import { markPlaceOf } from '../../gateway/message-log/keys/high-water.ts'
import { rewriteLog } from '../gateway/message-log/verification/insider.ts'
import { owl } from '../gateway/owl.ts'
import type { GatewayRig } from './rig.ts'
import { openRig } from './rig.ts'
import { until } from './waiting.ts'
import { batched, exchanges, LOG, reconcile } from './witness-rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(240_000)

const STARTED_MS = 10_000

async function stopped(gateway: GatewayRig, work: () => void): Promise<void> {
  await gateway.process().stop()
  work()
  await gateway.start()
}

t.test('an insider at the provider removes an exchange and writes his log anew', async (t) => {
  const rig = await openRig(t, { start: ['paderborn', 'bielefeld'], log: LOG })
  const { paderborn, bielefeld } = rig.gateways
  await exchanges(t, rig, 2)
  await batched(rig)
  const [victim] = await exchanges(t, rig, 1)
  await batched(rig)
  await exchanges(t, rig, 2)
  t.equal((await reconcile(paderborn, bielefeld)).code, 0)

  await stopped(bielefeld, () =>
    rewriteLog({
      file: bielefeld.log,
      mark: markOf(bielefeld),
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
    await sleep(1500)
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
  await batched(rig)
  await exchanges(t, rig, 2)
  const batch = batchOf(paderborn.log, ids[0] as string)
  // A head that is heard may take a second to be kept.
  await until('the partner vouches for the batch', STARTED_MS, async () => {
    const { code, state } = await reconcile(paderborn, bielefeld)
    return code === 0 && state.anchors.some(({ head }) => head[1] >= batch)
  })

  await stopped(paderborn, () =>
    rewriteLog({
      file: paderborn.log,
      mark: markOf(paderborn),
      drop: ({ requestId }) => requestId === ids[0],
    }),
  )

  const alarm = /"event":"contradiction","kind":"(?:rewritten|cut-off)"/
  t.ok(await until('his own gateway says so', STARTED_MS, () => alarm.test(paderborn.output())))
  const verified = await owl('log', 'verify', '--config', paderborn.config, '--json')
  t.equal(verified.code, 3)
  t.match(JSON.parse(verified.out), { ok: false, damage: { message: /batch|token/i } }, 'what he could not make shows')
  const { code, state } = await reconcile(bielefeld, paderborn)
  t.equal(code, 3)
  t.match(
    state.alarms.filter(({ reason }) => reason === 'missing'),
    [{ requestId: ids[0], missingAt: 'partner' }],
  )
})

/** The batch that a request was recorded in. */
function batchOf(file: string, requestId: string): number {
  const database = new DatabaseSync(file, { readOnly: true })
  const row = database
    .prepare(
      'SELECT min(number) AS number FROM record JOIN batch ON record.seq BETWEEN first AND last WHERE request_id = ?',
    )
    .get(requestId)
  database.close()
  return Number(row?.['number'])
}

function markOf({ slug, state }: GatewayRig): MarkPlace {
  const keyStore = join(state, '..', 'secrets', slug)
  return markPlaceOf({ keyStore, masterKey: `${keyStore}.key` })
}
