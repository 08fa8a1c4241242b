/** The clock's offset, guessed from what others say. */

import t from 'tap'
import { clockEstimate } from '../../../gateway/trust/clock.ts'

t.test('knows nothing at first, then a median, and believes an authority more than peers', async (t) => {
  const clock = clockEstimate(() => {})

  t.same(clock.read(), { source: 'none', offsetMs: 0 })
  for (const offset of [10, 20, 90_000]) clock.observe('peers', 1000 + offset, 1000)
  t.same(clock.read(), { source: 'peers', offsetMs: 20 })
  clock.observe('tsa', 1500, 1000)
  clock.observe('peers', 5000, 1000)
  t.same(clock.read(), { source: 'tsa', offsetMs: 500 })
})

t.test('is the same object while nothing is news, so that records share what is written of it', async (t) => {
  const clock = clockEstimate(() => {})

  clock.observe('peers', 1010, 1000)
  const before = clock.read()
  clock.observe('peers', 2010, 2000)
  t.equal(clock.read(), before)
  clock.observe('peers', 3020, 3000)
  clock.observe('peers', 4020, 4000)
  t.same(clock.read(), { source: 'peers', offsetMs: 20 })
})

t.test('warns once when the clock is off, and again after it was right', async (t) => {
  const warned: number[] = []
  const clock = clockEstimate(({ offsetMs }) => warned.push(offsetMs))

  for (const offset of [3000, 3000, -3000, -3000]) clock.observe('tsa', offset, 0)
  t.same(warned, [3000])
  for (let i = 0; i < 15; i++) clock.observe('tsa', 0, 0)
  for (let i = 0; i < 15; i++) clock.observe('tsa', -4000, 0)
  t.same(warned, [3000, -4000])
})
