import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import type { AdapterInstance } from '../../../../adapters/adapter.ts'
import { ADAPTERS } from '../../../../adapters/index.ts'
import { vams } from '../../../../adapters/scenario-messages.ts'
import type { Person } from '../../../../schemas/gemeinsam/payloads.ts'
import type { VamsAnfrage, VamsAntwort } from '../../../../schemas/meldewesen/payloads.ts'
import { caller, clock, freshDir, open, startSimulator } from '../../rig.ts'

const FIXTURES = join(import.meta.dirname, '../../../../adapters/bielefeld/melderegister/einwohner.json')
const BUERGERBUERO = 'OWL/GOV/05774032/BUERGERBUERO'
const { body: P01 } = vams(clock)
const ADDRESSES = {
  stapenhorst: { plz: '33615', strasse: 'Stapenhorststraße', nummer: '101' },
  joellenbeck: { plz: '33613', strasse: 'Jöllenbecker Straße', nummer: '4' },
  universitaet: { plz: '33615', strasse: 'Universitätsstraße', nummer: '30' },
  heeper7: { plz: '33604', strasse: 'Heeper Straße', nummer: '7' },
  heeper90: { plz: '33604', strasse: 'Heeper Straße', nummer: '90' },
  niederwall: { plz: '33602', strasse: 'Niederwall', nummer: '25' },
} as const

// Queries change nothing: one register serves all tests.
const system = await startSimulator(t, 'bielefeld/melderegister')

/** At once unless a test is about time. */
function register(t: Test, options = {}): AdapterInstance {
  const given = { ...system.ready, url: system.url, answerAfterMs: 0, ...options }
  return open(t, ADAPTERS['bielefeld/melderegister/vams'], given, clock)
}

function asked(change: Partial<VamsAnfrage>, at?: keyof typeof ADDRESSES): VamsAnfrage {
  const { umzugsverband: _, berechtigungVersichert: __, ...alone } = P01
  if (at === undefined) return { ...alone, ...change }
  const { plz: postleitzahl, strasse, nummer } = ADDRESSES[at]
  const anschriftWegzug = { ...P01.anschriftWegzug, postleitzahl, strasse, hausnummer: { nummer } }
  return { ...alone, anschriftWegzug, ...change }
}

async function answered(instance: AdapterInstance, body: VamsAnfrage, client = BUERGERBUERO): Promise<VamsAntwort> {
  const { status, body: answer } = await instance.answer(body, caller(client))
  if (status !== 200) throw new Error(`status ${status}`)
  return answer as VamsAntwort
}

function personOf(answer: VamsAntwort): Person {
  if (answer.ergebnis !== 'eindeutig') throw new Error(answer.ergebnis)
  return answer.person
}

t.test('the form for one who moves with his household', async (t) => {
  const instance = register(t)

  const answer = await answered(instance, P01)

  t.match(answer, {
    kopf: {
      nachrichtentyp: { code: '0301' },
      autor: { kennung: 'ags:05711000' },
      leser: { kennung: 'ags:05774032' },
      referenzUUID: P01.kopf.nachrichtenUUID,
    },
    ergebnis: 'eindeutig',
    person: { idnr: '02496138955', familienstand: { stand: 'VH' } },
  })
  const person = personOf(answer)
  t.equal(person.partner, undefined, 'the partner has a lock')
  t.same(
    person.kinder?.map(({ vornamen }) => vornamen),
    ['Ida'],
    'one child has a lock',
  )
  const relatives = answer.ergebnis === 'eindeutig' ? answer.angehoerige : undefined
  t.same(
    relatives?.map(({ vornamen, gesetzlicheVertreter }) => [vornamen, gesetzlicheVertreter?.length]),
    [['Ida', 1]],
    'the other representative has a lock',
  )
  t.notMatch(JSON.stringify(answer), /Sieben|Lea|Nils|Teutoburg|sperrvermerke/)
})

t.test('with relatives who are locked the form is as without them', async (t) => {
  const fixtures = JSON.parse(await readFile(FIXTURES, 'utf8')) as { einwohner: Record<string, unknown>[] }
  const bare = fixtures.einwohner.map((einwohner) => {
    const { partner: _, ...rest } = einwohner
    const unlocked = (list: unknown): unknown[] | undefined =>
      (list as { sperrvermerke?: unknown }[] | undefined)?.filter(({ sperrvermerke }) => sperrvermerke === undefined)
    return { ...rest, kinder: unlocked(einwohner['kinder']), vertreter: unlocked(einwohner['vertreter']) }
  })
  const file = join(await freshDir(t), 'bare.json')
  await writeFile(file, JSON.stringify({ ...fixtures, einwohner: bare }))
  const fixed = { ...clock, uuid: () => '00000000-0000-4000-8000-000000000000' }
  const answers = await Promise.all(
    [undefined, file].map(async (given) => {
      const system = await startSimulator(t, 'bielefeld/melderegister', given === undefined ? {} : { fixtures: given })
      const options = { ...system.ready, url: system.url }
      const instance = open(t, ADAPTERS['bielefeld/melderegister/vams'], options, fixed)
      return JSON.stringify((await instance.answer(P01, caller(BUERGERBUERO))).body)
    }),
  )
  t.equal(answers[0], answers[1])
})

t.test("a person's own lock does not block the form and goes with it", async (t) => {
  const instance = register(t)
  const wagner = { familienname: 'Wagner', vornamen: 'Petra', geburtsdatum: '1975-12-01' }
  const person = personOf(await answered(instance, asked(wagner, 'niederwall')))
  t.same(person.sperren, [{ art: '3', befristetBis: '2027-12-31' }, { art: '2' }])
  t.equal(person.geburtsname, 'Żółkiewska')
  t.equal(person.familienstand?.datum, '2022-03-00')
})

t.test('partial dates, a single name and combining characters survive', async (t) => {
  const instance = register(t)
  const suharto = { familienname: 'Suharto', vornamen: '+', geburtsdatum: '1998-00-00' }
  t.match(personOf(await answered(instance, asked(suharto, 'stapenhorst'))), suharto)
  const sanna = { familienname: 'M̂bala-N̂andi', vornamen: 'Sanna', geburtsdatum: '1998-03-00' }
  t.match(personOf(await answered(instance, asked(sanna, 'joellenbeck'))), sanna)
})

t.test('what is spelled differently comes back as the register has it', async (t) => {
  const instance = register(t)
  const typed = { familienname: 'Mueller Luedenscheidt', vornamen: 'JÖRG' }
  const person = personOf(await answered(instance, asked(typed)))
  t.equal(person.familienname, 'Müller-Lüdenscheidt')
  t.equal(person.vornamen, 'Jörg')
})

t.test('unknown, ambiguous, hidden and dead are one answer, at one time', async (t) => {
  const instance = register(t, { answerAfterMs: undefined })
  await answered(instance, P01)
  const cases: Readonly<Record<string, VamsAnfrage>> = {
    unknown: asked({ familienname: 'Niemandt' }),
    'wrong day': asked({ geburtsdatum: '1979-05-20' }),
    'less precise': asked({ geburtsdatum: '1979-05-00' }),
    'lives elsewhere': asked({}, 'niederwall'),
    twins: asked({ familienname: 'Koch', vornamen: 'Emma', geburtsdatum: '2004-09-01' }, 'universitaet'),
    'witness protection': asked({ familienname: 'Brandt', vornamen: 'Maren', geburtsdatum: '1984-07-07' }, 'heeper90'),
    dead: asked({ familienname: 'Kolbe', vornamen: 'Erwin', geburtsdatum: '1938-04-02' }, 'heeper7'),
    'no name left': asked({ familienname: '-' }),
  }
  for (const [name, body] of Object.entries(cases)) {
    const start = performance.now()
    const answer = await instance.answer(body, caller(BUERGERBUERO))
    const took = performance.now() - start
    t.equal(
      JSON.stringify(answer),
      '{"status":200,"contentType":"application/json","body":{"ergebnis":"abgewiesen","grund":"nichtEindeutigIdentifiziert"}}',
      name,
    )
    t.ok(took >= 148 && took < 200, `${name} after ${took.toFixed(1)} ms`)
  }
  const emma = { familienname: 'Koch', vornamen: 'Emma Lea', geburtsdatum: '2004-09-01' }
  t.match(
    personOf(await answered(instance, asked(emma, 'universitaet'))),
    { idnr: '07647935129' },
    'the full names tell them apart',
  )
})

t.test('a message that is not for here, or from another, is refused with its code', async (t) => {
  const instance = register(t)
  const refused = async (body: VamsAnfrage, client = BUERGERBUERO): Promise<unknown> => {
    const { status, body: problem } = await instance.answer(body, caller(client))
    const { code, feldpfad, nachrichtenUUID } = problem as Record<string, string>
    t.equal(nachrichtenUUID, body.kopf.nachrichtenUUID)
    t.notMatch(JSON.stringify(problem), /Müller|1979/)
    return [status, code, feldpfad]
  }
  const kopf = P01.kopf
  t.same(await refused(P01, 'OWL/GOV/05774020/MELDEWESEN'), [403, 'T070', '/kopf/autor/kennung'])
  const astray = { ...P01, kopf: { ...kopf, leser: { ...kopf.leser, kennung: 'ags:05774020' } } }
  t.same(await refused(astray), [421, 'T080', '/kopf/leser/kennung'])
  t.same(await refused({ ...P01, kopf: { ...kopf, version: '3.1' } }), [400, 'V000', '/kopf/version'])
  t.same(await refused({ ...P01, kopf: { ...kopf, test: true } }), [400, 'S999', '/kopf/test'])
})

t.test('what the law does not allow to ask breaks the schema', async (t) => {
  const instance = register(t)
  const refused = async (body: object): Promise<string> => {
    const error = await instance.answer(body, caller(BUERGERBUERO)).catch((thrown) => thrown)
    t.equal(error.kind, 'request')
    return error.problems.map(({ pointer, keyword }: Record<string, string>) => `${pointer} ${keyword}`).join()
  }
  t.equal(await refused({ ...P01, idnr: '02496138955' }), ' additionalProperties', 'the IDNr is no search field')
  t.equal(await refused({ ...P01, berechtigungVersichert: false }), '/berechtigungVersichert const')
  const { berechtigungVersichert: _, ...unassured } = P01
  t.equal(await refused(unassured), '/berechtigungVersichert required')
  const { aktenzeichen: __, ...kopf } = P01.kopf
  t.equal(await refused({ ...P01, kopf }), '/kopf/aktenzeichen required')
  const detmold = { ...P01.kopf, autor: { ...P01.kopf.autor, kennung: 'asb:057' } }
  t.equal(await refused({ ...P01, kopf: detmold }), '/kopf/autor/kennung pattern', 'only registration authorities ask')
})

t.test('the register logs nothing, whoever was asked for', async (t) => {
  await system.stop()
  t.equal(system.output(), '')
})
