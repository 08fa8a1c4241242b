/** What one party may take. */

import t from 'tap'
import { inFlight, tokenBuckets } from '../../../gateway/access/budgets.ts'

t.test('a bucket gives its burst, then its rate, to each party apart', async (t) => {
  let now = 0
  const budget = tokenBuckets({ perSecond: 2, burst: 3, now: () => now })
  const takeAt = (at: number, party = 'a'): boolean => {
    now = at
    return budget.take(party)
  }

  t.same(
    [0, 0, 0, 0].map((at) => takeAt(at)),
    [true, true, true, false],
  )
  t.ok(takeAt(0, 'b'))
  t.notOk(takeAt(400))
  t.ok(takeAt(1000))
})

t.test('a clock that is set back takes nothing away', async (t) => {
  const budget = tokenBuckets({ perSecond: 1, burst: 2 })
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  budget.take('a')

  Date.now = () => now() - 3_600_000

  t.ok(budget.take('a'))
})

t.test('so many at once, in all and for one, and no more', async (t) => {
  const under = inFlight({ max: 3, perPartyMax: 2 })
  const leave = under.enter('a')
  under.enter('a')

  t.throws(() => under.enter('a'), { code: 'TooManyRequests' })
  under.enter('b')
  t.throws(() => under.enter('c'), { code: 'TooManyRequests' })
  leave()
  leave()
  t.equal(under.count, 2)
  under.enter('c')
})
