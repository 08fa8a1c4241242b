/** Records that hold the registry's configurations: the log's own, so they stay as they are when others are archived. */

import type { DatabaseSync } from 'node:sqlite'
import { sha256 } from '../../../protocol/hash-tree.ts'
import type { Configurations } from '../log-store.ts'
import { selectStored, storedRecord } from './stored-rows.ts'

export function openConfigurations(database: DatabaseSync): Configurations {
  const before = selectStored(database, "WHERE kind = 'configuration' AND record.seq < ? ORDER BY record.seq DESC")
  const latest = database.prepare(
    `SELECT seq, leaf, body FROM record JOIN content USING (seq) WHERE kind = 'configuration' ORDER BY seq DESC LIMIT 1`,
  )
  return {
    *before(seq) {
      for (const row of before.iterate(seq)) yield storedRecord(row)
    },
    latest() {
      const row = latest.get()
      if (row === undefined || row['body'] === null) return undefined
      return {
        seq: Number(row['seq']),
        leaf: row['leaf'] as Uint8Array,
        sha256: sha256(row['body'] as Uint8Array),
      }
    },
  }
}
