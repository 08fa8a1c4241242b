import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import t from 'tap'
import { isAgs, isArs, isIban, isIdnr, isRufname, isTeilbekanntesDatum } from '../../schemas/field-rules.ts'
import { schema } from '../../schemas/schema.ts'

interface Vectors {
  readonly gueltig: readonly string[]
  readonly ungueltig: readonly string[] | Readonly<Record<string, string>>
}

const vectors = JSON.parse(await readFile(new URL('../vectors/field-vectors.json', import.meta.url), 'utf8')) as Record<
  string,
  Vectors
>

t.test('the field vectors', async (t) => {
  for (const [field, { gueltig, ungueltig }] of Object.entries(vectors)) {
    if (gueltig === undefined) continue
    const { check } = schema(`urn:owl:gemeinsam:bausteine:1#/$defs/${field}`)
    for (const value of gueltig) t.same(check(value), [], `${field} accepts ${value}`)
    for (const value of Array.isArray(ungueltig) ? ungueltig : Object.keys(ungueltig)) {
      t.not(check(value).length, 0, `${field} refuses ${value}`)
    }
  }
})

t.test('an IDNr', async (t) => {
  for (const idnr of ['02476291358', '47036892816', '25768131411', '08356172895', '07647935129', '01735876793']) {
    t.ok(isIdnr(idnr), idnr)
  }
  for (const idnr of ['20476291358', '8609574271', '11111111111', '44491234567', '02 476 291 358', '']) {
    t.notOk(isIdnr(idnr), idnr)
  }
})

t.test('an IDNr with one digit changed is no IDNr', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 1, max: 9 }), (at, by) => {
      const digits = [...'02476291358']
      digits[at] = String((Number(digits[at]) + by) % 10)
      return !isIdnr(digits.join(''))
    }),
  )
})

t.test('a partial date keeps to the calendar', async (t) => {
  for (const date of [
    '2000-02-29',
    '2024-02-29',
    '1900-02-28',
    '1998-04-30',
    '0000-00-00',
    '1998-00-00',
    '1998-12-00',
  ]) {
    t.ok(isTeilbekanntesDatum(date), date)
  }
  for (const date of [
    '1998-02-30',
    '1900-02-29',
    '2100-02-29',
    '1998-04-31',
    '1998-13-01',
    '0000-01-00',
    '1998-00-01',
  ]) {
    t.notOk(isTeilbekanntesDatum(date), date)
  }
})

t.test('a full date is one exactly when the calendar has it', async () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('1600-01-01'), max: new Date('2999-12-31'), noInvalidDate: true }), (date) =>
      isTeilbekanntesDatum(date.toISOString().slice(0, 10)),
    ),
  )
})

t.test('an IBAN', async (t) => {
  for (const iban of ['DE02500105170137075030', 'DE48480501610012345678', 'AT611904300234573201'])
    t.ok(isIban(iban), iban)
  for (const iban of ['DE02500105170137075031', 'DE89 3704 0044 0532 0130 00', 'DE98ZZZ09999999999']) {
    t.notOk(isIban(iban), iban)
  }
})

t.test('keys exist where there is a list', async (t) => {
  t.ok(isAgs('05774020'), 'Delbrück')
  t.notOk(isAgs('05774021'), 'no municipality of Nordrhein-Westfalen')
  t.ok(isAgs('16077056'), 'another Land is not listed here')
  t.ok(isArs('057740020020'))
  t.notOk(isArs('057740020021'))
  const nationality = schema('urn:owl:gemeinsam:bausteine:1#/$defs/staatsangehoerigkeit')
  t.same(nationality.check('437'), [])
  t.same(nationality.check('132'), [], 'a former state is read')
  t.match(nationality.check('001'), [{ keyword: 'format:staatsangehoerigkeit', code: 'S011' }])
  t.match(schema('urn:owl:gemeinsam:bausteine:1#/$defs/behoerdenkennung').check('xyz:05774'), [{ code: 'S011' }])
})

t.test('a name in everyday use is one of the given names', async (t) => {
  t.ok(isRufname('Georg', 'Hans Georg Arthur'))
  t.ok(isRufname('Hans Georg', 'Hans Georg Arthur'))
  t.notOk(isRufname('Georg', 'Hans-Georg'))
})
