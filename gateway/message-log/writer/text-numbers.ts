/** Long texts that many records share go to the writer once, and by number from then on. */

import type { Waiting } from './writer-queue.ts'

export interface NumberedTexts {
  /** What the writer does not know yet. */
  readonly texts: [number, string][]
  /** The numbers known so far mean nothing any more. */
  readonly forget: boolean
}

/** Texts the writer knows by number. They change every few minutes, with statuses and batches. */
const TEXTS_MAX = 1024

/** @returns what numbers the texts of entries that are handed over together */
export function openTextNumbers(): (entries: readonly Waiting[]) => NumberedTexts {
  const numbers = new Map<string, number>()
  return (entries) => {
    const forget = numbers.size >= TEXTS_MAX
    if (forget) numbers.clear()
    const texts: [number, string][] = []
    const numberOf = (text: string): number => {
      const known = numbers.get(text)
      if (known !== undefined) return known
      const number = numbers.size
      numbers.set(text, number)
      texts.push([number, text])
      return number
    }
    for (const entry of entries) {
      entry.etsiU = numberOf(entry.etsiUText)
      entry.basis = numberOf(entry.basisText)
    }
    return { texts, forget }
  }
}
