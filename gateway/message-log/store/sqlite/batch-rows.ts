/** Batches, and which records they hold. */

import type { DatabaseSync } from 'node:sqlite'
import type { StoredBatch } from '../../record/stored-batch.ts'
import { bufferOf } from '../../record/stored-record.ts'
import type { Batches } from '../log-store.ts'

export function openBatches(database: DatabaseSync): Batches {
  // A batch's own record comes right behind its last.
  const around = database.prepare('SELECT * FROM batch WHERE last >= ? - 1 ORDER BY last LIMIT 1')
  const numbered = database.prepare('SELECT * FROM batch WHERE number = ?')
  const latest = database.prepare('SELECT * FROM batch ORDER BY number DESC LIMIT 1')
  const after = database.prepare('SELECT * FROM batch WHERE number > ? ORDER BY number')
  const unstamped = database.prepare('SELECT * FROM batch WHERE token IS NULL ORDER BY number')
  const tokens = database.prepare(
    'SELECT token FROM batch WHERE number BETWEEN ? AND ? AND token IS NOT NULL ORDER BY number',
  )
  const until = database.prepare(
    `SELECT token_until AS until FROM batch WHERE token_until IS NOT NULL AND number BETWEEN ? AND ?
     ORDER BY token_until LIMIT 1`,
  )

  return {
    of(seq) {
      const row = around.get(seq)
      const batch = row === undefined ? undefined : batchOf(row)
      return batch !== undefined && seq >= batch.first && seq <= batch.own ? batch : undefined
    },
    numbered(number) {
      const row = numbered.get(number)
      return row === undefined ? undefined : batchOf(row)
    },
    latest() {
      const row = latest.get()
      return row === undefined ? undefined : batchOf(row)
    },
    *after(number) {
      for (const row of after.iterate(number)) yield batchOf(row)
    },
    unstamped: () => unstamped.all().map(batchOf),
    *tokens(first, last) {
      for (const row of tokens.iterate(first, last)) yield bufferOf(row['token'] as Uint8Array)
    },
    tokenUntil(first, last) {
      const row = until.get(first, last)
      return row === undefined ? undefined : Number(row['until'])
    },
  }
}

function batchOf(row: Record<string, unknown>): StoredBatch {
  const token = row['token'] as Uint8Array | null
  return {
    number: Number(row['number']),
    own: Number(row['seq']),
    first: Number(row['first']),
    last: Number(row['last']),
    atMin: Number(row['at_min']),
    atMax: Number(row['at_max']),
    openFrom: Number(row['open_from']),
    headerSha256: bufferOf(row['header_sha256'] as Uint8Array),
    root: bufferOf(row['root'] as Uint8Array),
    token: token === null ? null : bufferOf(token),
    genTime: row['gen_time'] as number | null,
    tokenUntil: row['token_until'] as number | null,
  }
}
