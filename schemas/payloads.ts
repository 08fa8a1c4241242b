/** The payloads by the URN of their schema. Made by `node schemas/payload-types.ts`. */

import type { Nachrichtenkopf, Person, Quittung, Zurueckweisung } from './gemeinsam/payloads.ts'
import type {
  Gewerbeabmeldung,
  GewerbeabmeldungArbeitsschutz,
  Gewerbeanmeldung,
  GewerbeanmeldungArbeitsschutz,
  Gewerbeanzeige,
  GewerbeEingangAnfrage,
  Gewerbeummeldung,
  GewerbeummeldungArbeitsschutz,
} from './gewerbe/payloads.ts'
import type { UmzugsmitteilungAnfrage, UmzugsstatusAnfrage, UmzugsstatusAntwort } from './kfz/payloads.ts'
import type {
  AuswertungAnfrage,
  PersonensucheAnfrage,
  PersonensucheAntwort,
  RueckmeldungAnfrage,
  VamsAnfrage,
  VamsAntwort,
} from './meldewesen/payloads.ts'

/** URN → type of the payload. */
export interface Payloads {
  'urn:owl:gemeinsam:nachrichtenkopf:1': Nachrichtenkopf
  'urn:owl:gemeinsam:person:1': Person
  'urn:owl:gemeinsam:quittung:1': Quittung
  'urn:owl:gemeinsam:zurueckweisung:1': Zurueckweisung
  'urn:owl:gewerbe:anzeige:1': Gewerbeanzeige
  'urn:owl:gewerbe:gewa1-arbeitsschutz:1': GewerbeanmeldungArbeitsschutz
  'urn:owl:gewerbe:gewa1:1': Gewerbeanmeldung
  'urn:owl:gewerbe:gewa2-arbeitsschutz:1': GewerbeummeldungArbeitsschutz
  'urn:owl:gewerbe:gewa2:1': Gewerbeummeldung
  'urn:owl:gewerbe:gewa3-arbeitsschutz:1': GewerbeabmeldungArbeitsschutz
  'urn:owl:gewerbe:gewa3:1': Gewerbeabmeldung
  'urn:owl:gewerbe:gewerbe-eingang-anfrage:1': GewerbeEingangAnfrage
  'urn:owl:kfz:umzugsmitteilung-anfrage:1': UmzugsmitteilungAnfrage
  'urn:owl:kfz:umzugsstatus-anfrage:1': UmzugsstatusAnfrage
  'urn:owl:kfz:umzugsstatus-antwort:1': UmzugsstatusAntwort
  'urn:owl:meldewesen:auswertung-anfrage:1': AuswertungAnfrage
  'urn:owl:meldewesen:personensuche-anfrage:1': PersonensucheAnfrage
  'urn:owl:meldewesen:personensuche-antwort:1': PersonensucheAntwort
  'urn:owl:meldewesen:rueckmeldung-anfrage:1': RueckmeldungAnfrage
  'urn:owl:meldewesen:vams-anfrage:1': VamsAnfrage
  'urn:owl:meldewesen:vams-antwort:1': VamsAntwort
}
