/** The code lists beside the schemas, read once and on demand. Source: XRepository, Destatis, DVDV, as in NOTICE. */

import { readFileSync } from 'node:fs'

/** File name in `codelists/` → member that holds the code. */
const KEY = {
  ags_nrw: 'SCHLUESSEL',
  staat: 'schluessel-staat',
  staatsangehoerigkeit: 'DESTATIS-Schluessel-Staatsangehoerigkeit',
  dvdv_praefixe: 'praefix',
  rueckweisungsgruende_xgewerbeordnung: 'key',
} as const

export type Codelist = keyof typeof KEY
export type CodelistEntry = Readonly<Record<string, string>>

const read = new Map<Codelist, ReadonlyMap<string, CodelistEntry>>()

/** The entries of a list by their code. */
export function codes(list: Codelist): ReadonlyMap<string, CodelistEntry> {
  const known = read.get(list)
  if (known !== undefined) return known

  const { eintraege } = readJson(`codelists/${list}.json`) as { eintraege: readonly CodelistEntry[] }
  const entries = new Map(eintraege.map((entry) => [entry[KEY[list]] ?? '', entry]))
  read.set(list, entries)
  return entries
}

/** @param path relative to `schemas/` */
export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
}
