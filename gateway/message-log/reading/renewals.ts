/**
 * Which renewals a log has had, and what of it each one covers. RFC 4998 §5.2 and §5.3.
 *
 * A renewal covers whole batches without a gap. What it covers was covered before by runs of batches: those that had their
 * own token, and those that a renewal before it had given one token in common.
 */

import type { DigestName } from '../../protocol/signed-data.ts'
import type { Renewal, StampedRenewal } from '../record/stored-renewal.ts'
import type { LogStore } from '../store/log-store.ts'

/** Batches one after the other whose evidence ends with one token, or with the token of each. */
export interface Run {
  readonly first: number
  readonly last: number
  readonly digest: DigestName
  /** Absent: each batch has its own token. */
  readonly renewal?: number
}

export interface RenewalRuns {
  /** Those with a token that cover the batch, oldest first. @param before only those with a smaller number */
  of(batch: number, before?: number): readonly StampedRenewal[]
  /** How the batches ended before that renewal. */
  runs(first: number, last: number, before?: number): Run[]
  /** Batches up to this one are all time-stamped. */
  stampedTo(): number
  /** One that was begun and has no token yet. */
  unfinished(): Renewal | undefined
}

export function openRenewalRuns({ renewals, batches }: Pick<LogStore, 'renewals' | 'batches'>): RenewalRuns {
  return {
    of: (batch, before = Number.MAX_SAFE_INTEGER) => renewals.covering(batch, before),
    runs(first, last, before = Number.MAX_SAFE_INTEGER) {
      const runs: Run[] = []
      for (let at = first; at <= last; ) {
        const renewal = renewals.latest(at, before)
        // Renewals begin where the log begins, or where the last one ended: behind the last one no batch has another.
        if (renewal === undefined) runs.push({ first: at, last, digest: 'sha256' })
        else {
          const { number, digest, lastBatch } = renewal
          runs.push({ first: at, last: Math.min(lastBatch, last), digest, renewal: number })
        }
        at = (runs.at(-1) as Run).last + 1
      }
      return runs
    },
    stampedTo() {
      const [first] = batches.unstamped()
      return first === undefined ? (batches.latest()?.number ?? 0) : first.number - 1
    },
    unfinished: renewals.unfinished,
  }
}

/** How many tokens a run ends with. */
export function tokensIn({ first, last, renewal }: Run): number {
  return renewal === undefined ? last - first + 1 : 1
}

/** Which leaf of a time-stamp renewal the token of a batch is. @param runs what the renewal covers, as it was before */
export function tokenIndex(runs: readonly Run[], batch: number): number {
  let index = 0
  for (const run of runs) {
    if (batch <= run.last) return run.renewal === undefined ? index + batch - run.first : index
    index += tokensIn(run)
  }
  throw new TypeError('The renewal does not cover the batch')
}
