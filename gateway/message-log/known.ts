/** What the gateway's thread is told of a log that was opened. */

import type { DatabaseSync } from 'node:sqlite'
import { sha256 } from '../protocol/hash-tree.ts'
import type { LogFile } from './writer/log-file.ts'
import type { Answer, Known, PendingBatch } from './writer/writer-messages.ts'

export function knownOf(database: DatabaseSync, { batch }: LogFile): Known {
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

export function lastConfiguration(database: DatabaseSync): Extract<Answer, { readonly did: 'open' }>['configuration'] {
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
