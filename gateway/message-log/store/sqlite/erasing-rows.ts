/** Decisions about erasing and keeping, and carrying them out. */

import type { DatabaseSync } from 'node:sqlite'
import type { What } from '../../record/erasure-event.ts'
import type {
  DueRange,
  ErasedRows,
  ErasingRows,
  RetentionRows,
  SelectedRecord,
  StoredDecision,
} from '../writable-store.ts'
import { openSubjectErasing } from './subject-table.ts'
import type { Transact } from './writing.ts'

const SELECTED = `seq, at, purpose, record_erased_at IS NOT NULL AS erased, body_until IS NOT NULL AS body,
  EXISTS (SELECT 1 FROM hold WHERE hold.seq = record.seq) AS held`
/** All of `record` but seq, leaf and what it ends. */
const EMPTIED = [
  ...['at', 'kind', 'side', 'direction', 'request_id', 'x_road_id', 'client', 'service', 'method', 'purpose', 'code'],
  ...['stage', 'sender', 'body_bytes', 'body_until', 'record_until', 'body_erased_at', 'body_erased_by'],
]
const DECISION = 'SELECT decision.seq, id, at, body FROM decision JOIN record USING (seq) JOIN content USING (seq)'

export function openErasingRows(database: DatabaseSync, transact: Transact): ErasingRows {
  const bySeq = database.prepare(`SELECT ${SELECTED} FROM record WHERE seq = ?`)
  const byExchange = database.prepare(`SELECT ${SELECTED} FROM record WHERE request_id = ? ORDER BY seq`)
  const holdsOf = database.prepare('SELECT id FROM hold JOIN decision ON decision.seq = event WHERE hold.seq = ?')
  const seqOf = database.prepare('SELECT seq FROM decision WHERE id = ?')
  const decisions = database.prepare(`${DECISION} ORDER BY decision.seq`)
  const pending = database.prepare(`${DECISION} WHERE pending = 1 ORDER BY decision.seq`)
  const finish = database.prepare('UPDATE decision SET pending = 0 WHERE seq = ?')

  return {
    select: (selection) =>
      ('seq' in selection ? bySeq.all(selection.seq) : byExchange.all(selection.exchange)).map(selectedOf),
    holdsOf: (seq) => holdsOf.all(seq).map((row) => String(row['id'])),
    seqOf(id) {
      const row = seqOf.get(id)
      return row === undefined ? undefined : Number(row['seq'])
    },
    decisions: ({ pendingOnly = false } = {}) => (pendingOnly ? pending : decisions).all().map(decisionOf),
    nextPending() {
      const row = pending.get()
      return row === undefined ? undefined : decisionOf(row)
    },
    erase: openErase(database, transact),
    finish: (event) => void transact(() => finish.run(event)),
  }
}

export function openRetentionRows(database: DatabaseSync): RetentionRows {
  const due = database.prepare(
    `SELECT seq, purpose, record_until < ?1 AND at < ?2 AS whole FROM record
     WHERE seq BETWEEN ?3 AND ?4 AND purpose IS NOT NULL AND (body_until < ?1 OR (record_until < ?1 AND at < ?2))
     AND NOT EXISTS (SELECT 1 FROM hold WHERE hold.seq = record.seq) ORDER BY seq`,
  )
  const live = database.prepare(
    `SELECT DISTINCT at / 86400000 AS day, purpose, body_until IS NOT NULL AS body FROM record
     WHERE seq BETWEEN ? AND ? AND purpose IS NOT NULL`,
  )

  return {
    due: ({ first, last, day, replayedSince }: DueRange) =>
      due.all(day, replayedSince, first, last).map((row) => ({
        seq: Number(row['seq']),
        purpose: String(row['purpose']),
        what: row['whole'] === 1 ? 'record' : 'body',
      })),
    live: (first, last) =>
      live.all(first, last).map((row) => ({
        day: Number(row['day']),
        purpose: String(row['purpose']),
        hasBody: row['body'] === 1,
      })),
  }
}

function openErase(database: DatabaseSync, transact: Transact): ErasingRows['erase'] {
  const hasFile = database.prepare('SELECT body_key IS NOT NULL AS has FROM content WHERE seq = ?')
  const eraseBody = database.prepare(
    `UPDATE record SET body_until = NULL, body_erased_at = ?, body_erased_by = ?
     WHERE seq = ? AND body_until IS NOT NULL AND purpose IS NOT NULL`,
  )
  const emptyBody = database.prepare('UPDATE content SET body = NULL, body_share = NULL, body_key = NULL WHERE seq = ?')
  const eraseRecord = database.prepare(
    `UPDATE record SET ${EMPTIED.map((column) => `${column} = NULL`).join(', ')},
     record_erased_at = ?, record_erased_by = ? WHERE seq = ? AND record_erased_at IS NULL AND purpose IS NOT NULL`,
  )
  const deleteContent = database.prepare('DELETE FROM content WHERE seq = ?')
  const eraseSubjects = openSubjectErasing(database)

  function eraseParts(parts: readonly (readonly [What, number])[], at: number, event: number): ErasedRows {
    const files: number[] = []
    const forgotten: number[] = []
    let bodies = 0
    for (const [what, seq] of parts) {
      if (hasFile.get(seq)?.['has'] === 1) files.push(seq)
      const { changes } = (what === 'body' ? eraseBody : eraseRecord).run(at, event, seq)
      if (changes === 0) continue
      if (what === 'body') {
        emptyBody.run(seq)
        bodies += 1
      } else {
        deleteContent.run(seq)
        forgotten.push(seq)
      }
    }
    eraseSubjects(forgotten)
    return { bodies, records: forgotten.length, files }
  }

  return (parts, { at, event }) => transact(() => eraseParts(parts, at, event))
}

function selectedOf(row: Record<string, unknown>): SelectedRecord {
  return {
    seq: Number(row['seq']),
    at: row['at'] as number | null,
    purpose: row['purpose'] as string | null,
    isErased: row['erased'] === 1,
    hasBody: row['body'] === 1,
    isHeld: row['held'] === 1,
  }
}

function decisionOf(row: Record<string, unknown>): StoredDecision {
  const body = row['body'] as Uint8Array | null
  return { seq: Number(row['seq']), id: String(row['id']), at: Number(row['at']), body }
}
