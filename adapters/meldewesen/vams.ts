/** The pre-filled registration form: S1. Sources: § 23 (2)-(4) BMG, § 4 1. BMeldDÜV. */

import type { Behoerde, Person, Wohnung } from '../../schemas/gemeinsam/payloads.ts'
import type { VamsAnfrage, VamsAntwort } from '../../schemas/meldewesen/payloads.ts'
import { schema } from '../../schemas/schema.ts'
import type { Adapter, AdapterOptions, Clock } from '../adapter.ts'
import { defineAdapter } from '../adapter.ts'
import { dayOf, hasReached } from '../matching/datum.ts'
import { matchesAnschrift, matchesFamilienname, matchesVornamen } from '../matching/rules.ts'
import { searchKey } from '../matching/suchform.ts'
import { checkHead, refuseTest, replyHead } from '../message-head.ts'
import { ANSWER_AFTER_MS } from './answer-time.ts'
import type { Bezug, Einwohner, Melderegister } from './melderegister.ts'
import { vertreterOf } from './melderegister.ts'
import { isProtected } from './sperren.ts'

/** § 4 (3): the only refusal the law names. Unknown and ambiguous are not told apart, so it carries no head. */
const ABGEWIESEN: VamsAntwort = { ergebnis: 'abgewiesen', grund: 'nichtEindeutigIdentifiziert' }

/** @param self the agency whose register it is */
export function defineVams(self: Behoerde, connect: (options: AdapterOptions) => Melderegister): Adapter {
  return defineAdapter({
    service: 'vams',
    version: 1,
    request: schema('urn:owl:meldewesen:vams-anfrage:1'),
    response: schema('urn:owl:meldewesen:vams-antwort:1'),
    answerAfterMs: ANSWER_AFTER_MS,

    connect(options, clock) {
      const register = connect(options)
      return { register, clock, close: () => register.close() }
    },

    async handle(anfrage, caller, { register, clock }) {
      const refusal = checkHead(anfrage.kopf, caller, self) ?? refuseTest(anfrage.kopf)
      if (refusal !== undefined) return refusal

      const key = searchKey(anfrage.familienname)
      const found = key === '' ? [] : await register.find({ suchname: key }, caller.signal)
      const hits = found.filter((einwohner) => isMeant(einwohner, anfrage))
      const [hit] = hits
      if (hit === undefined || hits.length > 1) return ABGEWIESEN

      const relatives = anfrage.umzugsverband ? await household(register, hit, anfrage, caller.signal, clock) : []
      return bereitstellung(self, anfrage, hit, relatives, clock)
    },
  })
}

function isMeant({ person, zeugenschutz }: Einwohner, anfrage: VamsAnfrage): boolean {
  if (zeugenschutz || person.sterbedatum !== undefined) return false
  return (
    matchesFamilienname(anfrage.familienname, [person.familienname, person.ehename, person.lebenspartnerschaftsname]) &&
    matchesVornamen(anfrage.vornamen, person.vornamen) &&
    anfrage.geburtsdatum === person.geburtsdatum &&
    livesAt(person, anfrage.anschriftWegzug)
  )
}

/** The relatives who live there too and may be told, each found in the register by its own number. */
async function household(
  register: Melderegister,
  { partner, kinder = [] }: Einwohner,
  { anschriftWegzug }: VamsAnfrage,
  signal: AbortSignal,
  clock: Clock,
): Promise<readonly Einwohner[]> {
  const today = dayOf(clock.now())
  const told = [...(partner === undefined ? [] : [partner]), ...kinder].filter((bezug) => !isProtected(bezug, today))
  const found = await Promise.all(told.map(({ id }) => (id === undefined ? [] : register.find({ id }, signal))))
  return found
    .flat()
    .filter(
      ({ person, zeugenschutz }) =>
        livesAt(person, anschriftWegzug) && !isProtected({ ...person, zeugenschutz }, today),
    )
}

function bereitstellung(
  self: Behoerde,
  anfrage: VamsAnfrage,
  hit: Einwohner,
  relatives: readonly Einwohner[],
  clock: Clock,
): VamsAntwort {
  const today = dayOf(clock.now())
  const angehoerige = relatives.map((relative) => formOf(relative, today))
  return {
    kopf: replyHead(self, anfrage.kopf, { typ: '0301', uuid: clock.uuid(), at: clock.now() }),
    ergebnis: 'eindeutig',
    person: formOf(hit, today),
    // Absent like any other empty list: a count would betray who was left out.
    ...(angehoerige.length > 0 ? { angehoerige } : {}),
  }
}

/** § 23 (2) sentence 2: a relative with a lock is not in the form at all. The person's own lock does not block. */
function formOf({ person, partner, kinder = [], vertreter = [] }: Einwohner, today: string): Person {
  const told = (bezug: Bezug): boolean => !isProtected(bezug, today)
  const minors = kinder
    .filter(told)
    .map(({ angehoeriger }) => angehoeriger)
    .filter(({ geburtsdatum = '0000-00-00' }) => hasReached(18, geburtsdatum, today) === 'nein')
  const representatives = vertreter.filter(told).map(({ angehoeriger }) => vertreterOf(angehoeriger))
  return {
    ...person,
    ...(representatives.length > 0 ? { gesetzlicheVertreter: representatives } : {}),
    ...(partner !== undefined && told(partner) ? { partner: partner.angehoeriger } : {}),
    ...(minors.length > 0 ? { kinder: minors } : {}),
  }
}

function livesAt({ anschriften }: Person, anschrift: VamsAnfrage['anschriftWegzug']): boolean {
  const current = anschriften.filter(({ auszugsdatum }: Wohnung) => auszugsdatum === undefined)
  return current.some((wohnung) => matchesAnschrift(anschrift, wohnung.anschrift))
}
