/** Entering archive files, and giving up the log's own copy of what is in them. */

import type { DatabaseSync } from 'node:sqlite'
import type { ArchivingRows, UnfinishedArchive } from '../writable-store.ts'
import { archiveRowOf } from './archive-rows.ts'
import type { Transact } from './writing.ts'

// Configurations and decisions stay as they are: the writer reads them.
const EMPTIED = `seq BETWEEN ? AND ? AND seq IN (SELECT seq FROM record WHERE seq BETWEEN ? AND ?
  AND kind IN ('request', 'reply', 'refusal', 'failure', 'in-doubt', 'batch'))`

export function openArchivingRows(database: DatabaseSync, transact: Transact): ArchivingRows {
  const latest = database.prepare('SELECT * FROM archive ORDER BY id DESC LIMIT 1')
  const batches = database.prepare(
    `SELECT number, batch.seq, last, token IS NOT NULL AS stamped, record.at FROM batch
     JOIN record ON record.seq = batch.seq WHERE number > ? ORDER BY number`,
  )
  const unfinished = database.prepare('SELECT * FROM archive WHERE seed IS NOT NULL ORDER BY id LIMIT 1')
  const insert = database.prepare(
    `INSERT INTO archive (day, sha256, bytes, first, last, last_batch, made_at, emptied_to, texts_before, seed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const withFiles = database.prepare('SELECT seq FROM content WHERE seq BETWEEN ? AND ? AND body_key IS NOT NULL')
  const kept = database.prepare(
    `SELECT seq, kind, share, body_share, body_key FROM content JOIN record USING (seq) WHERE ${EMPTIED}`,
  )
  const remove = database.prepare(`DELETE FROM content WHERE ${EMPTIED}`)
  const keep = database.prepare(
    'INSERT INTO content (seq, share, body_share, body_key, archive) VALUES (?, ?, ?, ?, ?)',
  )
  const emptiedTo = database.prepare('UPDATE archive SET emptied_to = ? WHERE id = ?')
  const finish = database.prepare('UPDATE archive SET seed = NULL WHERE id = ?')
  const deleteTexts = database.prepare(
    'DELETE FROM repeated WHERE id IN (SELECT id FROM repeated WHERE id < ? ORDER BY id LIMIT ?)',
  )

  return {
    latest() {
      const row = latest.get()
      return row === undefined ? undefined : archiveRowOf(row)
    },
    *closedAfter(batch) {
      for (const { number, seq, last, stamped, at } of batches.iterate(batch)) {
        const [own, closedAt] = [Number(seq), Number(at)]
        yield { number: Number(number), own, last: Number(last), closedAt, isStamped: stamped === 1 }
      }
    },
    unfinished() {
      const row = unfinished.get()
      return row === undefined ? undefined : unfinishedOf(row)
    },
    enter({ day, sha256, bytes, first, last, lastBatch, madeAt, textsBefore, seed }) {
      transact(() => insert.run(day, sha256, bytes, first, last, lastBatch, madeAt, first - 1, textsBefore, seed))
    },
    withFiles: (first, last) => withFiles.all(first, last).map(({ seq }) => Number(seq)),
    empty({ id }, [from, to], inDoubtShare) {
      transact(() => {
        const rows = kept.all(from, to, from, to)
        // Emptied where they stand, rows would leave their pages as empty as they are; taken out and put back they close up.
        remove.run(from, to, from, to)
        for (const row of rows) {
          const seq = Number(row['seq'])
          const share = row['kind'] === 'in-doubt' ? inDoubtShare(seq) : (row['share'] as Uint8Array | null)
          keep.run(seq, share, row['body_share'] as Uint8Array | null, row['body_key'] as Uint8Array | null, id)
        }
        emptiedTo.run(to, id)
      })
    },
    dropTexts: ({ id, textsBefore }, count) =>
      transact(() => {
        const deleted = Number(deleteTexts.run(textsBefore, count).changes)
        if (deleted < count) finish.run(id)
        return deleted
      }),
  }
}

function unfinishedOf(row: Record<string, unknown>): UnfinishedArchive {
  return { ...archiveRowOf(row), seed: row['seed'] as Uint8Array, textsBefore: Number(row['texts_before']) }
}
