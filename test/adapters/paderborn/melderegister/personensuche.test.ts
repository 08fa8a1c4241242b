import type { Test } from 'tap'
import t from 'tap'
import type { AdapterInstance, Answer } from '../../../../adapters/adapter.ts'
import { ADAPTERS } from '../../../../adapters/index.ts'
import { APPLICANTS, personensuche } from '../../../../adapters/scenario-messages.ts'
import type {
  Auskunft,
  Auswahldaten,
  PersonensucheAnfrage,
  PersonensucheAntwort,
} from '../../../../schemas/meldewesen/payloads.ts'
import { caller, clock, getJson, NOW, open, serve, startSimulator } from '../../rig.ts'

const CLIENT = 'OWL/GOV/05774020/GEWERBE'
const { body: REQUEST } = personensuche(clock, 'known')
const NEUTRAL = '{"status":200,"contentType":"application/json","body":{"ergebnis":"neutral"}}'

// Queries change nothing: one register serves all tests.
const system = await startSimulator(t, 'paderborn/melderegister')

/** At once unless a test is about time. */
function register(t: Test, options = {}, now = clock): AdapterInstance {
  const given = { url: system.url, answerAfterMs: 0, ...options }
  return open(t, ADAPTERS['paderborn/melderegister/personensuche'], given, now)
}

/** As the service is by default. */
const DEFAULT_TIME = { answerAfterMs: undefined }

function ask(instance: AdapterInstance, change: object, purpose: string | undefined = 'GEWERBE_ID'): Promise<Answer> {
  return instance.answer({ ...REQUEST, ...change }, caller(CLIENT, purpose === undefined ? {} : { purpose }))
}

const find = (auswahldaten: Auswahldaten): Pick<PersonensucheAnfrage, 'auswahldaten'> => ({ auswahldaten })
const answerOf = ({ body }: Answer): PersonensucheAntwort => body as PersonensucheAntwort

function personOf(answer: Answer): Auskunft {
  const body = answerOf(answer)
  if (body.ergebnis !== 'treffer') throw new Error(body.ergebnis)
  return body.person
}

t.test('a hit tells what was asked for and nothing else', async (t) => {
  const instance = register(t)
  const answer = await ask(instance, {})
  t.match(answer, { status: 200, body: { kopf: { referenzUUID: REQUEST.kopf.nachrichtenUUID }, ergebnis: 'treffer' } })
  t.same(personOf(answer), {
    familienname: 'Graf von Neuenwalde',
    vornamen: 'Hans Georg Arthur',
    anschriften: [
      {
        gemeindeschluessel: '05774032',
        postleitzahl: '33098',
        ort: 'Paderborn',
        strasse: 'Kamp',
        hausnummer: { nummer: '31' },
        wohnungsart: 'alleinig',
        einzugsdatum: '1994-09-01',
      },
    ],
    geburtsdatum: '1965-11-03',
    staatsangehoerigkeiten: ['000'],
  })
  t.same(personOf(await ask(instance, { angeforderteDaten: ['geburtsort'] })), { geburtsort: 'Münster' })
})

const LOCKED: Readonly<Record<string, Auswahldaten>> = {
  '1': { familienname: 'Albers', vornamen: 'Timo', geburtsdatum: '2014-03-11' },
  '3': APPLICANTS.locked,
  '6': { familienname: 'Bödeker', vornamen: 'Anouk', geburtsdatum: '2012-05-02' },
  '11': APPLICANTS.lockedBySecurity,
  '12': { familienname: 'Dorn', vornamen: 'Alex', geburtsdatum: '1990-01-30' },
  '§ 52': { familienname: 'Evers', vornamen: 'Jana', geburtsdatum: '1995-12-08' },
  '§ 53': { familienname: 'Falk', vornamen: 'Ruben', geburtsdatum: '1970-06-21' },
}

t.test('a lock and nobody are one answer, to the octet', async (t) => {
  const instance = register(t)
  t.equal(JSON.stringify(await ask(instance, find(APPLICANTS.unknown))), NEUTRAL, 'unknown')
  for (const [lock, auswahldaten] of Object.entries(LOCKED)) {
    t.equal(JSON.stringify(await ask(instance, find(auswahldaten))), NEUTRAL, `lock ${lock}`)
    const wrongDay = { ...auswahldaten, geburtsdatum: '1900-01-01' }
    t.equal(JSON.stringify(await ask(instance, find(wrongDay))), NEUTRAL, `lock ${lock}, other day`)
  }
  t.equal(JSON.stringify(await ask(instance, find({ ...APPLICANTS.known, familienname: '-' }))), NEUTRAL)
})

t.test('a clerk looks into either, unless that is waived', async (t) => {
  const { url } = await startSimulator(t, 'paderborn/melderegister')
  const instance = register(t, { url })
  const asked = async (auswahldaten: Auswahldaten, more = {}): Promise<string> => {
    const nachrichtenUUID = crypto.randomUUID()
    await ask(instance, { auswahldaten, kopf: { ...REQUEST.kopf, nachrichtenUUID }, ...more })
    return nachrichtenUUID
  }
  const referred = [await asked(APPLICANTS.unknown), await asked(APPLICANTS.locked)]
  await asked(APPLICANTS.locked, { verzichtWeiterbearbeitung: true })
  await asked(APPLICANTS.unknown, { verzichtWeiterbearbeitung: true })
  await asked(APPLICANTS.known)
  t.same(await getJson(`${url}/control/vorgaenge`), referred)
})

t.test('and in one time', async (t) => {
  const instance = register(t, DEFAULT_TIME)
  await ask(instance, {})
  const times = async (auswahldaten: Auswahldaten): Promise<number[]> => {
    const measured: number[] = []
    for (let round = 0; round < 12; round++) {
      const start = performance.now()
      await ask(instance, find(auswahldaten))
      measured.push(performance.now() - start)
    }
    return measured.toSorted((a, b) => a - b)
  }
  const [unknown = [], locked = [], known = []] = await Promise.all(
    [APPLICANTS.unknown, APPLICANTS.locked, APPLICANTS.known].map(times),
  )
  const median = (all: readonly number[]): number => all[6] ?? 0
  t.ok(unknown[0] !== undefined && unknown[0] >= 148, 'not before its time')
  t.ok(
    Math.abs(median(unknown) - median(locked)) < 5,
    `${median(unknown).toFixed(2)} and ${median(locked).toFixed(2)} ms`,
  )
  t.ok(Math.abs(median(unknown) - median(known)) < 5, 'a hit too')
})

t.test('a register that is slow for some only moves the answer to the next beat', async (t) => {
  const slow = register(t, { answerAfterMs: 20 })
  const start = performance.now()
  await ask(slow, find(APPLICANTS.locked))
  const beats = (performance.now() - start) / 20
  // Timers count whole milliseconds and may end one early.
  t.ok((beats + 0.1) % 1 < 0.7, `${beats.toFixed(2)} beats`)
})

t.test('locks on other transfers do not hide, nor does a lock that ran out', async (t) => {
  const instance = register(t)
  const gross = { familienname: 'Groß', vornamen: 'Heike', geburtsdatum: '1968-10-17' }
  t.equal(personOf(await ask(instance, find(gross))).familienname, 'Groß')
  const huenteler = { familienname: 'Hünteler', vornamen: 'Rolf', geburtsdatum: '1955-05-05' }
  t.equal(personOf(await ask(instance, find(huenteler))).familienname, 'Hünteler')
  const lastDay = register(t, {}, { ...clock, now: () => Date.parse('2024-12-31T22:59:59Z') })
  t.equal(JSON.stringify(await ask(lastDay, find(huenteler))), NEUTRAL, 'a lock holds through its last day')
})

t.test('a lock that runs out later holds today', async (t) => {
  const later = register(t, {}, { ...clock, now: () => Date.parse('2027-07-01T00:00:00+02:00') })
  t.equal(personOf(await ask(later, find(APPLICANTS.locked))).familienname, 'Sieben')
  t.ok(NOW < Date.parse('2027-06-30'))
})

t.test('twins are a list, and the clerk chooses once', async (t) => {
  const instance = register(t)
  const answer = await ask(instance, find({ familienname: 'Koch', vornamen: 'Emma', geburtsdatum: '2004-09-01' }))
  const list = answerOf(answer)
  if (list.ergebnis !== 'trefferliste') throw new Error(list.ergebnis)
  t.same(list.trefferliste.map(({ vornamen }) => vornamen).toSorted(), ['Emma Lea', 'Emma Mia'])
  const mia = list.trefferliste.find(({ vornamen }) => vornamen === 'Emma Mia')
  const chosen = { auswahldaten: undefined, identifikationsmerkmal: mia?.identifikationsmerkmal }
  t.notMatch(mia?.identifikationsmerkmal, /PB-/)

  const elsewhere = await instance.answer(
    {
      ...personensuche(clock, 'known').body,
      ...chosen,
      kopf: { ...REQUEST.kopf, autor: { ...REQUEST.kopf.autor, kennung: 'ags:05774032' } },
    },
    caller('OWL/GOV/05774032/GEWERBE', { purpose: 'GEWERBE_ID' }),
  )
  t.equal(JSON.stringify(elsewhere), NEUTRAL, 'a mark is for whom it was issued to')
  t.equal(personOf(await ask(instance, chosen)).vornamen, 'Emma Mia')
  t.equal(JSON.stringify(await ask(instance, chosen)), NEUTRAL, 'and for one query')
})

t.test('names: one, combined, former, phonetic', async (t) => {
  const instance = register(t)
  const suharto = { familienname: 'Suharto', vornamen: '+', geburtsdatum: '1998-00-00' }
  t.match(personOf(await ask(instance, find(suharto))), suharto)
  t.equal(JSON.stringify(await ask(instance, find({ ...suharto, vornamen: 'Arthur' }))), NEUTRAL)
  t.equal(JSON.stringify(await ask(instance, find({ ...suharto, geburtsdatum: '1998-03-17' }))), NEUTRAL)
  const sanna = { familienname: 'M̂bala-N̂andi', vornamen: 'Sanna', geburtsdatum: '1998-03-00' }
  t.match(personOf(await ask(instance, find(sanna))), sanna)
  const weiss = { familienname: 'Weiss', vornamen: 'Sascha', geburtsdatum: '1987-12-24' }
  t.equal(personOf(await ask(instance, find(weiss))).familienname, 'Weiß')
  t.equal(JSON.stringify(await ask(instance, find({ ...weiss, familienname: 'Weis' }))), NEUTRAL)
  t.equal(
    personOf(await ask(instance, { ...find({ ...weiss, familienname: 'Weis' }), phonetisch: true })).familienname,
    'Weiß',
  )
  t.equal(JSON.stringify(await ask(instance, find({ ...APPLICANTS.known, familienname: 'Graf' }))), NEUTRAL)
})

t.test('every selection datum must agree', async (t) => {
  const instance = register(t)
  const { familienname, vornamen } = APPLICANTS.known
  const anschrift = {
    gemeindeschluessel: '05774032',
    postleitzahl: '33098',
    strasse: 'Kamp',
    hausnummer: { nummer: '31' },
  }
  const agree: Auswahldaten = {
    familienname,
    vornamen,
    anschrift,
    geburtsort: 'Muenster',
    geburtsstaat: '000',
    geschlecht: 'm',
    strasse: 'KAMP',
  }
  t.equal(personOf(await ask(instance, find(agree))).familienname, familienname)
  for (const wrong of [
    { anschrift: { ...anschrift, hausnummer: { nummer: '32' } } },
    { anschrift: { ...anschrift, postleitzahl: '33100' } },
    { geburtsort: 'Münder' },
    { geschlecht: 'w' as const },
    { strasse: 'Riemekestr.' },
    { sterbedatum: '2020-01-01' },
    { fruehererName: 'Neuenwalde' },
  ]) {
    t.equal(JSON.stringify(await ask(instance, find({ ...agree, ...wrong }))), NEUTRAL, JSON.stringify(wrong))
  }
})

t.test('the purpose decides what may be asked', async (t) => {
  const instance = register(t)
  const refused = async (change: object, purpose?: string): Promise<unknown> => {
    const { status, body } = await ask(instance, change, purpose)
    const { code, feldpfad } = body as Record<string, string>
    return [status, code, feldpfad]
  }
  const religious = { angeforderteDaten: ['familienname', 'familienstand'] }
  t.same(await refused(religious), [403, 'T070', '/angeforderteDaten/1'])
  t.same(await refused({ ...religious, ...find(APPLICANTS.locked) }), [403, 'T070', '/angeforderteDaten/1'])
  t.same(await refused({}, 'UMZUG_VAMS'), [403, 'T070', undefined])
  t.same(await refused({}, 'constructor'), [403, 'T070', undefined])
  const none = await instance.answer(REQUEST, caller(CLIENT))
  t.match(none, { status: 403, body: { code: 'T070' } })
  t.same(personOf(await ask(instance, { angeforderteDaten: ['geschlecht'] }, 'KFZ_HALTER')), { geschlecht: 'm' })
})

t.test('one municipality, this one, and streets that it has', async (t) => {
  const instance = register(t)
  t.match(await ask(instance, { gemeindeschluessel: '05774020' }), {
    status: 400,
    body: { code: 'X002', feldpfad: '/gemeindeschluessel' },
  })
  const elsewhere = { gemeindeschluessel: '05774020', postleitzahl: '33129', strasse: 'Lange Straße' }
  t.match(await ask(instance, find({ ...APPLICANTS.known, anschrift: elsewhere })), { body: { code: 'X002' } })
  const unknown = find({ ...APPLICANTS.locked, strasse: 'Nirgendstraße' })
  t.match(await ask(instance, unknown), {
    status: 400,
    body: { code: 'X002', hinweis: 'Straße in dieser Gemeinde unbekannt' },
  })
})

t.test('what may not be asked breaks the schema', async (t) => {
  const instance = register(t)
  const problems = async (change: object): Promise<string> => {
    const error = await ask(instance, change).catch((thrown) => thrown)
    t.equal(error.kind, 'request')
    return error.problems.map(({ pointer }: { pointer: string }) => pointer).join()
  }
  const { known } = APPLICANTS
  t.match(await problems({ gemeindeschluessel: ['05774032', '05774020'] }), '/gemeindeschluessel')
  for (const wildcard of ['*', '?', '%']) {
    t.match(await problems(find({ ...known, familienname: `Neuen${wildcard}` })), '/auswahldaten/familienname')
    t.match(await problems(find({ ...known, strasse: `Kam${wildcard}` })), '/auswahldaten/strasse')
  }
  t.match(await problems(find({ familienname: 'Koch', vornamen: 'Emma' })), '/auswahldaten', 'a name is not enough')
  t.match(await problems(find({ familienname: 'Koch', geburtsdatum: '2004-09-01' })), '/auswahldaten')
  t.match(await problems({ identifikationsmerkmal: 'x' }), '', 'a mark stands instead of the data')
  t.match(await problems({ angeforderteDaten: ['idnr'] }), '/angeforderteDaten/0')
  t.match(await problems({ angeforderteDaten: ['religion'] }), '/angeforderteDaten/0')
  t.match(await problems({ angeforderteDaten: [] }), '/angeforderteDaten')
})

t.test('a register that is down is no neutral answer, and fails at the same time for all', async (t) => {
  const fault =
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:Server</faultcode><faultstring>geheim</faultstring></soap:Fault></soap:Body></soap:Envelope>'
  const url = await serve(t, () => ({ status: 500, body: fault }))
  const instance = register(t, { url, ...DEFAULT_TIME })
  for (const who of [APPLICANTS.locked, APPLICANTS.unknown]) {
    const start = performance.now()
    const error = await ask(instance, find(who)).catch((thrown) => thrown)
    t.match(error, { kind: 'unavailable', reason: 'soap-fault' })
    t.notMatch(JSON.stringify(error) + error.stack, /geheim/)
    t.ok(performance.now() - start >= 148)
  }
})

t.test('the register logs nothing, whoever was asked for', async (t) => {
  await system.stop()
  t.equal(system.output(), '')
})
