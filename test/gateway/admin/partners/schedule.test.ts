/** When partners are compared: at night, each gateway at its own minute; a missed night is made up for. */

import { mock } from 'node:test'
import t from 'tap'
import { openReconcileSchedule, untilNight } from '../../../../gateway/admin/partners/schedule.ts'

const HOUR_MS = 3_600_000
const at = (time: string): number => Date.parse(`2026-11-23T${time}:00Z`)

t.test('the next such hour, and a part of it', async (t) => {
  t.equal(untilNight(2, at('00:00'), 0), 2 * HOUR_MS)
  t.equal(untilNight(2, at('00:00'), 0.5), 2.5 * HOUR_MS)
  t.equal(untilNight(2, at('02:00'), 0), 24 * HOUR_MS, 'not twice in one night')
  t.equal(untilNight(2, at('02:15'), 0.5), 0.25 * HOUR_MS)
  t.equal(untilNight(23, at('23:30'), 0.25), 23.75 * HOUR_MS)
})

t.test('runs at its time, again after a failure, and then at the next night', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: at('01:00') })
  t.teardown(() => mock.timers.reset())
  let runs = 0
  const schedule = openReconcileSchedule({
    hour: 2,
    now: () => Date.now(),
    random: () => 0.5,
    lastAt: () => undefined,
    run: async () => {
      runs += 1
      return runs > 1
    },
  })
  const pass = async (ms: number): Promise<void> => {
    mock.timers.tick(ms)
    for (let i = 0; i < 5; i++) await Promise.resolve()
  }
  await pass(HOUR_MS)
  t.equal(runs, 0, 'not yet')
  await pass(HOUR_MS / 2)
  t.equal(runs, 1)
  await pass(10 * 60_000)
  t.equal(runs, 2, 'a partner did not answer')
  await pass(HOUR_MS)
  t.equal(runs, 2)
  await pass(24 * HOUR_MS)
  t.equal(runs, 3)
  schedule.close()
  await pass(48 * HOUR_MS)
  t.equal(runs, 3, 'closed')
})

t.test('a night that was missed is made up for soon; never is never', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: at('12:00') })
  t.teardown(() => mock.timers.reset())
  let runs = 0
  const deps = { now: () => Date.now(), random: () => 0, run: async () => ++runs > 0 }
  const late = openReconcileSchedule({ ...deps, hour: 2, lastAt: () => Date.now() - 27 * HOUR_MS })
  const never = openReconcileSchedule({ ...deps, hour: null, lastAt: () => 0 })
  mock.timers.tick(5 * 60_000)
  t.equal(runs, 1)
  late.close()
  never.close()
})
