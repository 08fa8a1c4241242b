/** When a register's entry matches what is asked for. Source: BMeldDAV annex Nr. 4 and 6. */

import type { AnschriftInland, Hausnummer } from '../../schemas/gemeinsam/payloads.ts'
import { koelnerPhonetik, suchform } from './suchform.ts'

/** How two spellings are compared; a phonetic query is compared phonetically only. */
export type Form = (text: string) => string

export const written: Form = suchform
export const spoken: Form = koelnerPhonetik

/** The name that a person rightly does not have; it matches itself only. */
const NO_NAME = '+'

/** The whole name against each of the register's names, e.g. family name, former names, religious name. */
export function matchesFamilienname(
  asked: string,
  names: readonly (string | undefined)[],
  form: Form = written,
): boolean {
  return names.some((name) => name !== undefined && sameName(asked, name, form))
}

/** Free search: the parts of the name, in any order, each contained in some name of the register. */
export function containsFamilienname(asked: string, names: readonly string[], form: Form = written): boolean {
  return containsParts(asked, names.join(' '), form)
}

/** Given names are split at blanks, not at hyphens, before they are brought into search form; any order, parts may be missing. */
export function matchesVornamen(asked: string, vornamen: string, form: Form = written): boolean {
  if (asked === NO_NAME || vornamen === NO_NAME) return asked === vornamen
  return containsParts(asked, vornamen, form)
}

/** `STR` means `STRASSE`, at the end of the name only. */
export function matchesStrasse(asked: string, strasse: string): boolean {
  return streetForm(asked) === streetForm(strasse)
}

/** Each part that is given must agree; the parts not given are free. */
export function matchesHausnummer(asked: Hausnummer, of: Hausnummer): boolean {
  return (['nummer', 'zusatz', 'teilnummer'] as const).every(
    (part) => asked[part] === undefined || asked[part].toUpperCase() === of[part]?.toUpperCase(),
  )
}

/** An address of the register against one asked for: municipality, postcode, street, and the parts of the number given. */
export function matchesAnschrift(
  asked: Pick<AnschriftInland, 'gemeindeschluessel' | 'postleitzahl' | 'strasse' | 'hausnummer'>,
  of: AnschriftInland,
): boolean {
  if (asked.gemeindeschluessel !== of.gemeindeschluessel || asked.postleitzahl !== of.postleitzahl) return false
  if (!matchesStrasse(asked.strasse ?? '', of.strasse ?? '')) return false
  return matchesHausnummer(asked.hausnummer ?? {}, of.hausnummer ?? {})
}

function sameName(asked: string, name: string, form: Form): boolean {
  if (asked === NO_NAME || name === NO_NAME) return asked === name
  const wanted = form(asked)
  return wanted !== '' && wanted === form(name)
}

function containsParts(asked: string, text: string, form: Form): boolean {
  const wanted = parts(asked, form)
  const found = new Set(parts(text, form))
  return wanted.length > 0 && wanted.every((part) => found.has(part))
}

function parts(text: string, form: Form): string[] {
  return text
    .split(' ')
    .map(form)
    .filter((part) => part !== '')
}

const ENDINGS = [
  [/STR$/, 'STRASSE'],
  [/PL$/, 'PLATZ'],
  [/WEGLE$/, 'WEG'],
  [/GAESSLE$/, 'GASSE'],
] as const

function streetForm(street: string): string {
  const form = suchform(street)
  const [pattern, ending] = ENDINGS.find(([candidate]) => candidate.test(form)) ?? []
  return pattern === undefined ? form : form.replace(pattern, ending ?? '')
}
