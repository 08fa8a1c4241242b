/** Which locks keep a person's data from whom. Sources: §§ 51-53 BMG, DSMeld table Auskunftssperre 5. */

import type { Sperre } from '../../schemas/gemeinsam/payloads.ts'
import type { Schutz } from './melderegister.ts'

/** Locks on information. The others of the table (2, 5, 7, 10, 13) bind transfers that no agency's query is. */
const AUSKUNFTSSPERREN: readonly Sperre['art'][] = ['1', '3', '6', '11', '12']

/** @param today `JJJJ-MM-TT`; a lock holds through its last day (§ 51 (4) BMG) */
export function isProtected(schutz: Schutz, today: string): boolean {
  const { sperren = [], bedingterSperrvermerk = false, zeugenschutz = false } = schutz
  return bedingterSperrvermerk || zeugenschutz || sperren.some((sperre) => isAuskunftssperre(sperre, today))
}

function isAuskunftssperre({ art, befristetBis }: Sperre, today: string): boolean {
  return AUSKUNFTSSPERREN.includes(art) && (befristetBis === undefined || befristetBis >= today)
}
