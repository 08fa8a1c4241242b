/** Which fields of a trade notice each recipient may get. Source: § 3 GewAnzV, `schemas/codelists/gewanzv_masken.json`. */

import { readJson } from '../../schemas/codelist.ts'
import type { Gewerbeanzeige } from '../../schemas/gewerbe/payloads.ts'
import { schema } from '../../schemas/schema.ts'

export type Art = Gewerbeanzeige['art']

/** What is left of a notice: members of the form that the recipient may get. */
export interface Masked<A extends Art = Art> {
  readonly art: A
  readonly formular: Readonly<Record<string, unknown>>
}

interface Mask {
  readonly art: 'ausschluss' | 'einschluss'
  readonly GewA1: readonly number[] | null
  readonly GewA2: readonly number[] | null
  readonly GewA3: readonly number[] | null
}

const FORMS = { anmeldung: 'GewA1', ummeldung: 'GewA2', abmeldung: 'GewA3' } as const

/**
 * The notice without what the recipient may not get; `undefined` when it gets no notices of this kind at all.
 *
 * @param empfaenger as in the table, e.g. `Arbeitsschutz`
 * @throws {TypeError} for a recipient that is not in the table
 */
export function applyMask(anzeige: Gewerbeanzeige, empfaenger: string): Masked | undefined {
  const masks = (readJson('codelists/gewanzv_masken.json') as { empfaenger: Record<string, Mask> }).empfaenger
  const mask = Object.hasOwn(masks, empfaenger) ? masks[empfaenger] : undefined
  if (mask === undefined) throw new TypeError('The mask table has no such recipient')
  const fields = mask[FORMS[anzeige.art]]
  if (fields === null) return undefined

  const told = Object.entries(anzeige.formular).filter(([member]) => {
    const number = fieldNumber(anzeige.art, member)
    // A member without a number would be a gap in the mask: it does not pass.
    return number !== undefined && fields.includes(number) === (mask.art === 'einschluss')
  })
  return { art: anzeige.art, formular: Object.fromEntries(told) }
}

/** Number of a member of the form, as printed on it: `x-gewa` of the schema. */
export function fieldNumber(art: Art, member: string): number | undefined {
  const { properties } = schema(`urn:owl:gewerbe:${FORMS[art].toLowerCase()}:1`).json as unknown as {
    properties: Readonly<Record<string, { 'x-gewa'?: number }>>
  }
  return Object.hasOwn(properties, member) ? properties[member]?.['x-gewa'] : undefined
}
