/**
 * Heads of other gateways' logs as signed messages have brought them, and what among them contradicts. Source: design of
 * the evidence, section 4. The signed message of record `seq` is the proof: nothing here is evidence by itself.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { Contradiction, ContradictionKind, NewHeads, ReceivedHead } from '../../record/heads.ts'
import type { Heads } from '../log-store.ts'

export const RECEIVED_TABLES = `
  CREATE TABLE received_head (
    log TEXT NOT NULL,
    batch INTEGER NOT NULL,
    header_sha256 BLOB NOT NULL,
    seq INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    PRIMARY KEY (log, batch, header_sha256)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE contradiction (
    log TEXT NOT NULL,
    batch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    one INTEGER NOT NULL,
    other INTEGER NOT NULL,
    found_at INTEGER NOT NULL,
    PRIMARY KEY (log, batch, kind)
  ) STRICT, WITHOUT ROWID;
`

/** @returns what stores; inside a transaction only. What is there already stays as it was first heard. */
export function openHeadStore(database: DatabaseSync): (heard: NewHeads) => void {
  const insertHead = database.prepare('INSERT OR IGNORE INTO received_head VALUES (?, ?, ?, ?, ?)')
  const insertContradiction = database.prepare('INSERT OR IGNORE INTO contradiction VALUES (?, ?, ?, ?, ?, ?)')
  return ({ heads, contradictions }) => {
    for (const { log, batch, sha256, seq, issuedAt } of heads) {
      insertHead.run(log, batch, Buffer.from(sha256, 'base64url'), seq, issuedAt)
    }
    for (const { log, batch, kind, seqs, foundAt } of contradictions) {
      insertContradiction.run(log, batch, kind, ...seqs, foundAt)
    }
  }
}

/** Rows read at once. */
const PAGE_ROWS = 500

export function openHeads(database: DatabaseSync): Heads {
  // Steps from one name to the next in the index: the heads themselves are many.
  const logs = database.prepare(
    `WITH RECURSIVE each (log) AS (
       SELECT min(log) FROM received_head
       UNION ALL SELECT (SELECT min(log) FROM received_head WHERE log > each.log) FROM each WHERE each.log IS NOT NULL
     ) SELECT log FROM each WHERE log IS NOT NULL`,
  )
  const latest = database.prepare('SELECT * FROM received_head WHERE log = ? ORDER BY batch DESC LIMIT 1')
  const of = database.prepare('SELECT * FROM received_head WHERE log = ? AND batch = ? ORDER BY seq')
  const from = database.prepare('SELECT * FROM received_head WHERE log = ? AND batch >= ? ORDER BY batch, seq LIMIT ?')
  const page = database.prepare(
    `SELECT * FROM received_head WHERE (log, batch, header_sha256) > (?, ?, ?)
     ORDER BY log, batch, header_sha256 LIMIT ${PAGE_ROWS}`,
  )
  const contradictions = database.prepare('SELECT * FROM contradiction ORDER BY found_at, log, batch, kind')
  return {
    logs: () => logs.all().map((row) => String(row['log'])),
    latest(log) {
      const row = latest.get(log)
      return row === undefined ? undefined : headOf(row)
    },
    of: (log, batch) => of.all(log, batch).map(headOf),
    from: (log, batch, limit) => from.all(log, batch, limit).map(headOf),
    *all() {
      for (let after: [string, number, Uint8Array] = ['', 0, new Uint8Array()]; ; ) {
        const rows = page.all(...after)
        yield* rows.map(headOf)
        const end = rows.at(-1)
        if (end === undefined) return
        after = [String(end['log']), Number(end['batch']), end['header_sha256'] as Uint8Array]
      }
    },
    contradictions: () => contradictions.all().map(contradictionOf),
  }
}

function headOf(row: Record<string, unknown>): ReceivedHead {
  return {
    log: String(row['log']),
    batch: Number(row['batch']),
    sha256: Buffer.from(row['header_sha256'] as Uint8Array).toString('base64url'),
    seq: Number(row['seq']),
    issuedAt: Number(row['issued_at']),
  }
}

function contradictionOf(row: Record<string, unknown>): Contradiction {
  return {
    kind: row['kind'] as ContradictionKind,
    log: String(row['log']),
    batch: Number(row['batch']),
    seqs: [Number(row['one']), Number(row['other'])],
    foundAt: Number(row['found_at']),
  }
}
