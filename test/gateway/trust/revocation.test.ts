/** Revocation against the development trust service: good, revoked, late, silent, lying; across restarts and configurations. */

import { hash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import type { Test } from 'tap'
import t from 'tap'
import { openTrustService } from '../../../certs-dev/trust-service.ts'
import type { Configuration } from '../../../gateway/trust/configuration.ts'
import type { RevocationOptions } from '../../../gateway/trust/revocation.ts'
import { openRevocation } from '../../../gateway/trust/revocation.ts'
import type { SourceLimits } from '../../../gateway/trust/revocation-sources.ts'
import { openRevocationSources } from '../../../gateway/trust/revocation-sources.ts'
import type { Snapshot } from '../../../gateway/trust/snapshot.ts'
import { makeSnapshot } from '../../../gateway/trust/snapshot.ts'
import type { TestRegion } from '../registry/region.ts'
import { contentOf, makeRegion, removeRegion } from '../registry/region.ts'

const HOUR_MS = 3_600_000

interface Rig {
  readonly region: TestRegion
  readonly snapshot: Snapshot
  readonly lines: Record<string, unknown>[]
  readonly seal: string
  order(path: 'revoke' | 'behaviour', body: object): Promise<void>
  open(options?: Partial<RevocationOptions> & { limits?: SourceLimits }): ReturnType<typeof openRevocation>
  snapshotOf(change: (configuration: Configuration) => Configuration): Snapshot
}

/** A region of two members with its own trust service; all of it is gone with the test. */
async function rig(t: Test): Promise<Rig> {
  const region = await makeRegion()
  const service = await openTrustService({ dir: region.pki })
  t.teardown(async () => {
    await service.close()
    removeRegion(region)
  })
  const { ocsp, crl } = service.urls
  const issued = new Date().toISOString()
  const configuration: Configuration = { ...contentOf(region.pki, { ocsp, crl }), version: 1, issued }
  const snapshotOf = (change: (configuration: Configuration) => Configuration) =>
    makeSnapshot(change(configuration), 'a'.repeat(64))
  const snapshot = snapshotOf((same) => same)
  const lines: Record<string, unknown>[] = []
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) })
  return {
    region,
    snapshot,
    snapshotOf,
    lines,
    seal: configuration.members[0]?.seals[0]?.sha256 ?? '',
    async order(path, body) {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${service.url}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(await answer.text())
    },
    async open({ limits, ...options } = {}) {
      const memory = await openRevocation({
        sources: openRevocationSources({ timeoutMs: 500, ...limits }),
        directory: region.path('revocation'),
        log,
        now: Date.now,
        random: Math.random,
        ...options,
      })
      t.teardown(() => memory.close())
      return memory
    },
  }
}

t.test('knows every registered certificate soon after the start', async (t) => {
  const { snapshot, open, seal } = await rig(t)
  const memory = await open()

  const started = performance.now()
  await memory.watch(snapshot)
  const elapsed = performance.now() - started

  t.equal(snapshot.certificates.length, 6)
  t.same(memory.health(Date.now()), { watched: 6, good: 6, revoked: 0, stale: 0, unknown: 0, failing: 0 })
  t.ok(elapsed < 1000, `${elapsed.toFixed()} ms`)
  const status = memory.statusOf(seal, Date.now())
  t.match(status, { status: 'good', source: 'ocsp' })
  t.equal(status.sha256, hash('sha256', status.response ?? '', 'hex'))
  t.equal(memory.statusOf(seal, Date.now()), status, 'the same object each time')
  t.equal(memory.statusOf('0'.repeat(64), Date.now()).status, 'unknown')
})

t.test('a revocation is heard of, and those who use the certificate are told', async (t) => {
  const { snapshot, open, seal, order } = await rig(t)
  const memory = await open()
  await memory.watch(snapshot)
  const told: [string, string][] = []
  memory.onChange((sha256, { status }) => told.push([sha256, status]))
  await memory.refreshNow()
  t.same(told, [], 'good again is no news')

  await order('revoke', { cert: 'members/paderborn/seal.pem' })
  await memory.refreshNow([seal])

  t.equal(memory.statusOf(seal, Date.now()).status, 'revoked')
  t.same(told, [[seal, 'revoked']])
  t.equal(memory.statusOf(seal, Date.now() + 100 * HOUR_MS).status, 'revoked', 'however old that is')
  t.equal(memory.health(Date.now()).good, 5)
})

t.test('asks again by itself', async (t) => {
  const { snapshot, open, seal, order } = await rig(t)
  const memory = await open({ intervalMs: 100, retryMs: 50 })
  await memory.watch(snapshot)
  const revoked = new Promise((resolve) => memory.onChange(resolve))

  await order('revoke', { sha256: seal })

  t.equal(await revoked, seal)
})

t.test('a revocation survives a restart, with nobody to ask', async (t) => {
  const { snapshot, open, seal, order } = await rig(t)
  const first = await open()
  await first.watch(snapshot)
  await order('revoke', { sha256: seal })
  await first.refreshNow()
  await first.close()
  for (const service of ['ocsp', 'crl']) await order('behaviour', { service, mode: 'silent' })

  const second = await open({ limits: { timeoutMs: 50 } })
  await second.watch(snapshot)

  t.equal(second.statusOf(seal, Date.now()).status, 'revoked')
  t.match(second.health(Date.now()), { good: 5, revoked: 1, failing: 0 }, 'known before anybody has answered')
  await second.refreshNow()
  t.match(second.health(Date.now()), { good: 5, revoked: 1, failing: 6 })
  t.match(second.health(Date.now() + HOUR_MS + 1000), { good: 0, stale: 5, revoked: 1 })
})

t.test('what was changed on disk is not believed', async (t) => {
  const { snapshot, open, seal, order, region, lines } = await rig(t)
  const first = await open()
  await first.watch(snapshot)
  await first.close()
  for (const service of ['ocsp', 'crl']) await order('behaviour', { service, mode: 'silent' })
  const directory = region.path('revocation')
  const [one = '', other = ''] = readdirSync(directory).filter(
    (name) => name.endsWith('.ocsp') && !name.startsWith(seal),
  )
  writeFileSync(join(directory, `${seal}.ocsp`), readFileSync(join(directory, one)))
  const octets = readFileSync(join(directory, other))
  octets[octets.length >> 1] = (octets[octets.length >> 1] ?? 0) ^ 1
  writeFileSync(join(directory, other), octets)

  const second = await open({ limits: { timeoutMs: 50 } })
  await second.watch(snapshot)

  t.equal(second.statusOf(seal, Date.now()).status, 'unknown', 'the answer about another certificate')
  t.equal(second.statusOf(other.slice(0, 64), Date.now()).status, 'unknown', 'an answer with a bit flipped')
  t.equal(second.statusOf(one.slice(0, 64), Date.now()).status, 'good')
  t.equal(lines.filter(({ msg }) => /cached/.test(String(msg))).length, 2)
})

const LIES = ['other-signer', 'garbage', 'other-serial', 'expired', 'try-later', 'huge']

for (const kind of LIES) {
  t.test(`an OCSP answer that is ${kind} counts for nothing; the list does`, async (t) => {
    const { snapshot, open, seal, order } = await rig(t)
    await order('behaviour', { service: 'ocsp', mode: 'wrong', kind })
    await order('revoke', { sha256: seal })
    const memory = await open()

    await memory.watch(snapshot)

    // An old `revoked` is believed, where an old `good` is not.
    const source = kind === 'expired' ? 'ocsp' : 'crl'
    t.match(memory.statusOf(seal, Date.now()), { status: 'revoked', source })
    t.match(memory.health(Date.now()), { good: 5, revoked: 1, failing: 0 })
  })

  t.test(`an OCSP answer that is ${kind} and no list: unknown`, async (t) => {
    const { snapshot, open, order } = await rig(t)
    await order('behaviour', { service: 'ocsp', mode: 'wrong', kind })
    await order('behaviour', { service: 'crl', mode: 'wrong', kind: 'garbage' })
    const memory = await open()

    await memory.watch(snapshot)

    t.match(memory.health(Date.now()), { good: 0, revoked: 0, unknown: 6, failing: 6 })
  })
}

for (const kind of ['other-signer', 'garbage', 'expired', 'huge']) {
  t.test(`a list that is ${kind} counts for nothing`, async (t) => {
    const { snapshot, open, order } = await rig(t)
    await order('behaviour', { service: 'ocsp', mode: 'silent' })
    await order('behaviour', { service: 'crl', mode: 'wrong', kind })
    const memory = await open({ limits: { timeoutMs: 200, crlBytesMax: 1024 * 1024 } })

    await memory.watch(snapshot)

    t.match(memory.health(Date.now()), { good: 0, revoked: 0, unknown: 6, failing: 6 })
  })
}

t.test('a certificate unknown to its CA is not made good by the list', async (t) => {
  const { snapshot, open, seal, order } = await rig(t)
  const memory = await open()
  await memory.watch(snapshot)
  t.equal(memory.statusOf(seal, Date.now()).status, 'good')
  await new Promise((resolve) => setTimeout(resolve, 1100))

  await order('behaviour', { service: 'ocsp', mode: 'wrong', kind: 'unknown' })
  await memory.refreshNow()

  t.match(memory.statusOf(seal, Date.now()), { status: 'unknown', source: 'ocsp' })
  await order('behaviour', { service: 'ocsp', mode: 'ok' })
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await memory.refreshNow()
  t.equal(memory.statusOf(seal, Date.now()).status, 'good')
})

t.test('one silent responder does not hold up everybody', async (t) => {
  const { snapshot, open, order } = await rig(t)
  await order('behaviour', { service: 'ocsp', mode: 'silent' })
  const memory = await open({ askingMax: 1, limits: { timeoutMs: 300 } })

  const started = performance.now()
  await memory.watch(snapshot)
  const elapsed = performance.now() - started

  t.match(memory.health(Date.now()), { good: 6, failing: 0 })
  t.ok(elapsed < 1000, `${elapsed.toFixed()} ms: one time-out of 300 ms, not six`)
})

t.test('an outage shows as stale once the answers are old, and heals', async (t) => {
  const { snapshot, open, seal, order } = await rig(t)
  let late = 0
  const now = () => Date.now() + late
  const memory = await open({ now, retryMs: 50, ageMsMax: 10_000 })
  await memory.watch(snapshot)
  for (const service of ['ocsp', 'crl']) await order('behaviour', { service, mode: 'silent' })
  late = 20_000
  t.match(memory.statusOf(seal, now()), { status: 'stale', source: 'ocsp' })
  t.match(memory.health(now()), { good: 0, stale: 6 })

  late = 0
  await order('behaviour', { service: 'ocsp', mode: 'ok' })
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await memory.refreshNow()

  t.equal(memory.statusOf(seal, now()).status, 'good')
  t.equal(memory.health(now()).failing, 0)
})

t.test('follows the configuration: asks for what is new and forgets what is gone', async (t) => {
  const { snapshot, snapshotOf, open, seal, region } = await rig(t)
  const few = snapshotOf((all) => ({ ...all, gateways: [] }))
  const memory = await open()
  await memory.watch(few)
  t.match(memory.health(Date.now()), { watched: 2, good: 2 })
  const status = memory.statusOf(seal, Date.now())

  await memory.watch(snapshot)

  t.match(memory.health(Date.now()), { watched: 6, good: 6 })
  t.equal(memory.statusOf(seal, Date.now()), status, 'what was known is not asked again')
  await memory.watch(snapshotOf((all) => ({ ...all, members: all.members.slice(1), gateways: [] })))
  t.match(memory.health(Date.now()), { watched: 1, good: 1 })
  t.equal(memory.statusOf(seal, Date.now()).status, 'unknown')
  t.equal(readdirSync(region.path('revocation')).filter((name) => name.endsWith('.ocsp')).length, 1)
})

t.test('does not ask about a certificate that no issuing CA signed', async (t) => {
  const { snapshotOf, open, seal, region } = await rig(t)
  const tsaCa = contentOf(region.pki, {}).authorities.tsa[0]?.ca ?? ''
  const foreign = snapshotOf((all) => ({
    ...all,
    authorities: { ...all.authorities, issuing: all.authorities.issuing.map((ca) => ({ ...ca, certificate: tsaCa })) },
  }))
  const memory = await open()

  await memory.watch(foreign)

  t.equal(memory.health(Date.now()).watched, 0)
  t.equal(memory.statusOf(seal, Date.now()).status, 'unknown')
  t.equal(foreign.problems.length, 6)
})

t.test('closing lets go of everybody who waits', async (t) => {
  const { snapshot, open, order } = await rig(t)
  await order('behaviour', { service: 'ocsp', mode: 'silent' })
  const memory = await open({ askingMax: 1, limits: { timeoutMs: 60_000 } })
  const watching = memory.watch(snapshot)
  await new Promise((resolve) => setTimeout(resolve, 50))

  await memory.close()

  await watching
  t.match(memory.health(Date.now()), { unknown: 6 })
})
