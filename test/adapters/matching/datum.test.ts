import fc from 'fast-check'
import t from 'tap'
import { dayOf, fromTtmmjjjj, hasReached, toTtmmjjjj } from '../../../adapters/matching/datum.ts'

t.test('a partial date loses nothing on the way through a register', async (t) => {
  for (const [shared, local] of [
    ['1998-03-17', '17031998'],
    ['1998-03-00', '00031998'],
    ['1998-00-00', '00001998'],
    ['0000-00-00', '00000000'],
  ] as const) {
    t.equal(toTtmmjjjj(shared), local)
    t.equal(fromTtmmjjjj(local), shared)
  }
  const part = (max: number, length: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(length, '0'))
  fc.assert(
    fc.property(part(9999, 4), part(12, 2), part(31, 2), (year, month, day) => {
      const date = `${year}-${month}-${day}`
      return fromTtmmjjjj(toTtmmjjjj(date)) === date
    }),
  )
})

t.test('age has three answers', async (t) => {
  t.equal(hasReached(18, '2008-02-20', '2026-02-20'), 'ja')
  t.equal(hasReached(18, '2008-02-21', '2026-02-20'), 'nein')
  t.equal(hasReached(18, '2008-02-00', '2026-02-20'), 'unbestimmt')
  t.equal(hasReached(18, '2008-01-00', '2026-02-20'), 'ja')
  t.equal(hasReached(18, '2008-03-00', '2026-02-20'), 'nein')
  t.equal(hasReached(18, '2008-00-00', '2026-02-20'), 'unbestimmt')
  t.equal(hasReached(18, '2007-00-00', '2026-02-20'), 'ja')
  t.equal(hasReached(18, '0000-00-00', '2026-02-20'), 'unbestimmt')
})

t.test('the day is the day in Germany', async (t) => {
  t.equal(dayOf(Date.parse('2026-02-20T23:30:00Z')), '2026-02-21')
  t.equal(dayOf(Date.parse('2026-07-20T21:30:00Z')), '2026-07-20')
})
