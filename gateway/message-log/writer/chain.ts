/**
 * The chain of records and its end: what one transaction adds. Source: design of the evidence, sections 3 and 4.
 *
 * Runs in the writer's thread. Nothing of the state here is ahead of the database once a call has returned or thrown.
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { groupLeafHex, sha256Hex } from '../../protocol/hash-tree.ts'
import type { BodyFiles } from '../files/body-files.ts'
import { SHARE_BYTES, seal } from '../keys/content-cipher.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { dayOf, openDayKeys } from '../keys/key-store.ts'
import type { RandomOctets } from '../keys/random-octets.ts'
import type { Content, Draft } from '../record/draft.ts'
import { ownDraft } from '../record/draft.ts'
import type { Columns, Entry } from '../record/entry.ts'
import { openArchiveHash } from '../record/kept-signature.ts'
import type { LogIdentity } from '../record/log-place.ts'
import { bodyName, formatRecordStart, HEAD_NAME, openRecordOctets, SIGNATURE_NAME } from '../record/log-record.ts'
import type { Place, Result, Tip } from '../record/log-state.ts'
import { openSubjectTable } from '../store/sqlite/subject-table.ts'
import { beginWriting } from '../store/sqlite/turns.ts'

export interface ChainDeps {
  readonly database: DatabaseSync
  readonly identity: LogIdentity
  readonly keys: KeyStore
  readonly files: BodyFiles
  readonly random: RandomOctets
}

export interface Chain {
  readonly tip: Tip
  /** Inside a transaction only, as `addEntry`. */
  add(draft: Draft): Place
  /** @returns `replayed` when the log, or this transaction, has the replay key; `unreadable` when the file is gone */
  addEntry(entry: Entry, context: EntryContext): Result
  /** Texts in common are stored anew from here on, so that those of old records can go with them. */
  forgetTexts(): void
  /** One transaction. Whatever is thrown inside, the chain ends where it ended before. */
  transact<T>(work: () => T): T
}

export interface EntryContext {
  readonly etsiU: string
  readonly basis: string
  /** Replay keys before this time are free again. */
  readonly replayedSince: number
}

const RECORD_COLUMNS =
  'seq, leaf, at, kind, side, direction, request_id, x_road_id, client, service, method, purpose, code, stage, sender, ' +
  'ends, body_bytes, body_until, record_until'
const CONTENT_COLUMNS = 'seq, record, basis, signature, etsi_u, extension, share, body_share, body_key, head, body'
/** Texts known to be stored. A text that is stored twice costs space, nothing else. */
const REPEATED_MAX = 2048

export function openChain({ database, identity, keys, files, random }: ChainDeps, start: Tip): Chain {
  const begin = database.prepare('BEGIN IMMEDIATE')
  const commit = database.prepare('COMMIT')
  const insertRecord = insertion(database, 'record', RECORD_COLUMNS)
  const insertContent = insertion(database, 'content', CONTENT_COLUMNS)
  const taken = database.prepare('SELECT 1 FROM record WHERE request_id = ? AND sender = ? AND at > ?')
  const insertRepeated = database.prepare('INSERT INTO repeated (text) VALUES (?)')
  const dayKeys = openDayKeys(keys)
  const archiveHash = openArchiveHash()
  const recordOctets = openRecordOctets()
  const subjects = openSubjectTable(database)

  let tip = start
  let isAnyAdopted = false
  /** Texts stored since the log was opened, most of them never again after some minutes. */
  const repeated = new Map<string, number>()

  function add({ columns, objects, content, request, basis }: Draft): Place {
    const seq = tip.seq + 1
    const { at, kind, side, direction, requestId, code } = columns
    const { start, sha256 } = recordOctets(
      formatRecordStart({
        log: identity.name,
        epoch: identity.epoch,
        seq,
        prev: tip.leaf?.toString('hex') ?? null,
        salt: random(32).toString('hex'),
        id: requestId,
        kind,
        direction,
        side,
        at,
        outcome: code,
        request: request?.toString('hex') ?? null,
        objects,
      }),
      basis,
    )
    const leaf = Buffer.from(groupLeafHex([...objects.map((object) => object.sha256), sha256]), 'hex')
    insertRecord.run(...recordRow(seq, leaf, columns))
    insertContent.run(...contentRow(seq, start, content))
    const place = { seq, leaf }
    tip = place
    return place
  }

  function addEntry(entry: Entry, context: EntryContext): Result {
    const { sender, requestId, filePath } = entry
    const { replayedSince } = context
    if (sender !== null && taken.get(requestId, sender, replayedSince) !== undefined) return 'replayed'
    if (entry.kind === 'configuration' || entry.kind === 'access') return add(ownDraft(entry, entry.kind))
    if (filePath !== null && !adopt(filePath)) return 'unreadable'
    const place = add(messageDraft(entry, context))
    if (entry.subjects !== null) subjects.add(place.seq, entry.subjects)
    return place
  }

  function messageDraft(entry: Entry, { etsiU, basis }: EntryContext): Draft {
    const { head, body, bodySha256, fileKey, extension, signature, at } = entry
    const purpose = entry.purpose ?? ''
    const keysOfDay = dayKeys(dayOf(at), purpose)
    const share = random(SHARE_BYTES)
    const bodyShare = body === null && fileKey === null ? null : random(SHARE_BYTES)
    const objects = [{ name: HEAD_NAME, sha256: sha256Hex(head as Buffer) }]
    if (bodySha256 !== null) objects.push({ name: bodyName(extension), sha256: bodySha256.toString('hex') })
    objects.push({ name: SIGNATURE_NAME, sha256: archiveHash(signature, etsiU) })
    return {
      columns: entry,
      objects,
      content: {
        basis: storeRepeated(basis),
        signature,
        etsiU: storeRepeated(etsiU),
        extension: bodySha256 === null ? null : extension,
        share,
        bodyShare,
        bodyKey: fileKey === null ? null : seal('file', keysOfDay.body, bodyShare as Buffer, fileKey),
        head: seal('head', keysOfDay.record, share, head as Buffer),
        body: body === null ? null : seal('body', keysOfDay.body, bodyShare as Buffer, body),
      },
      request: entry.requestLeaf,
      basis,
    }
  }

  function adopt(path: string): boolean {
    const seq = tip.seq + 1
    try {
      files.adopt(path, seq)
    } catch {
      // This message has no body to keep; the others of the transaction have nothing to do with it.
      return false
    }
    isAnyAdopted = true
    return true
  }

  function storeRepeated(text: string): number {
    const known = repeated.get(text)
    if (known !== undefined) return known
    if (repeated.size >= REPEATED_MAX) repeated.clear()
    const id = Number(insertRepeated.run(text).lastInsertRowid)
    repeated.set(text, id)
    return id
  }

  function transact<T>(work: () => T): T {
    const before = tip
    isAnyAdopted = false
    beginWriting(begin)
    try {
      const result = work()
      if (isAnyAdopted) files.sync()
      commit.run()
      return result
    } catch (error) {
      tip = before
      // A number given to a text in this transaction is gone with it.
      repeated.clear()
      rollBack(database)
      throw error
    }
  }

  return {
    get tip() {
      return tip
    },
    add,
    addEntry,
    forgetTexts: () => repeated.clear(),
    transact,
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
