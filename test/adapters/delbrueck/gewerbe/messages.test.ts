import t from 'tap'
import type { Envelope } from '../../../../adapters/delbrueck/gewerbe/messages.ts'
import { abgleich, identitaetsabfrage, weiterleitung } from '../../../../adapters/delbrueck/gewerbe/messages.ts'
import { DETMOLD } from '../../../../adapters/detmold/agency.ts'
import { PADERBORN } from '../../../../adapters/paderborn/agency.ts'
import { notices, personensuche } from '../../../../adapters/scenario-messages.ts'
import type { PersonensucheAntwort } from '../../../../schemas/meldewesen/payloads.ts'
import { schema } from '../../../../schemas/schema.ts'
import { clock, NOW } from '../../rig.ts'

const envelope: Envelope = { uuid: crypto.randomUUID(), at: NOW, leser: PADERBORN, aktenzeichen: '32.1-2026-000042' }
const [anmeldung] = notices()
if (anmeldung === undefined) throw new Error('there is no notice')

t.test('the identity query asks within its profile', async (t) => {
  const query = identitaetsabfrage(anmeldung, envelope, 'del-gew-003')
  t.same(schema('urn:owl:meldewesen:personensuche-anfrage:1').check(query), [])
  t.match(query, {
    gemeindeschluessel: '05774032',
    kopf: { bedienerkennung: 'del-gew-003', rechtsgrundlage: 'BMG_34A_2' },
  })
})

t.test('what the register says is compared with the notice', async (t) => {
  const { kopf } = personensuche(clock, 'known').body
  const home = { ...anmeldung.formular.wohnung.anschrift, wohnungsart: 'alleinig' as const }
  const { familienname, vornamen, geburtsdatum } = anmeldung.formular
  const person = { familienname, vornamen, geburtsdatum, anschriften: [home] }
  const hit: PersonensucheAntwort = { kopf, ergebnis: 'treffer', person }
  t.same(abgleich(anmeldung, hit), { ergebnis: 'bestaetigt' })
  t.same(abgleich(anmeldung, { ...hit, person: { ...person, anschriften: [{ ...home, strasse: 'Domplatz' }] } }), {
    ergebnis: 'abweichend',
    felder: ['anschrift'],
  })
  t.same(abgleich(anmeldung, { ergebnis: 'neutral' }), { ergebnis: 'neutral' })
})

t.test('what is passed on fits the recipient, for every form', async (t) => {
  for (const anzeige of notices()) {
    const message = weiterleitung(anzeige, { ...envelope, leser: DETMOLD })
    t.same(schema('urn:owl:gewerbe:gewerbe-eingang-anfrage:1').check(message), [], anzeige.art)
    t.notMatch(JSON.stringify(message), /staatsangehoerigkeiten|unfallversicherung|unterschrift/)
  }
})

t.test('a notice that does not fit is not sent', async (t) => {
  if (anmeldung.art !== 'anmeldung') throw new Error('the first notice is no registration')
  const broken = { ...anmeldung, formular: { ...anmeldung.formular, familienname: 'Geheim3' } }
  t.throws(() => weiterleitung(broken, { ...envelope, leser: DETMOLD }), /\/formular\/familienname$/)
})
