/** How those who write one database wait for each other: the log's writer at most for a while, everybody else for ever. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoreTrouble } from '../writable-store.ts'

export interface TurnDeps {
  readonly database: DatabaseSync
  readonly signal?: AbortSignal
}

/** @param work short: nobody else can write meanwhile */
export type Turn = <T>(work: () => T) => Promise<T>

/** SQLite's primary result codes: SQLITE_BUSY, a lock that somebody else has; SQLITE_FULL, disk or quota. */
const TROUBLES: ReadonlyMap<number, StoreTrouble> = new Map([
  [5, 'busy'],
  [13, 'full'],
])
/** Between two tries. SQLite's own waiting grows to 100 ms and would miss the gaps that a busy writer leaves. */
const PAUSE_MS = 2
/** Of the writer, each as long as its connection waits: whoever has the lock and no processor must get to its end. */
const WRITER_TRIES = 10

/**
 * Transactions beside the log's writer. The turn comes when nobody has the lock, however long that takes; what waits holds
 * nothing, so the writer never waits for who waits.
 *
 * @throws whatever the work throws, after rolling it back, or the signal's reason
 */
export function openTurns({ database, signal }: TurnDeps): Turn {
  // Waiting in SQLite would block this thread, and the signal with it.
  database.exec('PRAGMA busy_timeout = 0')
  const begin = database.prepare('BEGIN IMMEDIATE')

  function isBegun(): boolean {
    try {
      begin.run()
      return true
    } catch (error) {
      if (!isBusy(error)) throw error
      return false
    }
  }

  return async (work) => {
    signal?.throwIfAborted()
    while (!isBegun()) {
      await sleep(PAUSE_MS)
      signal?.throwIfAborted()
    }
    // From here to the commit nothing is waited for.
    try {
      const done = work()
      database.exec('COMMIT')
      return done
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
}

/** The writer's own start of a transaction. @throws when the lock is not to be had in ten times the connection's patience */
export function beginWriting(begin: StatementSync): void {
  for (let tries = 1; ; tries++) {
    try {
      begin.run()
      return
    } catch (error) {
      if (!isBusy(error) || tries === WRITER_TRIES) throw error
    }
  }
}

function isBusy(error: unknown): boolean {
  return troubleOf(error) === 'busy'
}

/** What an error of SQLite's means for who wrote: by its primary result code. */
export function troubleOf(error: unknown): StoreTrouble | undefined {
  const { errcode } = error as { errcode?: number }
  if (errcode === undefined) return undefined
  return TROUBLES.get(errcode & 0xff)
}

export function isEngineError(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'ERR_SQLITE_ERROR'
}
