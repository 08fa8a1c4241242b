/** An answer that is really coming passes, however slow its line; one that only pretends to does not. */

import t from 'tap'
import { AnswerPace } from '../../../gateway/transport/answer-pace.ts'

const limits = { bytesPerSecondMin: 1000, progressTimeoutMs: 10_000 }

t.test('at the slowest rate it may come for ever', async (t) => {
  const pace = new AnswerPace(limits, 0)

  for (let s = 1; s <= 1000; s++) pace.came(1000, false, s * 1000)

  t.throws(() => {
    for (let s = 1001; s <= 1200; s++) pace.came(900, false, s * 1000)
  }, /too slowly/)
})

t.test('an octet now and then buys next to nothing', async (t) => {
  const pace = new AnswerPace(limits, 0)
  pace.came(1, false, 9000)

  t.throws(() => pace.came(1, false, 18_000), /too slowly/)
})

t.test('what has come fast buys no more than one standstill', async (t) => {
  const pace = new AnswerPace(limits, 0)
  pace.came(1_000_000, false, 1)
  pace.came(1, false, 9000)

  t.throws(() => pace.came(1, false, 18_000), /too slowly/)
})

t.test('time in which nobody read does not count', async (t) => {
  const pace = new AnswerPace(limits, 0)

  t.doesNotThrow(() => pace.came(1, true, 60_000))
  t.throws(() => pace.came(1, false, 75_000), /too slowly/)
})
