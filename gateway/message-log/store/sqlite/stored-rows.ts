/** A record as its columns: `record` and `content` together. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { StoredRecord } from '../../record/stored-record.ts'

const COLUMNS = `
  record.seq, leaf, at, kind, side, direction, request_id, x_road_id, client, service, method, purpose, code, stage,
  sender, ends, body_bytes, body_erased_at, record_erased_at, body_erased_by,
  record_erased_by, content.record, basis, signature, etsi_u, extension, share, body_key, head, body,
  content.archive, body_share`

const NAMES = COLUMNS.split(',').map((column) =>
  column
    .trim()
    .replace(/^.*\./, '')
    .replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
) as readonly (keyof StoredRecord)[]

/**
 * @param where condition and order
 * @param bodies false: as if there were none, for who has no use for their octets
 * @returns a statement whose rows `storedRecord` reads
 */
export function selectStored(database: DatabaseSync, where: string, { bodies = true } = {}): StatementSync {
  const columns = bodies ? COLUMNS : COLUMNS.replace(/, body,/, ', NULL AS body,')
  const statement = database.prepare(
    `SELECT ${columns} FROM record LEFT JOIN content ON content.seq = record.seq ${where}`,
  )
  statement.setReturnArrays(true)
  return statement
}

export function storedRecord(row: unknown): StoredRecord {
  const values = row as readonly unknown[]
  const record: Partial<Record<keyof StoredRecord, unknown>> = {}
  for (let index = 0; index < NAMES.length; index++) record[NAMES[index] as keyof StoredRecord] = values[index]
  return record as unknown as StoredRecord
}
