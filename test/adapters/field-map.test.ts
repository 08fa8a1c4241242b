import t from 'tap'
import { EINWOHNER as BIELEFELD } from '../../adapters/bielefeld/melderegister/fields.ts'
import type { FieldMap } from '../../adapters/field-map.ts'
import { codeOf, fromLocal, listOf, recordOf, toLocal } from '../../adapters/field-map.ts'
import { AUSWERTUNG, EINWOHNER as PADERBORN } from '../../adapters/paderborn/melderegister/fields.ts'

const MAP: FieldMap = [
  ['name', 'N'],
  ['home.street', 'S'],
  ['kind', 'K', codeOf({ main: 'H', other: 'N' })],
  ['children', 'C.C', listOf([['name', 'N']])],
  ['partner', 'P', recordOf([['name', 'N']])],
]

t.test('one table, two directions', async (t) => {
  const shared = {
    name: 'A',
    home: { street: 'B' },
    kind: 'main',
    children: [{ name: 'C' }, { name: 'D' }],
    partner: { name: 'E' },
  }
  const local = { N: 'A', S: 'B', K: 'H', C: { C: [{ N: 'C' }, { N: 'D' }] }, P: { N: 'E' } }
  t.same(toLocal(MAP, shared), local)
  t.same(fromLocal(MAP, local), shared)
})

t.test('what is absent, null or empty is left out', async (t) => {
  t.same(fromLocal(MAP, { N: null, S: '', C: { C: [] } }), {})
  t.same(fromLocal(MAP, 'text'), {})
  t.same(fromLocal([['x', 'toString']], {}), {}, 'not what every object has')
})

t.test('a code unknown to the table is left to the schema', async (t) => {
  t.same(fromLocal(MAP, { K: 'X' }), { kind: 'X' })
})

t.test('a list that is none is refused', async (t) => {
  t.throws(() => fromLocal(MAP, { C: { C: 'text' } }), TypeError)
})

t.test('no two fields of a register share a place', async (t) => {
  for (const map of [BIELEFELD, PADERBORN, AUSWERTUNG]) {
    t.equal(new Set(map.map(([shared]) => shared)).size, map.length)
    t.equal(new Set(map.map(([, local]) => local)).size, map.length)
  }
})
