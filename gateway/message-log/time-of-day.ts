/** Work that is done every day at one time. */

export const DAY_MS = 86_400_000

const MINUTE_MS = 60_000

/** At least a minute: a timer may come a little early. */
export function untilNext(time: string, now: number): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  const today = (hours * 60 + minutes) * MINUTE_MS - (now % DAY_MS)
  return today < MINUTE_MS ? today + DAY_MS : today
}
