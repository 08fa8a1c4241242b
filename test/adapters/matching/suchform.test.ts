import fc from 'fast-check'
import t from 'tap'
import { koelnerPhonetik, searchKey, suchform } from '../../../adapters/matching/suchform.ts'
import { din91379, NAME_ENTRIES } from '../../schemas/din91379.ts'

t.test('names in search form', async (t) => {
  const names = {
    Müller: 'MUELLER',
    Łódź: 'LODZ',
    Åse: 'AASE',
    Þór: 'THOR',
    İnönü: 'INOENUE',
    Đặng: 'DANG',
    Ñandú: 'NANDU',
    Strauß: 'STRAUSS',
    Nguyễn: 'NGUYEN',
    'ʿAbd ar-Raḥmān': 'ABDARRAHMAN',
    "O'Brien": 'OBRIEN',
    'M̂bala-N̂andi': 'MBALANANDI',
  }
  for (const [name, form] of Object.entries(names)) t.equal(suchform(name), form, name)
})

t.test('every line of the table, alone and in a row', async (t) => {
  const lines = Object.entries(din91379.searchForm)
  t.equal(lines.length, 649)
  for (const [entry, form] of lines) t.equal(suchform(entry), form, entry)
  t.equal(suchform(lines.map(([entry]) => entry).join('-')), lines.map(([, form]) => form).join(''))
})

t.test('a search form is A to Z and its own search form', async () => {
  const name = fc.array(fc.constantFrom(...NAME_ENTRIES), { maxLength: 20 }).map((entries) => entries.join(''))
  fc.assert(fc.property(name, (text) => /^[A-Z]*$/.test(suchform(text)) && suchform(suchform(text)) === suchform(text)))
})

t.test('the name rightly absent is a key of its own', async (t) => {
  t.equal(searchKey('+'), '+')
  t.equal(suchform('+'), '')
})

t.test('streets keep their digits', async (t) => {
  t.not(suchform('Straße des 17. Juni'), suchform('Straße des 18. Juni'))
})

t.test('Kölner Phonetik', async (t) => {
  const codes = {
    'Müller-Lüdenscheidt': '65752682',
    Wikipedia: '3412',
    Breschnew: '17863',
    Meyer: '67',
    Maier: '67',
    Philipp: '351',
    Xaver: '4837',
    Heinz: '068',
    Café: '43',
    Schmidt: '862',
  }
  for (const [name, code] of Object.entries(codes)) t.equal(koelnerPhonetik(name), code, name)
})
