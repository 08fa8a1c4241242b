/** Dates as registers carry them and what they say about age. Source: DSMeld (TTMMJJJJ, unknown parts 00), domain section 2.5. */

/** `1998-03-00` → `00031998`. Text to text: a partial date is no date to any library. */
export function toTtmmjjjj(date: string): string {
  return date.slice(8, 10) + date.slice(5, 7) + date.slice(0, 4)
}

/** `00031998` → `1998-03-00`. */
export function fromTtmmjjjj(date: string): string {
  return `${date.slice(4, 8)}-${date.slice(2, 4)}-${date.slice(0, 2)}`
}

/**
 * Whether a person born then has reached an age today; three-valued, since the day or month may be unknown.
 *
 * @param today `JJJJ-MM-TT`
 */
export function hasReached(age: number, born: string, today: string): 'ja' | 'nein' | 'unbestimmt' {
  const [year = 0, month = 0, day = 0] = born.split('-').map(Number)
  if (year === 0) return 'unbestimmt'
  const latest = `${pad(year + age, 4)}-${pad(month || 12)}-${pad(day || 31)}`
  const earliest = `${pad(year + age, 4)}-${pad(month || 1)}-${pad(day || 1)}`
  if (today >= latest) return 'ja'
  return today < earliest ? 'nein' : 'unbestimmt'
}

/** The day in Germany, `JJJJ-MM-TT`. @param at milliseconds since the Unix epoch */
export function dayOf(at: number): string {
  return new Date(at).toLocaleDateString('sv-SE', { timeZone: 'Europe/Berlin' })
}

function pad(number: number, digits = 2): string {
  return String(number).padStart(digits, '0')
}
