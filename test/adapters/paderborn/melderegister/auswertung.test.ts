import type { Test } from 'tap'
import t from 'tap'
import type { AdapterInstance } from '../../../../adapters/adapter.ts'
import { ADAPTERS } from '../../../../adapters/index.ts'
import { openRegister } from '../../../../adapters/paderborn/melderegister/register.ts'
import { personensuche, registeredPerson, vams } from '../../../../adapters/scenario-messages.ts'
import type { Person } from '../../../../schemas/gemeinsam/payloads.ts'
import type { AuswertungAnfrage } from '../../../../schemas/meldewesen/payloads.ts'
import type { Running } from '../../rig.ts'
import { caller, clock, getJson, open, postJson, serve, startSimulator } from '../../rig.ts'

const BIELEFELD = 'OWL/GOV/05711000/MELDEWESEN'

async function rig(t: Test, dir?: string): Promise<{ system: Running; instance: AdapterInstance }> {
  const system = await startSimulator(t, 'paderborn/melderegister', dir === undefined ? {} : { dir })
  return { system, instance: open(t, ADAPTERS['paderborn/melderegister/auswertung'], { url: system.url }, clock) }
}

function message(): AuswertungAnfrage {
  const { kopf } = vams(clock).body
  return {
    kopf: {
      ...kopf,
      nachrichtenUUID: crypto.randomUUID(),
      nachrichtentyp: { code: '0203' },
      autor: kopf.leser,
      leser: kopf.autor,
      referenzUUID: crypto.randomUUID(),
      rechtsgrundlage: 'BMELDDUEV1_7',
    },
    ergebnis: 'abweichungen',
    abweichungen: [{ feld: '0301', wertRegister: 'Sanna K͟hadīja' }],
    identifikation: {
      familienname: 'M̂bala-N̂andi',
      vornamen: 'Sanna',
      geburtsdatum: '1998-03-00',
      anschriften: [
        {
          anschrift: {
            gemeindeschluessel: '05711000',
            postleitzahl: '33613',
            ort: 'Bielefeld',
            strasse: 'A & B <Straße>',
          },
          wohnungsart: 'haupt',
          auszugsdatum: '2026-02-20',
        },
      ],
    },
    auszugsdatum: '2026-02-20',
    tatsachen: { passversagung: { '2301': 'keine' }, vbm: { '2708': 'Zeile 1\r\nZeile 2' } },
    zusatz: { '1712a': 'x', sperrkennwort: 'Teutoburg "Wald"', sperrsumme: '0815' },
  }
}

t.test('the register holds what was answered, unchanged', async (t) => {
  const { system, instance } = await rig(t)
  const { kopf, ...content } = message()

  const answer = await instance.answer({ kopf, ...content }, caller(BIELEFELD))

  t.match(answer, { status: 202, body: { kopf: { referenzUUID: kopf.nachrichtenUUID }, ergebnis: 'angenommen' } })
  const register = openRegister({ url: system.url })
  t.teardown(() => register.close())
  t.same(await register.stored(kopf.referenzUUID ?? '', AbortSignal.timeout(5_000)), content)
  t.equal(await register.stored(crypto.randomUUID(), AbortSignal.timeout(5_000)), undefined)
  t.same(await getJson(`${system.url}/control/auswertungen`), [
    { nachrichtenUUID: kopf.nachrichtenUUID, referenzUUID: kopf.referenzUUID, ergebnis: 'abweichungen' },
  ])
})

t.test('a second delivery gets the same receipt, also after a kill', async (t) => {
  const { system, instance } = await rig(t)
  const sent = message()
  const first = await instance.answer(sent, caller(BIELEFELD))
  await system.stop('SIGKILL')
  const again = await rig(t, system.dir)
  t.equal(JSON.stringify(await again.instance.answer(sent, caller(BIELEFELD))), JSON.stringify(first))
  const other = { ...sent, auszugsdatum: '2026-02-19' }
  t.match(await again.instance.answer(other, caller(BIELEFELD)), { status: 409, body: { code: 'S100' } })
  t.equal((await getJson<unknown[]>(`${again.system.url}/control/auswertungen`)).length, 1)
})

t.test('the result and what belongs to it go together', async (t) => {
  const { instance } = await rig(t)
  const { abweichungen: _, ...plain } = message()
  for (const wrong of [
    { ...plain },
    { ...plain, ergebnis: 'unplausibel' },
    { ...message(), ergebnis: 'plausibel' },
    { ...plain, ergebnis: 'unplausibel', unplausibel: { grund: 'verstorben' } },
    { ...plain, ergebnis: 'plausibel', kopf: { ...plain.kopf, referenzUUID: undefined } },
    { ...plain, ergebnis: 'plausibel', kopf: { ...plain.kopf, autor: { ...plain.kopf.autor, kennung: 'asb:057' } } },
  ]) {
    const error = await instance.answer(JSON.parse(JSON.stringify(wrong)), caller(BIELEFELD)).catch((thrown) => thrown)
    t.equal(error.kind, 'request', JSON.stringify(error.problems))
  }
  const dead = { ...plain.kopf, nachrichtentyp: { code: '0204' } }
  const right = { ...plain, kopf: dead, ergebnis: 'unplausibel', unplausibel: { grund: 'verstorben' } }
  t.equal((await instance.answer(right, caller(BIELEFELD))).status, 202)
})

t.test('refused: another author, another reader', async (t) => {
  const { system, instance } = await rig(t)
  t.match(await instance.answer(message(), caller('OWL/GOV/05774020/MELDEWESEN')), {
    status: 403,
    body: { code: 'T070' },
  })
  const astray = message()
  const kopf = { ...astray.kopf, leser: { ...astray.kopf.leser, kennung: 'ags:05774020' } }
  t.match(await instance.answer({ ...astray, kopf }, caller(BIELEFELD)), { status: 421, body: { code: 'T080' } })
  t.same(await getJson(`${system.url}/control/auswertungen`), [])
})

t.test('who has moved here is found here', async (t) => {
  const { system } = await rig(t)
  const form: Person = {
    familienname: 'Müller-Lüdenscheidt',
    vornamen: 'Jörg',
    geburtsdatum: '1979-05-19',
    anschriften: [{ anschrift: vams(clock).body.anschriftWegzug, wohnungsart: 'haupt', einzugsdatum: '2015-07-01' }],
  }
  t.equal(await postJson(`${system.url}/control/anmeldungen`, registeredPerson(clock, form)), 200)
  const search = open(
    t,
    ADAPTERS['paderborn/melderegister/personensuche'],
    { url: system.url, answerAfterMs: 0 },
    clock,
  )
  const { body: request } = personensuche(clock, 'known')
  const { familienname, vornamen, geburtsdatum } = form
  const asked = { ...request, auswahldaten: { familienname, vornamen, geburtsdatum } }
  const { body } = await search.answer(asked, caller('OWL/GOV/05774020/GEWERBE', { purpose: 'GEWERBE_ID' }))
  t.match(body, {
    ergebnis: 'treffer',
    person: { familienname, anschriften: [{ strasse: 'Kamp', einzugsdatum: '2026-02-20' }] },
  })
})

t.test('a register out of order is unusable or unavailable', async (t) => {
  const envelope = (body: string): string => `<E:Envelope xmlns:E="x"><E:Body>${body}</E:Body></E:Envelope>`
  for (const [status, body, kind] of [
    [200, 'geheim', 'response'],
    [200, envelope('<AUSWERTUNG_ANTWORT><QUITTUNG>geheim</QUITTUNG></AUSWERTUNG_ANTWORT>'), 'response'],
    [200, envelope('<SUCHE_ANTWORT/>'), 'response'],
    [200, envelope('<Fault><faultstring>geheim</faultstring></Fault>'), 'unavailable'],
    [503, 'geheim', 'unavailable'],
  ] as const) {
    const url = await serve(t, () => ({ status, body }))
    const instance = open(t, ADAPTERS['paderborn/melderegister/auswertung'], { url }, clock)
    const error = await instance.answer(message(), caller(BIELEFELD)).catch((thrown) => thrown)
    t.equal(error.kind, kind)
    t.notMatch(JSON.stringify(error) + error.stack, /geheim/)
  }
})

t.test('the register has a description', async (t) => {
  const { system } = await rig(t)
  t.match(await (await fetch(`${system.url}/?wsdl`)).text(), /<definitions name="Melderegister"/)
})
