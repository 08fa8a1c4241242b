/**
 * Valid requests for the services of the development region, about its test persons. Issue: steps 1-6 of the scenario.
 *
 * Each comes with everything the call needs: client, service, purpose, file reference, clerk.
 */

import { readFileSync } from 'node:fs'
import type { AnschriftInland, Behoerde, Nachrichtenkopf, Person } from '../schemas/gemeinsam/payloads.ts'
import type { Gewerbeanzeige, GewerbeEingangAnfrage } from '../schemas/gewerbe/payloads.ts'
import type { UmzugsmitteilungAnfrage, UmzugsstatusAnfrage } from '../schemas/kfz/payloads.ts'
import type { PersonensucheAnfrage, RueckmeldungAnfrage, VamsAnfrage } from '../schemas/meldewesen/payloads.ts'
import type { Clock } from './adapter.ts'
import { BIELEFELD } from './bielefeld/agency.ts'
import { identitaetsabfrage, weiterleitung } from './delbrueck/gewerbe/messages.ts'
import { DETMOLD } from './detmold/agency.ts'
import { KREIS_PADERBORN } from './kreis-paderborn/agency.ts'
import { dayOf } from './matching/datum.ts'
import { PADERBORN } from './paderborn/agency.ts'

export interface ScenarioCall<Body> {
  /** `INSTANCE/CLASS/MEMBER/SUBSYSTEM` */
  readonly client: string
  /** `INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE`; the path is `/v1`. */
  readonly service: string
  readonly purpose: string
  /** X-Road-Issue: the Aktenzeichen of the message head. */
  readonly issue: string
  /** X-Road-UserId: the clerk of the message head. */
  readonly userId: string
  readonly body: Body
}

/** Gives every message its UUID and time. */
export type Stamp = Clock

const BUERGERBUERO = 'OWL/GOV/05774032/BUERGERBUERO'
const GEWERBEAMT = 'OWL/GOV/05774020/GEWERBE'
const CLERK = 'pb-ewo-017'
const TRADE_CLERK = 'del-gew-003'
const ISSUE = '33.2-2026-000815'
const TRADE_ISSUE = '32.1-2026-000042'

/** P01 in Bielefeld, before. */
const OLD_HOME: AnschriftInland = {
  gemeindeschluessel: '05711000',
  postleitzahl: '33604',
  ort: 'Bielefeld',
  strasse: 'Detmolder Straße',
  hausnummer: { nummer: '12', zusatz: 'a' },
}
/** P01 in Paderborn, after. */
const NEW_HOME: AnschriftInland = {
  gemeindeschluessel: '05774032',
  postleitzahl: '33098',
  ort: 'Paderborn',
  strasse: 'Kamp',
  hausnummer: { nummer: '40' },
}

/** Step 1: P01 and his household move from Bielefeld to Paderborn; the form is asked for. */
export function vams(stamp: Stamp): ScenarioCall<VamsAnfrage> {
  return {
    ...fromBuergerbuero('OWL/GOV/05711000/MELDEWESEN/vams', 'UMZUG_VAMS'),
    body: vamsBody(stamp, PADERBORN),
  }
}

/** Step 6: Detmold asks for the same and must not: it is no registration authority. */
export function vamsByDetmold(stamp: Stamp): ScenarioCall<VamsAnfrage> {
  return { ...vams(stamp), client: 'OWL/GOV/057/ARBEITSSCHUTZ', userId: 'brd-55-001', body: vamsBody(stamp, DETMOLD) }
}

/**
 * Step 2: Paderborn reports the registration back, as the form had it and the new residence beside it.
 *
 * @param form the person of the answer to step 1
 * @param referenzVams UUID of the head of that answer
 */
export function rueckmeldung(stamp: Stamp, form: Person, referenzVams: string): ScenarioCall<RueckmeldungAnfrage> {
  return {
    ...fromBuergerbuero('OWL/GOV/05711000/MELDEWESEN/rueckmeldung', 'UMZUG_RUECKMELDUNG'),
    body: {
      kopf: head(stamp, { typ: '0201', autor: PADERBORN, leser: BIELEFELD, rechtsgrundlage: 'BMG_33_1' }),
      art: 'inland',
      person: registeredPerson(stamp, form),
      referenzVams,
    },
  }
}

/** The person as Paderborn's register has him after registration: for `POST /control/anmeldungen` of its simulator. */
export function registeredPerson(stamp: Stamp, form: Person): Person {
  const einzugsdatum = dayOf(stamp.now())
  const former = form.anschriften.map((wohnung) => ({ ...wohnung, auszugsdatum: wohnung.auszugsdatum ?? einzugsdatum }))
  return { ...form, anschriften: [{ anschrift: NEW_HOME, wohnungsart: 'alleinig', einzugsdatum }, ...former] }
}

/** Step 3: Paderborn tells the Kreis that the holder of PB-AB 1234 has moved, as he wished. */
export function umzugsmitteilung(stamp: Stamp): ScenarioCall<UmzugsmitteilungAnfrage> {
  return {
    ...fromBuergerbuero('OWL/GOV/05774/KFZ/umzugsmitteilung', 'UMZUG_KFZ'),
    body: {
      kopf: kfzHead(stamp),
      einwilligungHalter: true,
      zeitpunkt: new Date(stamp.now()).toISOString(),
      kennzeichen: ['PB-AB 1234'],
      halter: {
        familienname: 'Müller-Lüdenscheidt',
        vornamen: 'Jörg',
        geburtsdatum: '1979-05-19',
        geschlecht: 'm',
      },
      anschriftAlt: OLD_HOME,
      anschriftNeu: NEW_HOME,
      einzugsdatum: dayOf(stamp.now()),
      kennzeichenmitnahme: true,
      zb1Vorgelegt: true,
    },
  }
}

/** What became of step 3. @param mitteilung UUID of its head */
export function umzugsstatus(stamp: Stamp, mitteilung: string): ScenarioCall<UmzugsstatusAnfrage> {
  return {
    ...fromBuergerbuero('OWL/GOV/05774/KFZ/umzugsstatus', 'UMZUG_KFZ'),
    body: { kopf: { ...kfzHead(stamp), referenzUUID: mitteilung } },
  }
}

/** Whom Delbrück's trade office asks Paderborn for: one who is there, one nobody knows, one with a lock (code 3), one with code 11. */
export const APPLICANTS = {
  known: { familienname: 'Graf von Neuenwalde', vornamen: 'Hans Georg Arthur', geburtsdatum: '1965-11-03' },
  unknown: { familienname: 'Niemandt', vornamen: 'Ole', geburtsdatum: '1990-01-01' },
  locked: { familienname: 'Sieben', vornamen: 'Lea', geburtsdatum: '1991-02-28' },
  lockedBySecurity: { familienname: 'Çelik', vornamen: 'Deniz', geburtsdatum: '1980-08-19' },
} as const

/** Step 4: profile GEWERBE_ID. */
export function personensuche(stamp: Stamp, applicant: keyof typeof APPLICANTS): ScenarioCall<PersonensucheAnfrage> {
  const [anmeldung] = notices()
  if (anmeldung?.art !== 'anmeldung') throw new TypeError('The first notice is no registration')
  const anzeige = { ...anmeldung, formular: { ...anmeldung.formular, ...APPLICANTS[applicant] } }
  return {
    client: GEWERBEAMT,
    service: 'OWL/GOV/05774032/MELDEWESEN/personensuche',
    purpose: 'GEWERBE_ID',
    issue: TRADE_ISSUE,
    userId: TRADE_CLERK,
    body: identitaetsabfrage(anzeige, envelope(stamp, PADERBORN), TRADE_CLERK),
  }
}

/** Step 5: the notice goes on to the occupational safety authority, masked. */
export function gewerbeEingang(
  stamp: Stamp,
  art: Gewerbeanzeige['art'] = 'anmeldung',
): ScenarioCall<GewerbeEingangAnfrage> {
  const anzeige = notices().find((each) => each.art === art)
  if (anzeige === undefined) throw new TypeError('There is no such notice')
  return {
    client: GEWERBEAMT,
    service: 'OWL/GOV/057/ARBEITSSCHUTZ/gewerbe-eingang',
    purpose: 'GEWERBE_ANZEIGE',
    issue: TRADE_ISSUE,
    userId: TRADE_CLERK,
    body: weiterleitung(anzeige, envelope(stamp, DETMOLD)),
  }
}

/** The notices Delbrück holds, unmasked. */
export function notices(): readonly Gewerbeanzeige[] {
  const file = new URL('delbrueck/gewerbe/anzeigen.json', import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as readonly Gewerbeanzeige[]
}

interface Head {
  readonly typ: string
  readonly autor: Behoerde
  readonly leser: Behoerde
  readonly rechtsgrundlage: Nachrichtenkopf['rechtsgrundlage']
}

function head(stamp: Stamp, { typ, autor, leser, rechtsgrundlage }: Head): Nachrichtenkopf {
  return {
    nachrichtenUUID: stamp.uuid(),
    nachrichtentyp: { code: typ },
    erstellungszeitpunkt: new Date(stamp.now()).toISOString(),
    autor,
    leser,
    standard: 'XMeld',
    version: '26.05',
    anlass: { code: 'anmeldung' },
    aktenzeichen: ISSUE,
    bedienerkennung: CLERK,
    rechtsgrundlage,
  }
}

function kfzHead(stamp: Stamp): Nachrichtenkopf {
  const roles = { autor: PADERBORN, leser: KREIS_PADERBORN } as const
  const kopf = head(stamp, { typ: 'umzugsmitteilung', ...roles, rechtsgrundlage: 'FZV_15_2' })
  return { ...kopf, standard: 'OWL-Kfz', version: '1' }
}

function vamsBody(stamp: Stamp, autor: Behoerde): VamsAnfrage {
  return {
    kopf: head(stamp, { typ: '0300', autor, leser: BIELEFELD, rechtsgrundlage: 'BMG_23' }),
    familienname: 'Müller-Lüdenscheidt',
    vornamen: 'Jörg',
    geburtsdatum: '1979-05-19',
    anschriftWegzug: OLD_HOME,
    umzugsverband: true,
    berechtigungVersichert: true,
  }
}

function fromBuergerbuero(service: string, purpose: string): Omit<ScenarioCall<unknown>, 'body'> {
  return { client: BUERGERBUERO, service, purpose, issue: ISSUE, userId: CLERK }
}

function envelope(stamp: Stamp, leser: Behoerde): Parameters<typeof identitaetsabfrage>[1] {
  return { uuid: stamp.uuid(), at: stamp.now(), leser, aktenzeichen: TRADE_ISSUE }
}
