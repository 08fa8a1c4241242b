import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { RenewalEnds, RenewalWish } from '../../../../gateway/message-log/renewal/renewal-plan.ts'
import type { RenewalEvent, RenewalScheduleDeps } from '../../../../gateway/message-log/renewal/renewal-schedule.ts'
import { openRenewalSchedule } from '../../../../gateway/message-log/renewal/renewal-schedule.ts'
import type { Renewed } from '../../../../gateway/message-log/renewal/renewing.ts'

const DAY_MS = 86_400_000
const NOW = Date.parse('2030-01-01T00:00:00Z')

function openRig(more: Partial<RenewalScheduleDeps> & { readonly found?: RenewalEnds } = {}) {
  const events: RenewalEvent[] = []
  const wishes: RenewalWish[] = []
  let time = NOW
  let found: RenewalEnds = more.found ?? { digests: new Set(), isUnfinished: false }
  const schedule = openRenewalSchedule({
    now: () => time,
    ends: () => found,
    authorityEnds: () => [NOW + 3000 * DAY_MS],
    renew: async (wanted) => {
      wishes.push(wanted)
      const { hash } = wanted
      found = {
        ...found,
        isUnfinished: false,
        ...(hash === undefined ? { tokensUntil: time + 2000 * DAY_MS } : { digests: new Set([hash]) }),
      }
      return [renewal]
    },
    report: (event) => events.push(event),
    renewDaysBefore: 30,
    digestEnds: {},
    firstCheckMs: 1,
    checkIntervalMs: 5,
    ...more,
  })
  return {
    schedule,
    events,
    wishes,
    passTo: async (days: number) => {
      time = NOW + days * DAY_MS
      await sleep(40)
    },
  }
}

const place = { firstBatch: 1, lastBatch: 2, leaves: 2, genTime: NOW, until: NOW }
const renewal: Renewed = { number: 1, kind: 'time-stamp', digest: 'sha256', ...place, erased: 0, damaged: [] }
const ending = (days: number): RenewalEnds => ({
  tokensUntil: NOW + days * DAY_MS,
  digests: new Set(['sha256']),
  isUnfinished: false,
})

t.test('announces an end once at each of the days, and then renews', async (t) => {
  const { schedule, events, wishes, passTo } = openRig({ found: ending(400) })
  t.teardown(schedule.close)
  const ahead = () => events.filter(({ event }) => event === 'renewal-ahead')
  for (const [day, told] of [
    [0, 0],
    [219, 0],
    [220, 1],
    [300, 1],
    [340, 2],
    [369, 2],
  ] as const) {
    await passTo(day)
    t.equal(ahead().length, told, `day ${day}`)
  }
  t.match(ahead(), [{ reason: 'certificate', endsAt: '2031-02-05T00:00:00.000Z', days: 180 }, { days: 60 }])
  t.same(wishes, [], 'it is not time yet')

  await passTo(371)
  t.same(wishes, [{ endingBefore: NOW + 401 * DAY_MS }], 'only what ends within the days')
  t.match(events.at(-1), { event: 'renewed', damaged: 0 })
  t.equal(schedule.health().certificateEndsAt, NOW + 2371 * DAY_MS)
  await passTo(372)
  t.equal(wishes.length, 1, 'and once')
})

t.test('renews the trees before their algorithm ends', async (t) => {
  const { schedule, events, wishes, passTo } = openRig({
    found: ending(4000),
    digestEnds: { sha256: NOW + 100 * DAY_MS },
  })
  t.teardown(schedule.close)
  await passTo(50)
  t.match(events, [{ event: 'renewal-ahead', reason: 'algorithm', days: 50 }])
  t.same(wishes, [])

  await passTo(71)
  t.same(wishes, [{ hash: 'sha512' }])
  t.equal(schedule.health().algorithmEndsAt, undefined)
})

t.test('only tells where it may not renew, down to the last days', async (t) => {
  const { schedule, events, wishes, passTo } = openRig({ found: ending(100), renewDaysBefore: null })
  t.teardown(schedule.close)
  for (const day of [0, 45, 90, 101]) await passTo(day)

  t.match(events, [{ days: 100 }, { days: 55 }, { days: 10 }])
  t.equal(events.length, 3)
  t.same(wishes, [])
})

t.test('does not renew with certificates that end as soon', async (t) => {
  const { schedule, events, wishes, passTo } = openRig({ found: ending(20), authorityEnds: () => [NOW + 25 * DAY_MS] })
  t.teardown(schedule.close)
  await passTo(0)

  t.same(wishes, [])
  t.match(schedule.health(), { problem: /lasts longer/ })
  t.match(events.at(-1), { event: 'renewal-failed' })
})

t.test('goes on with what was begun, and tells why it stopped', async (t) => {
  let isFailing = true
  const { schedule, events, passTo } = openRig({
    found: { ...ending(20), isUnfinished: true },
    renew: async () => {
      if (isFailing) throw new Error('the disk is full')
      return [renewal]
    },
  })
  t.teardown(schedule.close)
  await passTo(0)
  t.match(schedule.health(), { problem: 'the disk is full', progress: undefined })

  isFailing = false
  await passTo(1)
  t.match(events.at(-1), { event: 'renewed' })
  t.equal(schedule.health().problem, undefined)
})

t.test('stops a renewal when the gateway does', async (t) => {
  let stopped = false
  const { schedule, events, passTo } = openRig({
    found: ending(20),
    renew: (_wanted, _report, signal) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          stopped = true
          reject(new Error('stopped'))
        }),
      ),
  })
  await passTo(0)
  await schedule.close()

  t.ok(stopped)
  t.notOk(events.some(({ event }) => event === 'renewal-failed'))
})
