/**
 * Which request ids may have been taken lately. A no is certain for as long as it is kept; a yes may be mistaken, and the
 * log is asked: a look-up there costs as much as checking half a signature, and nearly every id is new.
 */

export interface RecentIds {
  /** @param id UUIDv7: its end is random */
  add(id: string): void
  mayHave(id: string): boolean
}

/** Half a mebibyte each for those of now and of before; 500,000 ids in `keepMs` leave one look-up in nine. */
const BITS = 22
const MASK = 2 ** BITS - 1
const DIGITS = Math.ceil(BITS / 4)

/** @param known what was taken in the `keepMs` before */
export function openRecentIds(now: () => number, keepMs: number, known: Iterable<string>): RecentIds {
  let turned = now()
  let current = new Uint8Array(2 ** BITS / 8)
  let before = new Uint8Array(2 ** BITS / 8)

  function add(id: string): void {
    if (now() - turned >= keepMs) {
      const emptied = before.fill(0)
      before = current
      current = emptied
      turned = now()
    }
    const place = placeOf(id)
    current[place >> 3] = (current[place >> 3] as number) | (1 << (place & 7))
  }

  for (const id of known) add(id)
  return {
    add,
    mayHave(id) {
      const place = placeOf(id)
      const octets = (current[place >> 3] as number) | (before[place >> 3] as number)
      return (octets & (1 << (place & 7))) !== 0
    },
  }
}

function placeOf(id: string): number {
  return Number.parseInt(id.slice(-DIGITS), 16) & MASK
}
