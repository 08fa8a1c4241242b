/** Why data may move in the region: purposes with legal basis and retention, and who agreed on what. Sources: domain 0.7, 1.2–1.7. */

import type { Agreement, Purpose } from '../trust/configuration.ts'

/** Erased on the day after the last one: twelve months are over in every year but a leap year, which has one day more. */
const TWELVE_MONTHS_AT_MOST = 365
/** A leap day included. */
const TWELVE_MONTHS_AT_LEAST = 366
const TWO_YEARS = 731

/** Domain 0.7: what the days are taken from. */
const AFTER_RETRIEVAL = '§ 5 Abs. 4 1. BMeldDÜV: Löschung nach zwölf Monaten'
const AT_LEAST = '§ 40 Abs. 5 BMG: mindestens zwölf Monate'
const WITH_NUMBER = `Inhalt ${AT_LEAST}; Protokoll § 9 IDNrG: zwei Jahre`
/** No norm sets these: as short as questions about a case take. */
const AS_NEEDED = 'Art. 5 Abs. 1 Buchst. e DSGVO: Inhalt ein halbes, Protokoll ein Jahr'

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
    retentionBasis: AFTER_RETRIEVAL,
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
    retentionBasis: WITH_NUMBER,
    requires: [],
  },
  {
    code: 'UMZUG_KFZ',
    title: 'Mitteilung des Umzugs an die Zulassungsbehörde',
    legalBasis: '§ 15 Abs. 2 FZV, mit Einwilligung des Halters',
    dataCategories: [...IDENTITY, 'Kennzeichen'],
    bodyRetentionDays: 180,
    recordRetentionDays: TWELVE_MONTHS_AT_LEAST,
    retentionBasis: AS_NEEDED,
    requires: [],
  },
  {
    code: 'GEWERBE_ID',
    title: 'Identität von Gewerbetreibenden prüfen',
    legalBasis: '§ 34 Abs. 1, § 34a Abs. 2, § 38 Abs. 1 BMG',
    dataCategories: [...IDENTITY, 'Geburtsort', 'Staatsangehörigkeit'],
    bodyRetentionDays: TWELVE_MONTHS_AT_LEAST,
    recordRetentionDays: TWELVE_MONTHS_AT_LEAST,
    retentionBasis: AT_LEAST,
    requires: ['issue', 'userId'],
  },
  {
    code: 'GEWERBE_ANZEIGE',
    title: 'Gewerbeanzeige an den Arbeitsschutz weiterleiten',
    legalBasis: '§ 14 GewO, § 3 Abs. 1 GewAnzV',
    dataCategories: ['Gewerbeanzeige in der Maske des Empfängers'],
    bodyRetentionDays: 180,
    recordRetentionDays: TWELVE_MONTHS_AT_LEAST,
    retentionBasis: AS_NEEDED,
    requires: [],
  },
]

interface Right {
  readonly clients: readonly string[]
  readonly service: string
  readonly purpose: string
  /** Where an identification number may be (§ 139b AO): only where the law names it among the data. */
  readonly idnr?: Agreement['idnr']
}

const PADERBORN = 'OWL/GOV/05774032'
const KREIS = 'OWL/GOV/05774'
const DELBRUECK = 'OWL/GOV/05774020'
const BIELEFELD = 'OWL/GOV/05711000'
const DETMOLD = 'OWL/GOV/057'

/**
 * Kfz, Gewerbe and Personensuche carry no identification number: § 6 (1) FZV, § 34 (1) sentence 1 BMG name none. domain 1.2 S8, 1.3
 *
 * Detmold has none on `vams`: it is no registration authority. domain 0.2, 1.7 `BRD_ARB`.
 */
const RIGHTS: readonly Right[] = [
  {
    clients: [`${PADERBORN}/BUERGERBUERO`],
    service: `${BIELEFELD}/MELDEWESEN/vams`,
    purpose: 'UMZUG_VAMS',
    // § 4 (1) 1. BMeldDÜV, sheet 2701. Nobody may be looked for by it: § 4 (2). domain 1.2 S1
    idnr: ['reply'],
  },
  {
    clients: [`${PADERBORN}/BUERGERBUERO`, `${PADERBORN}/MELDEWESEN`],
    service: `${BIELEFELD}/MELDEWESEN/rueckmeldung`,
    purpose: 'UMZUG_RUECKMELDUNG',
    // § 6 (1) 1. BMeldDÜV, sheet 2701; the Auswertung (§ 7) has no such sheet. domain 1.2 S4, S5
    idnr: ['request'],
  },
  {
    clients: [`${BIELEFELD}/MELDEWESEN`],
    service: `${PADERBORN}/MELDEWESEN/auswertung`,
    purpose: 'UMZUG_RUECKMELDUNG',
  },
  ...['umzugsmitteilung', 'umzugsstatus'].map((service) => ({
    clients: [`${PADERBORN}/BUERGERBUERO`, `${PADERBORN}/MELDEWESEN`],
    service: `${KREIS}/KFZ/${service}`,
    purpose: 'UMZUG_KFZ',
  })),
  ...[PADERBORN, BIELEFELD].map((municipality) => ({
    clients: [`${DELBRUECK}/GEWERBE`],
    service: `${municipality}/MELDEWESEN/personensuche`,
    purpose: 'GEWERBE_ID',
  })),
  {
    clients: [`${DELBRUECK}/GEWERBE`],
    service: `${DETMOLD}/ARBEITSSCHUTZ/gewerbe-eingang`,
    purpose: 'GEWERBE_ANZEIGE',
  },
]

/** `OWL-2026-001` … in the order above: their ids stand in records, so rows are only added at the end. */
export const AGREEMENTS: readonly Agreement[] = RIGHTS.flatMap(({ clients, ...right }) =>
  clients.map((client) => ({ client, ...right })),
).map(({ client, service, purpose, idnr }, index) => ({
  id: `OWL-2026-${String(index + 1).padStart(3, '0')}`,
  client,
  service,
  validFrom: '2026-01-01T00:00:00.000Z',
  ...(idnr !== undefined && { idnr }),
  endpoints: [{ method: 'POST', path: '/v1', purposes: [purpose] }],
}))
