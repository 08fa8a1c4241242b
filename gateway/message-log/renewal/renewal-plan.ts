/** What a renewal would do now. RFC 4998 §5.1: which of the two kinds, and over what. */

import type { DigestName } from '../../protocol/signed-data.ts'
import { DIGEST_BYTES } from '../../protocol/signed-data.ts'
import type { Run } from '../reading/renewals.ts'
import { openRenewalRuns, tokensIn } from '../reading/renewals.ts'
import type { RenewalKind } from '../record/stored-renewal.ts'
import type { LogStore } from '../store/log-store.ts'

type RenewalStore = Pick<LogStore, 'batches' | 'renewals'>

export interface RenewalPlan {
  readonly kind: RenewalKind
  /** Of the new tree and its token. */
  readonly digest: DigestName
  readonly firstBatch: number
  readonly lastBatch: number
  readonly firstSeq: number
  readonly lastSeq: number
  /** Of the new tree: records of a hash-tree renewal, tokens of a time-stamp renewal. */
  readonly leaves: number
}

export interface RenewalEnds {
  /** When the first certificate ends that a token in use rests on. */
  readonly tokensUntil?: number
  /** Batches whose evidence ends with this algorithm. */
  readonly digests: ReadonlySet<DigestName>
  /** A renewal was begun and is not done. */
  readonly isUnfinished: boolean
}

export interface RenewalWish {
  /** Renews the hash trees that are weaker; without it, tokens are renewed. */
  readonly hash?: DigestName
  /** Only tokens whose certificates end before: milliseconds since the Unix epoch. */
  readonly endingBefore?: number
}

/** @returns one plan for each algorithm in use, oldest batches first */
export function planRenewal(store: RenewalStore, wanted: RenewalWish = {}): RenewalPlan[] {
  const { hash } = wanted
  return segments(store, wanted).map((runs) => {
    const firstBatch = (runs[0] as Run).first
    const lastBatch = (runs.at(-1) as Run).last
    const firstSeq = Number(store.batches.numbered(firstBatch)?.first)
    const lastSeq = Number(store.batches.numbered(lastBatch)?.own)
    const place = { firstBatch, lastBatch, firstSeq, lastSeq }
    if (hash !== undefined) return { kind: 'hash-tree', digest: hash, ...place, leaves: lastSeq - firstSeq + 1 }
    const leaves = runs.reduce((sum, run) => sum + tokensIn(run), 0)
    return { kind: 'time-stamp', digest: (runs[0] as Run).digest, ...place, leaves }
  })
}

export function renewalEnds(store: RenewalStore): RenewalEnds {
  const renewals = openRenewalRuns(store)
  const endOf = openRunEnds(store)
  let tokensUntil = Number.POSITIVE_INFINITY
  const digests = new Set<DigestName>()
  for (const run of renewals.runs(1, renewals.stampedTo())) {
    tokensUntil = Math.min(tokensUntil, endOf(run))
    digests.add(run.digest)
  }
  const isUnfinished = renewals.unfinished() !== undefined
  return { ...(tokensUntil !== Number.POSITIVE_INFINITY && { tokensUntil }), digests, isUnfinished }
}

/** When the first certificate ends that a token of the run rests on. */
function openRunEnds({ renewals, batches }: RenewalStore): (run: Run) => number {
  return ({ first, last, renewal }) =>
    (renewal === undefined ? batches.tokenUntil(first, last) : renewals.get(renewal)?.tokenUntil) ??
    Number.POSITIVE_INFINITY
}

/** A chain keeps its algorithm, so runs of one algorithm share a tree; of a new algorithm, all that are weaker. */
function segments(store: RenewalStore, { hash, endingBefore }: RenewalWish): Run[][] {
  const renewals = openRenewalRuns(store)
  const endOf = openRunEnds(store)
  const found: Run[][] = []
  let before: Run | undefined
  for (const run of renewals.runs(1, renewals.stampedTo())) {
    const isMeant =
      hash === undefined
        ? endingBefore === undefined || endOf(run) < endingBefore
        : DIGEST_BYTES[run.digest] < DIGEST_BYTES[hash]
    if (!isMeant) before = undefined
    else {
      if (before !== undefined && (hash !== undefined || before.digest === run.digest)) found.at(-1)?.push(run)
      else found.push([run])
      before = run
    }
  }
  return found
}
