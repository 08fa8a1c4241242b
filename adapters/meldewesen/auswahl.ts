/** Whether a person of the register is the one asked for: every selection datum must agree. Source: BMeldDAV annex. */

import type { Person } from '../../schemas/gemeinsam/payloads.ts'
import type { Auswahldaten } from '../../schemas/meldewesen/payloads.ts'
import {
  matchesAnschrift,
  matchesFamilienname,
  matchesStrasse,
  matchesVornamen,
  spoken,
  written,
} from '../matching/rules.ts'
import { suchform } from '../matching/suchform.ts'

/** @param phonetisch names are then compared phonetically only */
export function matchesAuswahl(asked: Auswahldaten, person: Person, phonetisch: boolean): boolean {
  const { geburtsdatum, geburtsstaat, geschlecht, sterbedatum } = asked
  return (
    matchesNames(asked, person, phonetisch) &&
    matchesPlaces(asked, person) &&
    equals(geburtsdatum, person.geburtsdatum) &&
    equals(geburtsstaat, person.geburtsstaat) &&
    equals(geschlecht, person.geschlecht) &&
    equals(sterbedatum, person.sterbedatum)
  )
}

function matchesNames(asked: Auswahldaten, person: Person, phonetisch: boolean): boolean {
  const form = phonetisch ? spoken : written
  const { familienname, fruehererName, vornamen, ordensname, kuenstlername } = asked
  const former = [person.geburtsname, person.familiennameVorAenderung]
  const all = [person.familienname, ...former, person.ordensname, person.kuenstlername]
  const given = [person.vornamen, person.vornamenVorAenderung].filter((names) => names !== undefined)
  return (
    (familienname === undefined || matchesFamilienname(familienname, all, form)) &&
    (fruehererName === undefined || matchesFamilienname(fruehererName, former, form)) &&
    (ordensname === undefined || matchesFamilienname(ordensname, [person.ordensname], form)) &&
    (kuenstlername === undefined || matchesFamilienname(kuenstlername, [person.kuenstlername], form)) &&
    (vornamen === undefined || given.some((names) => matchesVornamen(vornamen, names, form)))
  )
}

function matchesPlaces({ anschrift, strasse, geburtsort, sterbeort }: Auswahldaten, person: Person): boolean {
  const homes = person.anschriften.map((wohnung) => wohnung.anschrift)
  return (
    (anschrift === undefined || homes.some((home) => matchesAnschrift(anschrift, home))) &&
    (strasse === undefined || homes.some((home) => matchesStrasse(strasse, home.strasse ?? ''))) &&
    (geburtsort === undefined || suchform(geburtsort) === suchform(person.geburtsort ?? '')) &&
    (sterbeort === undefined || suchform(sterbeort) === suchform(person.sterbeort ?? ''))
  )
}

/** A date matches itself only, unknown parts included. */
function equals(asked: string | undefined, value: string | undefined): boolean {
  return asked === undefined || asked === value
}
