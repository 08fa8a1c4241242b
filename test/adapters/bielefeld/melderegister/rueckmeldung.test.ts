import type { Test } from 'tap'
import t from 'tap'
import type { AdapterInstance, Answer } from '../../../../adapters/adapter.ts'
import { ADAPTERS } from '../../../../adapters/index.ts'
import { rueckmeldung, vams } from '../../../../adapters/scenario-messages.ts'
import type { Person } from '../../../../schemas/gemeinsam/payloads.ts'
import type { AuswertungAnfrage, RueckmeldungAnfrage, VamsAntwort } from '../../../../schemas/meldewesen/payloads.ts'
import { schema } from '../../../../schemas/schema.ts'
import type { Received, Running } from '../../rig.ts'
import { caller, clock, getJson, open, postJson, serve, startSimulator, until } from '../../rig.ts'

const CLIENT = 'OWL/GOV/05774032/BUERGERBUERO'
const auswertung = schema('urn:owl:meldewesen:auswertung-anfrage:1')

interface Sent {
  readonly nachrichtenUUID: string
  readonly referenzUUID: string
  readonly ergebnis: string
  readonly zustand: string
  readonly versuche: number
  readonly antwort?: number
}

interface Rig {
  readonly system: Running
  readonly instance: AdapterInstance
  readonly message: RueckmeldungAnfrage
  report(message: RueckmeldungAnfrage): Promise<Answer>
  sent(): Promise<readonly Sent[]>
}

async function rig(t: Test, dir?: string): Promise<Rig> {
  const system = await startSimulator(t, 'bielefeld/melderegister', dir === undefined ? {} : { dir })
  const options = { ...system.ready, url: system.url }
  const instance = open(t, ADAPTERS['bielefeld/melderegister/rueckmeldung'], options, clock)
  const forms = open(t, ADAPTERS['bielefeld/melderegister/vams'], { ...options, answerAfterMs: 0 }, clock)
  const { body } = await forms.answer(vams(clock).body, caller(CLIENT))
  const form = body as VamsAntwort
  const person = form.ergebnis === 'eindeutig' ? form.person : ({ ...OTHER, anschriften: [] } as Person)
  return {
    system,
    instance,
    message: rueckmeldung(clock, person, crypto.randomUUID()).body,
    report: (message) => instance.answer(message, caller(CLIENT)),
    sent: () => getJson<Sent[]>(`${system.url}/control/auswertungen`),
  }
}

/** The consumer port of the register's own gateway. */
async function gateway(
  t: Test,
  status: (attempt: number) => number = () => 202,
): Promise<{ url: string; calls: Received[] }> {
  const calls: Received[] = []
  const url = await serve(t, (call) => {
    calls.push(call)
    return { status: status(calls.length), body: '{}' }
  })
  return { url, calls }
}

const OTHER = { familienname: 'Niemandt', vornamen: 'Ole', geburtsdatum: '1990-01-01' }

/** As reported by an authority that knows the person under these data. */
function about(message: RueckmeldungAnfrage, person: Partial<Person>): RueckmeldungAnfrage {
  const kopf = { ...message.kopf, nachrichtenUUID: crypto.randomUUID() }
  return { ...message, kopf, person: { ...message.person, gebraeuchlicherVorname: undefined, ...person } }
}

t.test('the receipt comes at once, the evaluation through the own gateway', async (t) => {
  const { system, message, report, sent } = await rig(t)
  const { url, calls } = await gateway(t)
  t.equal(await postJson(`${system.url}/control/gateway`, { url }), 200)

  const receipt = await report(message)

  t.match(receipt, { status: 202, body: { ergebnis: 'angenommen', kopf: { nachrichtentyp: { code: '0020' } } } })
  t.equal((receipt.body as AuswertungAnfrage).kopf.referenzUUID, message.kopf.nachrichtenUUID)
  const call = await until(async () => calls[0])
  t.equal(`${call.method} ${call.url}`, 'POST /r1/OWL/GOV/05774032/MELDEWESEN/auswertung/v1')
  t.match(call.headers, {
    'x-road-client': 'OWL/GOV/05711000/MELDEWESEN',
    'owl-purpose': 'UMZUG_RUECKMELDUNG',
    'x-road-issue': message.kopf.aktenzeichen,
    'content-type': 'application/json',
  })
  const answer = JSON.parse(call.body) as AuswertungAnfrage
  t.same(auswertung.check(answer), [])
  t.match(answer, {
    kopf: { referenzUUID: message.kopf.nachrichtenUUID, nachrichtentyp: { code: '0203' } },
    ergebnis: 'plausibel',
    identifikation: { familienname: 'Müller-Lüdenscheidt' },
    zusatz: { sperrkennwort: 'Teutoburg' },
  })
  t.equal(answer.identifikation.anschriften?.[0]?.auszugsdatum, undefined, 'as the register had it')
  const [row] = await until(async () => {
    const rows = await sent()
    return rows[0]?.zustand === 'zugestellt' ? rows : undefined
  })
  t.match(row, { nachrichtenUUID: answer.kopf.nachrichtenUUID, versuche: 1, antwort: 202 })
})

t.test('a second delivery gets the same receipt and has no effect', async (t) => {
  const { system, message, report, sent } = await rig(t)
  const { url, calls } = await gateway(t)
  await postJson(`${system.url}/control/gateway`, { url })

  const first = await report(message)
  const upper = { ...message.kopf, nachrichtenUUID: message.kopf.nachrichtenUUID.toUpperCase() }
  const again = await Promise.all([report(message), report(message)])
  const rebuilt = await report({ ...message, kopf: { ...upper, erstellungszeitpunkt: '2026-02-21T08:00:00Z' } })

  for (const answer of again) t.equal(JSON.stringify(answer), JSON.stringify(first))
  t.equal(rebuilt.status, 202)
  t.equal((await sent()).length, 1)
  const other = await report({ ...message, person: { ...message.person, doktorgrad: 'Dr.' } })
  t.match(other, { status: 409, body: { code: 'S100', feldpfad: '/kopf/nachrichtenUUID' } }, 'same UUID, other content')
  await until(async () => ((await sent())[0]?.zustand === 'zugestellt' ? true : undefined))
  t.equal(calls.length, 1)
})

t.test('a register that is killed and started again knows what it received and sends what it owes', async (t) => {
  const { system, message, report } = await rig(t)
  const first = await report(message)
  await system.stop('SIGKILL')

  const second = await rig(t, system.dir)
  const { url, calls } = await gateway(t)
  t.equal(JSON.stringify(await second.report(message)), JSON.stringify(first))
  await postJson(`${second.system.url}/control/gateway`, { url })
  await until(async () => calls[0])
  t.equal((await second.sent()).length, 1)
})

t.test('as long as the gateway is not there the answer waits and stays the same message', async (t) => {
  const { system, message, report, sent } = await rig(t)
  const { url, calls } = await gateway(t, (attempt) => (attempt < 3 ? 500 : 202))
  await report(message)
  await postJson(`${system.url}/control/gateway`, { url })
  await until(async () => ((await sent())[0]?.zustand === 'zugestellt' ? true : undefined))
  t.equal(calls.length, 3)
  t.equal(new Set(calls.map(({ body }) => body)).size, 1)
})

t.test('what the register says about others', async (t) => {
  const { message, report, sent, system } = await rig(t)
  const { url, calls } = await gateway(t)
  await postJson(`${system.url}/control/gateway`, { url })
  const cases = [
    { person: OTHER, grund: 'nichtIdentifiziert' },
    { person: { familienname: 'Brandt', vornamen: 'Maren', geburtsdatum: '1984-07-07' }, grund: 'nichtIdentifiziert' },
    { person: { familienname: 'Koch', vornamen: 'Emma', geburtsdatum: '2004-09-01' }, grund: 'nichtIdentifiziert' },
    { person: { familienname: 'Kolbe', vornamen: 'Erwin', geburtsdatum: '1938-04-02' }, grund: 'verstorben' },
  ]
  for (const { person } of cases) await report(about(message, person))
  await report(about(message, { vornamen: 'JOERG', geburtsort: 'Padeborn' }))
  await report(about(message, {}))
  await until(async () => (calls.length === 6 ? true : undefined))

  const rows = await sent()
  const answers = new Map(
    calls.map(({ body }) => JSON.parse(body) as AuswertungAnfrage).map((a) => [a.kopf.nachrichtenUUID, a]),
  )
  const inOrder = rows.map(({ nachrichtenUUID }) => answers.get(nachrichtenUUID))
  for (const answer of inOrder) t.same(auswertung.check(answer), [])
  t.same(
    inOrder.slice(0, 4).map((answer) => [answer?.kopf.nachrichtentyp.code, answer?.unplausibel?.grund]),
    cases.map(({ grund }) => ['0204', grund]),
  )
  t.match(inOrder[4], {
    ergebnis: 'abweichungen',
    abweichungen: [
      { feld: '0301', wertRegister: 'Jörg' },
      { feld: '0602', wertRegister: 'Paderborn' },
    ],
  })
  t.match(inOrder[5], { unplausibel: { grund: 'insInlandVerzogen' } }, 'he left with the report before')
  t.equal(inOrder[5]?.auszugsdatum, message.person.anschriften[0]?.einzugsdatum)
})

t.test('a test message is acknowledged as one and goes no further', async (t) => {
  const { message, report, sent } = await rig(t)
  const answer = await report({ ...message, kopf: { ...message.kopf, test: true } })
  t.match(answer, { status: 202, body: { ergebnis: 'angenommen', kopf: { test: true } } })
  t.same(await sent(), [])
})

t.test('who is not the author, or not meant, leaves no trace', async (t) => {
  const { instance, message, report, sent } = await rig(t)
  t.match(await instance.answer(message, caller('OWL/GOV/05774020/MELDEWESEN')), {
    status: 403,
    body: { code: 'T070' },
  })
  const astray = { ...message.kopf, leser: { ...message.kopf.leser, kennung: 'ags:05774020' } }
  t.match(await report({ ...message, kopf: astray }), { status: 421, body: { code: 'T080' } })
  t.same(await sent(), [])
})
