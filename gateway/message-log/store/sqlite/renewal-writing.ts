/** Writes renewals, with a connection of its own beside the log's writer. */

import type { RenewalWriter } from '../log-store.ts'
import { openWritable } from './database.ts'
import { storeOn } from './sqlite-store.ts'
import type { Turn } from './write-turns.ts'
import { openTurns } from './write-turns.ts'

/** Folded into the database after this much, so that the WAL stays small while nobody else writes. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024
/** Of a row with the hash of a body. */
const BODY_BYTES = 100

/** @param note called before and after each write @param signal ends waiting for a turn @throws {LogOpenError} `format` */
export function openRenewalWriter(path: string, note: () => void, signal?: AbortSignal): RenewalWriter {
  const database = openWritable(path)
  const store = storeOn(database)
  const inTurn = openTurns({ database, ...(signal !== undefined && { signal }) })
  const turn: Turn = async (work) => {
    const done = await inTurn(() => {
      note()
      return work()
    })
    note()
    return done
  }
  const insert = database.prepare(
    `INSERT INTO renewal (kind, digest, first_batch, last_batch, leaves, began_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
  )
  const insertNode = database.prepare('INSERT INTO renewal_node VALUES (?, ?, ?, ?, ?)')
  const insertBody = database.prepare(
    'INSERT INTO renewal_body SELECT seq, ?, ? FROM content WHERE seq = ? ON CONFLICT DO NOTHING',
  )
  const drop = database.prepare('DELETE FROM renewal_node WHERE renewal = ? AND level > 0')
  const finish = database.prepare(
    'UPDATE renewal SET root = ?, token = ?, gen_time = ?, token_until = ? WHERE number = ?',
  )
  /** Since the WAL was folded in. */
  let written = 0

  /** `NORMAL`: a commit does not wait for the disk. */
  function sync(mode: 'FULL' | 'NORMAL'): void {
    database.exec(`PRAGMA synchronous = ${mode}`)
  }

  function grow(octets: number): void {
    written += octets
    if (written < CHECKPOINT_BYTES) return
    written = 0
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
  }

  return {
    store,
    async begin(renewal, at) {
      const { kind, digest, firstBatch, lastBatch, leaves } = renewal
      sync('FULL')
      const { lastInsertRowid } = await turn(() => insert.run(kind, digest, firstBatch, lastBatch, leaves, at))
      return { number: Number(lastInsertRowid), kind, digest, firstBatch, lastBatch, leaves }
    },
    async write(renewal, { level, place, root, hashes }, bodies = []) {
      sync('NORMAL')
      await turn(() => {
        insertNode.run(renewal, level, place, root, hashes)
        for (const { seq, hash } of bodies) insertBody.run(renewal, hash, seq)
      })
      grow(hashes.length + bodies.length * BODY_BYTES)
    },
    async clearAbove(renewal) {
      sync('NORMAL')
      await turn(() => drop.run(renewal))
    },
    async finish(renewal, { root, token, genTime, until }) {
      sync('FULL')
      await turn(() => finish.run(root, token, genTime, until, renewal))
    },
    close() {
      // Where nobody else has the log open, its WAL is folded in here.
      note()
      database.close()
    },
  }
}
