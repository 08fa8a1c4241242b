/**
 * Whom a message is about: what Art. 15 DSGVO asks for later. References are `type:value`, the value in search form, so
 * that the same person is the same reference however a register writes it. They are never stored as they are.
 *
 * Found by the words of the shared schemas, in every JSON payload; what else names a person in a service of an agency's
 * own, its adapter says (`subjects` of `defineAdapter`).
 */

import { isIdnr, isTeilbekanntesDatum } from '../schemas/field-rules.ts'
import { searchKey } from './matching/suchform.ts'

/** The names that one person can have, or have had, under which somebody may ask. DSMeld 0101a–0205a, 0501, 0502. */
const FAMILY_NAMES = [
  ...['familienname', 'ehename', 'lebenspartnerschaftsname', 'geburtsname', 'familiennameVorAenderung'],
  ...['fruehererName', 'fruehereNamen', 'ordensname', 'kuenstlername'],
]
const GIVEN_NAMES = ['vornamen', 'vornamenVorAenderung']
const BIRTH_DATE = 'geburtsdatum'

/** Member of a payload → type of reference. */
const IDENTIFIERS = { idnr: 'idnr', kennzeichen: 'kfz' } as const

type Type = keyof typeof NORMAL

/** @returns the value in search form; undefined when it is none */
const NORMAL = {
  idnr(text: string): string | undefined {
    const digits = visible(text).replace(/[\s./\p{Pd}\u2212]/gu, '')
    return isIdnr(digits) ? digits : undefined
  },
  /** Unterscheidungszeichen and Erkennungsnummer, with H and E; a season is no part of it. § 9 FZV. */
  kfz(text: string): string | undefined {
    const [, place, letters, number, kind = ''] = PLATE.exec(visible(text).normalize('NFC').trim()) ?? []
    return number === undefined ? undefined : `${place}-${letters} ${number}${kind}`.toUpperCase()
  },
  /** Family name, given names, date of birth. */
  person(text: string): string | undefined {
    const [family = '', given = '', born = '', ...rest] = text.split('|').map((part) => part.trim())
    const names = [searchKey(family), searchKey(given)]
    if (rest.length > 0 || names.includes('') || !isTeilbekanntesDatum(born)) return undefined
    return [...names, born].join('|')
  },
}

/**
 * As people write one: any dash, blank or point, `pb ab 1234`, `PB-AB 1234 H`, `PB-AB 123 04/10`. Where the district ends has
 * to be seen: `PBAB 1` is two plates.
 */
const SIGN = '[\\s\\p{Pd}\\u2212.·•:_/]'
const MONTH = '(?:0?[1-9]|1[0-2])'
const SEASON = `\\(?${MONTH}\\s*(?:[\\p{Pd}\\u2212/.]|bis)\\s*${MONTH}\\)?`
const PLATE = new RegExp(
  `^([A-ZÄÖÜa-zäöü]{1,3})${SIGN}+([A-Za-z]{1,2})${SIGN}*([1-9][0-9]{0,3})${SIGN}*([EHeh]?)(?:${SIGN}+${SEASON})?$`,
  'u',
)

/** Without what a document that a text is copied from puts between its signs: soft hyphens, signs without width. */
function visible(text: string): string {
  return text.replace(/\p{Default_Ignorable_Code_Point}/gu, '')
}

export const REFERENCE_FORMS =
  'idnr:NUMBER, person:FAMILY NAME|GIVEN NAMES|YYYY-MM-DD, kfz:PLATE (PB-AB 1234, PB-AB 1234 H, PB-AB 123 04/10) or x-NAME:IDENTIFIER'

/** An agency's own identifier: its letters and digits count. */
const OWN_TYPE = /^x-[a-z0-9-]{1,32}$/

/** What somebody asks for, as messages have it. @returns undefined when it is no reference */
export function parseReference(text: string): string | undefined {
  const end = text.indexOf(':')
  const type = text.slice(0, end).trim().toLowerCase()
  if (OWN_TYPE.test(type)) return ownReference(type, text.slice(end + 1))
  return Object.hasOwn(NORMAL, type) ? reference(type as Type, text.slice(end + 1)) : undefined
}

function ownReference(type: string, text: string): string | undefined {
  const value = text
    .normalize('NFC')
    .toUpperCase()
    .replace(/[^\p{L}\p{N}]/gu, '')
  return value === '' || value.length > 200 ? undefined : `${type}:${value}`
}

/** @param payload a parsed JSON text @returns each reference once */
export function subjectsIn(payload: unknown): string[] {
  const found = new Set<string>()
  const waiting: unknown[] = [payload]
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (typeof node !== 'object' || node === null) continue
    if (!Array.isArray(node)) collect(node as Readonly<Record<string, unknown>>, found)
    for (const member of Object.values(node)) if (typeof member === 'object') waiting.push(member)
  }
  return [...found]
}

function collect(node: Readonly<Record<string, unknown>>, found: Set<string>): void {
  for (const [name, type] of Object.entries(IDENTIFIERS)) {
    for (const text of textsOf(node[name])) add(found, reference(type, text))
  }
  const born = node[BIRTH_DATE]
  if (typeof born !== 'string') return
  const given = GIVEN_NAMES.flatMap((name) => textsOf(node[name]))
  for (const name of FAMILY_NAMES) {
    for (const family of textsOf(node[name])) {
      for (const each of given) add(found, reference('person', [family, each, born].join('|')))
    }
  }
}

function reference(type: Type, text: string): string | undefined {
  const value = NORMAL[type](text)
  return value === undefined ? undefined : `${type}:${value}`
}

function add(found: Set<string>, subject: string | undefined): void {
  if (subject !== undefined) found.add(subject)
}

/** A text, a list of texts, or a number that is written as one. */
function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.filter((each) => typeof each === 'string')
  return typeof value === 'string' || typeof value === 'number' ? [String(value)] : []
}
