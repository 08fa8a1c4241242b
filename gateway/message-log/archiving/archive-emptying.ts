/**
 * The writer's part of archiving: which batches are next, entering a file that was made of them, and giving up the log's own
 * copy, in small transactions.
 *
 * The order makes it safe to stop at any moment: the file is on the disk before it is entered, has its name before the
 * first content is emptied, and what is emptied is entered in the same transaction. What was begun goes on when the log is
 * opened again. The space is not given back to the file system: the next records take it, so the log stays as large as the
 * time it holds, and no commit has to keep the page map up to date that shrinking needs.
 */

import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { fileKey } from '../archive/archive-files.ts'
import type { BodyFiles } from '../files/body-files.ts'
import { syncPath } from '../files/durable-file.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { dayOf } from '../keys/key-store.ts'
import type { ArchiveRow } from '../record/archive-row.ts'
import { archiveRowOf } from '../store/sqlite/archive-rows.ts'
import { ownShare, PART } from './archive-build.ts'
import type { ArchiveOutcome, ArchivePlan, ArchiveWork, MadeArchive } from './terms.ts'

export interface ArchiveEmptyingDeps {
  readonly database: DatabaseSync
  readonly keys: KeyStore
  readonly files: BodyFiles
  readonly directory: string
  /** Requests that have no end yet. */
  readonly open: ReadonlySet<number>
  /** Texts in common are stored anew from here on. */
  readonly forgetTexts: () => void
  transact<T>(work: () => T): T
}

/** In one file at the most; a day of more has two. */
const RECORDS_MAX = 4_000_000
/** Of rows emptied before a stop, how far back a body file may have been left. */
const BODIES_BACK = 2048
const TEXTS_AT_ONCE = 64

export function openArchiveEmptying(deps: ArchiveEmptyingDeps): (work: ArchiveWork, at: number) => ArchiveOutcome {
  const { database, keys, files, directory, open, forgetTexts, transact } = deps
  const lastRow = database.prepare('SELECT * FROM archive ORDER BY id DESC LIMIT 1')
  const unfinished = database.prepare('SELECT * FROM archive WHERE seed IS NOT NULL ORDER BY id LIMIT 1')
  const batches = database.prepare(
    `SELECT number, batch.seq, first, last, token IS NOT NULL AS stamped, record.at FROM batch
     JOIN record ON record.seq = batch.seq WHERE number > ? ORDER BY number`,
  )
  const insert = database.prepare(
    `INSERT INTO archive (day, sha256, bytes, first, last, last_batch, made_at, emptied_to, texts_before, seed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const withFiles = database.prepare('SELECT seq FROM content WHERE seq BETWEEN ? AND ? AND body_key IS NOT NULL')
  // Configurations and decisions stay as they are: the writer reads them.
  const emptied = `seq BETWEEN ? AND ? AND seq IN (SELECT seq FROM record WHERE seq BETWEEN ? AND ?
    AND kind IN ('request', 'reply', 'refusal', 'failure', 'in-doubt', 'batch'))`
  const kept = database.prepare(
    `SELECT seq, kind, share, body_share, body_key FROM content JOIN record USING (seq) WHERE ${emptied}`,
  )
  const remove = database.prepare(`DELETE FROM content WHERE ${emptied}`)
  const keep = database.prepare(
    'INSERT INTO content (seq, share, body_share, body_key, archive) VALUES (?, ?, ?, ?, ?)',
  )
  const emptiedTo = database.prepare('UPDATE archive SET emptied_to = ? WHERE id = ?')
  const finish = database.prepare('UPDATE archive SET seed = NULL WHERE id = ?')
  const deleteTexts = database.prepare(
    'DELETE FROM repeated WHERE id IN (SELECT id FROM repeated WHERE id < ? ORDER BY id LIMIT ?)',
  )
  /** What was emptied before the log was opened: its body files may be left. */
  let isResumed = true

  function plan(closedBefore: number): ArchiveOutcome {
    if (unfinished.get() !== undefined) return { worked: 'plan', plan: null, isUnfinished: true }
    const row = lastRow.get()
    const before = row === undefined ? undefined : archiveRowOf(row)
    const firstOpen = Math.min(...open)
    let next: ArchivePlan | undefined
    for (const batch of batches.iterate(before?.lastBatch ?? 0)) {
      const [number, seq, last, at] = [batch['number'], batch['seq'], batch['last'], batch['at']].map(Number) as Four
      // All that is before it has its end.
      if (batch['stamped'] === 0 || at >= closedBefore || last >= firstOpen) break
      const day = dayOf(at)
      const first: number = next?.first ?? (before?.last ?? 0) + 1
      if (next !== undefined && (day !== next.day || seq - first >= RECORDS_MAX)) break
      next = {
        day,
        first,
        last: seq,
        firstBatch: next?.firstBatch ?? number,
        lastBatch: number,
        before: before?.name ?? null,
      }
    }
    // Here, since there is one writer of keys.
    if (next !== undefined) keys.obtain(fileKey(next.day))
    return { worked: 'plan', plan: next ?? null, isUnfinished: false }
  }

  function enter({ plan: made, sha256, bytes, textsBefore, seed }: MadeArchive, at: number): ArchiveOutcome {
    const { day, first, last, lastBatch } = made
    transact(() => insert.run(day, sha256, bytes, first, last, lastBatch, at, first - 1, textsBefore, seed))
    return { worked: 'enter' }
  }

  function emptySome(records: number): ArchiveOutcome {
    const columns = unfinished.get()
    if (columns === undefined) return { worked: 'empty', records: 0, isDone: true }
    const archive = archiveRowOf(columns)
    const problem = nameFile(archive)
    if (problem !== undefined) return { worked: 'nothing', problem }
    if (isResumed) for (const seq of filesIn(archive.emptiedTo - BODIES_BACK, archive.emptiedTo, archive)) unlink(seq)
    isResumed = false
    if (archive.emptiedTo >= archive.last) {
      return { worked: 'empty', records: 0, isDone: finishFile(archive, Number(columns['texts_before'])) }
    }
    const from = archive.emptiedTo + 1
    const to = Math.min(archive.emptiedTo + records, archive.last)
    const gone = filesIn(from, to, archive)
    const seed = columns['seed'] as Uint8Array
    transact(() => {
      const rows = kept.all(from, to, from, to)
      // Emptied where they stand, rows would leave their pages as empty as they are; taken out and put back they close up.
      remove.run(from, to, from, to)
      for (const row of rows) {
        const seq = Number(row['seq'])
        const share = row['kind'] === 'in-doubt' ? ownShare(seed, seq) : (row['share'] as Uint8Array | null)
        keep.run(seq, share, row['body_share'] as Uint8Array | null, row['body_key'] as Uint8Array | null, archive.id)
      }
      emptiedTo.run(to, archive.id)
    })
    for (const seq of gone) unlink(seq)
    return { worked: 'empty', records: to - archive.emptiedTo, isDone: false }
  }

  /** From here on readers look for it. @returns why it cannot be */
  function nameFile({ name, bytes }: ArchiveRow): string | undefined {
    const path = join(directory, name)
    if (existsSync(path + PART) && !existsSync(path)) {
      renameSync(path + PART, path)
      syncPath(directory)
    }
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.size === bytes) return undefined
    return `Archive file ${name} is ${found === undefined ? 'missing' : 'of another size'}: nothing more is given up for it`
  }

  function filesIn(from: number, to: number, { first }: ArchiveRow): number[] {
    return withFiles.all(Math.max(from, first), to).map(({ seq }) => Number(seq))
  }

  /** Of the copy in the log's own directory alone. */
  function unlink(seq: number): void {
    rmSync(files.pathOf(seq), { force: true })
  }

  /** @returns whether nothing is left to do for it */
  function finishFile({ id }: ArchiveRow, bound: number): boolean {
    const deleted = transact(() => {
      const { changes } = deleteTexts.run(bound, TEXTS_AT_ONCE)
      if (Number(changes) < TEXTS_AT_ONCE) finish.run(id)
      return Number(changes)
    })
    if (deleted > 0) forgetTexts()
    return deleted < TEXTS_AT_ONCE && unfinished.get() === undefined
  }

  return (work, at) => {
    switch (work.work) {
      case 'plan':
        return plan(work.closedBefore)
      case 'enter':
        return enter(work.made, at)
      case 'empty':
        return emptySome(work.records)
    }
  }
}

type Four = [number, number, number, number]
