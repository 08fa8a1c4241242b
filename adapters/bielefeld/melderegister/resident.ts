/** A resident as Bielefeld's register writes it; `fields.ts` says what is what. */

import type { Named } from '../../name-index.ts'

export interface LocalEinwohner {
  readonly id: string
  readonly zeugenschutz?: boolean
  readonly name: Readonly<Record<string, string>>
  readonly wohnungen: Record<string, string>[]
  readonly sperrkennwort?: string
  readonly sperrsumme?: string
}

const NAMES = [
  'nachname',
  'ehename',
  'lebenspartnerschaftsname',
  'geburtsname',
  'nachnameFrueher',
  'ordensname',
  'kuenstlername',
]

export const RESIDENTS: Named<LocalEinwohner> = {
  idOf: ({ id }) => id,
  namesOf: ({ name }) => NAMES.map((part) => name[part]),
}
