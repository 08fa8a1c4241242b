/** Which data of a query a purpose may ask for. Source: domain section 1.7; catalogue of § 34 (1) sentence 1 BMG. */

import type { PersonensucheAnfrage } from '../../schemas/meldewesen/payloads.ts'

export type Datum = PersonensucheAnfrage['angeforderteDaten'][number]

const PROFILES: Readonly<Record<string, readonly Datum[]>> = {
  GEWERBE_ID: [
    'familienname',
    'vornamen',
    'anschriften',
    'geburtsdatum',
    'geburtsort',
    'geburtsstaat',
    'staatsangehoerigkeiten',
  ],
  KFZ_HALTER: [
    'familienname',
    'fruehereNamen',
    'vornamen',
    'doktorgrad',
    'ordensname',
    'kuenstlername',
    'geburtsdatum',
    'geburtsort',
    'geburtsstaat',
    'geschlecht',
    'anschriften',
    'sterbedatum',
  ],
}

/** @param purpose as the gateway proved it; a purpose without a profile may ask for nothing */
export function profileOf(purpose: string | undefined): ReadonlySet<Datum> | undefined {
  if (purpose === undefined || !Object.hasOwn(PROFILES, purpose)) return undefined
  return new Set(PROFILES[purpose])
}
