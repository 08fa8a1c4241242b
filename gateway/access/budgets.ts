/** What one party may take of the gateway: refusals a second, exchanges at a time. Source: architecture, "Every outcome is evidence". */

import { GatewayError } from '../errors.ts'

/** A token bucket for each party; parties are registered ones, so their number is bounded. */
export interface Budget {
  /** @returns whether one more is allowed now */
  take(party: string): boolean
}

export interface BudgetOptions {
  readonly perSecond: number
  readonly burst: number
  /** Milliseconds of a clock that is never set: one set back would leave nothing to take until it is there again. */
  readonly now?: () => number
}

export function tokenBuckets({ perSecond, burst, now: clock = () => performance.now() }: BudgetOptions): Budget {
  const buckets = new Map<string, { tokens: number; at: number }>()
  return {
    take(party) {
      const now = clock()
      const bucket = buckets.get(party) ?? { tokens: burst, at: now }
      bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond)
      bucket.at = now
      buckets.set(party, bucket)
      if (bucket.tokens < 1) return false
      bucket.tokens -= 1
      return true
    },
  }
}

/** How many exchanges are under way, in all and for each party. */
export interface InFlight {
  /** @returns what to call when it is over @throws {GatewayError} `TooManyRequests` */
  enter(party: string): () => void
  readonly count: number
}

export function inFlight({ max, perPartyMax }: { readonly max: number; readonly perPartyMax: number }): InFlight {
  const parties = new Map<string, number>()
  let count = 0
  return {
    get count() {
      return count
    },
    enter(party) {
      const own = parties.get(party) ?? 0
      if (count >= max || own >= perPartyMax) throw new GatewayError('TooManyRequests')
      count += 1
      parties.set(party, own + 1)
      let left = false
      return () => {
        if (left) return
        left = true
        count -= 1
        const now = (parties.get(party) as number) - 1
        if (now === 0) parties.delete(party)
        else parties.set(party, now)
      }
    },
  }
}
