/**
 * Records in their order, some at a time, for who reads a whole log. The octets of a record come in one piece: a value of
 * its own for each of them costs more than all there is to hash.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { Outcome, Side } from '../../message-log.ts'
import type { StoredRecord } from '../../record/stored-record.ts'
import { bufferOf } from '../../record/stored-record.ts'

/** Octets held at once, so that large bodies do not add up. */
const OCTETS_MAX = 4 * 1024 * 1024

const OCTETS = ['leaf', 'content.record', 'share', 'body_share', 'body_key', 'head', 'body'] as const

const SELECT = `
  SELECT record.seq, at, kind, side, direction, request_id, x_road_id, client, service, method, purpose, code, stage,
    sender, ends, body_bytes, body_erased_at, record_erased_at, body_erased_by, record_erased_by,
    basis, signature, etsi_u, extension, content.archive,
    ${OCTETS.map((name) => `length(${name})`).join(', ')},
    CAST(${OCTETS.map((name) => `coalesce(${name}, x'')`).join(' || ')} AS BLOB)
  FROM record LEFT JOIN content ON content.seq = record.seq WHERE record.seq > ? ORDER BY record.seq`

type Text = string | null
type Count = number | null
type Row = readonly [
  ...[seq: number, at: Count, kind: Text, side: Text, direction: Text, requestId: Text, xRoadId: Text, client: Text],
  ...[service: Text, method: Text, purpose: Text, code: Text, stage: Text, sender: Text, ends: Count],
  ...[bodyBytes: Count, bodyErasedAt: Count, recordErasedAt: Count, bodyErasedBy: Count, recordErasedBy: Count],
  ...[basis: Count, signature: Text, etsiU: Count, extension: Text, archive: Count],
  ...[leaf: Count, record: Count, share: Count, bodyShare: Count, bodyKey: Count, head: Count, body: Count],
  octets: Uint8Array,
]

/** @returns the records behind `after`: `count` of them, or fewer, but one where there is one */
export function openRecordScan(database: DatabaseSync): (after: number, count: number) => StoredRecord[] {
  const select = database.prepare(SELECT)
  select.setReturnArrays(true)
  return (after, count) => {
    const records: StoredRecord[] = []
    let octets = 0
    for (const row of select.iterate(after)) {
      const values = row as unknown as Row
      records.push(storedOf(values))
      octets += values[32].length
      if (records.length >= count || octets >= OCTETS_MAX) break
    }
    return records
  }
}

function storedOf(row: Row): StoredRecord {
  const octets = bufferOf(row[32])
  let end = 0
  const next = (length: Count): Buffer | null => {
    if (length === null) return null
    end += length
    return octets.subarray(end - length, end)
  }
  return {
    seq: row[0],
    leaf: next(row[25]) as Buffer,
    at: row[1],
    kind: row[2] as Outcome | null,
    side: row[3] as Side | null,
    direction: row[4] as 'in' | 'out' | null,
    requestId: row[5],
    xRoadId: row[6],
    client: row[7],
    service: row[8],
    method: row[9],
    purpose: row[10],
    code: row[11],
    stage: row[12],
    sender: row[13],
    ends: row[14],
    bodyBytes: row[15],
    bodyErasedAt: row[16],
    recordErasedAt: row[17],
    bodyErasedBy: row[18],
    recordErasedBy: row[19],
    basis: row[20],
    signature: row[21],
    etsiU: row[22],
    extension: row[23],
    archive: row[24],
    record: next(row[26]),
    share: next(row[27]),
    bodyShare: next(row[28]),
    bodyKey: next(row[29]),
    head: next(row[30]),
    body: next(row[31]),
  }
}
