/** What Delbrück's trade office sends: the identity query about an applicant, and notices on to those who get them. */

import type { Behoerde, Nachrichtenkopf } from '../../../schemas/gemeinsam/payloads.ts'
import type { Gewerbeanzeige, GewerbeEingangAnfrage } from '../../../schemas/gewerbe/payloads.ts'
import type { PersonensucheAnfrage, PersonensucheAntwort } from '../../../schemas/meldewesen/payloads.ts'
import { schema } from '../../../schemas/schema.ts'
import { applyMask } from '../../gewerbe/mask.ts'
import { matchesAnschrift, matchesFamilienname, matchesVornamen } from '../../matching/rules.ts'
import { DELBRUECK } from '../agency.ts'

/** One message: who reads it, under which file, made when. */
export interface Envelope {
  readonly uuid: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly leser: Behoerde
  readonly aktenzeichen: string
}

/** Profile GEWERBE_ID: is the applicant who he says he is, at the municipality where he says he lives? § 34a (2) BMG. */
export function identitaetsabfrage(
  { formular }: Gewerbeanzeige,
  envelope: Envelope,
  clerk: string,
): PersonensucheAnfrage {
  const { familienname, vornamen, geburtsdatum, wohnung } = formular
  return {
    kopf: { ...head(envelope, 'personensuche', 'BMG_34A_2'), bedienerkennung: clerk },
    gemeindeschluessel: wohnung.anschrift.gemeindeschluessel,
    auswahldaten: { familienname, vornamen, geburtsdatum },
    angeforderteDaten: ['familienname', 'vornamen', 'geburtsdatum', 'anschriften', 'staatsangehoerigkeiten'],
  }
}

export type Abgleich =
  | { readonly ergebnis: 'bestaetigt' | 'neutral' }
  | { readonly ergebnis: 'abweichend'; readonly felder: readonly string[] }

/** `neutral` is no finding against the applicant: he proves himself in person. Domain section 1.7. */
export function abgleich({ formular }: Gewerbeanzeige, antwort: PersonensucheAntwort): Abgleich {
  if (antwort.ergebnis !== 'treffer') return { ergebnis: 'neutral' }
  const { familienname = '', vornamen = '', geburtsdatum, anschriften = [] } = antwort.person
  const { anschrift } = formular.wohnung
  const agrees = {
    familienname: matchesFamilienname(formular.familienname, [familienname]),
    vornamen: matchesVornamen(formular.vornamen, vornamen),
    geburtsdatum: formular.geburtsdatum === geburtsdatum,
    anschrift: anschriften.some(({ wohnungsart: _, einzugsdatum: __, ...home }) => matchesAnschrift(anschrift, home)),
  }
  const felder = Object.entries(agrees).flatMap(([feld, same]) => (same ? [] : [feld]))
  return felder.length === 0 ? { ergebnis: 'bestaetigt' } : { ergebnis: 'abweichend', felder }
}

/**
 * The notice for the occupational safety authority. The mask is applied here, before anything leaves the house.
 *
 * @throws {TypeError} when what is left breaks the recipient's schema: nothing may be sent then
 */
export function weiterleitung(anzeige: Gewerbeanzeige, envelope: Envelope): GewerbeEingangAnfrage {
  const masked = applyMask(anzeige, 'Arbeitsschutz')
  const message = { kopf: head(envelope, `gewerbe-${anzeige.art}`, 'GEWANZV_3_1'), ...masked }
  const eingang = schema('urn:owl:gewerbe:gewerbe-eingang-anfrage:1')
  if (eingang.accepts(message)) return message
  throw new TypeError(`The notice breaks the schema at ${eingang.check(message)[0]?.pointer}`)
}

function head(
  { uuid, at, leser, aktenzeichen }: Envelope,
  typ: string,
  rechtsgrundlage: Nachrichtenkopf['rechtsgrundlage'],
): Nachrichtenkopf {
  const registers = rechtsgrundlage === 'BMG_34A_2'
  return {
    nachrichtenUUID: uuid,
    nachrichtentyp: { code: typ },
    erstellungszeitpunkt: new Date(at).toISOString(),
    autor: DELBRUECK,
    leser,
    standard: registers ? 'XMeld' : 'XGewerbeordnung',
    version: registers ? '26.05' : '1.4',
    anlass: { code: 'gewerbeanzeige' },
    aktenzeichen,
    rechtsgrundlage,
  }
}
