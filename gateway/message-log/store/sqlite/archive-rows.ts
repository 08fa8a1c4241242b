/** Archive files that are entered in the log. */

import type { DatabaseSync } from 'node:sqlite'
import { archiveName } from '../../archive/archive-format.ts'
import { dateOf } from '../../keys/key-store.ts'
import type { ArchiveRow } from '../../record/archive-row.ts'
import { bufferOf } from '../../record/stored-record.ts'
import type { Archives } from '../log-store.ts'

export function openArchives(database: DatabaseSync): Archives {
  const all = database.prepare('SELECT * FROM archive ORDER BY id')
  const one = database.prepare('SELECT * FROM archive WHERE id = ?')
  return {
    all: () => all.all().map(archiveRowOf),
    get(id) {
      const row = one.get(id)
      return row === undefined ? undefined : archiveRowOf(row)
    },
  }
}

export function archiveRowOf(row: Record<string, unknown>): ArchiveRow {
  const hash = bufferOf(row['sha256'] as Uint8Array)
  const day = Number(row['day'])
  return {
    id: Number(row['id']),
    day,
    name: archiveName(dateOf(day), hash),
    sha256: hash,
    bytes: Number(row['bytes']),
    first: Number(row['first']),
    last: Number(row['last']),
    lastBatch: Number(row['last_batch']),
    madeAt: Number(row['made_at']),
    emptiedTo: Number(row['emptied_to']),
  }
}
