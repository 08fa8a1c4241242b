/**
 * The log across failures of its disk. Source: security.md rows 27 and 28; architecture, "Replay and crashes".
 *
 * After any failure the handle is closed. What is on the disk is then asked of a new one, never concluded, and nothing is
 * taken until that one has written. Unless there was only no space left, it has to move everything out of the WAL before:
 * an fsync that failed once says nothing when it is called again, and what it did not write a crash may take away,
 * together with all that follows in the WAL.
 */

import { dirname } from 'node:path'
import type { FileWatch } from '../files/file-watch.ts'
import { openFileWatch } from '../files/file-watch.ts'
import type { LogPlace } from '../record/log-place.ts'
import { renewalLock } from '../record/log-place.ts'
import type { Place, Result } from '../record/log-state.ts'
import type { LogFault } from '../record/open-error.ts'
import { faultOf, LogOpenError, STAYS_CLOSED } from '../record/open-error.ts'
import { lockLog, openWritableStore } from '../store/engine.ts'
import { StoreError } from '../store/writable-store.ts'
import type { Commit, LogFile } from './log-file.ts'
import type { OpenedLog } from './opening.ts'
import { makeDirectories, openForWriting } from './opening.ts'

export interface RecoverableLog {
  /** Nothing while the log must not be written. */
  readonly opened: OpenedLog | undefined
  /** Requests whose end could not be recorded: closed in doubt with the next commit. */
  readonly lost: Set<number>
  /** Why it stays closed until somebody has seen to it. */
  readonly fault: LogFault | undefined
  /** Are its files still those that were opened? Otherwise it is closed. */
  look(): void
  /** Before what writes to the database itself and not only to its WAL. */
  checkpoints(): void
  /** Runs `work`; when it throws, the log is reopened at once if that is possible. */
  attempt<T>(at: number, work: (log: LogFile, opened: OpenedLog) => T): Attempt<T>
  /** @returns why it did not succeed */
  recover(at: number): string | undefined
  close(): void
}

export type Attempt<T> =
  | { readonly value: T }
  | {
      readonly problem: string
      /** The commit was on the disk after all. */
      readonly landed?: readonly Result[]
    }

const UNAVAILABLE = 'the log is closed after a failure'

/** @param openStore tests fail in it @throws {LogOpenError} any flaw */
export function openRecoverable(
  place: LogPlace,
  at: number,
  openStore = openWritableStore,
  standsBy = false,
): RecoverableLog {
  makeDirectories(place)
  const lock = lockLog(place.file)
  const lost = new Set<number>()
  /** Requests that still wait for their end, as far as their exchanges know. Kept while the log is closed. */
  let awaited: ReadonlySet<number> = new Set()
  let opened: OpenedLog | undefined
  /** Whether the WAL may hold what an fsync did not write. */
  let isWalDoubtful = false
  let fault: LogFault | undefined
  let watch: FileWatch | undefined

  try {
    opened = openForWriting(place, openStore)
    opened.erasing.settle(at)
    closeInDoubt(opened.log, [...opened.log.open], 'restart', at)
    watch = watchOver(place, () => opened)
  } catch (error) {
    closeQuietly()
    if (!standsBy || !isLasting(error)) {
      lock.release()
      throw error
    }
    fault = faultOf(error)
  }

  /** Once and for all: what is at the place of the log is not what was acknowledged. */
  function giveUp(error: LogOpenError): string {
    fault ??= faultOf(error)
    closeQuietly()
    return fault.message
  }

  function attempt<T>(at: number, work: (log: LogFile, opened: OpenedLog) => T): Attempt<T> {
    if (opened === undefined) return { problem: fault?.message ?? UNAVAILABLE }
    const { log } = opened
    try {
      watch?.writes(false)
      const value = work(log, opened)
      const change = watch?.glance()
      return change === undefined ? { value } : { problem: giveUp(new LogOpenError('replaced', change)) }
    } catch (error) {
      const { attempted } = log
      suspend(log, error)
      const failure = reopen(at)
      const landed = failure === undefined ? landedOf(attempted) : undefined
      if (landed !== undefined) awaited = new Set([...awaited, ...landed.filter(isPlace).map(({ seq }) => seq)])
      const trouble = failure ?? settle(at)
      const problem = [describe(error), ...(trouble === undefined ? [] : [trouble])].join('; ')
      return { problem, ...(landed !== undefined && { landed }) }
    }
  }

  function landedOf(attempted: LogFile['attempted']): readonly Result[] | undefined {
    if (attempted === undefined || opened === undefined) return undefined
    const { tip } = opened.log
    const isThere = tip.leaf !== undefined && attempted.tip.leaf?.equals(tip.leaf) === true
    return isThere ? attempted.results : undefined
  }

  function suspend(log: LogFile, error: unknown): void {
    awaited = new Set(log.open)
    isWalDoubtful ||= !isFull(error)
    closeQuietly()
  }

  /** @returns why the log stays closed */
  function reopen(at: number): string | undefined {
    if (fault !== undefined) return fault.message
    try {
      const change = watch?.glance()
      if (change !== undefined) return giveUp(new LogOpenError('replaced', change))
      opened = openForWriting(place, openStore)
      watch?.reopened()
      if (isWalDoubtful) {
        if (!opened.store.foldAll({ wait: true })) throw new Error('the WAL is still in use')
        isWalDoubtful = false
      }
      opened.store.probe(at)
      return undefined
    } catch (error) {
      isWalDoubtful ||= !isFull(error)
      closeQuietly()
      return describe(error)
    }
  }

  /** Requests that reached the disk although their exchange was told otherwise, and those that lost their end. */
  function settle(at: number): string | undefined {
    if (opened === undefined) return UNAVAILABLE
    const { log } = opened
    const doubted = [...log.open].filter((seq) => lost.has(seq) || !awaited.has(seq))
    try {
      closeInDoubt(log, doubted, 'no-end', at)
      lost.clear()
      return undefined
    } catch (error) {
      suspend(log, error)
      return describe(error)
    }
  }

  function closeQuietly(): void {
    try {
      opened?.store.close()
    } catch {
      // It is given up either way.
    }
    opened = undefined
    watch?.closed()
  }

  return {
    get opened() {
      return opened
    },
    lost,
    get fault() {
      return fault
    },
    look() {
      const change = opened === undefined ? undefined : watch?.look()
      if (change !== undefined) giveUp(new LogOpenError('replaced', change))
    },
    checkpoints: () => watch?.writes(true),
    attempt,
    recover: (at) => (opened === undefined ? (reopen(at) ?? settle(at)) : undefined),
    close() {
      closeQuietly()
      lock.release()
    },
  }
}

function watchOver(place: LogPlace, opened: () => OpenedLog | undefined): FileWatch {
  const { file, bodies, keys, highWaterFile, watched = [] } = place
  return openFileWatch({
    database: file,
    renewing: renewalLock(file),
    // Not the archive: exchanges go on without it, and archiving knows its own directory.
    directories: [dirname(file), bodies, keys.directory, dirname(highWaterFile), ...watched],
    contents: () => {
      const newest = opened()?.newestKeys()
      return [...(newest === undefined ? [] : [newest])]
    },
  })
}

function isLasting(error: unknown): error is LogOpenError {
  return error instanceof LogOpenError && STAYS_CLOSED.has(error.flaw)
}

function closeInDoubt(log: LogFile, inDoubt: readonly number[], reason: Commit['reason'], at: number): void {
  if (inDoubt.length === 0) return
  log.commit({ at, entries: [], textOf: () => '', replayedSince: at, inDoubt, reason })
}

export function isFull(error: unknown): boolean {
  return error instanceof StoreError && error.trouble === 'full'
}

function isPlace(result: Result): result is Place {
  return typeof result === 'object'
}

/** An engine's messages name no values. */
export function describe(given: unknown): string {
  const error = given instanceof StoreError ? given.cause : given
  if (!(error instanceof Error)) return 'something was thrown'
  const { errcode, code } = error as Error & { errcode?: number; code?: string }
  return [error.message, errcode ?? code].filter((part) => part !== undefined).join(', ')
}
