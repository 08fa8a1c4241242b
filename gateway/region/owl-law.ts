/** Why data may move in the region: purposes with legal basis and retention, and who agreed on what. Sources: domain 0.7, 1.2–1.7. */

import type { Agreement, Purpose } from '../trust/configuration.ts'

/** 1. BMeldDÜV §5(4) deletes after twelve months; a day less is still twelve months in every year. */
const TWELVE_MONTHS_AT_MOST = 365
/** BMG §40(5) keeps at least twelve months, a leap day included. */
const TWELVE_MONTHS_AT_LEAST = 366
/** IDNrG §9: two years, for what carries an identification number. */
const TWO_YEARS = 731

const IDENTITY = ['Namen', 'Geburtsdatum', 'Anschrift']

export const PURPOSES: readonly Purpose[] = [
  {
    code: 'UMZUG_VAMS',
    title: 'Vorausgefüllter Meldeschein bei Umzug',
    legalBasis: '§ 23 Abs. 2–4 BMG, § 4 1. BMeldDÜV',
    dataCategories: [
      ...IDENTITY,
      'Familienstand',
      'Angehörige',
      'Ausweise',
      'Religion',
      'Sperren',
      'Identifikationsnummer',
    ],
    bodyRetentionDays: TWELVE_MONTHS_AT_MOST,
    recordRetentionDays: TWELVE_MONTHS_AT_MOST,
    // BMG §40(1): the file reference and who asked are part of what has to be recorded.
    requires: ['issue', 'userId'],
  },
  {
    code: 'UMZUG_RUECKMELDUNG',
    title: 'Rückmeldung und Auswertung nach Umzug',
    legalBasis: '§ 33 Abs. 1 BMG, §§ 6, 7 1. BMeldDÜV',
    dataCategories: [
      ...IDENTITY,
      'Familienstand',
      'Angehörige',
      'Ausweise',
      'Religion',
      'Sperren',
      'Identifikationsnummer',
    ],
    bodyRetentionDays: TWELVE_MONTHS_AT_LEAST,
    recordRetentionDays: TWO_YEARS,
    requires: [],
  },
  {
    code: 'UMZUG_KFZ',
    title: 'Mitteilung des Umzugs an die Zulassungsbehörde',
    legalBasis: '§ 15 Abs. 2 FZV, mit Einwilligung des Halters',
    dataCategories: [...IDENTITY, 'Kennzeichen'],
    bodyRetentionDays: 180,
    recordRetentionDays: TWELVE_MONTHS_AT_LEAST,
    requires: [],
  },
  {
    code: 'GEWERBE_ID',
    title: 'Identität von Gewerbetreibenden prüfen',
    legalBasis: '§ 34 Abs. 1, § 34a Abs. 2, § 38 Abs. 1 BMG',
    dataCategories: [...IDENTITY, 'Geburtsort', 'Staatsangehörigkeit'],
    bodyRetentionDays: TWELVE_MONTHS_AT_LEAST,
    recordRetentionDays: TWELVE_MONTHS_AT_LEAST,
    requires: ['issue', 'userId'],
  },
  {
    code: 'GEWERBE_ANZEIGE',
    title: 'Gewerbeanzeige an den Arbeitsschutz weiterleiten',
    legalBasis: '§ 14 GewO, § 3 Abs. 1 GewAnzV',
    dataCategories: ['Gewerbeanzeige in der Maske des Empfängers'],
    bodyRetentionDays: 180,
    recordRetentionDays: TWELVE_MONTHS_AT_LEAST,
    requires: [],
  },
]

interface Right {
  readonly id: string
  readonly client: string
  readonly service: string
  readonly purpose: string
}

const PADERBORN = 'OWL/GOV/05774032'
const KREIS = 'OWL/GOV/05774'
const DELBRUECK = 'OWL/GOV/05774020'
const BIELEFELD = 'OWL/GOV/05711000'
const DETMOLD = 'OWL/GOV/057'

/** Detmold has none on `vams`: it is no registration authority. domain 0.2, 1.7 `BRD_ARB`. */
const RIGHTS: readonly Right[] = [
  {
    id: 'OWL-2026-001',
    client: `${PADERBORN}/BUERGERBUERO`,
    service: `${BIELEFELD}/MELDEWESEN/vams`,
    purpose: 'UMZUG_VAMS',
  },
  {
    id: 'OWL-2026-002',
    client: `${PADERBORN}/MELDEWESEN`,
    service: `${BIELEFELD}/MELDEWESEN/rueckmeldung`,
    purpose: 'UMZUG_RUECKMELDUNG',
  },
  {
    id: 'OWL-2026-003',
    client: `${PADERBORN}/BUERGERBUERO`,
    service: `${BIELEFELD}/MELDEWESEN/rueckmeldung`,
    purpose: 'UMZUG_RUECKMELDUNG',
  },
  {
    id: 'OWL-2026-004',
    client: `${BIELEFELD}/MELDEWESEN`,
    service: `${PADERBORN}/MELDEWESEN/auswertung`,
    purpose: 'UMZUG_RUECKMELDUNG',
  },
  {
    id: 'OWL-2026-005',
    client: `${PADERBORN}/BUERGERBUERO`,
    service: `${KREIS}/KFZ/umzugsmitteilung`,
    purpose: 'UMZUG_KFZ',
  },
  {
    id: 'OWL-2026-006',
    client: `${PADERBORN}/MELDEWESEN`,
    service: `${KREIS}/KFZ/umzugsmitteilung`,
    purpose: 'UMZUG_KFZ',
  },
  {
    id: 'OWL-2026-007',
    client: `${DELBRUECK}/GEWERBE`,
    service: `${PADERBORN}/MELDEWESEN/personensuche`,
    purpose: 'GEWERBE_ID',
  },
  {
    id: 'OWL-2026-008',
    client: `${DELBRUECK}/GEWERBE`,
    service: `${DETMOLD}/ARBEITSSCHUTZ/gewerbe-eingang`,
    purpose: 'GEWERBE_ANZEIGE',
  },
]

export const AGREEMENTS: readonly Agreement[] = RIGHTS.map(({ id, client, service, purpose }) => ({
  id,
  client,
  service,
  validFrom: '2026-01-01T00:00:00.000Z',
  endpoints: [{ method: 'POST', path: '/v1', purposes: [purpose] }],
}))
