/** What the register makes of a Rückmeldung: it ends the residence and answers. Sources: § 33 BMG, § 7 1. BMeldDÜV. */

import type { Nachrichtenkopf, Person, Wohnung } from '../../../schemas/gemeinsam/payloads.ts'
import type { AuswertungAnfrage } from '../../../schemas/meldewesen/payloads.ts'
import { fromLocal } from '../../field-map.ts'
import { matchesFamilienname, matchesVornamen } from '../../matching/rules.ts'
import { searchKey } from '../../matching/suchform.ts'
import { replyHead } from '../../message-head.ts'
import type { NameIndex } from '../../name-index.ts'
import { AGS, BIELEFELD } from '../agency.ts'
import { EINWOHNER, PERSON } from './fields.ts'
import type { LocalEinwohner } from './resident.ts'

/** A Rückmeldung as it reaches the register: the head as sent, the person in the register's own fields. */
export interface Meldung {
  readonly kopf: Nachrichtenkopf
  readonly person: unknown
}

type Ergebnis = Omit<AuswertungAnfrage, 'kopf'>

/** DSMeld sheet → field that is compared. */
const COMPARED = [
  ['0101a', 'familienname'],
  ['0201a', 'geburtsname'],
  ['0301', 'vornamen'],
  ['0401', 'doktorgrad'],
  ['0602', 'geburtsort'],
  ['0701', 'geschlecht'],
] as const satisfies readonly (readonly [string, keyof Person])[]

/** @param answer UUID and time of the answer, kept with it so that every repetition is the same message */
export function auswerten(
  { kopf, person }: Meldung,
  residents: NameIndex<LocalEinwohner>,
  answer: { readonly uuid: string; readonly at: number },
): AuswertungAnfrage {
  const gemeldet = fromLocal(PERSON, person) as unknown as Person
  const ergebnis = beurteilen(gemeldet, residents)
  const typ = ergebnis.ergebnis === 'unplausibel' ? '0204' : '0203'
  return { kopf: { ...replyHead(BIELEFELD, kopf, { typ, ...answer }), rechtsgrundlage: 'BMELDDUEV1_7' }, ...ergebnis }
}

function beurteilen(gemeldet: Person, residents: NameIndex<LocalEinwohner>): Ergebnis {
  const hits = residents
    .find({ suchname: searchKey(gemeldet.familienname) })
    .map((local) => ({ local, person: fromLocal(EINWOHNER, local)['person'] as Person }))
    .filter(({ local, person }) => !local.zeugenschutz && isSame(gemeldet, person))
  const [hit] = hits
  if (hit === undefined || hits.length > 1) return unplausibel('nichtIdentifiziert', gemeldet)

  const { local, person } = hit
  if (person.sterbedatum !== undefined) return unplausibel('verstorben', person)
  const current = person.anschriften.find(({ auszugsdatum }) => auszugsdatum === undefined)
  if (current === undefined) return verzogen(person)

  end(local, gemeldet)
  const abweichungen = abweichungenOf(gemeldet, person)
  const neben = gemeldet.anschriften.some((wohnung) => isNew(wohnung) && wohnung.wohnungsart === 'neben')
  return {
    ergebnis: abweichungen.length > 0 ? 'abweichungen' : 'plausibel',
    ...(abweichungen.length > 0 ? { abweichungen } : {}),
    identifikation: identifikationOf(person),
    // To the authority of a secondary residence only weapons and explosives are told; nobody here has any.
    ...(neben ? {} : zusatzOf(local)),
  }
}

function isSame(gemeldet: Person, person: Person): boolean {
  return (
    matchesFamilienname(gemeldet.familienname, [person.familienname, person.ehename, person.geburtsname]) &&
    matchesVornamen(gemeldet.vornamen, person.vornamen) &&
    gemeldet.geburtsdatum === person.geburtsdatum
  )
}

/** Gives every residence here the end that was reported; a residence that was kept gets its new kind. */
function end({ wohnungen }: LocalEinwohner, { anschriften }: Person): void {
  const here = anschriften.find(({ anschrift }) => anschrift.gemeindeschluessel === AGS)
  const moved = anschriften.find(isNew)
  for (const wohnung of wohnungen.filter(({ auszug }) => auszug === undefined)) {
    if (here !== undefined && here.auszugsdatum === undefined) wohnung['art'] = here.wohnungsart === 'neben' ? 'N' : 'H'
    else wohnung['auszug'] = here?.auszugsdatum ?? moved?.einzugsdatum ?? ''
  }
}

function abweichungenOf(gemeldet: Person, person: Person): NonNullable<Ergebnis['abweichungen']> {
  // Fewer data on either side are no deviation: § 7 (2) sentence 2.
  return COMPARED.flatMap(([feld, name]) => {
    const [said, known] = [gemeldet[name], person[name]]
    return said === undefined || known === undefined || said === known ? [] : [{ feld, wertRegister: known }]
  })
}

function verzogen(person: Person): Ergebnis {
  const auszugsdatum = person.anschriften
    .map((wohnung) => wohnung.auszugsdatum ?? '')
    .toSorted()
    .at(-1)
  const grund = person.anschriftAusland === undefined ? 'insInlandVerzogen' : 'insAuslandVerzogen'
  return { ...unplausibel(grund, person), ...(auszugsdatum ? { auszugsdatum } : {}) }
}

function unplausibel(grund: NonNullable<Ergebnis['unplausibel']>['grund'], person: Person): Ergebnis {
  return { ergebnis: 'unplausibel', unplausibel: { grund }, identifikation: identifikationOf(person) }
}

function identifikationOf(person: Person): Ergebnis['identifikation'] {
  const { familienname, geburtsname, vornamen, geburtsdatum, geburtsort, anschriften, azrNummer } = person
  return { familienname, geburtsname, vornamen, geburtsdatum, geburtsort, anschriften, azrNummer }
}

function zusatzOf({ sperrkennwort, sperrsumme }: LocalEinwohner): Pick<Ergebnis, 'zusatz'> {
  return sperrkennwort === undefined ? {} : { zusatz: { sperrkennwort, sperrsumme } }
}

function isNew({ anschrift, auszugsdatum }: Wohnung): boolean {
  return anschrift.gemeindeschluessel !== AGS && auszugsdatum === undefined
}
