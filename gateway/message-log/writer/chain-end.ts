/** What the writer must know of a log before it goes on with it: where the chain ends, what is not yet batched, what is open. */

import type { DatabaseSync } from 'node:sqlite'
import { groupLeaf, sha256 } from '../../protocol/hash-tree.ts'
import type { LeafList } from '../record/leaf-list.ts'
import { openLeafList } from '../record/leaf-list.ts'
import type { LogRecord } from '../record/log-record.ts'
import { completeRecord } from '../record/log-record.ts'
import type { LatestBatch, Tip } from '../record/log-state.ts'
import { LogOpenError } from '../record/open-error.ts'

export interface ChainEnd {
  readonly tip: Tip
  readonly batch: LatestBatch
  readonly unbatched: Unbatched
  /** Records of requests that have no end. */
  readonly open: Set<number>
}

/** Records since the latest batch. */
export interface Unbatched {
  readonly leaves: LeafList
  atMin: number
  atMax: number
}

/** Checked when a log is opened: more would take long, `owl log verify` does all. */
const END_RECORDS = 256

/** @throws {LogOpenError} `damaged` */
export function readChainEnd(database: DatabaseSync): ChainEnd {
  const tip = readTip(database)
  checkEnd(database, tip)
  const row = database
    .prepare('SELECT number, seq, open_from, header_sha256 FROM batch ORDER BY number DESC LIMIT 1')
    .get()
  const batchSeq = Number(row?.['seq'] ?? 0)
  const unbatched = emptyUnbatched()
  const open = new Set<number>()
  const rows = database.prepare('SELECT seq, leaf, at, kind, ends FROM record WHERE seq >= ? ORDER BY seq')
  for (const { seq, leaf, at, kind, ends } of rows.iterate(Math.min(Number(row?.['open_from'] ?? 1), batchSeq + 1))) {
    if (kind === 'request') open.add(Number(seq))
    if (ends !== null) open.delete(Number(ends))
    if (Number(seq) > batchSeq) addUnbatched(unbatched, { leaf: leaf as Uint8Array, at: Number(at) })
  }
  const headerSha256 = row === undefined ? undefined : Buffer.from(row['header_sha256'] as Uint8Array)
  return { tip, batch: { number: Number(row?.['number'] ?? 0), headerSha256 }, unbatched, open }
}

export function readTip(database: DatabaseSync): Tip {
  const row = database.prepare('SELECT seq, leaf FROM record ORDER BY seq DESC LIMIT 1').get()
  if (row === undefined) return { seq: 0, leaf: undefined }
  return { seq: Number(row['seq']), leaf: Buffer.from(row['leaf'] as Uint8Array) }
}

export function emptyUnbatched(): Unbatched {
  return { leaves: openLeafList(), atMin: Number.POSITIVE_INFINITY, atMax: Number.NEGATIVE_INFINITY }
}

export function addUnbatched(unbatched: Unbatched, { leaf, at }: { leaf: Uint8Array; at: number }): void {
  unbatched.leaves.add(leaf)
  unbatched.atMin = Math.min(unbatched.atMin, at)
  unbatched.atMax = Math.max(unbatched.atMax, at)
}

/** @throws {LogOpenError} `damaged` */
function checkEnd(database: DatabaseSync, tip: Tip): void {
  const rows = database
    .prepare(
      `SELECT seq, leaf, record, text AS basis, record_erased_at AS erased, archive
       FROM record LEFT JOIN content USING (seq) LEFT JOIN repeated ON repeated.id = basis
       WHERE seq > ? ORDER BY seq`,
    )
    .all(tip.seq - END_RECORDS)
  let before: { seq: number; leaf: Buffer } | undefined
  for (const row of rows) {
    const seq = Number(row['seq'])
    const leaf = Buffer.from(row['leaf'] as Uint8Array)
    if ((before !== undefined && seq !== before.seq + 1) || !isWhole(row, { seq, leaf, before: before?.leaf })) {
      throw new LogOpenError('damaged', `The message log is damaged at record ${seq}`)
    }
    before = { seq, leaf }
  }
}

function isWhole(
  row: Record<string, unknown>,
  { seq, leaf, before }: { seq: number; leaf: Buffer; before: Buffer | undefined },
): boolean {
  // Of what is archived the leaf is enough: the file may be away.
  if (row['record'] === null) return row['erased'] !== null || row['archive'] !== null
  const octets = completeRecord(Buffer.from(row['record'] as Uint8Array), row['basis'] as string | null)
  try {
    const record = JSON.parse(octets.toString('utf8')) as LogRecord
    const hashes = record.objects.map((object) => Buffer.from(object.sha256, 'hex'))
    const follows = before === undefined || record.prev === before.toString('hex')
    return record.seq === seq && follows && groupLeaf([...hashes, sha256(octets)]).equals(leaf)
  } catch {
    return false
  }
}
