/** What one party may take. */

import t from 'tap'
import { inFlight, tokenBuckets } from '../../../gateway/access/budgets.ts'

t.test('a bucket gives its burst, then its rate, to each party apart', async (t) => {
  const budget = tokenBuckets({ perSecond: 2, burst: 3 })

  t.same(
    [0, 0, 0, 0].map((at) => budget.take('a', at)),
    [true, true, true, false],
  )
  t.ok(budget.take('b', 0))
  t.notOk(budget.take('a', 400))
  t.ok(budget.take('a', 1000))
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
