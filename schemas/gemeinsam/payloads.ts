/** The payloads of gemeinsam, as its schemas describe them. Made by `node schemas/payload-types.ts`. */

export interface Hausnummer {
  readonly nummer?: string
  readonly zusatz?: string
  readonly teilnummer?: string
}

export interface AnschriftInland {
  readonly gemeindeschluessel: string
  readonly postleitzahl: string
  readonly ort: string
  readonly ortsteil?: string
  readonly strasse?: string
  readonly hausnummer?: Hausnummer
  readonly wohnungsgeber?: string
  readonly zusatz?: string
  readonly besonderheit?: 'ohneFestenWohnsitz' | 'schiff' | 'aufnahmeeinrichtung'
}

export interface AnschriftAusland {
  readonly staat: string
  readonly zeilen?: readonly string[]
}

export interface Code {
  readonly code: string
  readonly name?: string
  readonly listenUri?: string
  readonly listenVersion?: string
}

export interface Nachrichtenkopf {
  readonly nachrichtenUUID: string
  readonly nachrichtentyp: Code
  readonly erstellungszeitpunkt: string
  readonly autor: Behoerde
  readonly leser: Behoerde
  readonly referenzUUID?: string
  readonly dvdvDienstkennung?: string
  readonly produkt?: string
  readonly produkthersteller?: string
  readonly produktversion?: string
  readonly standard: string
  readonly version: string
  readonly test?: boolean
  readonly anlass: Code
  readonly aktenzeichen?: string
  readonly bedienerkennung?: string
  readonly verfahrensbezeichnung?: string
  readonly rechtsgrundlage:
    | 'BMG_23'
    | 'BMG_33_1'
    | 'BMG_34A_2'
    | 'BMG_38_1'
    | 'BMELDDUEV1_7'
    | 'FZV_15_2'
    | 'GEWO_14_1'
    | 'GEWANZV_3_1'
}

export interface Behoerde {
  readonly verzeichnisdienst: 'DVDV'
  readonly kennung: string
  readonly name: string
  readonly erreichbarkeit?: readonly {
    readonly kanal: '01' | '02' | '03' | '04' | '05' | '06' | '07' | '08' | '09'
    readonly kennung: string
  }[]
}

export interface Person {
  readonly familienname: string
  readonly ehename?: string
  readonly lebenspartnerschaftsname?: string
  readonly geburtsname?: string
  readonly familiennameVorAenderung?: string
  readonly vornamen: string
  readonly gebraeuchlicherVorname?: string
  readonly vornamenVorAenderung?: string
  readonly doktorgrad?: string
  readonly ordensname?: string
  readonly kuenstlername?: string
  readonly geburtsdatum: string
  readonly geburtsort?: string
  readonly geburtsstaat?: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly staatsangehoerigkeiten?: readonly string[]
  readonly religion?: string
  readonly idnr?: string
  readonly familienstand?: Familienstandsangabe
  readonly sperren?: readonly Sperre[]
  readonly bedingterSperrvermerk?: boolean
  readonly sterbedatum?: string
  readonly sterbeort?: string
  readonly sterbestaat?: string
  readonly azrNummer?: string
  readonly ausweise?: readonly Ausweis[]
  readonly gesetzlicheVertreter?: readonly GesetzlicherVertreter[]
  readonly partner?: Angehoeriger
  readonly kinder?: readonly Angehoeriger[]
  readonly anschriften: readonly Wohnung[]
  readonly anschriftAusland?: AnschriftAusland
}

export interface Angehoeriger {
  readonly familienname: string
  readonly geburtsname?: string
  readonly vornamen: string
  readonly doktorgrad?: string
  readonly geburtsdatum?: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly idnr?: string
  readonly anschrift?: AnschriftInland
  readonly sterbedatum?: string
}

export interface GesetzlicherVertreter {
  readonly familienname: string
  readonly vornamen: string
  readonly doktorgrad?: string
  readonly geburtsdatum?: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly anschrift?: AnschriftInland
}

export interface Wohnung {
  readonly anschrift: AnschriftInland
  readonly wohnungsart: 'alleinig' | 'haupt' | 'neben'
  readonly einzugsdatum?: string
  readonly statuswechsel?: string
  readonly datumZuzugGemeinde?: string
  readonly auszugsdatum?: string
  readonly zuzugsstaat?: string
}

export interface Ausweis {
  readonly art: '01' | '02' | '03' | '04' | '05' | '06' | '07' | '08' | '09' | '10' | '11' | '12' | '13' | '14' | '15'
  readonly seriennummer?: string
  readonly ausstellungsdatum?: string
  readonly gueltigBis?: string
  readonly behoerde?: string
}

export interface Sperre {
  readonly art: '1' | '2' | '3' | '5' | '6' | '7' | '10' | '11' | '12' | '13'
  readonly befristetBis?: string
  readonly veranlasser?: string
}

export interface Familienstandsangabe {
  readonly stand: 'LD' | 'VH' | 'VW' | 'GS' | 'EA' | 'LP' | 'LV' | 'LA' | 'LE' | 'NB'
  readonly datum?: string
  readonly ort?: string
  readonly staat?: string
}

export interface Quittung {
  readonly kopf: Nachrichtenkopf
  readonly ergebnis: 'angenommen'
}

export interface Zurueckweisung {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code:
    | 'S001'
    | 'S010'
    | 'S011'
    | 'S020'
    | 'S100'
    | 'S999'
    | 'T000'
    | 'T001'
    | 'T002'
    | 'T003'
    | 'T010'
    | 'T011'
    | 'T020'
    | 'T070'
    | 'T080'
    | 'T099'
    | 'V000'
    | 'X000'
    | 'X001'
    | 'X002'
  readonly nachrichtenUUID?: string
  readonly feldpfad?: string
  readonly hinweis?: string
}
