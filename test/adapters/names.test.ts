import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { ADAPTERS } from '../../adapters/index.ts'
import { toTtmmjjjj } from '../../adapters/matching/datum.ts'
import { searchKey } from '../../adapters/matching/suchform.ts'
import { gewerbeEingang, personensuche, umzugsmitteilung, vams } from '../../adapters/scenario-messages.ts'
import type { VamsAntwort } from '../../schemas/meldewesen/payloads.ts'
import { NAME_ENTRIES } from '../schemas/din91379.ts'
import { caller, clock, freshDir, open, startSimulator } from './rig.ts'

/** Every entry of DIN 91379 data type A in some name; every form of a partial date in turn. */
const DATES = ['1998-03-17', '1998-03-00', '1998-00-00', '0000-00-00', '2000-02-29']
const PEOPLE = Array.from({ length: Math.ceil(NAME_ENTRIES.length / 25) }, (_, at) => ({
  familienname: `A${NAME_ENTRIES.slice(at * 25, at * 25 + 25).join('')}z`,
  vornamen: `B${NAME_ENTRIES.slice(at * 25, at * 25 + 12).join('')}`,
  geburtsdatum: DATES[at % DATES.length] ?? '',
}))
const HOME = { plz: '33602', strasse: 'Niederwall', nummer: '1' }

t.test('the people cover the list', async (t) => {
  const text = PEOPLE.map(({ familienname }) => familienname).join('')
  for (const entry of NAME_ENTRIES) t.ok(text.includes(entry), entry)
  for (const { familienname } of PEOPLE) t.ok([...familienname].length <= 120)
})

t.test('names and partial dates survive REST with JSON', async (t) => {
  const fixtures = join(await freshDir(t), 'einwohner.json')
  const einwohner = PEOPLE.map(({ familienname, vornamen, geburtsdatum }, at) => ({
    id: `BI-${at}`,
    name: { nachname: familienname, vornamen },
    geburt: { datum: geburtsdatum },
    wohnungen: [
      { ags: '05711000', ort: 'Bielefeld', plz: HOME.plz, strasse: HOME.strasse, hausnr: HOME.nummer, art: 'A' },
    ],
  }))
  await writeFile(fixtures, JSON.stringify({ einwohner, strassen: [] }))
  const system = await startSimulator(t, 'bielefeld/melderegister', { fixtures })
  const options = { ...system.ready, url: system.url, answerAfterMs: 0 }
  const instance = open(t, ADAPTERS['bielefeld/melderegister/vams'], options, clock)
  const { body } = vams(clock)
  const anschriftWegzug = {
    ...body.anschriftWegzug,
    postleitzahl: HOME.plz,
    strasse: HOME.strasse,
    hausnummer: { nummer: HOME.nummer },
  }
  for (const person of PEOPLE) {
    const answer = await instance.answer(
      { ...body, ...person, anschriftWegzug },
      caller('OWL/GOV/05774032/BUERGERBUERO'),
    )
    const form = answer.body as VamsAntwort
    t.equal(form.ergebnis, 'eindeutig')
    if (form.ergebnis === 'eindeutig') t.match(form.person, person)
  }
})

t.test('names and partial dates survive SOAP', async (t) => {
  const fixtures = join(await freshDir(t), 'einwohner.json')
  const einwohner = PEOPLE.map(({ familienname, vornamen, geburtsdatum }, at) => ({
    NUMMER: `PB-${at}`,
    NAME: familienname,
    SUCHNAME: searchKey(familienname),
    VORNAMEN: vornamen,
    GEBDAT: toTtmmjjjj(geburtsdatum),
    WOHNUNGEN: { WOHNUNG: [{ GKZ: '05774032', PLZ: '33098', ORT: 'Paderborn', STRASSE: 'Kamp', HNR: '1', ART: 'AW' }] },
  }))
  await writeFile(fixtures, JSON.stringify({ einwohner, strassen: ['Kamp'] }))
  const system = await startSimulator(t, 'paderborn/melderegister', { fixtures })
  const options = { url: system.url, answerAfterMs: 0 }
  const instance = open(t, ADAPTERS['paderborn/melderegister/personensuche'], options, clock)
  const { body } = personensuche(clock, 'known')
  for (const person of PEOPLE) {
    const answer = await instance.answer(
      { ...body, auswahldaten: person, angeforderteDaten: ['familienname', 'vornamen', 'geburtsdatum'] },
      caller('OWL/GOV/05774020/GEWERBE', { purpose: 'GEWERBE_ID' }),
    )
    t.match(answer.body, { ergebnis: 'treffer', person })
  }
})

t.test('names and partial dates survive SQL', async (t) => {
  const kfz = await startSimulator(t, 'kreis-paderborn/fahrzeugregister')
  const arb = await startSimulator(t, 'detmold/arbeitsschutz')
  const notices = open(t, ADAPTERS['kreis-paderborn/fahrzeugregister/umzugsmitteilung'], { ...kfz.ready }, clock)
  const trades = open(t, ADAPTERS['detmold/arbeitsschutz/gewerbe-eingang'], { ...arb.ready }, clock)
  for (const halter of PEOPLE) {
    const notice = { ...umzugsmitteilung(clock).body, halter }
    t.equal((await notices.answer(notice, caller('OWL/GOV/05774032/BUERGERBUERO'))).status, 202)
    const { body } = gewerbeEingang(clock)
    const trade = { ...body, formular: { ...body.formular, ...halter } }
    t.equal((await trades.answer(trade, caller('OWL/GOV/05774020/GEWERBE'))).status, 202)
  }

  const database = new DatabaseSync(kfz.ready['database'] ?? '', { readOnly: true })
  t.teardown(() => database.close())
  const stored = database
    .prepare('SELECT familienname, vornamen, geburtsdatum FROM umzugsmitteilung ORDER BY rowid')
    .all()
  t.same(
    stored.map((row) => ({ ...row })),
    PEOPLE,
  )

  const safety = new DatabaseSync(arb.ready['database'] ?? '', { readOnly: true })
  t.teardown(() => safety.close())
  for (const name of ['familienname', 'vornamen', 'geburtsdatum'] as const) {
    const rows = safety.prepare('SELECT wert FROM gewerbeanzeige_feld WHERE name = ? ORDER BY rowid').all(name)
    t.same(
      rows.map(({ wert }) => wert),
      PEOPLE.map((person) => person[name]),
    )
  }
})
