/** The model region as data: agencies, their local systems, services, purposes and agreements. Sources: domain 0, 1.2–1.7. */

import type { Agreement, Purpose } from '../trust/configuration.ts'
import { AGREEMENTS, PURPOSES } from './owl-law.ts'

export interface Agency {
  /** `INSTANCE/CLASS/MEMBER`; the member code is the official key. */
  readonly id: string
  readonly code: string
  readonly name: string
  /** Folder and host label. */
  readonly slug: string
  /** Key in the German directory of administration services. domain 0.1 */
  readonly dvdv: string
  readonly subsystems: readonly Subsystem[]
  readonly services: readonly RegionService[]
  /** Local systems that run as simulators beside their adapters, by the adapter's folder. */
  readonly systems: readonly string[]
  /** The one of them that calls other agencies by itself, and for which subsystem. */
  readonly calling?: { readonly system: string; readonly subsystem: string }
}

export interface Subsystem {
  readonly code: string
  readonly name: string
  /** How its local systems prove themselves at the consumer port. */
  readonly auth: 'mtls' | 'https' | 'http'
}

export interface RegionService {
  readonly subsystem: string
  readonly code: string
  readonly title: string
  readonly endpoints: readonly { readonly method: string; readonly path: string }[]
  /** Name in `adapters/index.ts`. */
  readonly adapter: string
  /** The simulator whose address the adapter is given. */
  readonly system: string
}

export interface Region {
  readonly instance: string
  readonly agencies: readonly Agency[]
  readonly purposes: readonly Purpose[]
  readonly agreements: readonly Agreement[]
}

/** Every service of the region is one operation: `POST /v1`. */
const POST_V1 = [{ method: 'POST', path: '/v1' }] as const

const subsystem = (code: string, name: string, auth: Subsystem['auth'] = 'mtls'): Subsystem => ({ code, name, auth })

const AGENCIES: readonly Agency[] = [
  {
    id: 'OWL/GOV/05774032',
    code: '05774032',
    name: 'Stadt Paderborn',
    slug: 'paderborn',
    dvdv: 'ags:05774032',
    subsystems: [
      subsystem('BUERGERBUERO', 'Bürgerbüro'),
      subsystem('MELDEWESEN', 'Melderegister'),
      subsystem('GEWERBE', 'Gewerberegister'),
      subsystem('EAKTE', 'Elektronische Akte'),
      subsystem('PARKEN', 'Bewohnerparken'),
    ],
    services: [
      {
        subsystem: 'MELDEWESEN',
        code: 'auswertung',
        title: 'Auswertung einer Rückmeldung',
        endpoints: POST_V1,
        adapter: 'paderborn/melderegister/auswertung',
        system: 'paderborn/melderegister',
      },
      {
        subsystem: 'MELDEWESEN',
        code: 'personensuche',
        title: 'Personensuche',
        endpoints: POST_V1,
        adapter: 'paderborn/melderegister/personensuche',
        system: 'paderborn/melderegister',
      },
    ],
    systems: ['paderborn/melderegister'],
  },
  {
    id: 'OWL/GOV/05774',
    code: '05774',
    name: 'Kreis Paderborn',
    slug: 'kreis-paderborn',
    dvdv: 'usv:05774',
    subsystems: [
      subsystem('KFZ', 'Kfz-Zulassung'),
      subsystem('GESUNDHEIT', 'Gesundheitsamt'),
      subsystem('EAKTE', 'Elektronische Akte'),
    ],
    services: [
      {
        subsystem: 'KFZ',
        code: 'umzugsmitteilung',
        title: 'Umzugsmitteilung an die Zulassungsbehörde',
        endpoints: POST_V1,
        adapter: 'kreis-paderborn/fahrzeugregister/umzugsmitteilung',
        system: 'kreis-paderborn/fahrzeugregister',
      },
      {
        subsystem: 'KFZ',
        code: 'umzugsstatus',
        title: 'Stand einer Umzugsmitteilung',
        endpoints: POST_V1,
        adapter: 'kreis-paderborn/fahrzeugregister/umzugsstatus',
        system: 'kreis-paderborn/fahrzeugregister',
      },
    ],
    systems: ['kreis-paderborn/fahrzeugregister'],
  },
  {
    id: 'OWL/GOV/05774020',
    code: '05774020',
    name: 'Stadt Delbrück',
    slug: 'delbrueck',
    dvdv: 'ags:05774020',
    subsystems: [
      // The smallest agency: its portal runs on the gateway's own host.
      subsystem('PORTAL', 'Bürgerportal', 'http'),
      subsystem('MELDEWESEN', 'Melderegister'),
      subsystem('GEWERBE', 'Gewerbeamt'),
    ],
    services: [],
    systems: [],
  },
  {
    id: 'OWL/GOV/05711000',
    code: '05711000',
    name: 'Stadt Bielefeld',
    slug: 'bielefeld',
    dvdv: 'ags:05711000',
    subsystems: [
      subsystem('MELDEWESEN', 'Melderegister'),
      subsystem('KFZ', 'Kfz-Zulassung'),
      subsystem('TOURISMUS', 'Veranstaltungen'),
      subsystem('OPENDATA', 'Offene Daten'),
    ],
    services: [
      {
        subsystem: 'MELDEWESEN',
        code: 'vams',
        title: 'Vorausgefüllter Meldeschein',
        endpoints: POST_V1,
        adapter: 'bielefeld/melderegister/vams',
        system: 'bielefeld/melderegister',
      },
      {
        subsystem: 'MELDEWESEN',
        code: 'rueckmeldung',
        title: 'Rückmeldung eines Zuzugs',
        endpoints: POST_V1,
        adapter: 'bielefeld/melderegister/rueckmeldung',
        system: 'bielefeld/melderegister',
      },
      {
        subsystem: 'MELDEWESEN',
        code: 'personensuche',
        title: 'Personensuche',
        endpoints: POST_V1,
        adapter: 'bielefeld/melderegister/personensuche',
        system: 'bielefeld/melderegister',
      },
    ],
    systems: ['bielefeld/melderegister'],
    // It answers a Rückmeldung with a call of its own.
    calling: { system: 'bielefeld/melderegister', subsystem: 'MELDEWESEN' },
  },
  {
    id: 'OWL/GOV/057',
    code: '057',
    name: 'Bezirksregierung Detmold',
    slug: 'detmold',
    dvdv: 'asb:057',
    subsystems: [
      subsystem('EAKTE', 'Elektronische Akte'),
      // An older procedure that cannot show a certificate of its own.
      subsystem('ARBEITSSCHUTZ', 'Arbeitsschutz', 'https'),
      subsystem('OPENDATA', 'Offene Daten'),
    ],
    services: [
      {
        subsystem: 'ARBEITSSCHUTZ',
        code: 'gewerbe-eingang',
        title: 'Eingang von Gewerbeanzeigen',
        endpoints: POST_V1,
        adapter: 'detmold/arbeitsschutz/gewerbe-eingang',
        system: 'detmold/arbeitsschutz',
      },
    ],
    systems: ['detmold/arbeitsschutz'],
  },
]

export const OWL_REGION: Region = {
  instance: 'OWL',
  agencies: AGENCIES,
  purposes: PURPOSES,
  agreements: AGREEMENTS,
}

/** @throws {TypeError} for a slug the region does not have */
export function agencyOf(region: Region, slug: string): Agency {
  const agency = region.agencies.find((candidate) => candidate.slug === slug)
  if (agency === undefined) throw new TypeError(`the region has no agency ${slug}`)
  return agency
}
