import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import t from 'tap'
import type { AdapterInstance } from '../../../../adapters/adapter.ts'
import { ADAPTERS } from '../../../../adapters/index.ts'
import { gewerbeEingang, notices } from '../../../../adapters/scenario-messages.ts'
import type { Running } from '../../rig.ts'
import { caller, clock, getJson, open, startSimulator } from '../../rig.ts'

const CLIENT = 'OWL/GOV/05774020/GEWERBE'
const MASKED = {
  anmeldung: [10, 12, 13, 27, 28, 29, 30, 31, 33],
  ummeldung: [10, 12, 13, 25, 26, 27, 28, 30],
  abmeldung: [10, 12, 13, 28, 30],
} as const

interface Row {
  readonly art: keyof typeof MASKED
  readonly absender: string
  readonly felder: readonly number[]
}

async function rig(
  t: Test,
  dir?: string,
): Promise<{ system: Running; instance: AdapterInstance; rows(): Promise<Row[]> }> {
  const system = await startSimulator(t, 'detmold/arbeitsschutz', dir === undefined ? {} : { dir })
  const instance = open(t, ADAPTERS['detmold/arbeitsschutz/gewerbe-eingang'], { ...system.ready }, clock)
  return { system, instance, rows: () => getJson<Row[]>(`${system.url}/control/anzeigen`) }
}

t.test('each form arrives without what the mask takes away', async (t) => {
  const { system, instance, rows } = await rig(t)
  for (const art of ['anmeldung', 'ummeldung', 'abmeldung'] as const) {
    const { body } = gewerbeEingang(clock, art)
    t.match(await instance.answer(body, caller(CLIENT)), { status: 202, body: { ergebnis: 'angenommen' } })
  }
  const stored = await rows()
  t.same(
    stored.map(({ art }) => art),
    ['anmeldung', 'ummeldung', 'abmeldung'],
  )
  for (const { art, felder, absender } of stored) {
    t.equal(absender, 'ags:05774020')
    t.ok(felder.includes(4) && felder.includes(11), `${art} has a name and an address`)
    t.same(
      felder.filter((field) => (MASKED[art] as readonly number[]).includes(field)),
      [],
    )
  }
  const database = new DatabaseSync(system.ready['database'] ?? '', { readOnly: true })
  t.teardown(() => database.close())
  const companies = database.prepare('SELECT familienname, vornamen, taetigkeit FROM v_betriebe').all()
  t.match(
    companies.toSorted((a, b) => String(a['familienname']).localeCompare(String(b['familienname']))),
    [
      { familienname: 'Graf von Neuenwalde', vornamen: 'Hans Georg Arthur', taetigkeit: /Kaffee & Kuchen/ },
      { familienname: 'M̂bala-N̂andi' },
      { familienname: 'M̂bala-N̂andi' },
    ],
  )
})

t.test('a notice with a field that the mask takes away is refused whole', async (t) => {
  const { instance, rows } = await rig(t)
  for (const anzeige of notices()) {
    const { body } = gewerbeEingang(clock, anzeige.art)
    for (const [member, value] of Object.entries(anzeige.formular)) {
      if (member in body.formular) continue
      const message = { ...body, formular: { ...body.formular, [member]: value } }
      const error = await instance.answer(message, caller(CLIENT)).catch((thrown) => thrown)
      t.match(error, { kind: 'request', problems: [{ pointer: '/formular', keyword: 'additionalProperties' }] }, member)
    }
    const whole = await instance
      .answer({ ...body, formular: anzeige.formular }, caller(CLIENT))
      .catch((thrown) => thrown)
    t.equal(whole.kind, 'request')
  }
  t.same(await rows(), [])
})

t.test('the tables themselves refuse a masked field', async (t) => {
  const { system, instance } = await rig(t)
  await instance.answer(gewerbeEingang(clock).body, caller(CLIENT))
  const database = new DatabaseSync(system.ready['database'] ?? '')
  t.teardown(() => database.close())
  const { schluessel } = database.prepare('SELECT schluessel FROM gewerbeanzeige').get() as { schluessel: string }
  const insert = database.prepare("INSERT INTO gewerbeanzeige_feld VALUES (?, ?, ?, 'x', 'x')")
  for (const [art, fields] of Object.entries(MASKED)) {
    for (const field of fields) t.throws(() => insert.run(schluessel, art, field), /CHECK constraint/)
  }
})

t.test('a second delivery gets the same receipt and no second row', async (t) => {
  const { system, instance, rows } = await rig(t)
  const { body } = gewerbeEingang(clock)
  const first = JSON.stringify(await instance.answer(body, caller(CLIENT)))
  t.equal(JSON.stringify(await instance.answer(body, caller(CLIENT))), first)
  const other = { ...body, formular: { ...body.formular, nebenerwerb: true } }
  t.match(await instance.answer(other, caller(CLIENT)), { status: 409, body: { code: 'S100' } })
  await system.stop('SIGKILL')
  const again = await rig(t, system.dir)
  t.equal(JSON.stringify(await again.instance.answer(body, caller(CLIENT))), first)
  t.equal((await again.rows()).length, 1)
  t.equal((await rows().catch(() => [])).length, 0, 'the first is gone')
})

t.test('refused: another author, another reader', async (t) => {
  const { instance, rows } = await rig(t)
  const { body } = gewerbeEingang(clock)
  t.match(await instance.answer(body, caller('OWL/GOV/05774032/GEWERBE')), { status: 403, body: { code: 'T070' } })
  const kopf = { ...body.kopf, leser: { ...body.kopf.leser, kennung: 'asb:053' } }
  t.match(await instance.answer({ ...body, kopf }, caller(CLIENT)), { status: 421, body: { code: 'T080' } })
  t.match(await instance.answer({ ...body, kopf: { ...body.kopf, test: true } }, caller(CLIENT)), { status: 202 })
  t.same(await rows(), [])
})
