/**
 * Cuts a log into ranges that can be verified at a time, each from where the log itself says that the one before ends.
 * That is only believed once the range before has come to the same end: the joints are compared.
 */

import type { LogReader } from '../reading/reader.ts'
import type { StoredBatch } from '../record/stored-batch.ts'
import type { VerifiedPoint } from './verified-point.ts'
import type { VerifyOptions } from './verify.ts'

export type Range = Pick<VerifyOptions, 'since' | 'until' | 'witnesses' | 'heads' | 'imprints'>

/** Records in a range, more or less: what two ranges share is soon read. */
export const RANGE_RECORDS = 20_000

/** @returns one range or more, in their order; the last has no end */
export function planRanges({ store, identity }: LogReader, options: VerifyOptions, records = RANGE_RECORDS): Range[] {
  const { since, witnesses = [], heads = [], imprints = [] } = options
  const { records: rows, batches } = store
  // Tokens may come while it is verified: what has none yet is one range.
  const unstampedFrom = batches.unstamped()[0]?.number ?? Number.MAX_SAFE_INTEGER

  /** As the log says it. */
  function pointAt({ own: seq, number, headerSha256, openFrom, genTime }: StoredBatch): VerifiedPoint {
    return {
      log: `${identity.name}/${identity.epoch}`,
      seq,
      leaf: Buffer.from(rows.leaves(seq, seq)[0] ?? []).toString('hex'),
      batches: {
        number,
        header: headerSha256.toString('hex'),
        stampedTo: seq,
        stampedAt: genTime,
      },
      open: openAt(openFrom, seq),
    }
  }

  function openAt(from: number, seq: number): number[] {
    const open = new Set<number>()
    for (const { seq: at, kind, ends } of rows.links(from, seq)) {
      if (kind === 'request') open.add(at)
      if (ends !== null) open.delete(ends)
    }
    return [...open]
  }

  /** What others know of the records and batches in the range. */
  function known(
    from: VerifiedPoint | undefined,
    to: VerifiedPoint | undefined,
  ): Pick<Range, 'witnesses' | 'heads' | 'imprints'> {
    const isFirst = from === since
    const isIn = (at: number, start = 0, end = Number.POSITIVE_INFINITY): boolean =>
      (isFirst || at > start) && at <= end
    return {
      witnesses: witnesses.filter(({ seq }) => isIn(seq, from?.seq, to?.seq)),
      heads: heads.filter(({ batch }) => isIn(batch, from?.batches.number, to?.batches.number)),
      imprints: imprints.filter(({ batch }) => isIn(batch, from?.batches.number, to?.batches.number)),
    }
  }

  const ranges: Range[] = []
  for (let from = since; ; ) {
    const batch = batches.of((from?.seq ?? 0) + records)
    const to = batch === undefined || batch.number >= unstampedFrom ? undefined : pointAt(batch)
    ranges.push({ since: from, ...known(from, to), ...(to !== undefined && { until: to.seq }) })
    // Batches that do not ascend are found to be damaged, not followed in a circle.
    if (to === undefined || to.seq <= (from?.seq ?? 0)) return ranges
    from = to
  }
}

/** Has a range come to the end that the next one began at? */
export function isJoined(end: VerifiedPoint | undefined, next: VerifiedPoint | undefined): boolean {
  return end !== undefined && next !== undefined && textOf(end) === textOf(next)
}

function textOf({ log, seq, leaf, batches, open }: VerifiedPoint): string {
  const { number, header, stampedTo, stampedAt } = batches
  return JSON.stringify([log, seq, leaf, number, header, stampedTo, stampedAt, open])
}
