import fc from 'fast-check'
import t from 'tap'
import { LIMIT_MAX, OUTCOMES, parseLogQuery, parseRequestId, parseSeq } from '../../../../gateway/admin/log/query.ts'
import { GatewayError } from '../../../../gateway/errors.ts'

const CLIENT = 'OWL/GOV/05774032/BUERGERBUERO'
const SERVICE = 'OWL/GOV/05711000/MELDEWESEN/vams'

t.test('reads every parameter', async (t) => {
  const query = {
    from: '2026-03-01T08:00:00Z',
    to: '2026-03-01T09:30:00.5+01:00',
    client: CLIENT,
    service: SERVICE,
    purpose: 'VAMS',
    requestId: '019a0f3e-7c11-7d52-9a55-000000000001',
    outcome: 'in-doubt',
    limit: '1000',
    after: '17',
  }

  t.same(parseLogQuery(query), {
    ...query,
    from: '2026-03-01T08:00:00.000Z',
    to: '2026-03-01T08:30:00.500Z',
    limit: 1000,
    after: 17,
  })
  t.same(parseLogQuery({}), {})
  for (const outcome of OUTCOMES) t.same(parseLogQuery({ outcome }), { outcome })
})

t.test('refuses everything else, without saying it back', async (t) => {
  const bad: [string, unknown][] = [
    ['limit', '0'],
    ['limit', String(LIMIT_MAX + 1)],
    ['limit', '10.0'],
    ['limit', '1e2'],
    ['limit', ' 10'],
    ['limit', '+10'],
    ['limit', '0x10'],
    ['limit', '010'],
    ['limit', ''],
    ['limit', ['1', '2']],
    ['limit', 10],
    ['after', '-1'],
    ['after', '9007199254740993'],
    ['from', '2026-03-01'],
    ['from', '2026-03-01T08:00Z'],
    ['from', '2026-03-01T08:00:00'],
    ['from', '2026-02-30T08:00:00Z'],
    ['from', '2026-03-01T25:00:00Z'],
    ['to', 'yesterday'],
    ['client', 'OWL/GOV'],
    ['client', `${CLIENT}/x`],
    ['client', 'OWL/GOV/../BUERGERBUERO'],
    ['client', 'OWL//05774032/BUERGERBUERO'],
    ['service', CLIENT],
    ['purpose', 'a b'],
    ['requestId', "' OR 1=1"],
    ['outcome', 'Reply'],
    ['outcome', 'constructor'],
    ['__proto__', 'x'],
    ['toString', 'x'],
    ['other', 'x'],
  ]

  for (const [name, value] of bad) {
    const query = Object.fromEntries([[name, value]])
    t.throws(() => parseLogQuery(query), { code: 'BadRequest' }, `${name}=${value}`)
  }
  t.throws(() => parseLogQuery({ purpose: 'canary canary' }), { message: /^(?!.*canary).*purpose is the code/ })
})

t.test('whatever comes is refused or becomes a query', async () => {
  const names = fc.constantFrom('from', 'to', 'client', 'service', 'purpose', 'requestId', 'outcome', 'limit', 'after')
  fc.assert(
    fc.property(fc.dictionary(names, fc.oneof(fc.string(), fc.date().map(String), fc.nat().map(String))), (query) => {
      try {
        const parsed = parseLogQuery(query)
        return Object.keys(parsed).length === Object.keys(query).length
      } catch (error) {
        return error instanceof GatewayError && error.code === 'BadRequest'
      }
    }),
  )
})

t.test('numbers of records and request ids in a path', async (t) => {
  t.equal(parseSeq('12'), 12)
  t.equal(parseRequestId('019a0f3e-7c11-7d52-9a55-000000000001'), '019a0f3e-7c11-7d52-9a55-000000000001')
  for (const text of ['0', '-1', '1.5', 'abc', '', '%31', '１']) t.throws(() => parseSeq(text), { code: 'BadRequest' })
  for (const text of ['', 'a/b', '%20', 'a b', 'x'.repeat(129)]) {
    t.throws(() => parseRequestId(text), { code: 'BadRequest' })
  }
})
