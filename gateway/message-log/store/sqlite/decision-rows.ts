/** What was decided about erasing and keeping, and the dates that hold without a decision. */

import type { DatabaseSync } from 'node:sqlite'
import type { Decisions } from '../log-store.ts'

export function openDecisions(database: DatabaseSync): Decisions {
  const upTo = database.prepare('SELECT seq FROM decision WHERE seq <= ? ORDER BY seq')
  const holds = database.prepare('SELECT seq, event FROM hold ORDER BY seq, event')
  const erasedBetween = database.prepare(
    `SELECT 1 FROM record WHERE record_erased_at IS NOT NULL AND seq BETWEEN
       (SELECT min(first) FROM batch WHERE at_max >= ?) AND (SELECT max(last) FROM batch WHERE at_min <= ?) LIMIT 1`,
  )
  const dates = database.prepare('SELECT request_id, body_until, record_until FROM record WHERE seq = ?')

  return {
    upTo: (last) => upTo.all(last).map((row) => Number(row['seq'])),
    *holds() {
      for (const { seq, event } of holds.iterate()) yield { seq: Number(seq), event: Number(event) }
    },
    isErasedBetween: (from, to) => erasedBetween.get(from, to) !== undefined,
    dates(seq) {
      const row = dates.get(seq)
      if (row === undefined) return undefined
      return {
        requestId: row['request_id'] as string | null,
        bodyUntil: row['body_until'] as number | null,
        recordUntil: row['record_until'] as number | null,
      }
    },
  }
}
