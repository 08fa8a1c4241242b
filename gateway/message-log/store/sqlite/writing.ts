/** Writes to the log, as its one writer: every change in a transaction of its own. */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Content } from '../../record/draft.ts'
import type { Columns } from '../../record/entry.ts'
import type { Changes, NewBatch, NewDecision, WritableStore } from '../writable-store.ts'
import { StoreError } from '../writable-store.ts'
import { openArchivingRows } from './archiving-rows.ts'
import { BUSY_MS, createTables, hasTables, openWritable } from './database.ts'
import { openErasingRows, openRetentionRows } from './erasing-rows.ts'
import { openHeadStore } from './received-heads.ts'
import { storeOn } from './sqlite-store.ts'
import { openSubjectTable } from './subject-table.ts'
import { beginWriting, troubleOf } from './write-turns.ts'

/** One transaction. */
export type Transact = <T>(work: () => T) => T

const RECORD_COLUMNS =
  'seq, leaf, at, kind, side, direction, request_id, x_road_id, client, service, method, purpose, code, stage, sender, ' +
  'ends, body_bytes, body_until, record_until'
const CONTENT_COLUMNS = 'seq, record, basis, signature, etsi_u, extension, share, body_share, body_key, head, body'

/** @param name of a log that is begun here, `gateway/node` @throws {LogOpenError} `format` */
export function openWritableStore(path: string, name: string, open = openWritable): WritableStore {
  const database = open(path)
  try {
    // A crash may have left a file without tables.
    if (!hasTables(database)) createTables(database, { name, epoch: 1 })
    return writableOn(database)
  } catch (error) {
    database.close()
    throw error
  }
}

export function writableOn(database: DatabaseSync): WritableStore {
  const transact = openTransact(database)
  const change = openChanges(database)
  const lastText = database.prepare('SELECT max(id) AS id FROM repeated')
  const updateProbe = database.prepare('UPDATE log SET probed_at = ?')
  return {
    ...storeOn(database),
    write: (changes) => transact(() => change(changes)),
    erasing: openErasingRows(database, transact),
    retention: openRetentionRows(database),
    archiving: openArchivingRows(database, transact),
    nextText: () => Number(lastText.get()?.['id'] ?? 0) + 1,
    probe: (at) => void transact(() => updateProbe.run(at)),
    fold: () => telling(() => database.exec('PRAGMA wal_checkpoint(PASSIVE)')),
    foldAll({ wait = false } = {}) {
      if (!wait) database.exec('PRAGMA busy_timeout = 0')
      try {
        return telling(() => database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0)
      } finally {
        if (!wait) database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
      }
    },
  }
}

function openTransact(database: DatabaseSync): Transact {
  const begin = database.prepare('BEGIN IMMEDIATE')
  const commit = database.prepare('COMMIT')
  return (work) =>
    telling(() => {
      beginWriting(begin)
      try {
        const done = work()
        commit.run()
        return done
      } catch (error) {
        rollBack(database)
        throw error
      }
    })
}

function openChanges(database: DatabaseSync): (changes: Changes) => void {
  const insertText = database.prepare('INSERT INTO repeated (id, text) VALUES (?, ?)')
  const insertRecord = insertion(database, 'record', RECORD_COLUMNS)
  const insertContent = insertion(database, 'content', CONTENT_COLUMNS)
  const insertBatch = database.prepare('INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)')
  const updateToken = database.prepare('UPDATE batch SET token = ?, gen_time = ?, token_until = ? WHERE number = ?')
  const insertDecision = database.prepare('INSERT INTO decision (seq, id, pending) VALUES (?, ?, ?)')
  const insertHold = database.prepare('INSERT OR IGNORE INTO hold SELECT seq, ? FROM record WHERE seq = ?')
  const endHold = database.prepare('DELETE FROM hold WHERE seq = ? AND event = ?')
  const addHeads = openHeadStore(database)
  const subjects = openSubjectTable(database)

  function addBatch({ number, own, first, last, atMin, atMax, openFrom, headerSha256, root }: NewBatch): void {
    insertBatch.run(number, own, first, last, atMin, atMax, openFrom, headerSha256, root)
  }

  function addDecision({ seq, id, isPending, held, released }: NewDecision): void {
    insertDecision.run(seq, id, isPending ? 1 : 0)
    for (const each of held) insertHold.run(seq, each)
    for (const { seq: of, event } of released) endHold.run(of, event)
  }

  return ({ texts = [], records = [], batch, token, heads, decision }) => {
    for (const { id, text } of texts) insertText.run(id, text)
    for (const { seq, leaf, columns, record, content, subjects: about } of records) {
      insertRecord.run(...recordRow(seq, leaf, columns))
      insertContent.run(...contentRow(seq, record, content))
      if (about !== null) subjects.add(seq, about)
    }
    if (batch !== undefined) addBatch(batch)
    if (token !== undefined) updateToken.run(token.token, token.genTime, token.until, token.number)
    if (heads !== undefined) addHeads(heads)
    if (decision !== undefined) addDecision(decision)
  }
}

/** @throws {StoreError} what can be told from any other failure */
function telling<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const trouble = troubleOf(error)
    throw trouble === undefined ? error : new StoreError(trouble, error)
  }
}

function recordRow(seq: number, leaf: Buffer, columns: Columns): SQLInputValue[] {
  const { at, kind, side, direction, requestId, xRoadId, client, service, method, purpose } = columns
  const { code, stage, sender, ends, bodyBytes, bodyUntil, recordUntil } = columns
  const exchange = [requestId, xRoadId, client, service, method, purpose, code, stage, sender]
  return [seq, leaf, at, kind, side, direction, ...exchange, ends, bodyBytes, bodyUntil, recordUntil]
}

function contentRow(seq: number, record: Buffer, content: Content): SQLInputValue[] {
  const { basis, signature, etsiU, extension, share, bodyShare, bodyKey, head, body } = content
  return [seq, record, basis, signature, etsiU, extension, share, bodyShare, bodyKey, head, body]
}

function insertion(database: DatabaseSync, table: string, columns: string): StatementSync {
  const marks = columns.replace(/\w+/g, '?')
  return database.prepare(`INSERT INTO ${table} (${columns}) VALUES (${marks})`)
}

/** The handle is closed after any failure, so a rollback that fails as well changes nothing. */
function rollBack(database: DatabaseSync): void {
  try {
    if (database.isTransaction) database.exec('ROLLBACK')
  } catch {
    // The reopening finds out what is there.
  }
}
