/** The same person is the same reference, however a register or a citizen writes the name. */

import t from 'tap'
import { parseReference, subjectsIn } from '../../adapters/subjects.ts'

t.test('a reference is normalised, or refused', async (t) => {
  const same = {
    'person:MUELLERLUEDENSCHEIDT|JOERG|1979-05-19': [
      'person:Müller-Lüdenscheidt|Jörg|1979-05-19',
      'Person: MUELLER LUEDENSCHEIDT | Joerg | 1979-05-19',
    ],
    'person:NEUENWALDE|HANSGEORGARTHUR|1965-11-03': ['person:Neuenwalde|Hans Georg Arthur|1965-11-03'],
    'person:SUHARTO|+|1998-00-00': ['person:Suharto|+|1998-00-00'],
    'idnr:02496138955': [
      'idnr:02496138955',
      'IDNR:02 496 138 955',
      'idnr: 02/496/138/955',
      'idnr:02\u2013496\u00a0138\u200b955',
    ],
    'kfz:PB-AB 1234': ['kfz:PB-AB 1234', 'kfz:pb ab 1234', 'kfz:PB - AB1234', 'kfz:PB-AB 1234 04-10'],
    'kfz:BÜR-A 1234': ['kfz:BÜR-A 1234', 'kfz:bu\u0308r-a 1234'],
    'kfz:PB-EV 123E': ['kfz:PB-EV 123E', 'kfz:PB-EV123E', 'kfz:pb-ev 123 e', 'kfz:PB EV 123-E'],
    'kfz:PB-AB 1234H': ['kfz:PB-AB 1234 H', 'kfz:PB\u2013AB\u00a01234\u00a0H', 'kfz:\ufeffPB\u2011AB\u202f1234h\u200b'],
    'kfz:PB-AB 123': [
      ...['kfz:PB-AB 123 04/10', 'kfz:PB-AB 123 4/10', 'kfz:PB-AB 123 04\u201310', 'kfz:PB AB 123 (04 - 10)'],
      ...[
        'kfz:PB-AB123 04 bis 10',
        'kfz:PB-AB 123 04.10',
        'kfz:PB \u2212 AB 123',
        'kfz:pb.ab.123',
        'kfz:PB·AB 123',
        'kfz:PB:AB 123',
      ],
    ],
    'kfz:PB-AB 123H': ['kfz:PB-AB 123 H 04/10', 'kfz:PB-AB 123H 11-02'],
    'x-azr:12A7': ['x-azr:12 a-7', 'X-AZR:12A7'],
  }
  for (const [expected, texts] of Object.entries(same))
    for (const text of texts) t.equal(parseReference(text), expected, text)
  const none = [
    ...[
      '',
      'x',
      'idnr:',
      'idnr:02496138954',
      'kfz:PBAB1234',
      'kfz:PB-AB 12345',
      'kfz:PB-AB 0123',
      'kfz:PB-AB 123 13/10',
      'kfz:PB-AB 12 34',
      'kfz:PB-AB 1234 X',
      'kfz:\u00df-AB 123',
      'kfz:PB-\u0131B 123',
      'kfz:PB-1234',
      'kfz:Aktenzeichen 7',
      'steuer:1',
      'constructor:x',
      'x-azr:-',
      'x-:1',
    ],
    ...['person:Müller|Jörg', 'person:Müller||1979-05-19', 'person:-|Jörg|1979-05-19', 'person:A|B|1979-02-30'],
    'person:A|B|1979-05-19|C',
  ]
  for (const text of none) t.equal(parseReference(text), undefined, text)
})

t.test('people are found wherever a payload names them, under each of their names', async (t) => {
  const payload = {
    kopf: { kennzeichen: '33.2-2026-000815', autor: { name: 'Stadt Paderborn' } },
    person: {
      ...{ familienname: 'Müller-Lüdenscheidt', geburtsname: 'Meier', vornamen: 'Jörg', geburtsdatum: '1979-05-19' },
      idnr: '02496138955',
      partner: { familienname: 'Müller-Lüdenscheidt', vornamen: 'Ute', geburtsdatum: '1980-01-02' },
      kinder: [
        { familienname: 'Müller', fruehereNamen: ['Kurz', 'Lang'], vornamen: 'Ida', geburtsdatum: '2015-03-00' },
      ],
    },
    kennzeichen: ['PB-AB 1234', 'PB-O 75H'],
    wohnungsgeber: { familienname: 'Ohne', vornamen: 'Datum' },
  }

  t.same(
    subjectsIn(payload).toSorted(),
    [
      'idnr:02496138955',
      'kfz:PB-AB 1234',
      'kfz:PB-O 75H',
      'person:KURZ|IDA|2015-03-00',
      'person:LANG|IDA|2015-03-00',
      'person:MEIER|JOERG|1979-05-19',
      'person:MUELLERLUEDENSCHEIDT|JOERG|1979-05-19',
      'person:MUELLERLUEDENSCHEIDT|UTE|1980-01-02',
      'person:MUELLER|IDA|2015-03-00',
    ].toSorted(),
  )
})

t.test('a payload that names nobody, or is none, has no subjects', async (t) => {
  for (const payload of [
    undefined,
    null,
    5,
    'text',
    [],
    {},
    { idnr: 'x' },
    { idnr: {} },
    { geburtsdatum: 1, vornamen: [] },
  ])
    t.same(subjectsIn(payload), [])
  t.same(subjectsIn({ idnr: 47036892816 }), ['idnr:47036892816'], 'a number')
})
