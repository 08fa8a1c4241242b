/**
 * What a field must be and no regular expression can say: check digits, calendar, code lists, NFC.
 *
 * Source: § 139b AO and ISO 7064 MOD 11,10 (IDNr), ISO 13616 (IBAN), DSMeld (partial dates), DIN 91379 (NFC), Destatis and DVDV code lists.
 */

import { codes } from './codelist.ts'

/** ISO 7064 MOD 11,10 over ten digits, of which one is doubled or tripled (then not all three adjacent). */
export function isIdnr(value: string): boolean {
  if (!/^[0-9]{11}$/.test(value)) return false
  const body = value.slice(0, 10)
  const counts = new Map<string, number>()
  for (const digit of body) counts.set(digit, (counts.get(digit) ?? 0) + 1)
  const repeated = [...counts.values()].filter((count) => count > 1)
  if (repeated.length !== 1 || (repeated[0] ?? 0) > 3 || /(.)\1\1/.test(body)) return false

  let product = 10
  for (const digit of body) {
    const sum = (Number(digit) + product) % 10 || 10
    product = (2 * sum) % 11
  }
  return (11 - product) % 10 === Number(value[10])
}

/** `JJJJ-MM-TT`, unknown parts 00: a day only with its month, a month only with its year. */
export function isTeilbekanntesDatum(value: string): boolean {
  const parts = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(value)
  if (parts === null) return false
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number]
  if (year === 0) return month === 0 && day === 0
  if (month === 0) return day === 0
  return month <= 12 && day <= daysIn(year, month)
}

/** ISO 13616 mod 97; a German IBAN has 22 characters. */
export function isIban(value: string): boolean {
  if (!/^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$/.test(value)) return false
  if (value.startsWith('DE') && !/^DE[0-9]{20}$/.test(value)) return false
  let remainder = 0
  for (const character of value.slice(4) + value.slice(0, 4)) {
    const number = Number.parseInt(character, 36)
    remainder = (remainder * (number > 9 ? 100 : 10) + number) % 97
  }
  return remainder === 1
}

/** A key of another Land passes on its form alone: the lists held here are those of Nordrhein-Westfalen. */
export function isAgs(value: string): boolean {
  return !value.startsWith('05') || codes('ags_nrw').has(value)
}

/** Land 2, Regierungsbezirk 1, Kreis 2, Verband 4, Gemeinde 3; its AGS is the ends without the Verband. */
export function isArs(value: string): boolean {
  return isAgs(value.slice(0, 5) + value.slice(9))
}

const RULES = {
  nfc: (value) => value === value.normalize('NFC') && value.isWellFormed(),
  idnr: isIdnr,
  'teilbekanntes-datum': isTeilbekanntesDatum,
  iban: isIban,
  ags: isAgs,
  ars: isArs,
  staat: (value) => codes('staat').has(value),
  staatsangehoerigkeit: (value) => codes('staatsangehoerigkeit').has(value),
  behoerdenkennung: (value) => codes('dvdv_praefixe').has(value.slice(0, value.indexOf(':'))),
} as const satisfies Record<string, (value: string) => boolean>

/** The `format` names of the schemas that are ours. */
export const FIELD_RULES: Readonly<Record<string, (value: string) => boolean>> = RULES

/** § 3 BMG, DSMeld 0302: each of the given names in everyday use is one of the given names. */
export function isRufname(rufname: string, vornamen: string): boolean {
  const given = new Set(vornamen.split(' '))
  return rufname.split(' ').every((name) => given.has(name))
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}
