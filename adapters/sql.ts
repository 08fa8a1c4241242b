/** A local system that is a SQLite file: opened when first needed, never created here, never waited for on the event loop. */

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { AdapterOptions, Local } from './adapter.ts'
import { AdapterError } from './adapter-error.ts'
import { numberOption, textOption } from './options.ts'
import type { Delivery, StoredReceipt } from './receipt.ts'

export interface SqlSystem extends Local {
  /**
   * Runs one transaction. A database that is locked is tried again until the option `timeoutMs`.
   *
   * @throws {AdapterError} `unavailable` (`busy`, or the error code of the database)
   */
  run<T>(work: (database: DatabaseSync) => T, signal: AbortSignal): Promise<T>
}

/** Default of the option `timeoutMs`. */
const TIMEOUT_MS = 2_000
const PAUSE_MS = 20
/** SQLITE_BUSY and SQLITE_LOCKED, primary result codes. */
const BUSY = [5, 6]

/** Options: `database` (path of the file), `timeoutMs`. @throws {TypeError} naming the wrong option */
export function openSqlSystem(options: AdapterOptions): SqlSystem {
  const file = pathToFileURL(textOption(options, 'database'))
  const timeoutMs = numberOption(options, 'timeoutMs', TIMEOUT_MS)
  // A file that is missing is a system that is down: only the local system makes it.
  file.searchParams.set('mode', 'rw')
  let database: DatabaseSync | undefined

  function attempt<T>(work: (database: DatabaseSync) => T): T | typeof busy {
    try {
      // No busy time-out: SQLite would wait on this thread, and with it the whole gateway.
      database ??= new DatabaseSync(file.href, { timeout: 0 })
      return transaction(database, work)
    } catch (error) {
      if (isBusy(error)) return busy
      throw new AdapterError('unavailable', `sqlite-${(error as { errcode?: number }).errcode ?? 'unknown'}`)
    }
  }

  return {
    async run(work, signal) {
      const until = performance.now() + timeoutMs
      for (;;) {
        const result = attempt(work)
        if (result !== busy) return result
        if (performance.now() > until || signal.aborted) throw new AdapterError('unavailable', 'busy')
        await sleep(PAUSE_MS)
      }
    },
    close() {
      database?.close()
      database = undefined
    },
  }
}

const busy = Symbol('busy')

/** Immediate, so that a lock shows before any work is done. */
export function transaction<T>(database: DatabaseSync, work: (database: DatabaseSync) => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work(database)
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/**
 * The receipt of a delivery in a table `eingang (schluessel, pruefsumme, quittung, zeitpunkt)`: that of the first time,
 * or a new one once `store` has put the message beside it, in the same transaction.
 */
export function receive(
  database: DatabaseSync,
  { key, digest }: Delivery,
  receipt: { readonly uuid: string; readonly at: number },
  store: () => void,
): StoredReceipt {
  const known = database.prepare('SELECT pruefsumme, quittung, zeitpunkt FROM eingang WHERE schluessel = ?').get(key)
  if (known !== undefined) {
    return { digest: String(known['pruefsumme']), uuid: String(known['quittung']), at: Number(known['zeitpunkt']) }
  }
  database
    .prepare('INSERT INTO eingang (schluessel, pruefsumme, quittung, zeitpunkt) VALUES (?, ?, ?, ?)')
    .run(key, digest, receipt.uuid, receipt.at)
  store()
  return { digest, ...receipt }
}

function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' && BUSY.includes(errcode & 0xff)
}
