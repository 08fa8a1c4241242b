import t from 'tap'
import { openMerkmale } from '../../../adapters/meldewesen/merkmale.ts'

const HOUR_MS = 3_600_000

t.test('a mark is redeemed once, by whom it was issued to, within an hour', async (t) => {
  let now = 0
  const marks = openMerkmale({ now: () => now })
  const [first, second, third] = ['a', 'b', 'c'].map((id) => marks.issue(id, 'X')) as [string, string, string]

  t.equal(marks.redeem(first, 'Y'), undefined)
  t.equal(marks.redeem(first, 'X'), 'a')
  t.equal(marks.redeem(first, 'X'), undefined)
  now = HOUR_MS
  t.equal(marks.redeem(second, 'X'), 'b')
  now = HOUR_MS + 1
  t.equal(marks.redeem(third, 'X'), undefined)
  t.equal(marks.redeem('nothing', 'X'), undefined)
})

t.test('marks say nothing and are never the same', async (t) => {
  const marks = openMerkmale({ now: () => 0 })
  const issued = new Set(Array.from({ length: 1_000 }, () => marks.issue('PB-000007', 'X')))
  t.equal(issued.size, 1_000)
  for (const mark of issued) t.match(mark, /^[0-9A-Za-z_-]{32}$/)
})

t.test('the oldest give way', async (t) => {
  const marks = openMerkmale({ now: () => 0 })
  const first = marks.issue('first', 'X')
  for (let count = 0; count < 20_000; count++) marks.issue('next', 'X')
  t.equal(marks.redeem(first, 'X'), undefined)
})
