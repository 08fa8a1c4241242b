/** The payloads of meldewesen, as its schemas describe them. Made by `node schemas/payload-types.ts`. */

import type {
  AnschriftInland,
  Familienstandsangabe,
  Hausnummer,
  Nachrichtenkopf,
  Person,
  Wohnung,
} from '../gemeinsam/payloads.ts'

export interface AuswertungAnfrage {
  readonly kopf: Nachrichtenkopf
  readonly ergebnis: 'plausibel' | 'abweichungen' | 'unplausibel'
  readonly abweichungen?: readonly {
    readonly feld: string
    readonly wertRegister: string
  }[]
  readonly unplausibel?: {
    readonly grund:
      | 'verstorben'
      | 'insAuslandVerzogen'
      | 'insInlandVerzogen'
      | 'nachUnbekannt'
      | 'nichtIdentifiziert'
      | 'nichtZustaendig'
  }
  readonly identifikation: {
    readonly familienname: string
    readonly geburtsname?: string
    readonly vornamen: string
    readonly geburtsdatum: string
    readonly geburtsort?: string
    readonly anschriften?: readonly Wohnung[]
    readonly azrNummer?: string
  }
  readonly auszugsdatum?: string
  readonly tatsachen?: {
    readonly passversagung?: {
      readonly '2301'?: string
      readonly '2302'?: string
    }
    readonly waffen?: {
      readonly '2601'?: string
      readonly '2602'?: string
      readonly '2603'?: string
      readonly '2604'?: string
    }
    readonly sprengstoff?: {
      readonly '2801'?: string
      readonly '2802'?: string
    }
    readonly wahlausschluss?: {
      readonly '2101'?: string
      readonly '2102'?: string
      readonly '2103'?: string
      readonly '2104'?: string
      readonly '2105'?: string
      readonly '2106'?: string
    }
    readonly vbm?: {
      readonly '2702'?: string
      readonly '2705'?: string
      readonly '2706'?: string
      readonly '2708'?: string
    }
  }
  readonly zusatz?: {
    readonly '1002'?: string
    readonly '1003'?: string
    readonly '1004'?: string
    readonly '1305'?: string
    readonly sperrkennwort?: string
    readonly sperrsumme?: string
    readonly '1712a'?: string
  }
}

export interface PersonensucheAnfrage {
  readonly kopf: Nachrichtenkopf
  readonly gemeindeschluessel: string
  readonly auswahldaten?: Auswahldaten
  readonly identifikationsmerkmal?: string
  readonly phonetisch?: boolean
  readonly verzichtWeiterbearbeitung?: boolean
  readonly angeforderteDaten: readonly (
    | 'familienname'
    | 'fruehereNamen'
    | 'vornamen'
    | 'doktorgrad'
    | 'ordensname'
    | 'kuenstlername'
    | 'anschriften'
    | 'geburtsdatum'
    | 'geburtsort'
    | 'geburtsstaat'
    | 'geschlecht'
    | 'gesetzlicheVertreter'
    | 'staatsangehoerigkeiten'
    | 'familienstand'
    | 'partner'
    | 'kinder'
    | 'sterbedatum'
    | 'sterbeort'
    | 'sterbestaat'
  )[]
}

export interface Auswahldaten {
  readonly familienname?: string
  readonly fruehererName?: string
  readonly vornamen?: string
  readonly ordensname?: string
  readonly kuenstlername?: string
  readonly anschrift?: Suchanschrift
  readonly strasse?: string
  readonly geburtsdatum?: string
  readonly geburtsort?: string
  readonly geburtsstaat?: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly sterbedatum?: string
  readonly sterbeort?: string
}

export interface Suchanschrift {
  readonly gemeindeschluessel: string
  readonly postleitzahl: string
  readonly strasse: string
  readonly hausnummer?: Hausnummer
}

export type PersonensucheAntwort =
  | {
      readonly kopf: Nachrichtenkopf
      readonly ergebnis: 'treffer'
      readonly person: Auskunft
    }
  | {
      readonly kopf: Nachrichtenkopf
      readonly ergebnis: 'trefferliste'
      readonly trefferliste: readonly Treffer[]
    }
  | {
      readonly ergebnis: 'neutral'
    }

export interface Auskunft {
  readonly familienname?: string
  readonly fruehereNamen?: readonly string[]
  readonly vornamen?: string
  readonly doktorgrad?: string
  readonly ordensname?: string
  readonly kuenstlername?: string
  readonly anschriften?: readonly Auskunftsanschrift[]
  readonly geburtsdatum?: string
  readonly geburtsort?: string
  readonly geburtsstaat?: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly gesetzlicheVertreter?: readonly AuskunftAngehoeriger[]
  readonly staatsangehoerigkeiten?: readonly string[]
  readonly familienstand?: Familienstandsangabe
  readonly partner?: AuskunftAngehoeriger
  readonly kinder?: readonly AuskunftAngehoeriger[]
  readonly sterbedatum?: string
  readonly sterbeort?: string
  readonly sterbestaat?: string
}

export interface Auskunftsanschrift {
  readonly gemeindeschluessel: string
  readonly postleitzahl: string
  readonly ort: string
  readonly ortsteil?: string
  readonly strasse?: string
  readonly hausnummer?: Hausnummer
  readonly wohnungsart: 'alleinig' | 'haupt' | 'neben'
  readonly einzugsdatum?: string
}

export interface AuskunftAngehoeriger {
  readonly familienname: string
  readonly vornamen: string
  readonly geburtsdatum?: string
}

export interface Treffer {
  readonly familienname: string
  readonly fruehereNamen?: readonly string[]
  readonly vornamen: string
  readonly geburtsdatum: string
  readonly hauptwohnung?: Auskunftsanschrift
  readonly identifikationsmerkmal: string
  readonly hinweise?: readonly ('verzogenInland' | 'verzogenUnbekannt' | 'verzogenAusland' | 'verstorben')[]
}

export interface RueckmeldungAnfrage {
  readonly kopf: Nachrichtenkopf
  readonly art: 'inland' | 'wiederzuzugAusland'
  readonly person: Person
  readonly referenzVams?: string
  readonly weitereBlaetter?: {
    readonly '1005'?: string
    readonly '1314'?: string
    readonly '0916'?: string
  }
}

export interface VamsAnfrage {
  readonly kopf: Nachrichtenkopf
  readonly familienname: string
  readonly vornamen: string
  readonly geburtsdatum: string
  readonly anschriftWegzug: AnschriftInland
  readonly umzugsverband?: boolean
  readonly berechtigungVersichert?: true
}

export type VamsAntwort =
  | {
      readonly kopf: Nachrichtenkopf
      readonly ergebnis: 'eindeutig'
      readonly person: Person
      readonly angehoerige?: readonly Person[]
      readonly passversagung?: {
        readonly '2301'?: string
        readonly '2302'?: string
      }
    }
  | {
      readonly ergebnis: 'abgewiesen'
      readonly grund: 'nichtEindeutigIdentifiziert'
    }
