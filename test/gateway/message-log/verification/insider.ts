/**
 * Somebody who runs a gateway and its database, and writes the log anew: without some records, every leaf, batch and the
 * high-water mark made to fit. What others hold of it he cannot reach.
 */

import type { SQLInputValue } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import type { MarkPlace } from '../../../../gateway/message-log/keys/high-water.ts'
import { readHighWater, writeHighWater } from '../../../../gateway/message-log/keys/high-water.ts'
import type { LogRecord } from '../../../../gateway/message-log/record/log-record.ts'
import {
  BATCH_HEADER_NAME,
  BATCH_LEAVES_NAME,
  completeRecord,
  formatBatchHeader,
  formatRecordStart,
} from '../../../../gateway/message-log/record/log-record.ts'
import { groupLeaf, sha256, treeRoot } from '../../../../gateway/protocol/hash-tree.ts'

type Row = Record<string, SQLInputValue>

export interface Rewriting {
  readonly file: string
  /** He has the master key as well. */
  readonly mark: MarkPlace
  /** What is to be gone. */
  readonly drop: (record: { readonly seq: number; readonly requestId: string | null; readonly kind: string }) => boolean
}

/** The gateway must not run. */
export function rewriteLog({ file, mark: place, drop }: Rewriting): void {
  const database = new DatabaseSync(file)
  const records = database.prepare('SELECT * FROM record ORDER BY seq').all() as Row[]
  const contents = new Map(
    database
      .prepare('SELECT * FROM content')
      .all()
      .map((row) => [Number(row['seq']), row as Row]),
  )
  const texts = new Map(
    database
      .prepare('SELECT * FROM repeated')
      .all()
      .map((row) => [row['id'] as number | null, String(row['text'])]),
  )
  const batches = new Map(
    database
      .prepare('SELECT * FROM batch')
      .all()
      .map((row) => [Number(row['seq']), row as Row]),
  )
  const { name, epoch } = database.prepare('SELECT name, epoch FROM log').get() as { name: string; epoch: number }

  database.exec('BEGIN')
  for (const table of ['record', 'content', 'batch']) database.exec(`DELETE FROM ${table}`)
  const insert = (table: string, row: Row): void => {
    const columns = Object.keys(row)
    const marks = columns.map(() => '?').join(', ')
    database.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks})`).run(...Object.values(row))
  }
  const places = new Map<number, { readonly seq: number; readonly leaf: Buffer }>()
  let before: Buffer | undefined
  let header: Buffer | undefined
  let leaves: Buffer[] = []
  let seq = 0
  let batch = 0

  for (const record of records) {
    const [old, kind] = [Number(record['seq']), String(record['kind'])]
    if (drop({ seq: old, requestId: record['request_id'] as string | null, kind })) continue
    if (kind === 'batch' && leaves.length === 0) continue
    const content = contents.get(old) as Row
    const said = JSON.parse(`${Buffer.from(content['record'] as Uint8Array).toString()}null}`) as LogRecord
    let objects = said.objects
    let own: { head: Buffer; body: Buffer } | undefined
    if (kind === 'batch') {
      batch += 1
      const count = leaves.length
      const text = formatBatchHeader({
        ...{ log: name, epoch, batch, first: seq - count + 1, last: seq, count },
        ...{ prevHeader: header?.toString('hex') ?? null, lastRecord: leaves.at(-1)?.toString('hex') ?? '' },
      })
      own = { head: Buffer.from(text), body: Buffer.concat(leaves) }
      objects = [
        { name: BATCH_HEADER_NAME, sha256: sha256(own.head).toString('hex') },
        { name: BATCH_LEAVES_NAME, sha256: sha256(own.body).toString('hex') },
      ]
    }
    seq += 1
    const ends = record['ends'] === null ? undefined : places.get(Number(record['ends']))
    const start = Buffer.from(
      formatRecordStart({
        ...{ ...said, seq, objects, at: Date.parse(said.at) },
        ...{ prev: before?.toString('hex') ?? null, request: ends?.leaf.toString('hex') ?? null },
      }),
    )
    const basis = texts.get(content['basis'] as number | null)
    const leaf = groupLeaf([
      ...objects.map((each) => Buffer.from(each.sha256, 'hex')),
      sha256(completeRecord(start, basis)),
    ])
    places.set(old, { seq, leaf })
    insert('record', { ...record, seq, leaf, ends: ends?.seq ?? null, ...(own && { body_bytes: own.body.length }) })
    insert('content', { ...content, seq, record: start, ...own })
    if (own !== undefined) {
      const [root, count] = [treeRoot([leaf, ...leaves]), leaves.length]
      header = sha256(own.head)
      const bounds = { number: batch, seq, first: seq - count, last: seq - 1, open_from: seq + 1 }
      insert('batch', { ...batches.get(old), ...bounds, header_sha256: header, root, token: null, gen_time: null })
      leaves = []
    } else leaves.push(leaf)
    before = leaf
  }
  database.exec('COMMIT')
  database.close()
  const mark = readHighWater(place)
  if (mark !== undefined) writeHighWater(place, { ...mark, seq, leaf: before?.toString('hex') ?? '' })
}
