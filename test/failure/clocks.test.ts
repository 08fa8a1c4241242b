/** Security row 26: a clock that is off costs exchanges, not evidence; it is seen, and forgotten once it is right again. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { outline, refused } from '../security/records.ts'
import type { GatewayRig } from '../security/rig.ts'
import { openRig } from '../security/rig.ts'
import { until } from '../security/waiting.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const HEAL_MS = 15_000
const MINUTE_MS = 60_000

t.test('a gateway whose clock steps', async (t) => {
  const rig = await openRig(t, {
    start: ['bielefeld'],
    log: { stampIntervalMs: 100 },
    registry: { signIntervalMs: 300 },
    config: (config) => ({ ...config, registry: { ...(config['registry'] as object), pollIntervalMs: 200 } }),
  })
  const { paderborn, bielefeld } = rig.gateways
  const file = join(rig.directory, 'clock')
  const step = (ms: number): void => writeFileSync(file, String(ms))
  step(0)
  const { NODE_OPTIONS: before = '' } = process.env
  process.env['OWL_TEST_CLOCK'] = file
  process.env['NODE_OPTIONS'] = `${before} --import=${pathToFileURL(join(import.meta.dirname, 'shifted-clock.ts'))}`
  await paderborn.start()
  process.env['NODE_OPTIONS'] = before
  const ids: string[] = []
  const works = async (): Promise<boolean> => {
    const { status, requestId } = await paderborn.call()
    ids.push(requestId)
    return status === 200
  }
  t.ok(await works())

  for (const [name, ms, sees] of [
    ['half an hour ahead', 30 * MINUTE_MS, clockFails],
    // Everything signed today is from the future then, the list that a time-stamp needs among it.
    ['half an hour behind', -30 * MINUTE_MS, newsIsFromTheFuture],
  ] as const) {
    await t.test(name, async (t) => {
      step(ms)
      await until('refused', HEAL_MS, async () => !(await works()))

      const delivered = rig.service.delivered.length
      const [own, theirs] = [paderborn.records().at(-1)?.seq ?? 0, bielefeld.records().at(-1)?.seq ?? 0]
      const answer = await paderborn.call()
      ids.push(answer.requestId)
      t.match(
        answer.fault,
        { type: 'Server.ClientProxy.StaleMessage', stage: 'sent' },
        'even the refusal is stale to it',
      )
      t.equal(rig.service.delivered.length, delivered, 'nothing is delivered')
      t.match(paderborn.records(own).map(outline), [
        { kind: 'request', direction: 'out' },
        { kind: 'failure', code: 'Server.ClientProxy.StaleMessage' },
      ])
      t.strictSame(bielefeld.records(theirs).map(outline), refused('Server.ServerProxy.StaleMessage', 'verified'))
      await until('operators see it', HEAL_MS, async () => {
        await works()
        return sees(paderborn)
      })

      step(0)
      await until('it works again', HEAL_MS, works)
      await until('the clock is believed again', HEAL_MS, async () => {
        await works()
        return !(await sees(paderborn))
      })
    })
  }

  t.strictSame(ids, ids.toSorted(), 'request ids grow all the while')
  for (const gateway of [paderborn, bielefeld]) t.match((await gateway.admin('/log/verify')).json, { ok: true })
})

async function clockFails(gateway: GatewayRig): Promise<boolean> {
  const { status, json } = await gateway.admin('/readyz')
  const { checks } = json as { checks?: { clock?: { state: string } } }
  return status === 503 && checks?.clock?.state === 'fail'
}

async function newsIsFromTheFuture(gateway: GatewayRig): Promise<boolean> {
  const { configuration } = (await gateway.admin('/health')).json as { configuration?: { failure: string | null } }
  return configuration?.failure?.includes('from the future') === true
}
