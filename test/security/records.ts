/** What a message log really holds, read from its database past everything that could colour it. */

import { DatabaseSync } from 'node:sqlite'
import type { LogRecord } from '../../gateway/message-log/record/log-record.ts'
import { completeRecord } from '../../gateway/message-log/record/log-record.ts'

export interface Recorded {
  readonly seq: number
  readonly kind: LogRecord['kind']
  readonly side: LogRecord['side']
  readonly direction: LogRecord['direction']
  readonly requestId: string
  readonly code: string | null
  readonly stage: string | null
  readonly purpose: string
  readonly client: string
  readonly bodyBytes: number
  /** Kept, that is: octets or a file of theirs. A digest alone is not. */
  readonly head: boolean
  readonly body: boolean
  readonly signature: string
  /** Objects whose digests the record names. */
  readonly objects: readonly string[]
  /** seq of the request that this record ends. */
  readonly ends: number | null
  readonly basis: LogRecord['basis']
}

/** Records about messages, without configurations and batches, oldest first. */
export function readRecords(file: string, afterSeq = 0): readonly Recorded[] {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  try {
    const rows = database
      .prepare(
        `SELECT record.*, content.record AS start, text, signature, head IS NOT NULL AS has_head,
           body IS NOT NULL OR body_key IS NOT NULL AS has_body
         FROM record JOIN content USING (seq) LEFT JOIN repeated ON repeated.id = content.basis
         WHERE seq > ? AND kind NOT IN ('configuration', 'batch') ORDER BY seq`,
      )
      .all(afterSeq)
    return rows.map((row) => {
      const octets = completeRecord(
        Buffer.from(row['start'] as Uint8Array),
        (row['text'] as string | null) ?? undefined,
      )
      const record = JSON.parse(octets.toString()) as LogRecord
      return {
        seq: Number(row['seq']),
        kind: row['kind'] as LogRecord['kind'],
        side: row['side'] as LogRecord['side'],
        direction: row['direction'] as LogRecord['direction'],
        requestId: String(row['request_id']),
        code: row['code'] as string | null,
        stage: row['stage'] as string | null,
        purpose: String(row['purpose']),
        client: String(row['client']),
        bodyBytes: Number(row['body_bytes']),
        head: row['has_head'] === 1,
        body: row['has_body'] === 1,
        signature: String(row['signature']),
        objects: record.objects.map(({ name }) => name),
        ends: row['ends'] as number | null,
        basis: record.basis,
      }
    })
  } finally {
    database.close()
  }
}

/** What makes a record comparable in a test. */
export function outline({ kind, side, direction, code, stage, purpose, body }: Recorded): object {
  return { kind, side, direction, code, stage, purpose, body }
}

/** The two records of a refusal at the provider: head, signature and digest of what was asked, no body of it. */
export function refused(code: string, stage: string): readonly object[] {
  const common = { side: 'provider', purpose: 'refusal' }
  return [
    { ...common, kind: 'request', direction: 'in', code: null, stage: null, body: false },
    { ...common, kind: 'refusal', direction: 'out', code, stage, body: true },
  ]
}

/** The two records of an exchange that went well, at either side. */
export function exchanged(side: 'consumer' | 'provider', purpose: string): readonly object[] {
  const [first, second] = side === 'consumer' ? ['out', 'in'] : ['in', 'out']
  const common = { side, code: null, stage: null, purpose, body: true }
  return [
    { ...common, kind: 'request', direction: first },
    { ...common, kind: 'reply', direction: second },
  ]
}
