/** What the writer must know of a log before it goes on with it: where the chain ends, what is not yet batched, what is open. */

import { groupLeaf, sha256 } from '../../protocol/hash-tree.ts'
import type { LeafList } from '../record/leaf-list.ts'
import { openLeafList } from '../record/leaf-list.ts'
import type { LogRecord } from '../record/log-record.ts'
import { completeRecord } from '../record/log-record.ts'
import type { LatestBatch, Tip } from '../record/log-state.ts'
import { LogOpenError } from '../record/open-error.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import type { LogStore } from '../store/log-store.ts'

type EndStore = Pick<LogStore, 'records' | 'batches' | 'texts'>

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
export function readChainEnd(store: EndStore): ChainEnd {
  const tip = store.records.tip()
  checkEnd(store, tip)
  const latest = store.batches.latest()
  const { own = 0, openFrom = 1 } = latest ?? {}
  const unbatched = emptyUnbatched()
  const open = new Set<number>()
  for (const { seq, leaf, at, kind, ends } of store.records.links(Math.min(openFrom, own + 1), tip.seq)) {
    if (kind === 'request') open.add(seq)
    if (ends !== null) open.delete(ends)
    if (seq > own) addUnbatched(unbatched, { leaf, at: at ?? 0 })
  }
  const batch = { number: latest?.number ?? 0, headerSha256: latest?.headerSha256 }
  return { tip, batch, unbatched, open }
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
function checkEnd(store: EndStore, tip: Tip): void {
  let before: { seq: number; leaf: Buffer } | undefined
  for (let seq = Math.max(tip.seq - END_RECORDS, 0) + 1; seq <= tip.seq; seq++) {
    const row = store.records.get(seq, { bodies: false })
    if (row === undefined || !isWhole(row, before?.leaf, store)) {
      // The first of them may be missing: nobody looks at what was before.
      if (row === undefined && before === undefined) continue
      throw new LogOpenError('damaged', `The message log is damaged at record ${seq}`)
    }
    before = { seq, leaf: bufferOf(row.leaf) }
  }
}

function isWhole(row: StoredRecord, before: Buffer | undefined, { texts }: EndStore): boolean {
  // Of what is archived the leaf is enough: the file may be away.
  if (row.record === null) return row.recordErasedAt !== null || row.archive !== null
  const basis = row.basis === null ? null : texts.get(row.basis)
  const octets = completeRecord(bufferOf(row.record), basis)
  try {
    const record = JSON.parse(octets.toString('utf8')) as LogRecord
    const hashes = record.objects.map((object) => Buffer.from(object.sha256, 'hex'))
    const follows = before === undefined || record.prev === before.toString('hex')
    return record.seq === row.seq && follows && groupLeaf([...hashes, sha256(octets)]).equals(row.leaf)
  } catch {
    return false
  }
}
