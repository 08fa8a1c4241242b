/**
 * Registry, OCSP and time-stamp authority down, one at a time and together: traffic goes on as long as it may, operators
 * see it, a gateway starts from what it has on disk, and everything heals by itself. Security rows 5, 23 and 25.
 */

import t from 'tap'
import { request } from 'undici'
import { makeMessage, sealOf, sendMessage, tlsOf } from '../security/attacker.ts'
import type { GatewayRig, Rig } from '../security/rig.ts'
import { openRig } from '../security/rig.ts'
import { until } from '../security/waiting.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const HEAL_MS = 15_000
const FAST = {
  limits: { revocationIntervalMs: 1000, configurationWarnMs: 2000 },
  registry: { signIntervalMs: 300 },
  config: (config: Record<string, unknown>) => ({
    ...config,
    registry: { ...(config['registry'] as object), pollIntervalMs: 200 },
  }),
}

async function behave(rig: Rig, service: string, mode: string): Promise<void> {
  const { body } = await request(`${rig.trust().url}/behaviour`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ service, mode }),
  })
  await body.dump()
}

/** A member of `GET /health`, by its path. */
async function health(gateway: GatewayRig, path: string): Promise<unknown> {
  const { json } = await gateway.admin('/health')
  return path.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | null)?.[name], json)
}

t.test('the registry, then OCSP, then the lists', async (t) => {
  const rig = await openRig(t, { ...FAST, start: ['paderborn', 'bielefeld'] })
  const { paderborn, bielefeld } = rig.gateways
  const works = async (): Promise<boolean> => (await paderborn.call()).status === 200
  t.ok(await works())

  await rig.stopRegistry()
  await until('operators see it', HEAL_MS, async () => (await health(paderborn, 'configuration.state')) === 'late')
  t.ok(await works(), 'traffic goes on')
  t.match((await paderborn.admin('/readyz')).json, { ready: true, checks: { registry: { state: 'warn' } } })
  await paderborn.kill()
  await paderborn.start()
  t.ok(await works(), 'a gateway starts from its copy')
  t.equal(await health(paderborn, 'configuration.version'), rig.configuration().version)
  await rig.startRegistry()
  await until('news', HEAL_MS, async () => (await health(paderborn, 'configuration.state')) === 'fresh')

  await behave(rig, 'ocsp', 'silent')
  t.ok(await works())
  await behave(rig, 'crl', 'wrong')
  await until('operators see it', HEAL_MS, async () => Number(await health(bielefeld, 'revocation.failing')) > 0)
  t.ok(await works(), 'as long as the answers at hand are fresh')
  t.match((await bielefeld.admin('/readyz')).json, { ready: true, checks: { revocation: { state: 'warn' } } })
  await bielefeld.kill()
  const started = performance.now()
  await bielefeld.start()
  t.ok(await works(), 'a gateway starts from its answers')
  t.comment(`in ${Math.round(performance.now() - started)} ms`)
  await behave(rig, 'ocsp', 'ok')
  await behave(rig, 'crl', 'ok')
  await until('all answer', HEAL_MS, async () => Number(await health(bielefeld, 'revocation.failing')) === 0)
  t.ok(await works())
})

t.test('the time-stamp authority, beyond the limit', async (t) => {
  const rig = await openRig(t, {
    ...FAST,
    start: ['paderborn', 'bielefeld'],
    log: { stampIntervalMs: 200, stampFailureLimitMs: 2000 },
  })
  const { paderborn, bielefeld } = rig.gateways
  t.equal((await paderborn.call()).status, 200)
  for (const gateway of [paderborn, bielefeld]) {
    await until('everything is stamped', HEAL_MS, async () => (await health(gateway, 'log.unstamped')) === 0)
  }

  // Its tokens are about something else.
  await behave(rig, 'tsa', 'wrong')
  t.equal((await paderborn.call()).status, 200, 'traffic goes on')
  t.not(await health(paderborn, 'unstampedSince'), null, 'operators see it')
  t.match((await paderborn.admin('/metrics')).text, /^owl_log_unstamped [1-9]/m)
  for (const gateway of [paderborn, bielefeld]) {
    await until('beyond the limit', HEAL_MS, async () => (await gateway.admin('/readyz')).status === 503)
  }
  const refused = 'Server.ClientProxy.TimestampingFailed'
  await until('at the consumer', HEAL_MS, async () => (await paderborn.call()).error === refused)
  await until(
    'on both sides',
    HEAL_MS,
    async () =>
      (await bielefeld.call({ client: bielefeld.client, service: `${paderborn.client}/x` })).error === refused,
  )
  const before = [paderborn.records().length, bielefeld.records().length, rig.service.delivered.length]
  const answer = await paderborn.call()
  t.match(answer.fault, { type: 'Server.ClientProxy.TimestampingFailed', stage: 'sealed', retryable: true })
  const message = makeMessage(rig, sealOf(rig, 'paderborn'))
  const refusal = await sendMessage(rig, message, { tls: tlsOf(rig, 'paderborn') })
  t.equal(refusal.signed, undefined)
  t.match(refusal.fault, { type: 'Server.ServerProxy.TimestampingFailed', stage: 'received', retryable: true })
  t.strictSame(
    [paderborn.records().length, bielefeld.records().length, rig.service.delivered.length],
    before,
    'what cannot be proved is not begun',
  )

  await behave(rig, 'tsa', 'ok')
  await until('it goes on by itself', HEAL_MS, async () => (await paderborn.call()).status === 200)
  for (const gateway of [paderborn, bielefeld]) {
    await until('everything is stamped', HEAL_MS, async () => (await health(gateway, 'log.unstamped')) === 0)
    t.match((await gateway.admin('/log/verify')).json, { ok: true }, gateway.slug)
  }
})

t.test('all together, and the gateways killed meanwhile', async (t) => {
  const rig = await openRig(t, { ...FAST, start: ['paderborn', 'bielefeld'], log: { stampIntervalMs: 300 } })
  const { paderborn, bielefeld } = rig.gateways
  const works = async (): Promise<boolean> => (await paderborn.call()).status === 200
  t.ok(await works())

  await Promise.all([rig.stopRegistry(), rig.stopTrust()])
  t.ok(await works(), 'traffic goes on')
  await Promise.all([paderborn.kill(), bielefeld.kill()])
  await Promise.all([paderborn.start(), bielefeld.start()])
  await until('both start with what they have', HEAL_MS, works)
  for (const gateway of [paderborn, bielefeld]) {
    await until('operators see it', HEAL_MS, async () => (await health(gateway, 'configuration.state')) === 'late')
    t.ok(Number(await health(gateway, 'revocation.failing')) > 0, gateway.slug)
    t.not(await health(gateway, 'unstampedSince'), null)
  }

  await Promise.all([rig.startRegistry(), rig.startTrust()])
  for (const gateway of [paderborn, bielefeld]) {
    await until('all is well', HEAL_MS, async () => {
      const states = [await health(gateway, 'configuration.state'), await health(gateway, 'log.unstamped')]
      return states[0] === 'fresh' && states[1] === 0 && Number(await health(gateway, 'revocation.failing')) === 0
    })
    t.match((await gateway.admin('/log/verify')).json, { ok: true }, gateway.slug)
  }
  t.ok(await works())
})

t.test('an authority that is down before there is anything to stamp', async (t) => {
  const rig = await openRig(t, { ...FAST, start: [], log: { stampIntervalMs: 300 } })
  const { paderborn, bielefeld } = rig.gateways
  await behave(rig, 'tsa', 'wrong')
  await Promise.all([paderborn.start(), bielefeld.start()])
  t.equal((await paderborn.call()).status, 200)

  await behave(rig, 'tsa', 'ok')

  await until('stamped', HEAL_MS, async () => (await health(paderborn, 'log.unstamped')) === 0)
  t.match((await paderborn.admin('/log/verify')).json, { ok: true })
})
