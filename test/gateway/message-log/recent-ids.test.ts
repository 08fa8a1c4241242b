/** What was taken lately is never denied. */

import fc from 'fast-check'
import t from 'tap'
import { openRecentIds } from '../../../gateway/message-log/recent-ids.ts'

const KEEP_MS = 1000
const id = fc.uuid({ version: 7 })

t.test('an id is there for as long as it is kept, whatever else comes', async (t) => {
  fc.assert(
    fc.property(id, fc.array(fc.tuple(id, fc.integer({ min: 0, max: 400 })), { maxLength: 50 }), (wanted, others) => {
      let at = 0
      const recent = openRecentIds(() => at, KEEP_MS, [])
      at = 5000
      recent.add(wanted)
      const until = at + KEEP_MS
      for (const [other, ms] of others) {
        at += ms
        if (at >= until) break
        recent.add(other)
        if (!recent.mayHave(wanted)) return false
      }
      return recent.mayHave(wanted) || at >= until
    }),
  )
  t.pass('never denied')
})

t.test('what was taken before the start is there as well', async (t) => {
  const [known, unknown] = ['01976a5e-3c1b-7d4a-9b1e-5f2a6c8d0e11', '01976a5e-3c1b-7d4a-9b1e-5f2a6c8d0e12']
  const recent = openRecentIds(() => 0, KEEP_MS, [known])
  t.same([recent.mayHave(known), recent.mayHave(unknown)], [true, false])
})

t.test('it forgets, so that it does not fill up', async (t) => {
  let at = KEEP_MS
  const recent = openRecentIds(() => at, KEEP_MS, [])
  const [first, second, third] = ['0000000a', '0000000b', '0000000c'].map((end) => `01976a5e-3c1b-7d4a-9b1e-5f2a${end}`)
  at = 3 * KEEP_MS
  recent.add(first as string)
  at = 4 * KEEP_MS
  recent.add(second as string)
  t.same(
    [first, second, third].map((each) => recent.mayHave(each as string)),
    [true, true, false],
  )
  at = 5 * KEEP_MS
  recent.add(third as string)
  t.same(
    [first, second, third].map((each) => recent.mayHave(each as string)),
    [false, true, true],
  )
})

t.test('a clock that goes back, and text that is no id, do no harm', async (t) => {
  let at = 10_000
  const recent = openRecentIds(() => at, KEEP_MS, [])
  at = 20_000
  recent.add('01976a5e-3c1b-7d4a-9b1e-5f2a6c8d0e11')
  at = 5000
  t.ok(recent.mayHave('01976a5e-3c1b-7d4a-9b1e-5f2a6c8d0e11'))
  recent.add('no id')
  t.ok(recent.mayHave('no id'))
})
