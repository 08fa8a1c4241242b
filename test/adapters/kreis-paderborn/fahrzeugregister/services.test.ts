import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import t from 'tap'
import type { AdapterInstance, Answer } from '../../../../adapters/adapter.ts'
import { ADAPTERS } from '../../../../adapters/index.ts'
import { umzugsmitteilung, umzugsstatus } from '../../../../adapters/scenario-messages.ts'
import type { UmzugsmitteilungAnfrage } from '../../../../schemas/kfz/payloads.ts'
import { schema } from '../../../../schemas/schema.ts'
import type { Running } from '../../rig.ts'
import { caller, clock, getJson, open, startSimulator, until } from '../../rig.ts'

const CLIENT = 'OWL/GOV/05774032/BUERGERBUERO'
const { body: P01 } = umzugsmitteilung(clock)

interface Rig {
  readonly system: Running
  readonly notices: AdapterInstance
  readonly states: AdapterInstance
  notify(change?: object): Promise<Answer>
  state(uuid: string, client?: string): Promise<Answer>
  /** The result, once there is one. */
  result(uuid: string): Promise<string>
}

async function rig(t: Test, dir?: string): Promise<Rig> {
  const system = await startSimulator(t, 'kreis-paderborn/fahrzeugregister', dir === undefined ? {} : { dir })
  const options = { ...system.ready, timeoutMs: 200 }
  const notices = open(t, ADAPTERS['kreis-paderborn/fahrzeugregister/umzugsmitteilung'], options, clock)
  const states = open(t, ADAPTERS['kreis-paderborn/fahrzeugregister/umzugsstatus'], options, clock)
  const state = (uuid: string, client = CLIENT): Promise<Answer> =>
    states.answer(umzugsstatus(clock, uuid).body, caller(client))
  return {
    system,
    notices,
    states,
    state,
    notify: (change = {}) => notices.answer({ ...P01, ...change }, caller(CLIENT)),
    result: (uuid) => until(async () => ((await state(uuid)).body as { ergebnis?: string }).ergebnis),
  }
}

function fresh(change: Partial<UmzugsmitteilungAnfrage>): UmzugsmitteilungAnfrage {
  return { ...P01, kopf: { ...P01.kopf, nachrichtenUUID: crypto.randomUUID() }, ...change }
}

t.test('the holder of PB-AB 1234 has moved', async (t) => {
  const { system, notify, state, result } = await rig(t)
  const uuid = P01.kopf.nachrichtenUUID

  const receipt = await notify()

  t.match(receipt, {
    status: 202,
    body: { ergebnis: 'angenommen', kopf: { referenzUUID: uuid, autor: { kennung: 'usv:05774' } } },
  })
  t.equal(await result(uuid), 'haltereintragGeaendert')
  t.match(await state(uuid), { status: 200, body: { zustand: 'beantwortet' } })
  const database = new DatabaseSync(system.ready['database'] ?? '', { readOnly: true })
  t.teardown(() => database.close())
  t.match(database.prepare("SELECT * FROM v_fahrzeug_halter WHERE kennzeichen = 'PB-AB 1234'").get(), {
    familienname: 'Müller-Lüdenscheidt',
    gemeindeschluessel: '05774032',
    strasse: 'Kamp',
    hausnummer: '40',
  })
  const again = fresh({})
  await notify(again)
  t.equal(await result(again.kopf.nachrichtenUUID), 'erledigt', 'the register has it already')
})

t.test('what becomes of other notices', async (t) => {
  const { notify, result } = await rig(t)
  const cases = {
    kennzeichenUnbekannt: { kennzeichen: ['PB-ZZ 999'] },
    halterAbweichend: { halter: { ...P01.halter, geburtsdatum: '1979-05-00' } },
    nichtZustaendig: { anschriftNeu: { ...P01.anschriftNeu, gemeindeschluessel: '05711000' } },
    vorspracheErforderlich: { zb1Vorgelegt: false },
  }
  for (const [expected, change] of Object.entries(cases)) {
    const message = fresh(change)
    t.equal((await notify(message)).status, 202)
    t.equal(await result(message.kopf.nachrichtenUUID), expected)
  }
})

t.test('partial dates and combining characters are matched and stored as they are', async (t) => {
  const { system, notify, result } = await rig(t)
  const halter = { familienname: 'M̂bala-N̂andi', vornamen: 'Sanna', geburtsdatum: '1998-03-00' }
  const message = fresh({ halter, kennzeichen: ['BÜR-SM 98'] })
  await notify(message)
  t.equal(await result(message.kopf.nachrichtenUUID), 'haltereintragGeaendert')
  const database = new DatabaseSync(system.ready['database'] ?? '', { readOnly: true })
  t.teardown(() => database.close())
  t.match(database.prepare('SELECT familienname, vornamen, geburtsdatum FROM umzugsmitteilung').get(), halter)
})

t.test('with a lock under § 41 StVG it stays accepted', async (t) => {
  const { system, notify, state } = await rig(t)
  const halter = { familienname: 'Sieben', vornamen: 'Lea', geburtsdatum: '1991-02-28' }
  const locked = fresh({ halter, kennzeichen: ['PB-LS 7'] })
  const wrongHolder = fresh({ kennzeichen: ['PB-LS 7'] })
  await notify(locked)
  await notify(wrongHolder)
  await until(async () => {
    const rows = await getJson<{ ergebnis: string | null }[]>(`${system.url}/control/mitteilungen`)
    return rows.every(({ ergebnis }) => ergebnis !== null) ? true : undefined
  })
  for (const { kopf } of [locked, wrongHolder]) {
    const { body } = await state(kopf.nachrichtenUUID)
    const { kopf: _, ...told } = body as Record<string, unknown>
    t.same(told, { zustand: 'angenommen' })
  }
})

t.test('a second delivery gets the same receipt, also after a kill', async (t) => {
  const { system, notify } = await rig(t)
  const first = JSON.stringify(await notify())
  t.equal(JSON.stringify(await notify()), first)
  t.match(await notify({ einzugsdatum: '2026-01-01' }), { status: 409, body: { code: 'S100' } })
  await system.stop('SIGKILL')
  const again = await rig(t, system.dir)
  t.equal(JSON.stringify(await again.notify()), first)
  t.equal((await getJson<unknown[]>(`${again.system.url}/control/mitteilungen`)).length, 1)
})

t.test('the state is told to the agency that sent the notice', async (t) => {
  const { states, notify, state } = await rig(t)
  await notify()
  const foreign = umzugsstatus(clock, P01.kopf.nachrichtenUUID).body
  const kopf = { ...foreign.kopf, autor: { ...foreign.kopf.autor, kennung: 'ags:05774020' } }
  const asked = await states.answer({ kopf }, caller('OWL/GOV/05774020/MELDEWESEN'))
  t.match(asked, { status: 400, body: { code: 'S999', feldpfad: '/kopf/referenzUUID' } })
  t.match(await state(crypto.randomUUID()), { status: 400, body: { code: 'S999' } })
})

t.test('without consent, without plates, with an IDNr: no notice', async (t) => {
  const { system, notify } = await rig(t)
  const { einwilligungHalter: _, ...silent } = P01
  for (const [wrong, pointer] of [
    [{ ...P01, einwilligungHalter: false }, '/einwilligungHalter'],
    [{ ...silent, einwilligungHalter: undefined }, '/einwilligungHalter'],
    [{ kennzeichen: [] }, '/kennzeichen'],
    [{ kennzeichen: ['PB-AB 1234', 'PB-AB 1234'] }, '/kennzeichen'],
    [{ kennzeichen: ['pb-ab 12'] }, '/kennzeichen/0'],
    [{ halter: { ...P01.halter, idnr: '02496138955' } }, '/halter'],
    [{ einzugsdatum: '2026-02-00' }, '/einzugsdatum'],
    [{ zeitpunkt: '2026-02-20T10:00:00' }, '/zeitpunkt'],
  ] as const) {
    const error = await notify(wrong).catch((thrown) => thrown)
    t.match(error, { kind: 'request' })
    t.ok(
      error.problems.some((problem: { pointer: string }) => problem.pointer === pointer),
      pointer,
    )
  }
  t.same(await getJson(`${system.url}/control/mitteilungen`), [])
})

t.test('refused: another author, another reader, another version; a test goes no further', async (t) => {
  const { system, notices, notify } = await rig(t)
  const { kopf } = P01
  t.match(await notices.answer(P01, caller('OWL/GOV/05711000/MELDEWESEN')), { status: 403, body: { code: 'T070' } })
  t.match(await notify({ kopf: { ...kopf, leser: { ...kopf.leser, kennung: 'svb:05774' } } }), {
    status: 421,
    body: { code: 'T080' },
  })
  t.match(await notify({ kopf: { ...kopf, version: '2' } }), { status: 400, body: { code: 'V000' } })
  t.match(await notify({ kopf: { ...kopf, test: true } }), { status: 202, body: { kopf: { test: true } } })
  t.same(await getJson(`${system.url}/control/mitteilungen`), [])
})

t.test('a database that is locked is waited for, without holding up others, and then given up', async (t) => {
  const { system, notify } = await rig(t)
  await notify(fresh({}))
  const other = new DatabaseSync(system.ready['database'] ?? '')
  t.teardown(() => other.close())

  other.exec('BEGIN IMMEDIATE')
  let beats = 0
  const timer = setInterval(() => {
    beats += 1
  }, 10)
  const error = await notify(fresh({})).catch((thrown) => thrown)
  clearInterval(timer)
  t.match(error, { kind: 'unavailable', reason: 'busy' })
  t.ok(beats > 5, 'the event loop went on')

  const waiting = notify(fresh({}))
  setTimeout(() => other.exec('ROLLBACK'), 60)
  t.equal((await waiting).status, 202)
})

t.test('a database that is not there is down, and is not made', async (t) => {
  const { dir } = await startSimulator(t, 'kreis-paderborn/fahrzeugregister')
  const database = `${dir}/nothing.sqlite`
  const instance = open(t, ADAPTERS['kreis-paderborn/fahrzeugregister/umzugsmitteilung'], { database }, clock)
  t.match(await instance.answer(P01, caller(CLIENT)).catch((thrown) => thrown), {
    kind: 'unavailable',
    reason: 'sqlite-14',
  })
  t.throws(() => new DatabaseSync(database, { readOnly: true }))
  t.throws(() => ADAPTERS['kreis-paderborn/fahrzeugregister/umzugsmitteilung']?.open({}), /Option database/)
})

t.test('a database with other tables is unavailable, and not quoted', async (t) => {
  const { dir } = await startSimulator(t, 'kreis-paderborn/fahrzeugregister')
  const database = `${dir}/other.sqlite`
  new DatabaseSync(database).close()
  const instance = open(t, ADAPTERS['kreis-paderborn/fahrzeugregister/umzugsmitteilung'], { database }, clock)
  const error = await instance.answer(P01, caller(CLIENT)).catch((thrown) => thrown)
  t.match(error, { kind: 'unavailable', reason: 'sqlite-1' })
  t.equal(error.cause, undefined)
})

t.test('states are what their schema says', async (t) => {
  const { check } = schema('urn:owl:kfz:umzugsstatus-antwort:1')
  t.not(check({ zustand: 'angenommen', ergebnis: 'erledigt' }).length, 0)
})
