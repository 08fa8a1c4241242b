/**
 * What the log says about erasing: `event.json` of its records `erasure`, `hold` and `release`. Source: design of the
 * evidence, section 3. An erasure names every record it takes, so that one that is gone without it shows.
 */

/** `retention`: on its date; `console`: with the gateway at rest; `operator:` and the SHA-256 of a certificate. */
export type Actor = 'retention' | 'console' | `operator:${string}`

/** What is erased of a record: its body, or all but its leaf. */
export type What = 'body' | 'record'

/** First and last seq, both included; ascending and apart. */
export type Ranges = readonly (readonly [number, number])[]

interface Said {
  /** Also in the journal beside the keys, so that a restored log is told apart from one that has heard of it. */
  readonly id: string
  readonly by: Actor
  readonly reason: string
  /** ISO 8601, when it had been decided before: the log was restored from a copy that did not know of it. */
  readonly decided?: string
}

export interface ErasureEvent extends Said {
  readonly event: 'erasure'
  readonly parts: readonly { readonly what: What; readonly rule: string; readonly records: Ranges }[]
}

export interface HoldEvent extends Said {
  readonly event: 'hold'
  readonly records: Ranges
}

export interface ReleaseEvent extends Said {
  readonly event: 'release'
  /** `id` of the holds that end for these records. */
  readonly holds: readonly string[]
  readonly records: Ranges
}

export type Decision = ErasureEvent | HoldEvent | ReleaseEvent

export const DECISIONS: ReadonlySet<string | null> = new Set(['erasure', 'hold', 'release'])

export function formatDecision(decision: Decision): string {
  const { event, id, by, reason, decided } = decision
  const said = { v: 1, event, id, by, reason, ...(decided !== undefined && { decided }) }
  switch (decision.event) {
    case 'erasure':
      return JSON.stringify({ ...said, parts: decision.parts })
    case 'hold':
      return JSON.stringify({ ...said, records: decision.records })
    case 'release':
      return JSON.stringify({ ...said, holds: decision.holds, records: decision.records })
  }
}

/** @throws {Error} when it is none */
export function parseDecision(octets: Uint8Array | string): Decision {
  const decision = JSON.parse(typeof octets === 'string' ? octets : Buffer.from(octets).toString('utf8')) as Decision
  const isOne = DECISIONS.has(decision.event) && typeof decision.id === 'string' && rangesOf(decision).every(isRanges)
  if (!isOne) throw new TypeError('It is no erasure, hold or release')
  return decision
}

function rangesOf(decision: Decision): readonly Ranges[] {
  return decision.event === 'erasure' ? decision.parts.map(({ records }) => records) : [decision.records]
}

function isRanges(ranges: Ranges): boolean {
  let before = 0
  return ranges.every(([first, last]) => {
    const follows = Number.isSafeInteger(first) && Number.isSafeInteger(last) && first > before && last >= first
    before = last
    return follows
  })
}

/** @param seqs ascending */
export function toRanges(seqs: readonly number[]): Ranges {
  const ranges: [number, number][] = []
  for (const seq of seqs) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === seq - 1) last[1] = seq
    else ranges.push([seq, seq])
  }
  return ranges
}

export function countOf(ranges: Ranges): number {
  let count = 0
  for (const [first, last] of ranges) count += last - first + 1
  return count
}

export function* seqsOf(ranges: Ranges): Generator<number> {
  for (const [first, last] of ranges) for (let seq = first; seq <= last; seq++) yield seq
}

export function covers(ranges: Ranges, seq: number): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    const [first, last] = ranges[middle] as readonly [number, number]
    if (seq < first) high = middle
    else if (seq > last) low = middle + 1
    else return true
  }
  return false
}
