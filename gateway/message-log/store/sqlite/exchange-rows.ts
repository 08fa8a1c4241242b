/** Records by request id and leaf. */

import type { DatabaseSync } from 'node:sqlite'
import { bufferOf } from '../../record/stored-record.ts'
import type { ExchangeRecord, Exchanges } from '../log-store.ts'
import { replayKey } from '../log-store.ts'

/** In the order in which `recordOf` takes them. */
const COLUMNS =
  'record.seq, leaf, at, kind, side, direction, request_id, purpose, code, ends, content.record, share, head, content.archive'

export function openExchanges(database: DatabaseSync): Exchanges {
  const taken = database.prepare('SELECT 1 FROM record WHERE request_id = ? AND sender = ? AND at > ?')
  const begin = database.prepare('BEGIN')
  const end = database.prepare('END')
  const newestFirst = database.prepare('SELECT at, request_id, sender FROM record ORDER BY seq DESC')
  const between = database.prepare(
    `SELECT ${COLUMNS} FROM record LEFT JOIN content USING (seq)
     WHERE request_id >= ? AND request_id < ? ORDER BY request_id, record.seq`,
  )
  between.setReturnArrays(true)

  const isTaken = (requestId: string, sender: string, since: number): boolean =>
    taken.get(requestId, sender, since) !== undefined

  return {
    isTaken,
    taken(keys, since) {
      const found = new Set<string>()
      if (keys.length === 0) return found
      // One look at the log for all: each by itself would lock and unlock it.
      begin.run()
      try {
        for (const key of keys) if (isTaken(key.requestId, key.sender, since)) found.add(replayKey(key))
      } finally {
        end.run()
      }
      return found
    },
    *takenSince(since) {
      for (const { at, request_id: id, sender } of newestFirst.iterate()) {
        if (at === null || (at as number) < since) return
        if (sender !== null) yield id as string
      }
    },
    *between(fromId, toId) {
      for (const row of between.iterate(fromId, toId)) yield recordOf(row)
    },
    withLeaves(leaves) {
      if (leaves.length === 0) return []
      const marks = leaves.map(() => '?').join(', ')
      const rows = database.prepare(`SELECT leaf, record_erased_at FROM record WHERE leaf IN (${marks})`).all(...leaves)
      return rows.map((row) => ({
        leaf: bufferOf(row['leaf'] as Uint8Array),
        erasedAt: row['record_erased_at'] as number | null,
      }))
    },
  }
}

function recordOf(row: unknown): ExchangeRecord {
  const [seq, leaf, at, kind, side, direction, requestId, purpose, code, ends, record, share, head, archive] =
    row as unknown[]
  const known = { seq, leaf, at, kind, side, direction, requestId, purpose, code, ends, record, share, head, archive }
  return known as ExchangeRecord
}
