/** The payloads of gewerbe, as its schemas describe them. Made by `node schemas/payload-types.ts`. */

import type { AnschriftInland, Code, Nachrichtenkopf } from '../gemeinsam/payloads.ts'

export type Gewerbeanzeige =
  | {
      readonly art: 'anmeldung'
      readonly formular: Gewerbeanmeldung
    }
  | {
      readonly art: 'ummeldung'
      readonly formular: Gewerbeummeldung
    }
  | {
      readonly art: 'abmeldung'
      readonly formular: Gewerbeabmeldung
    }

export interface GewerbeanmeldungArbeitsschutz {
  readonly eingetragenerName?: string
  readonly rechtsform?: Code
  readonly registereintrag?: {
    readonly art?: 'HRA' | 'HRB' | 'GnR' | 'VR' | 'PR' | 'GsR'
    readonly ort?: string
    readonly nummer?: string
  }
  readonly geschaeftsbezeichnung?: string
  readonly familienname: string
  readonly vornamen: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly geburtsname?: string
  readonly geburtsdatum: string
  readonly geburtsort?: string
  readonly geburtsstaat?: string
  readonly wohnung: ErreichbareAnschrift
  readonly vertretungsberechtigter?: Name
  readonly betriebsstaette: ErreichbareAnschrift
  readonly hauptniederlassung?: ErreichbareAnschrift
  readonly fruehereBetriebsstaette?: ErreichbareAnschrift
  readonly taetigkeit: string
  readonly nebenerwerb?: boolean
  readonly beginn: string
  readonly betriebsart: readonly ('industrie' | 'handwerk' | 'handel' | 'sonstiges')[]
  readonly beschaeftigte?: {
    readonly vollzeit: number
    readonly teilzeit: number
  }
  readonly niederlassung?: '01' | '02' | '03'
  readonly vertriebsform?: 'automatenaufstellung' | 'reisegewerbe'
  readonly grund?: string
  readonly fruehererInhaber?: string
  readonly datum: string
}

export interface Gewerbeanmeldung {
  readonly eingetragenerName?: string
  readonly rechtsform?: Code
  readonly registereintrag?: {
    readonly art?: 'HRA' | 'HRB' | 'GnR' | 'VR' | 'PR' | 'GsR'
    readonly ort?: string
    readonly nummer?: string
  }
  readonly geschaeftsbezeichnung?: string
  readonly familienname: string
  readonly vornamen: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly geburtsname?: string
  readonly geburtsdatum: string
  readonly geburtsort?: string
  readonly geburtsstaat?: string
  readonly staatsangehoerigkeiten?: readonly string[]
  readonly wohnung: ErreichbareAnschrift
  readonly zahlGesellschafter?: number
  readonly beteiligungOeffentlicheHand?: boolean
  readonly vertretungsberechtigter?: Name
  readonly betriebsstaette: ErreichbareAnschrift
  readonly hauptniederlassung?: ErreichbareAnschrift
  readonly fruehereBetriebsstaette?: ErreichbareAnschrift
  readonly taetigkeit: string
  readonly nebenerwerb?: boolean
  readonly beginn: string
  readonly betriebsart: readonly ('industrie' | 'handwerk' | 'handel' | 'sonstiges')[]
  readonly beschaeftigte?: {
    readonly vollzeit: number
    readonly teilzeit: number
  }
  readonly niederlassung?: '01' | '02' | '03'
  readonly vertriebsform?: 'automatenaufstellung' | 'reisegewerbe'
  readonly grund?: string
  readonly fruehererInhaber?: string
  readonly unfallversicherung?: string
  readonly erlaubnis?: Nachweis
  readonly handwerkskarte?: Nachweis
  readonly aufenthaltstitel?: Nachweis
  readonly auflage?: string
  readonly datum: string
  readonly unterschrift?: boolean
}

export interface ErreichbareAnschrift {
  readonly anschrift: AnschriftInland
  readonly telefon?: string
  readonly email?: string
}

export interface Name {
  readonly familienname: string
  readonly vornamen: string
}

export interface Nachweis {
  readonly vorhanden: boolean
  readonly ausstellungsdatum?: string
  readonly behoerde?: string
}

export interface GewerbeummeldungArbeitsschutz {
  readonly eingetragenerName?: string
  readonly rechtsform?: Code
  readonly registereintrag?: {
    readonly art?: 'HRA' | 'HRB' | 'GnR' | 'VR' | 'PR' | 'GsR'
    readonly ort?: string
    readonly nummer?: string
  }
  readonly geschaeftsbezeichnung?: string
  readonly familienname: string
  readonly vornamen: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly geburtsname?: string
  readonly geburtsdatum: string
  readonly geburtsort?: string
  readonly geburtsstaat?: string
  readonly wohnung: ErreichbareAnschrift
  readonly vertretungsberechtigter?: Name
  readonly betriebsstaette?: ErreichbareAnschrift
  readonly feld16?: string
  readonly feld17?: string
  readonly feld18?: string
  readonly feld19?: string
  readonly feld20?: string
  readonly feld21?: string
  readonly feld22?: string
  readonly feld23?: string
  readonly feld24?: string
  readonly feld29?: string
}

export interface Gewerbeummeldung {
  readonly eingetragenerName?: string
  readonly rechtsform?: Code
  readonly registereintrag?: {
    readonly art?: 'HRA' | 'HRB' | 'GnR' | 'VR' | 'PR' | 'GsR'
    readonly ort?: string
    readonly nummer?: string
  }
  readonly geschaeftsbezeichnung?: string
  readonly familienname: string
  readonly vornamen: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly geburtsname?: string
  readonly geburtsdatum: string
  readonly geburtsort?: string
  readonly geburtsstaat?: string
  readonly staatsangehoerigkeiten?: readonly string[]
  readonly wohnung: ErreichbareAnschrift
  readonly zahlGesellschafter?: number
  readonly beteiligungOeffentlicheHand?: boolean
  readonly vertretungsberechtigter?: Name
  readonly betriebsstaette?: ErreichbareAnschrift
  readonly feld16?: string
  readonly feld17?: string
  readonly feld18?: string
  readonly feld19?: string
  readonly feld20?: string
  readonly feld21?: string
  readonly feld22?: string
  readonly feld23?: string
  readonly feld24?: string
  readonly feld25?: string
  readonly feld26?: string
  readonly feld27?: string
  readonly feld28?: string
  readonly feld29?: string
  readonly feld30?: string
}

export interface GewerbeabmeldungArbeitsschutz {
  readonly eingetragenerName?: string
  readonly rechtsform?: Code
  readonly registereintrag?: {
    readonly art?: 'HRA' | 'HRB' | 'GnR' | 'VR' | 'PR' | 'GsR'
    readonly ort?: string
    readonly nummer?: string
  }
  readonly geschaeftsbezeichnung?: string
  readonly familienname: string
  readonly vornamen: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly geburtsname?: string
  readonly geburtsdatum: string
  readonly geburtsort?: string
  readonly geburtsstaat?: string
  readonly wohnung: ErreichbareAnschrift
  readonly vertretungsberechtigter?: Name
  readonly feld15?: string
  readonly feld16?: string
  readonly feld17?: string
  readonly feld18?: string
  readonly feld19?: string
  readonly feld20?: string
  readonly feld21?: string
  readonly feld22?: string
  readonly feld23?: string
  readonly feld24?: string
  readonly feld25?: string
  readonly feld26?: string
  readonly feld27?: string
  readonly feld29?: string
}

export interface Gewerbeabmeldung {
  readonly eingetragenerName?: string
  readonly rechtsform?: Code
  readonly registereintrag?: {
    readonly art?: 'HRA' | 'HRB' | 'GnR' | 'VR' | 'PR' | 'GsR'
    readonly ort?: string
    readonly nummer?: string
  }
  readonly geschaeftsbezeichnung?: string
  readonly familienname: string
  readonly vornamen: string
  readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  readonly geburtsname?: string
  readonly geburtsdatum: string
  readonly geburtsort?: string
  readonly geburtsstaat?: string
  readonly staatsangehoerigkeiten?: readonly string[]
  readonly wohnung: ErreichbareAnschrift
  readonly zahlGesellschafter?: number
  readonly beteiligungOeffentlicheHand?: boolean
  readonly vertretungsberechtigter?: Name
  readonly feld15?: string
  readonly feld16?: string
  readonly feld17?: string
  readonly feld18?: string
  readonly feld19?: string
  readonly feld20?: string
  readonly feld21?: string
  readonly feld22?: string
  readonly feld23?: string
  readonly feld24?: string
  readonly feld25?: string
  readonly feld26?: string
  readonly feld27?: string
  readonly feld28?: string
  readonly feld29?: string
  readonly feld30?: string
}

export type GewerbeEingangAnfrage =
  | {
      readonly kopf: Nachrichtenkopf
      readonly art: 'anmeldung'
      readonly formular: GewerbeanmeldungArbeitsschutz
    }
  | {
      readonly kopf: Nachrichtenkopf
      readonly art: 'ummeldung'
      readonly formular: GewerbeummeldungArbeitsschutz
    }
  | {
      readonly kopf: Nachrichtenkopf
      readonly art: 'abmeldung'
      readonly formular: GewerbeabmeldungArbeitsschutz
    }
