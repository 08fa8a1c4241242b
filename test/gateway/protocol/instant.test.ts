import fc from 'fast-check'
import t from 'tap'
import { parseInstant } from '../../../gateway/protocol/instant.ts'

t.test('a time with its zone, in UTC', async (t) => {
  for (const [text, instant] of [
    ['2026-03-01T08:00:00Z', '2026-03-01T08:00:00.000Z'],
    ['2026-03-01T08:00:00.123456+01:00', '2026-03-01T07:00:00.123Z'],
    ['2024-02-29T23:30:00-01:00', '2024-03-01T00:30:00.000Z'],
  ] as const)
    t.equal(parseInstant(text), instant, text)
  const dates = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  fc.assert(fc.property(dates, (date) => parseInstant(date.toISOString()) === date.toISOString()))
})

t.test(
  'nothing else: no other separator, no time of nobody knows which zone, no day that does not exist',
  async (t) => {
    for (const text of [
      ...['2026-03-01 08:00:00Z', '2026-03-01t08:00:00Z', '2026-03-01T08:00:00z', '2026-03-01\u00a008:00:00Z'],
      ...[
        '2026-03-01T08:00:00',
        '2026-03-01T08:00',
        '2026-03-01 08:00',
        '2026-02-30T08:00:00Z',
        '2026-02-29T08:00:00Z',
      ],
      ...[
        '2026-13-01T08:00:00Z',
        '2026-03-01',
        '2026-03-01T08:00Z',
        '2026-03-01T25:00:00Z',
        '2026-03-01T08:00:60Z',
        '2026-03-01T08:00:00+15:00',
        '1 March 2026',
      ],
      ...['2026-03-01junk', '2026-03-01T08:00:00Z\n', ' 2026-03-01', '', '2026', '2026-03', '01.03.2026', '2026-W09-7'],
    ])
      t.equal(parseInstant(text), undefined, JSON.stringify(text))
  },
)
