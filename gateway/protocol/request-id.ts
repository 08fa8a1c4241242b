/** Request ids: UUIDv7, so that they order by time and an index over them grows at its end. RFC 9562 §5.7, §6.2 method 1. */

import { randomFillSync } from 'node:crypto'

const POOL = 1024

/** @returns a generator whose ids grow even within a millisecond and when the clock steps back */
export function requestIds(now: () => number): () => string {
  const random = Buffer.alloc(8 * POOL)
  let used = POOL
  let at = 0
  let counter = 0
  return () => {
    const time = now()
    if (time > at) {
      at = time
      counter = 0
    } else if (counter++ === 0xfff) {
      at += 1
      counter = 0
    }
    if (used === POOL) {
      randomFillSync(random)
      used = 0
    }
    const tail = random.toString('hex', 8 * used, 8 * used + 8)
    used += 1
    const ms = at.toString(16).padStart(12, '0')
    const variant = ((Number.parseInt(tail[0] as string, 16) & 3) | 8).toString(16)
    return `${ms.slice(0, 8)}-${ms.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${variant}${tail.slice(1, 4)}-${tail.slice(4)}`
  }
}
