/** The payloads of kfz, as its schemas describe them. Made by `node schemas/payload-types.ts`. */

import type { AnschriftInland, Nachrichtenkopf } from '../gemeinsam/payloads.ts'

export interface UmzugsmitteilungAnfrage {
  readonly kopf: Nachrichtenkopf
  readonly einwilligungHalter: true
  readonly zeitpunkt: string
  readonly kennzeichen: readonly string[]
  readonly halter: {
    readonly familienname: string
    readonly vornamen: string
    readonly geburtsdatum: string
    readonly geburtsname?: string
    readonly geschlecht?: 'm' | 'w' | 'x' | 'd'
  }
  readonly anschriftAlt: AnschriftInland
  readonly anschriftNeu: AnschriftInland
  readonly einzugsdatum: string
  readonly kennzeichenmitnahme?: boolean
  readonly zb1Vorgelegt?: boolean
}

export interface UmzugsstatusAnfrage {
  readonly kopf: Nachrichtenkopf
}

export type UmzugsstatusAntwort =
  | {
      readonly kopf: Nachrichtenkopf
      readonly zustand: 'angenommen'
    }
  | {
      readonly kopf: Nachrichtenkopf
      readonly zustand: 'beantwortet'
      readonly ergebnis:
        | 'erledigt'
        | 'haltereintragGeaendert'
        | 'vorspracheErforderlich'
        | 'kennzeichenUnbekannt'
        | 'halterAbweichend'
        | 'nichtZustaendig'
    }
