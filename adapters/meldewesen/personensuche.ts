/** The query of another public body: S8. Sources: §§ 34, 34a, 38 BMG, BMeldDAV. */

import type { Behoerde } from '../../schemas/gemeinsam/payloads.ts'
import type { PersonensucheAnfrage, PersonensucheAntwort } from '../../schemas/meldewesen/payloads.ts'
import { schema } from '../../schemas/schema.ts'
import type { Adapter, AdapterOptions, Caller } from '../adapter.ts'
import { defineAdapter } from '../adapter.ts'
import { dayOf } from '../matching/datum.ts'
import { koelnerPhonetik, searchKey } from '../matching/suchform.ts'
import { checkHead, refuseTest, replyHead } from '../message-head.ts'
import type { Refusal } from '../refusal.ts'
import { refuse } from '../refusal.ts'
import { ANSWER_AFTER_MS } from './answer-time.ts'
import { auskunftOf, trefferOf } from './auskunft.ts'
import { matchesAuswahl } from './auswahl.ts'
import type { Einwohner, Melderegister } from './melderegister.ts'
import type { Merkmale } from './merkmale.ts'
import { openMerkmale } from './merkmale.ts'
import type { Datum } from './profile.ts'
import { profileOf } from './profile.ts'
import { isProtected } from './sperren.ts'

/** § 34a (5): one answer for "no data" and "lock". It refers to nothing, so that no two of them differ in an octet. */
const NEUTRAL: PersonensucheAntwort = { ergebnis: 'neutral' }

/** BMeldDAV: more hits are no list. */
const TREFFER_MAX = 1000

/** @param gemeinde AGS of the register's municipality */
export function definePersonensuche(
  self: Behoerde,
  gemeinde: string,
  connect: (options: AdapterOptions) => Melderegister,
): Adapter {
  return defineAdapter({
    service: 'personensuche',
    version: 1,
    request: schema('urn:owl:meldewesen:personensuche-anfrage:1'),
    response: schema('urn:owl:meldewesen:personensuche-antwort:1'),
    answerAfterMs: ANSWER_AFTER_MS,

    connect(options, clock) {
      const register = connect(options)
      return { register, clock, merkmale: openMerkmale(clock), close: () => register.close() }
    },

    async handle(anfrage, caller, { register, clock, merkmale }) {
      const refusal =
        checkHead(anfrage.kopf, caller, self) ?? refuseTest(anfrage.kopf) ?? checkAnfrage(anfrage, gemeinde)
      if (refusal !== undefined) return refusal
      const profile = profileOf(caller.purpose)
      if (profile === undefined) return refuse(anfrage.kopf, 'T070', { hinweis: 'Zweck ohne Abrufprofil' })
      const beyond = anfrage.angeforderteDaten.findIndex((datum) => !profile.has(datum))
      if (beyond >= 0) return refuse(anfrage.kopf, 'T070', { feldpfad: `/angeforderteDaten/${beyond}` })
      const street = anfrage.auswahldaten?.anschrift?.strasse ?? anfrage.auswahldaten?.strasse
      if (street !== undefined && !(await register.knowsStreet(street, caller.signal))) {
        return refuse(anfrage.kopf, 'X002', { hinweis: 'Straße in dieser Gemeinde unbekannt' })
      }

      const today = dayOf(clock.now())
      const found = await candidates(anfrage, caller, register, merkmale)
      const hits = found.filter(({ person, zeugenschutz }) => !isProtected({ ...person, zeugenschutz }, today))
      const [hit] = hits
      if (hit === undefined) {
        // For a lock and for nobody alike: a clerk looks into it, unless the asker waives that (§ 38 (5)).
        if (!anfrage.verzichtWeiterbearbeitung) await register.refer(anfrage, caller.signal)
        return NEUTRAL
      }
      if (hits.length > TREFFER_MAX) return refuse(anfrage.kopf, 'X002', { hinweis: 'Mehr als 1000 Treffer' })

      const kopf = replyHead(self, anfrage.kopf, {
        typ: anfrage.kopf.nachrichtentyp.code,
        uuid: clock.uuid(),
        at: clock.now(),
      })
      if (hits.length === 1) {
        return { kopf, ergebnis: 'treffer', person: auskunftOf(hit, new Set(anfrage.angeforderteDaten), today) }
      }
      return {
        kopf,
        ergebnis: 'trefferliste',
        trefferliste: hits.map((each) => listed(each, profile, caller, merkmale)),
      }
    },
  })
}

/** X002: what one schema cannot say, since it serves every municipality. */
function checkAnfrage(
  { kopf, gemeindeschluessel, auswahldaten }: PersonensucheAnfrage,
  own: string,
): Refusal | undefined {
  if (gemeindeschluessel !== own) return refuse(kopf, 'X002', { feldpfad: '/gemeindeschluessel' })
  const { anschrift } = auswahldaten ?? {}
  if (anschrift !== undefined && anschrift.gemeindeschluessel !== own) {
    return refuse(kopf, 'X002', { feldpfad: '/auswahldaten/anschrift/gemeindeschluessel' })
  }
  return undefined
}

async function candidates(
  { auswahldaten, identifikationsmerkmal = '', phonetisch = false }: PersonensucheAnfrage,
  { client, signal }: Caller,
  register: Melderegister,
  merkmale: Merkmale,
): Promise<readonly Einwohner[]> {
  if (auswahldaten === undefined) {
    const id = merkmale.redeem(identifikationsmerkmal, client)
    return id === undefined ? [] : register.find({ id }, signal)
  }
  const { familienname, fruehererName, ordensname, kuenstlername } = auswahldaten
  const name = familienname ?? fruehererName ?? ordensname ?? kuenstlername ?? ''
  const key = phonetisch ? koelnerPhonetik(name) : searchKey(name)
  if (key === '') return []
  const found = await register.find(phonetisch ? { phonetik: key } : { suchname: key }, signal)
  return found.filter(({ person }) => matchesAuswahl(auswahldaten, person, phonetisch))
}

function listed(
  einwohner: Einwohner,
  profile: ReadonlySet<Datum>,
  { client }: Caller,
  merkmale: Merkmale,
): ReturnType<typeof trefferOf> {
  return trefferOf(einwohner, profile, merkmale.issue(einwohner.id, client))
}
