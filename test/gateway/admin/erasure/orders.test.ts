import t from 'tap'
import { parseOrder, refusalText } from '../../../../gateway/admin/erasure/orders.ts'
import { retentionRules } from '../../../../gateway/admin/erasure/retention-rules.ts'
import { PURPOSES } from '../../../../gateway/region/owl-law.ts'

/** A direction turned round, half a letter, a noncharacter, and a person where only a reason belongs. */
const UNREADABLE = ['a\u202eb', '\u2066a', 'a\ud800', 'a\uffff', 'Widerruf von 86 095 742 719', '86095742719']

t.test('reads an order, from a form or from JSON', async (t) => {
  t.same(parseOrder('erasure', { seq: '12', what: 'body', reason: ' Widerruf ' }), {
    ...{ event: 'erasure', what: 'body', reason: 'Widerruf', records: { seq: 12 } },
  })
  t.same(parseOrder('hold', { exchange: '0199-a', reason: 'Klage' }), {
    ...{ event: 'hold', reason: 'Klage', records: { exchange: '0199-a' } },
  })
  t.match(parseOrder('release', { seq: 1, reason: 'Urteil' }), { event: 'release', records: { seq: 1 } })
  t.same(parseOrder('erasure', { due: true }), { event: 'due' })
})

t.test('refuses whatever is not one, without saying it again', async (t) => {
  const erasures: unknown[] = [
    ...[undefined, null, [], 'canary', {}, { due: false }, { due: true, seq: 1 }],
    ...[
      { seq: 1, what: 'body' },
      { seq: 1, reason: 'x' },
      { what: 'body', reason: 'x' },
    ],
    ...['canary', 0, -1, 1.5, '1e3', null, {}, [1], ['canary'], true].map((seq) => ({
      seq,
      what: 'body',
      reason: 'x',
    })),
    ...['a/b', '', 7, 'ä', 'x'.repeat(129)].map((exchange) => ({ exchange, what: 'body', reason: 'x' })),
    ...['', ' ', 7, 'a\nb', 'a\u0000', 'x'.repeat(501), ...UNREADABLE].map((reason) => ({
      seq: 1,
      what: 'body',
      reason,
    })),
    ...[
      { seq: 1, exchange: 'a', what: 'body', reason: 'x' },
      { seq: 1, what: 'canary', reason: 'x' },
    ],
    ...[{ seq: 1, what: 'body', reason: 'x', canary: 1 }, JSON.parse('{"__proto__":1,"due":true}')],
  ]
  for (const given of erasures) {
    const refused = { code: 'BadRequest', message: /^(?!.*canary)/ }
    t.throws(() => parseOrder('erasure', given), refused, JSON.stringify(given)?.slice(0, 60))
  }
  for (const event of ['hold', 'release'] as const) {
    t.throws(() => parseOrder(event, { due: true }), { code: 'BadRequest' })
    t.throws(() => parseOrder(event, { seq: 1, what: 'body', reason: 'x' }), { code: 'BadRequest' })
  }
  t.equal(refusalText({ refused: 'held', of: 7 }), 'record 7: it is held: release it first')
  t.equal(refusalText({ refused: 'none', of: null }), 'there is no such record or exchange')
})

t.test('an erasure on its date names the rule of the region', async (t) => {
  const rules = new Map(retentionRules(PURPOSES))

  t.equal(
    rules.get('UMZUG_VAMS'),
    'UMZUG_VAMS: body 365 days, record 365 days; § 5 Abs. 4 1. BMeldDÜV: Löschung nach zwölf Monaten',
  )
  for (const { code, retentionBasis } of PURPOSES) t.match(retentionBasis, /§|Art\./, code)
})
