/** Batches of a log, and the configuration that was recorded last. */

import type { DatabaseSync } from 'node:sqlite'
import { sha256 } from '../../../protocol/hash-tree.ts'
import type { Known, LatestBatch, PendingBatch, RecordedConfiguration } from '../../record/log-state.ts'

export function knownOf(database: DatabaseSync, batch: LatestBatch): Known {
  const rows = database
    .prepare('SELECT number, root, at_min, last - first + 1 AS count FROM batch WHERE token IS NULL ORDER BY number')
    .all()
  const unstamped = rows.map(
    (row): PendingBatch => ({
      number: Number(row['number']),
      root: row['root'] as Uint8Array,
      since: Number(row['at_min']),
      count: Number(row['count']),
    }),
  )
  const stamped = database
    .prepare('SELECT gen_time FROM batch WHERE token IS NOT NULL ORDER BY number DESC LIMIT 1')
    .get()
  const stampedAt = stamped === undefined ? null : Number(stamped['gen_time'])
  return { head: batch.headerSha256 ?? null, headBatch: batch.number, unstamped, stampedAt }
}

export function lastConfiguration(database: DatabaseSync): RecordedConfiguration | null {
  const row = database
    .prepare(
      `SELECT seq, leaf, body FROM record JOIN content USING (seq)
       WHERE kind = 'configuration' ORDER BY seq DESC LIMIT 1`,
    )
    .get()
  if (row === undefined || row['body'] === null) return null
  return {
    seq: Number(row['seq']),
    leaf: row['leaf'] as Uint8Array,
    sha256: sha256(row['body'] as Uint8Array),
  }
}
