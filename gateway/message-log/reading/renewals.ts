/**
 * Which renewals a log has had, and what of it each one covers. RFC 4998 §5.2 and §5.3.
 *
 * A renewal covers whole batches without a gap. What it covers was covered before by runs of batches: those that had their
 * own token, and those that a renewal before it had given one token in common.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { DigestName } from '../../protocol/signed-data.ts'
import { bufferOf } from '../record/stored-record.ts'

export type RenewalKind = 'time-stamp' | 'hash-tree'

export interface Renewal {
  readonly number: number
  readonly kind: RenewalKind
  readonly digest: DigestName
  readonly firstBatch: number
  readonly lastBatch: number
  readonly leaves: number
}

export interface StampedRenewal extends Renewal {
  readonly token: Buffer
}

/** Batches one after the other whose evidence ends with one token, or with the token of each. */
export interface Run {
  readonly first: number
  readonly last: number
  readonly digest: DigestName
  /** Absent: each batch has its own token. */
  readonly renewal?: number
}

export interface Renewals {
  /** Those with a token that cover the batch, oldest first. @param before only those with a smaller number */
  of(batch: number, before?: number): StampedRenewal[]
  /** How the batches ended before that renewal. */
  runs(first: number, last: number, before?: number): Run[]
  /** Batches up to this one are all time-stamped. */
  stampedTo(): number
  /** One that was begun and has no token yet. */
  unfinished(): Renewal | undefined
}

const COLUMNS = 'number, kind, digest, first_batch, last_batch, leaves'

export function openRenewals(database: DatabaseSync): Renewals {
  const covering = database.prepare(
    `SELECT ${COLUMNS}, token FROM renewal
     WHERE first_batch <= ? AND last_batch >= ? AND number < ? AND token IS NOT NULL ORDER BY number`,
  )
  const latest = database.prepare(
    `SELECT ${COLUMNS} FROM renewal
     WHERE first_batch <= ? AND last_batch >= ? AND number < ? AND token IS NOT NULL ORDER BY number DESC LIMIT 1`,
  )
  const open = database.prepare(`SELECT ${COLUMNS} FROM renewal WHERE token IS NULL ORDER BY number LIMIT 1`)
  const unstamped = database.prepare('SELECT min(number) AS number FROM batch WHERE token IS NULL')
  const newest = database.prepare('SELECT max(number) AS number FROM batch')

  return {
    of(batch, before = Number.MAX_SAFE_INTEGER) {
      return covering
        .all(batch, batch, before)
        .map((row) => ({ ...renewalOf(row), token: bufferOf(row['token'] as Uint8Array) }))
    },
    runs(first, last, before = Number.MAX_SAFE_INTEGER) {
      const runs: Run[] = []
      for (let at = first; at <= last; ) {
        const row = latest.get(at, at, before)
        // Renewals begin where the log begins, or where the last one ended: behind the last one no batch has another.
        if (row === undefined) runs.push({ first: at, last, digest: 'sha256' })
        else {
          const { number, digest, lastBatch } = renewalOf(row)
          runs.push({ first: at, last: Math.min(lastBatch, last), digest, renewal: number })
        }
        at = (runs.at(-1) as Run).last + 1
      }
      return runs
    },
    stampedTo() {
      const first = unstamped.get()?.['number'] ?? null
      return first === null ? Number(newest.get()?.['number'] ?? 0) : Number(first) - 1
    },
    unfinished() {
      const row = open.get()
      return row === undefined ? undefined : renewalOf(row)
    },
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

export function renewalOf(row: Readonly<Record<string, unknown>>): Renewal {
  return {
    number: Number(row['number']),
    kind: row['kind'] as RenewalKind,
    digest: row['digest'] as DigestName,
    firstBatch: Number(row['first_batch']),
    lastBatch: Number(row['last_batch']),
    leaves: Number(row['leaves']),
  }
}
