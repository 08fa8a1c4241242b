/** What the report on an exchange says of its weight as evidence and of data protection, in both languages. */

import type { Qualification } from './qualification.ts'
import type { ReportTexts } from './report-texts.ts'

export interface ProofTexts {
  /** Heads the page when keys of the development CA were used. */
  readonly development: string
  readonly labels: {
    readonly sender: string
    readonly senderSeal: string
    readonly stamp: string
    readonly renewed: string
    readonly container: string
    readonly containerSeal: string
    readonly validUntil: string
    readonly categories: string
    readonly bodyRetention: string
    readonly recordRetention: string
    readonly retentionBasis: string
  }
  /** A time-stamp is never `certificate`. */
  readonly seals: Readonly<Record<Qualification, string>>
  readonly stamps: Readonly<Record<Qualification, string>>
  readonly times: (count: number) => string
  readonly days: (count: number) => string
  readonly unsealed: string
  /** Before the party, and before the time. */
  readonly sealedBy: string
  readonly sealedAt: string
  readonly sealedWithoutTime: string
  readonly until: (time: string) => string
  readonly expired: (time: string) => string
  readonly trustedList: string
  readonly erasure: { readonly record: string; readonly body: string; readonly none: string }
}

const GERMAN_DEVELOPMENT =
  'Mit Schlüsseln der Entwicklungs-Zertifizierungsstelle erzeugt, die offen liegen: ohne jeden Beweiswert.'
const ENGLISH_DEVELOPMENT = 'Made with keys of the development CA, which are public: worthless as evidence.'

export const PROOF_TEXTS: Readonly<Record<ReportTexts['language'], ProofTexts>> = {
  de: {
    development: GERMAN_DEVELOPMENT,
    labels: {
      sender: 'Nachricht gesiegelt von',
      senderSeal: 'Rang dieses Siegels',
      stamp: 'Rang des Zeitstempels',
      renewed: 'Zeitstempel erneuert',
      container: 'Nachweisdatei gesiegelt',
      containerSeal: 'Rang des Siegels der Nachweisdatei',
      validUntil: 'Prüfbar bis',
      categories: 'Datenkategorien',
      bodyRetention: 'Aufbewahrung der Inhalte',
      recordRetention: 'Aufbewahrung des Protokolleintrags',
      retentionBasis: 'Grundlage der Aufbewahrung',
    },
    seals: {
      qualified:
        'Nach Angabe des Zertifikats qualifiziert. Es beweist Unversehrtheit und Herkunft, bis das Gegenteil gezeigt ist (Art. 35 Abs. 2 eIDAS-Verordnung).',
      certificate:
        'Nicht qualifiziert: Das Zertifikat ist qualifiziert, das Gerät mit dem Schlüssel nicht. Eine gesetzliche Vermutung gilt nicht; ein Gericht würdigt das Siegel frei (§ 286 ZPO).',
      none: 'Nicht qualifiziert. Die gesetzliche Vermutung des Art. 35 Abs. 2 eIDAS-Verordnung gilt nicht; ein Gericht würdigt das Siegel frei (§ 286 ZPO).',
      development: GERMAN_DEVELOPMENT,
    },
    stamps: {
      qualified:
        'Nach eigener Angabe qualifiziert. Er beweist Zeitpunkt und Unversehrtheit, bis das Gegenteil gezeigt ist (Art. 41 Abs. 2 eIDAS-Verordnung).',
      certificate: 'Nicht qualifiziert.',
      none: 'Nicht qualifiziert. Die gesetzliche Vermutung des Art. 41 Abs. 2 eIDAS-Verordnung gilt nicht; ein Gericht würdigt den Zeitstempel frei (§ 286 ZPO).',
      development: GERMAN_DEVELOPMENT,
    },
    times: (count) => (count === 0 ? 'bisher nicht' : `${count}-mal`),
    days: (count) => (count === 1 ? '1 Tag' : `${count} Tage`),
    unsealed: 'nein',
    sealedBy: 'ja, von',
    sealedAt: 'Zeitstempel vom',
    sealedWithoutTime: 'ohne Zeitstempel',
    until: (time) => `${time}, danach nur, wenn der Zeitstempel vorher erneuert wird`,
    expired: (time) => `nicht mehr: abgelaufen am ${time}`,
    trustedList: 'Ob ein Anbieter in einer Vertrauensliste steht, lässt sich den Nachweisdateien nicht entnehmen.',
    erasure: {
      record: 'Der Eintrag ist gelöscht.',
      body: 'Inhalte fehlen, der Eintrag ist erhalten.',
      none: 'Nichts ist gelöscht.',
    },
  },
  en: {
    development: ENGLISH_DEVELOPMENT,
    labels: {
      sender: 'Message sealed by',
      senderSeal: 'Rank of this seal',
      stamp: 'Rank of the time-stamp',
      renewed: 'Time-stamp renewed',
      container: 'Evidence file sealed',
      containerSeal: 'Rank of the seal of the evidence file',
      validUntil: 'Can be checked until',
      categories: 'Categories of data',
      bodyRetention: 'Retention of contents',
      recordRetention: 'Retention of the log record',
      retentionBasis: 'Basis of retention',
    },
    seals: {
      qualified:
        'Qualified, as its certificate says. It proves integrity and origin until the contrary is shown (Art. 35(2) eIDAS).',
      certificate:
        'Not qualified: the certificate is, the device that holds the key is not. No legal presumption applies; a court weighs the seal freely (§ 286 ZPO).',
      none: 'Not qualified. The legal presumption of Art. 35(2) eIDAS does not apply; a court weighs the seal freely (§ 286 ZPO).',
      development: ENGLISH_DEVELOPMENT,
    },
    stamps: {
      qualified:
        'Qualified, as it says itself. It proves time and integrity until the contrary is shown (Art. 41(2) eIDAS).',
      certificate: 'Not qualified.',
      none: 'Not qualified. The legal presumption of Art. 41(2) eIDAS does not apply; a court weighs the time-stamp freely (§ 286 ZPO).',
      development: ENGLISH_DEVELOPMENT,
    },
    times: (count) => (count === 0 ? 'not yet' : count === 1 ? 'once' : `${count} times`),
    days: (count) => (count === 1 ? '1 day' : `${count} days`),
    unsealed: 'no',
    sealedBy: 'yes, by',
    sealedAt: 'time-stamp of',
    sealedWithoutTime: 'without a time-stamp',
    until: (time) => `${time}, later only if the time-stamp is renewed before`,
    expired: (time) => `not any more: ended on ${time}`,
    trustedList: 'Whether a provider is on a trusted list, the evidence files cannot say.',
    erasure: {
      record: 'The record is erased.',
      body: 'Contents are missing, the record is kept.',
      none: 'Nothing is erased.',
    },
  },
}
