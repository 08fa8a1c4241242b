/** What a query is told about a person: the data asked for and no others. Sources: § 34 (1), § 34a (5) BMG. */

import type { Angehoeriger, Wohnung } from '../../schemas/gemeinsam/payloads.ts'
import type { Auskunft, AuskunftAngehoeriger, Auskunftsanschrift, Treffer } from '../../schemas/meldewesen/payloads.ts'
import type { Bezug, Einwohner } from './melderegister.ts'
import type { Datum } from './profile.ts'
import { isProtected } from './sperren.ts'

export function auskunftOf(einwohner: Einwohner, data: ReadonlySet<Datum>, today: string): Auskunft {
  const { person, partner, kinder = [], vertreter = [] } = einwohner
  const told = (bezug: Bezug): boolean => !isProtected(bezug, today)
  const { familienname, vornamen, doktorgrad, ordensname, kuenstlername } = person
  const { geburtsdatum, geburtsort, geburtsstaat, geschlecht } = person
  const { staatsangehoerigkeiten, familienstand, sterbedatum, sterbeort, sterbestaat } = person
  const all: { readonly [K in Datum]: Auskunft[K] | undefined } = {
    familienname,
    fruehereNamen: formerNames(einwohner),
    vornamen,
    doktorgrad,
    ordensname,
    kuenstlername,
    anschriften: current(einwohner).map(anschriftOf),
    geburtsdatum,
    geburtsort,
    geburtsstaat,
    geschlecht,
    gesetzlicheVertreter: relativesOf(vertreter.filter(told)),
    staatsangehoerigkeiten,
    familienstand,
    partner: partner !== undefined && told(partner) ? relativeOf(partner.angehoeriger) : undefined,
    kinder: relativesOf(kinder.filter(told)),
    sterbedatum,
    sterbeort,
    sterbestaat,
  }
  const asked = Object.entries(all).filter(([datum, value]) => data.has(datum as Datum) && value !== undefined)
  return Object.fromEntries(asked)
}

/** A line of the list of hits: fixed data, cut to the profile. */
export function trefferOf(einwohner: Einwohner, profile: ReadonlySet<Datum>, identifikationsmerkmal: string): Treffer {
  const { familienname, vornamen, geburtsdatum } = einwohner.person
  const fruehereNamen = profile.has('fruehereNamen') ? formerNames(einwohner) : undefined
  const hauptwohnung = current(einwohner).find(({ wohnungsart }) => wohnungsart !== 'neben')
  const hinweise = hinweiseOf(einwohner)
  return {
    familienname,
    ...(fruehereNamen === undefined ? {} : { fruehereNamen }),
    vornamen,
    geburtsdatum,
    ...(hauptwohnung === undefined ? {} : { hauptwohnung: anschriftOf(hauptwohnung) }),
    identifikationsmerkmal,
    ...(hinweise.length === 0 ? {} : { hinweise }),
  }
}

function hinweiseOf(einwohner: Einwohner): NonNullable<Treffer['hinweise']> {
  const { sterbedatum, anschriftAusland } = einwohner.person
  if (sterbedatum !== undefined) return ['verstorben']
  if (current(einwohner).length > 0) return []
  return [anschriftAusland === undefined ? 'verzogenInland' : 'verzogenAusland']
}

function formerNames({ person }: Einwohner): string[] | undefined {
  const names = [person.geburtsname, person.familiennameVorAenderung].filter((name) => name !== undefined)
  return names.length === 0 ? undefined : names
}

function current({ person }: Einwohner): Wohnung[] {
  return person.anschriften.filter(({ auszugsdatum }) => auszugsdatum === undefined)
}

/** Without the landlord: he is no part of the catalogue. */
function anschriftOf({ anschrift, wohnungsart, einzugsdatum }: Wohnung): Auskunftsanschrift {
  const { wohnungsgeber: _, zusatz: __, besonderheit: ___, ...told } = anschrift
  return { ...told, wohnungsart, ...(einzugsdatum === undefined ? {} : { einzugsdatum }) }
}

function relativesOf(bezuege: readonly Bezug[]): AuskunftAngehoeriger[] | undefined {
  return bezuege.length === 0 ? undefined : bezuege.map(({ angehoeriger }) => relativeOf(angehoeriger))
}

function relativeOf({ familienname, vornamen, geburtsdatum }: Angehoeriger): AuskunftAngehoeriger {
  return { familienname, vornamen, ...(geburtsdatum === undefined ? {} : { geburtsdatum }) }
}
