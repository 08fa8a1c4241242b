/** Lists of records: filtered, newest first, in pages. Read in short steps, so that neither writer nor event loop waits. */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { GatewayError } from '../../../errors.ts'
import { headerText } from '../../../protocol/headers.ts'
import type { LogQuery, Outcome, RecordSummary, Side } from '../../message-log.ts'
import type { Page, RecordList } from '../log-store.ts'

export const LIMIT_DEFAULT = 100
export const LIMIT_MAX = 1000
/** Records stepped over at once: some milliseconds. */
const STEP = 20_000

const COLUMNS = `
  seq, request_id, x_road_id, at, side, direction, client, service, method, purpose, kind, code, stage, body_bytes,
  body_erased_at, record_erased_at, EXISTS (SELECT 1 FROM hold WHERE hold.seq = record.seq) AS held`
const FILTERS = {
  client: 'client',
  service: 'service',
  purpose: 'purpose',
  outcome: 'kind',
  requestId: 'request_id',
} as const

export function openRecordList(database: DatabaseSync): RecordList {
  const lastSeq = database.prepare('SELECT max(seq) AS seq FROM record')
  const lastBatch = database.prepare('SELECT max(seq) AS seq FROM batch')
  const firstUnstamped = database.prepare('SELECT first FROM batch WHERE token IS NULL ORDER BY number LIMIT 1')
  const firstSince = database.prepare('SELECT min(first) AS seq FROM batch WHERE at_max >= ?')
  const lastUntil = database.prepare('SELECT max(seq) AS seq FROM batch WHERE at_min < ?')
  const tailUntil = database.prepare('SELECT 1 FROM record WHERE seq > ? AND at < ? LIMIT 1')
  const one = database.prepare(`SELECT ${COLUMNS} FROM record WHERE seq = ?`)
  const byRequestId = database.prepare(`SELECT ${COLUMNS} FROM record WHERE request_id = ? ORDER BY seq`)

  /** Batches are stamped in their order, so one number says which records are. */
  function stampedTo(): number {
    const first = firstUnstamped.get()?.['first']
    return first === undefined ? Number(lastBatch.get()?.['seq'] ?? 0) : Number(first) - 1
  }

  async function list(query: LogQuery = {}): Promise<Page> {
    const { limit = LIMIT_DEFAULT } = query
    if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) throw bad(`limit is from 1 to ${LIMIT_MAX}`)
    const { where, values } = conditionsOf(query)
    const select = database.prepare(
      `SELECT ${COLUMNS} FROM record WHERE seq BETWEEN ? AND ?${where} ORDER BY seq DESC LIMIT ?`,
    )
    const stamped = stampedTo()
    const { low, high } = boundsOf(query)
    // A request id has its own index.
    const step = query.requestId === undefined ? STEP : Math.max(STEP, high)
    const records: RecordSummary[] = []
    for (let to = high; to >= low; to -= step) {
      const rows = select.all(Math.max(low, to - step + 1), to, ...values, limit + 1 - records.length)
      for (const row of rows) records.push(summaryOf(row, stamped))
      if (records.length > limit) return { records: records.slice(0, limit), next: records[limit - 1]?.seq ?? null }
      await turn()
    }
    return { records, next: null }
  }

  /** Where a time is found by the times of batches: an index over every record's would cost each commit a page. */
  function boundsOf({ from, to, after }: LogQuery): { low: number; high: number } {
    const batched = Number(lastBatch.get()?.['seq'] ?? 0)
    const last = Number(lastSeq.get()?.['seq'] ?? 0)
    let low = 1
    let high = after === undefined ? last : Math.min(last, after - 1)
    if (from !== undefined) low = Number(firstSince.get(timeOf(from))?.['seq'] ?? batched + 1)
    if (to !== undefined && tailUntil.get(batched, timeOf(to)) === undefined) {
      high = Math.min(high, Number(lastUntil.get(timeOf(to))?.['seq'] ?? 0))
    }
    return { low, high }
  }

  return {
    list,
    exchange(requestId) {
      const stamped = stampedTo()
      return byRequestId.all(requestId).map((row) => summaryOf(row, stamped))
    },
    summary(seq) {
      const row = one.get(seq)
      return row === undefined ? undefined : summaryOf(row, stampedTo())
    },
  }
}

function conditionsOf(query: LogQuery): { where: string; values: SQLInputValue[] } {
  let where = ''
  const values: SQLInputValue[] = []
  for (const [name, column] of Object.entries(FILTERS) as [keyof typeof FILTERS, string][]) {
    const value = query[name]
    if (value === undefined) continue
    where += ` AND ${column} = ?`
    values.push(value)
  }
  const { from, to } = query
  if (from !== undefined) {
    where += ' AND at >= ?'
    values.push(timeOf(from))
  }
  if (to !== undefined) {
    where += ' AND at < ?'
    values.push(timeOf(to))
  }
  return { where, values }
}

function timeOf(text: string): number {
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw bad('a time is not ISO 8601')
  return at
}

function summaryOf(row: Record<string, unknown>, stampedTo: number): RecordSummary {
  const { code, stage, at } = row
  return {
    seq: Number(row['seq']),
    requestId: row['request_id'] as string | null,
    xRoadId: row['x_road_id'] === null ? null : headerText(String(row['x_road_id'])),
    at: at === null ? '' : new Date(Number(at)).toISOString(),
    side: row['side'] as Side | null,
    direction: row['direction'] as 'in' | 'out' | null,
    client: row['client'] as string | null,
    service: row['service'] as string | null,
    method: row['method'] as string | null,
    purpose: row['purpose'] as string | null,
    outcome: row['kind'] as Outcome | null,
    ...(code !== null && { code: String(code) }),
    ...(stage !== null && { stage: String(stage) }),
    stamped: Number(row['seq']) <= stampedTo,
    bodyBytes: Number(row['body_bytes']),
    ...erasedOf(row),
    ...(row['held'] === 1 && { held: true }),
  }
}

function erasedOf(row: Record<string, unknown>): Pick<RecordSummary, 'erased' | 'erasedAt'> {
  const record = row['record_erased_at']
  const at = record ?? row['body_erased_at']
  if (at === null) return {}
  return { erased: record === null ? 'body' : 'record', erasedAt: new Date(Number(at)).toISOString() }
}

function bad(reason: string): GatewayError {
  return new GatewayError('BadRequest', { reason })
}
