import t from 'tap'
import type { CheckName, CheckState, Health } from '../../../../gateway/admin/health/health.ts'
import { formatHealth, readiness } from '../../../../gateway/admin/health/health.ts'
import { HEALTHY, LIMITS, NOW } from '../healthy.ts'

const { configuration, revocation, log, partners } = HEALTHY
const DAY_MS = 86_400_000

t.test('a healthy gateway is ready', async (t) => {
  const { ready, checks } = readiness(HEALTHY, LIMITS, NOW)

  t.ok(ready)
  for (const [name, check] of Object.entries(checks)) t.same(check, { state: 'ok' }, name)
})

t.test('each thing that goes wrong shows in its own check, and only there', async (t) => {
  const cases: [CheckName, CheckState, Partial<Health>][] = [
    ['registry', 'warn', { configuration: { ...configuration, state: 'late' } }],
    ['registry', 'fail', { configuration: { ...configuration, state: 'expired' } }],
    ['registry', 'fail', { configuration: { state: 'none', alarms: [] } }],
    [
      'registry',
      'warn',
      { configuration: { ...configuration, alarms: [{ alarm: 'registry-split-view', at: NOW, count: 1 }] } },
    ],
    ['seal', 'fail', { seal: 'revoked' }],
    ['seal', 'fail', { seal: 'stale' }],
    ['seal', 'fail', { seal: 'unknown' }],
    ['certificates', 'warn', { certificates: { provider: NOW + 29 * DAY_MS } }],
    ['certificates', 'fail', { certificates: { provider: NOW } }],
    ['log', 'fail', { log: { ...log, isWritable: false } }],
    ['disk', 'warn', { disk: { freeBytes: 1024 ** 3 - 1, totalBytes: 1024 ** 4 } }],
    ['disk', 'fail', { disk: { freeBytes: 0, totalBytes: 1024 ** 4 } }],
    ['disk', 'ok', { disk: undefined as never }],
    ['clock', 'warn', { clock: { source: 'tsa', offsetMs: -2001 } }],
    ['clock', 'fail', { clock: { source: 'peers', offsetMs: 30_001 } }],
    ['clock', 'ok', { clock: { source: 'none', offsetMs: 0 } }],
    ['timestamps', 'ok', { log: { ...log, unstampedSince: NOW - 3 * 60_000 } }],
    ['timestamps', 'warn', { log: { ...log, unstampedSince: NOW - 3 * 60_000 - 1 } }],
    ['timestamps', 'fail', { log: { ...log, unstampedSince: NOW - 4 * 3600_000 - 1 } }],
    ['clock', 'fail', { configuration: { ...configuration, clockDoubt: { direction: 'behind', byMs: 61_000 } } }],
    ['clock', 'warn', { configuration: { ...configuration, clockDoubt: { direction: 'ahead', byMs: 61_000 } } }],
    ['evidence', 'ok', { renewal: {} }],
    ['evidence', 'ok', { renewal: { certificateEndsAt: NOW + 180 * DAY_MS + 1 } }],
    ['evidence', 'warn', { renewal: { certificateEndsAt: NOW + 180 * DAY_MS } }],
    ['evidence', 'warn', { renewal: { certificateEndsAt: NOW - DAY_MS } }],
    ['evidence', 'warn', { renewal: { algorithmEndsAt: NOW + 14 * DAY_MS } }],
    ['evidence', 'warn', { renewal: { problem: 'the disk is full' } }],
    ['archive', 'warn', { log: { ...log, archive: { ...log.archive, missing: ['2026-11-23.ab.owlarchive'] } } }],
    ['archive', 'warn', { log: { ...log, archive: { ...log.archive, problem: 'the disk is full' } } }],
    ['revocation', 'warn', { revocation: { ...revocation, good: 11, stale: 1 } }],
    ['revocation', 'warn', { revocation: { ...revocation, failing: 2 } }],
    ['revocation', 'ok', { revocation: { ...revocation, good: 11, revoked: 1 } }],
    ['revocation', 'fail', { revocation: { ...revocation, good: 0, stale: 12 } }],
    ['partners', 'warn', { partners: { ...partners, alarms: 1 } }],
    ['partners', 'warn', { partners: { ...partners, conflicts: 1 } }],
    ['partners', 'warn', { partners: { ...partners, failing: 1 } }],
    ['partners', 'warn', { partners: { ...partners, ownConflicts: [{ partner: 'OWL/GOV/05711000/SS1', batch: 7 }] } }],
    ['partners', 'warn', { log: { ...log, contradictions: 1, contradictedAt: NOW - 29 * DAY_MS } }],
    ['partners', 'ok', { log: { ...log, contradictions: 1, contradictedAt: NOW - 31 * DAY_MS } }],
  ]

  for (const [name, state, change] of cases) {
    const { ready, checks } = readiness({ ...HEALTHY, ...change }, LIMITS, NOW)
    t.equal(checks[name].state, state, `${name}: ${JSON.stringify(change)}`)
    t.equal(ready, state !== 'fail')
    for (const [other, check] of Object.entries(checks)) {
      if (other !== name) t.equal(check.state, 'ok', `${other} is not concerned`)
    }
  }
})

t.test('an operator reads times as ISO 8601 and null for what is not known', async (t) => {
  const shown = formatHealth(HEALTHY, LIMITS, NOW)

  t.match(shown, {
    gateway: 'OWL/GOV/05774032/gw1',
    ready: true,
    unstampedSince: '2026-03-01T11:59:55.000Z',
    lastStampedAt: '2026-03-01T11:59:54.000Z',
    uptimeS: 3600,
    configuration: { version: 1_772_000_000, ageS: 60, expiresAt: '2026-03-01T15:59:00.000Z' },
    revocation: { good: 12, oldestAgeS: 300 },
    inFlight: { consumer: 2, provider: 1 },
    clock: { source: 'tsa', offsetMs: 12 },
  })

  const { unstampedSince: _, stampedAt: __, ...rest } = log
  const young: Health = {
    ...HEALTHY,
    log: { ...rest, unstamped: 0 },
    configuration: { state: 'none', alarms: [] },
    clock: { source: 'none', offsetMs: 0 },
  }
  t.match(formatHealth(young, LIMITS, NOW), {
    ready: false,
    unstampedSince: null,
    lastStampedAt: null,
    configuration: { version: null, ageS: null, expiresAt: null },
    clock: { offsetMs: null, source: null },
  })
})
