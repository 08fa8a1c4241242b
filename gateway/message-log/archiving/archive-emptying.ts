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
import { fileKey } from '../archive/archive-files.ts'
import type { BodyFiles } from '../files/body-files.ts'
import { syncPath } from '../files/durable-file.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { dayOf } from '../keys/key-store.ts'
import type { ArchiveRow } from '../record/archive-row.ts'
import { bufferOf } from '../record/stored-record.ts'
import type { UnfinishedArchive, WritableStore } from '../store/writable-store.ts'
import { ownShare, PART } from './archive-build.ts'
import type { ArchiveOutcome, ArchivePlan, ArchiveWork, MadeArchive } from './terms.ts'

export interface ArchiveEmptyingDeps {
  readonly store: Pick<WritableStore, 'archiving'>
  readonly keys: KeyStore
  readonly files: BodyFiles
  readonly directory: string
  /** Requests that have no end yet. */
  readonly open: ReadonlySet<number>
  /** Texts in common are stored anew from here on. */
  readonly forgetTexts: () => void
}

/** In one file at the most; a day of more has two. */
const RECORDS_MAX = 4_000_000
/** Of rows emptied before a stop, how far back a body file may have been left. */
const BODIES_BACK = 2048
const TEXTS_AT_ONCE = 64

export function openArchiveEmptying(deps: ArchiveEmptyingDeps): (work: ArchiveWork, at: number) => ArchiveOutcome {
  const { store, keys, files, directory, open, forgetTexts } = deps
  const { archiving } = store
  /** What was emptied before the log was opened: its body files may be left. */
  let isResumed = true

  function plan(closedBefore: number): ArchiveOutcome {
    if (archiving.unfinished() !== undefined) return { worked: 'plan', plan: null, isUnfinished: true }
    const before = archiving.latest()
    const firstOpen = Math.min(...open)
    let next: ArchivePlan | undefined
    for (const batch of archiving.closedAfter(before?.lastBatch ?? 0)) {
      const { number, own: seq, last, closedAt: at, isStamped } = batch
      // All that is before it has its end.
      if (!isStamped || at >= closedBefore || last >= firstOpen) break
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

  function enter({ plan: made, sha256, bytes, textsBefore, seed }: MadeArchive, madeAt: number): ArchiveOutcome {
    const { day, first, last, lastBatch } = made
    archiving.enter({ day, sha256: bufferOf(sha256), bytes, first, last, lastBatch, madeAt, textsBefore, seed })
    return { worked: 'enter' }
  }

  function emptySome(records: number): ArchiveOutcome {
    const archive = archiving.unfinished()
    if (archive === undefined) return { worked: 'empty', records: 0, isDone: true }
    const problem = nameFile(archive)
    if (problem !== undefined) return { worked: 'nothing', problem }
    if (isResumed) for (const seq of filesIn(archive.emptiedTo - BODIES_BACK, archive.emptiedTo, archive)) unlink(seq)
    isResumed = false
    if (archive.emptiedTo >= archive.last) {
      return { worked: 'empty', records: 0, isDone: finishFile(archive) }
    }
    const from = archive.emptiedTo + 1
    const to = Math.min(archive.emptiedTo + records, archive.last)
    const gone = filesIn(from, to, archive)
    archiving.empty(archive, [from, to], (seq) => ownShare(archive.seed, seq))
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
    return [...archiving.withFiles(Math.max(from, first), to)]
  }

  /** Of the copy in the log's own directory alone. */
  function unlink(seq: number): void {
    rmSync(files.pathOf(seq), { force: true })
  }

  /** @returns whether nothing is left to do for it */
  function finishFile(archive: UnfinishedArchive): boolean {
    const deleted = archiving.dropTexts(archive, TEXTS_AT_ONCE)
    if (deleted > 0) forgetTexts()
    return deleted < TEXTS_AT_ONCE && archiving.unfinished() === undefined
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
