import { glob } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { schema, schemaUrns } from '../../schemas/schema.ts'

const root = join(import.meta.dirname, '../../schemas')

t.test('every document is a schema of draft 2020-12, named by its file', async (t) => {
  const ajv = new Ajv2020({ strict: false })
  const files = await Array.fromAsync(glob('*/*.v1.json', { cwd: root }))
  t.same(
    files.map((file) => `urn:owl:${dirname(file)}:${basename(file, '.v1.json')}:1`).toSorted(),
    schemaUrns().toSorted(),
  )
  for (const urn of schemaUrns()) {
    const { json } = schema(urn)
    t.ok(ajv.validateSchema(json), urn)
    t.equal((json as { $schema?: string }).$schema, 'https://json-schema.org/draft/2020-12/schema')
  }
})

t.test('every document compiles in strict mode', async (t) => {
  for (const urn of schemaUrns().filter((each) => !each.includes('bausteine'))) {
    t.not(schema(urn).check(0).length, 0, urn)
    t.notOk(schema(urn).accepts(0))
  }
})

t.test('objects are closed, and texts and lists have an end', async (t) => {
  for (const urn of schemaUrns())
    walk(schema(urn).json, urn, (part, at) => {
      if (part['properties'] !== undefined && part['$defs'] === undefined && isStructure(part)) {
        t.equal(part['additionalProperties'], false, `${at} is closed`)
      }
      if (part['type'] === 'array') t.type(part['maxItems'], 'number', `${at} has an end`)
    })
})

t.test('there is no schema by a wrong name', async (t) => {
  t.throws(() => schema('urn:owl:meldewesen:vams:2'), TypeError)
  t.throws(() => schema('urn:owl:gemeinsam:bausteine:1#/$defs/nothing'), TypeError)
})

t.test('a check changes nothing', async (t) => {
  const payload = { nummer: 12, unknown: true }
  const before = structuredClone(payload)
  const problems = schema('urn:owl:gemeinsam:bausteine:1#/$defs/hausnummer').check(payload)
  t.same(payload, before)
  t.same(problems, [
    { pointer: '', keyword: 'additionalProperties', code: 'X001' },
    { pointer: '/nummer', keyword: 'type', code: 'X001' },
  ])
})

t.test('a problem tells no value and no name that the sender chose', async (t) => {
  const person = {
    familienname: 'Geheimu\u0308',
    vornamen: ['Geheim'],
    geburtsdatum: '1998-02-30',
    idnr: '12345678901',
    geheim: 'Geheim',
    anschriften: [
      {
        geheim: 1,
        anschrift: { gemeindeschluessel: '05774999', postleitzahl: 'geheim', ort: '', strasse: 'G' },
        wohnungsart: 'geheim',
      },
    ],
  }
  const problems = schema('urn:owl:gemeinsam:person:1').check(person)
  t.notMatch(JSON.stringify(problems), /geheim/i)
  const told = problems.map(({ pointer, keyword }) => `${pointer} ${keyword}`)
  t.ok(told.includes('/anschriften/0/anschrift/gemeindeschluessel format:ags'))
  t.ok(told.includes('/geburtsdatum format:teilbekanntes-datum'))
  t.ok(told.includes('/familienname format:nfc'))
  t.ok(told.includes('/idnr format:idnr'))
})

t.test('a large payload gets no list of two hundred thousand problems', async (t) => {
  const huge = { anschriften: Array.from({ length: 200_000 }, () => 0), familienname: 1, vornamen: 1, geburtsdatum: 1 }
  const problems = schema('urn:owl:gemeinsam:person:1').check(huge)
  t.ok(problems.length > 0 && problems.length < 5)
})

t.test('a person answers to one of the given names', async (t) => {
  const { check } = schema('urn:owl:gemeinsam:person:1')
  const home = { gemeindeschluessel: '05774032', postleitzahl: '33098', ort: 'Paderborn', strasse: 'Kamp' }
  const person = {
    familienname: 'Graf von Neuenwalde',
    vornamen: 'Hans Georg Arthur',
    geburtsdatum: '1965-11-03',
    anschriften: [{ anschrift: home, wohnungsart: 'haupt' }],
  }
  t.same(check({ ...person, gebraeuchlicherVorname: 'Georg' }), [])
  t.match(check({ ...person, gebraeuchlicherVorname: 'Jürgen' }), [{ pointer: '', keyword: 'x-rufname' }])

  const second = { anschrift: home, wohnungsart: 'haupt' }
  t.match(
    check({ ...person, anschriften: [...person.anschriften, second] }),
    [{ keyword: 'contains' }],
    'two main residences',
  )
  const former = { ...second, auszugsdatum: '2020-01-31' }
  t.same(check({ ...person, anschriften: [...person.anschriften, former] }), [], 'one of them left')
  const nowhere = { gemeindeschluessel: '05774032', postleitzahl: '33098', ort: 'Paderborn' }
  t.match(check({ ...person, anschriften: [{ anschrift: nowhere, wohnungsart: 'haupt' }] }), [{ keyword: 'required' }])
  const homeless = { ...nowhere, besonderheit: 'ohneFestenWohnsitz' }
  t.same(check({ ...person, anschriften: [{ anschrift: homeless, wohnungsart: 'haupt' }] }), [])
})

t.test('no pattern takes more than a moment, whatever it is given', async (t) => {
  const patterns = new Set<string>()
  for (const urn of schemaUrns()) {
    walk(schema(urn).json, urn, ({ pattern }) => {
      if (typeof pattern === 'string') patterns.add(pattern)
    })
  }
  t.ok(patterns.size > 20)
  const length = 20_000
  const inputs = ['a', '0', ' ', 'Dr. ', '-', 'K\u035F', 'L\u0325\u0304', '\u0304'].map(
    (part) => `${part.repeat(length)}\u0000`,
  )
  for (const pattern of patterns) {
    const regex = new RegExp(pattern, 'u')
    const start = performance.now()
    for (const input of inputs) regex.test(input)
    t.ok(performance.now() - start < 250, pattern.slice(0, 40))
  }
})

type Part = Readonly<Record<string, unknown>>

/** Conditions (`if`, `then`, `contains`, a variant's `properties`) describe parts of objects that are closed elsewhere. */
function isStructure(part: Part): boolean {
  return part['type'] === 'object' && part['allOf'] === undefined && part['title'] !== undefined
}

function walk(value: unknown, at: string, visit: (part: Part, at: string) => void): void {
  if (typeof value !== 'object' || value === null) return
  visit(value as Part, at)
  for (const [key, member] of Object.entries(value)) walk(member, `${at}/${key}`, visit)
}

t.test('a moment is one of xs:dateTime, with its zone', async (t) => {
  const { check } = schema('urn:owl:gemeinsam:bausteine:1#/$defs/zeitpunkt')
  for (const text of ['2026-03-01T08:00:00Z', '2026-03-01T08:00:00.123456+01:00', '2024-02-29T23:59:59-14:00'])
    t.same(check(text), [], text)
  for (const text of [
    ...['2026-03-01 08:00:00Z', '2026-03-01t08:00:00Z', '2026-03-01\u00a008:00:00Z', '2026-03-01T08:00:00z'],
    ...['2026-03-01T08:00:00', '2026-03-01T08:00Z', '2026-03-01T23:59:60Z', '2026-03-01T08:00:00+14:30'],
    ...[
      '2026-02-29T08:00:00Z',
      '0000-01-01T08:00:00Z',
      '2026-03-01T08:00:00Z\n',
      ' 2026-03-01T08:00:00Z',
      '2026-03-01',
    ],
  ])
    t.not(check(text).length, 0, JSON.stringify(text))
})
