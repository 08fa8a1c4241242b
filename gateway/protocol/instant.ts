/** A moment as a person writes it, with seconds and zone. RFC 3339 §5.6, with T and Z as xs:dateTime has them. */

const INSTANT = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)$/

/**
 * @returns UTC, to the millisecond; undefined for any other form, a day or an hour that no calendar has, and a time without a
 * zone, which would be that of the machine
 */
export function parseInstant(text: string): string | undefined {
  const day = INSTANT.exec(text)?.[1]
  const at = day === undefined ? Number.NaN : Date.parse(text)
  if (day === undefined || Number.isNaN(at)) return undefined
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) ? new Date(at).toISOString() : undefined
}
