/** Records by number. */

import type { DatabaseSync } from 'node:sqlite'
import type { RecordLink, Records } from '../log-store.ts'
import { openRecordScan } from './record-scan.ts'
import { selectStored, storedRecord } from './stored-rows.ts'

export function openRecords(database: DatabaseSync): Records {
  const one = selectStored(database, 'WHERE record.seq = ?')
  const oneWithoutBody = selectStored(database, 'WHERE record.seq = ?', { bodies: false })
  const between = selectStored(database, 'WHERE record.seq BETWEEN ? AND ? ORDER BY record.seq')
  const leaves = database.prepare('SELECT leaf FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq')
  const links = database.prepare('SELECT seq, leaf, at, kind, ends FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq')
  const last = database.prepare('SELECT seq, leaf FROM record ORDER BY seq DESC LIMIT 1')
  const lowest = database.prepare('SELECT min(seq) AS seq FROM content')
  const orphan = database.prepare(
    'SELECT seq FROM content WHERE seq > ? AND NOT EXISTS (SELECT 1 FROM record WHERE seq = content.seq)',
  )

  return {
    get(seq, { bodies = true } = {}) {
      const row = (bodies ? one : oneWithoutBody).get(seq)
      return row === undefined ? undefined : storedRecord(row)
    },
    between: (first, end) => between.all(first, end).map(storedRecord),
    scan: openRecordScan(database),
    leaves: (first, end) => leaves.all(first, end).map((row) => row['leaf'] as Uint8Array),
    *links(first, end) {
      for (const { seq, leaf, at, kind, ends } of links.iterate(first, end)) {
        yield {
          seq: Number(seq),
          leaf: leaf as Uint8Array,
          at: at as number | null,
          kind: kind as RecordLink['kind'],
          ends: ends as number | null,
        }
      }
    },
    tip() {
      const row = last.get()
      if (row === undefined) return { seq: 0, leaf: undefined }
      return { seq: Number(row['seq']), leaf: Buffer.from(row['leaf'] as Uint8Array) }
    },
    stray(end) {
      const low = lowest.get()?.['seq'] ?? null
      if (low !== null && Number(low) < 1) return Number(low)
      const high = orphan.get(end)?.['seq']
      return high === undefined ? undefined : Number(high)
    },
  }
}
