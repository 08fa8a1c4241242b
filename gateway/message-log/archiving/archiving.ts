/**
 * When batches are archived: every night, one file for each day that is old enough; and how the files are doing. The work is
 * that of a thread of its own (`archive-build.ts`) and, in small steps, of the writer (`archive-emptying.ts`).
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { openArchiveFiles } from '../archive/archive-files.ts'
import type { ArchiveRow } from '../record/archive-row.ts'
import type { LogPlace } from '../record/log-place.ts'
import type { LogStore } from '../store/log-store.ts'
import { DAY_MS, untilNext } from '../time-of-day.ts'
import type { Build } from './archive-thread.ts'
import { startBuild } from './archive-thread.ts'
import type { ArchiveOutcome, ArchiveWork, MadeArchive } from './terms.ts'

export interface ArchivingOptions {
  /** Batches closed longer ago than this are archived; 30 when absent. */
  readonly archiveAfterDays?: number
  /** Time of day, UTC, `HH:MM`. Null or absent: only when told to. */
  readonly archiveAt?: string | null
}

export interface ArchivingDeps {
  readonly options: ArchivingOptions
  readonly place: LogPlace
  /** Read-only. */
  readonly store: Pick<LogStore, 'archives'>
  readonly now: () => number
  /** @throws {GatewayError} `LoggingFailed` */
  work(work: ArchiveWork): Promise<{ readonly outcome: ArchiveOutcome | null; readonly ms: number }>
  report(event: ArchivingEvent): void
}

export type ArchivingEvent =
  | { readonly event: 'archived'; readonly file: string; readonly records: number; readonly bytes: number }
  | { readonly event: 'archiving-failed'; readonly problem: string }
  | { readonly event: 'archive-missing'; readonly file: string; readonly problem: string }

export interface ArchivingHealth {
  readonly archive: {
    readonly files: number
    /** Names of files that are missing or of another size. */
    readonly missing: readonly string[]
    /** Records up to this one lie in archive files. */
    readonly archivedTo: number
    /** Why the last run did not finish. */
    readonly problem?: string
  }
}

export interface Archiving {
  health(): ArchivingHealth
  /** Archives all that is old enough, and what was begun. @returns the files made @throws what keeps it from going on */
  run(afterDays?: number): Promise<readonly ArchiveRow[]>
  close(): Promise<void>
}

/** After a start, what was begun goes on when the gateway has settled. */
const RESUME_MS = 5000
/** Looking for all files costs a call each. */
const LOOK_MS = 600_000
const STEP_RECORDS_MIN = 8
const STEP_RECORDS_MAX = 512
/** An exchange may have to wait for one step. */
const STEP_MS = 3
const PAUSE_MS = 5

export function openArchiving(deps: ArchivingDeps): Archiving {
  const { options, place, store, now, work, report } = deps
  const { archiveAfterDays: afterDays = 30, archiveAt = null } = options
  const { directory: keyStore, masterKeyFile: masterKey } = place.keys
  const readerOptions = { file: place.file, keyStore, masterKey, bodies: place.bodies, archive: place.archive }
  const archives = openArchiveFiles({ rows: store.archives, directory: place.archive, keyOf: () => undefined })
  let health: ArchivingHealth['archive'] = { files: 0, missing: [], archivedTo: 0 }
  let problem: string | undefined
  let building: Build | undefined
  let underWay: Promise<readonly ArchiveRow[]> | undefined
  let isClosed = false
  let records = STEP_RECORDS_MIN * 4
  let nightly: NodeJS.Timeout | undefined
  const looking = setInterval(look, LOOK_MS).unref()
  const resuming = setTimeout(() => void run(null).catch(() => {}), RESUME_MS).unref()
  if (archiveAt !== null) wait(archiveAt)
  look()

  function wait(time: string): void {
    nightly = setTimeout(
      () => {
        void run(afterDays).catch(() => {})
        wait(time)
      },
      untilNext(time, now()),
    ).unref()
  }

  /** One run at a time. @param days null: only what was begun */
  function run(days: number | null): Promise<readonly ArchiveRow[]> {
    underWay ??= archiveAll(days)
      .then(
        (made) => {
          problem = undefined
          return made
        },
        (error: Error) => {
          failed(error)
          throw error
        },
      )
      .finally(() => {
        underWay = undefined
        look()
      })
    return underWay
  }

  function failed(error: Error): void {
    if (isClosed) return
    problem = error.message
    report({ event: 'archiving-failed', problem })
  }

  async function archiveAll(days: number | null): Promise<readonly ArchiveRow[]> {
    const made: ArchiveRow[] = []
    await finish()
    while (!isClosed && days !== null) {
      const { outcome: planned } = await ask({ work: 'plan', closedBefore: now() - days * DAY_MS })
      if (planned.worked !== 'plan' || planned.plan === null) break
      building = startBuild(readerOptions, planned.plan)
      let archive: MadeArchive
      try {
        archive = await building.made
      } finally {
        building = undefined
      }
      await ask({ work: 'enter', made: archive })
      await finish()
      const row = archives.rows().at(-1)
      if (row === undefined || isClosed) break
      made.push(row)
      report({ event: 'archived', file: row.name, records: row.last - row.first + 1, bytes: row.bytes })
    }
    return made
  }

  /** Gives up the log's copies of what is in files, a few at a time. */
  async function finish(): Promise<void> {
    while (!isClosed) {
      const { outcome: done, ms } = await ask({ work: 'empty', records })
      if (done.worked !== 'empty' || done.isDone) return
      if (done.records > 0) records = nextCount(records, ms)
      await sleep(Math.max(PAUSE_MS, 2 * ms))
    }
  }

  async function ask(order: ArchiveWork): Promise<{ readonly outcome: ArchiveOutcome; readonly ms: number }> {
    const { outcome, ms } = await work(order)
    if (outcome === null) throw new Error('The log cannot be written')
    if (outcome.worked === 'nothing') throw new Error(outcome.problem)
    return { outcome, ms }
  }

  function look(): void {
    const rows = archives.rows()
    const missing = rows.filter((row) => row.emptiedTo >= row.first && archives.stateOf(row) !== 'ok')
    for (const { name, first, last } of missing) {
      if (health.missing.includes(name)) continue
      const problem = `records ${first} to ${last} cannot be read until it is back in ${archives.directory}`
      report({ event: 'archive-missing', file: name, problem })
    }
    health = { files: rows.length, missing: missing.map(({ name }) => name), archivedTo: rows.at(-1)?.emptiedTo ?? 0 }
  }

  return {
    health: () => ({ archive: { ...health, ...(problem !== undefined && { problem }) } }),
    async run(days = afterDays) {
      // What is under way may be for other days.
      await underWay?.catch(() => {})
      return run(days)
    },
    async close() {
      isClosed = true
      clearInterval(looking)
      clearTimeout(resuming)
      clearTimeout(nightly)
      await building?.stop()
      await underWay?.catch(() => {})
      archives.close()
    },
  }
}

function nextCount(records: number, ms: number): number {
  const next = ms > STEP_MS ? records / 2 : records * 1.25
  return Math.round(Math.min(STEP_RECORDS_MAX, Math.max(STEP_RECORDS_MIN, next)))
}
