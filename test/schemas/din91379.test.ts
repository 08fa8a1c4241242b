import t from 'tap'
import { schema } from '../../schemas/schema.ts'
import { din91379, NAME_ENTRIES } from './din91379.ts'

const dinA = schema('urn:owl:gemeinsam:bausteine:1#/$defs/dinA')
const familienname = schema('urn:owl:gemeinsam:bausteine:1#/$defs/familienname')

t.test('the schema holds the pattern of the list', async (t) => {
  const { json } = dinA as unknown as { json: { pattern: string } }
  t.equal(json.pattern, din91379.patterns['A'])
})

t.test('every entry of data type A is a name, whole or not at all', async (t) => {
  t.equal(NAME_ENTRIES.length, 500 + 149 + 18)
  for (const entry of NAME_ENTRIES) t.same(dinA.check(entry), [], `accepts ${entry}`)
  t.same(familienname.check(NAME_ENTRIES.slice(0, 40).join('')), [])
})

t.test('no entry passes in decomposed form', async (t) => {
  for (const entry of NAME_ENTRIES.filter((each) => each !== each.normalize('NFD'))) {
    const keywords = dinA.check(entry.normalize('NFD')).map(({ keyword }) => keyword)
    t.same(keywords.toSorted(), ['format:nfc', 'pattern'], `refuses ${entry} decomposed`)
  }
})

t.test('sequences keep their order', async (t) => {
  t.same(dinA.check('\u004C\u0325\u0304'), [])
  t.not(dinA.check('\u004C\u0304\u0325').length, 0)
  t.same(dinA.check('K\u035Fh'), [])
  t.not(dinA.check('k\u035FH').length, 0)
})

t.test('what is no letter of a name', async (t) => {
  for (const text of [
    'Schmidt3',
    'A_B',
    'O\u2018Brien',
    'O\u02BCBrien',
    'Do\u00ADrf',
    'A\u00A0B',
    'a–b',
    'Χρ',
    'ﬁnk',
    '😀',
    'A\uD800',
  ]) {
    t.not(dinA.check(text).length, 0, JSON.stringify(text))
  }
  t.same(dinA.check('O’Brien'), [])
  t.same(familienname.check('+'), [], 'a name rightly absent')
  t.not(familienname.check('+A').length, 0)
})

t.test('length counts code points', async (t) => {
  t.same(familienname.check('ä'.repeat(120)), [])
  t.match(familienname.check('ä'.repeat(121)), [{ keyword: 'maxLength' }])
})
