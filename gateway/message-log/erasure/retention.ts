/**
 * When the log erases: on schedule what is due, at once what somebody decided. The work is the writer's, in steps of a few
 * milliseconds; between two of them exchanges have the writer to themselves.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { untilNext } from '../time-of-day.ts'
import type { DueTime } from './due-time.ts'
import type { Decided, Request, RetentionRules, Step } from './terms.ts'

export interface RetentionOptions {
  /** Time of day, UTC, `HH:MM`; also once after the start. Null: only when told to. */
  readonly eraseAt: string | null
  readonly eraseStartMs: number
  /** Purpose → the rule its dates follow. */
  readonly rules: () => RetentionRules
}

export interface RetentionDeps extends RetentionOptions {
  readonly now: () => number
  /** @throws {GatewayError} `LoggingFailed` */
  decide(request: Request): Promise<{ readonly decided: Decided | null }>
  /** By which time dates have passed. */
  dueTime(): Promise<DueTime>
  /** One step. @throws {GatewayError} `LoggingFailed` */
  erase(rules: RetentionRules | null, dueAt: number): Promise<{ readonly step: Step | null }>
  /** Closes the batch that is growing. */
  closeBatch(): Promise<boolean>
  report(event: RetentionEvent): void
}

export interface Erased {
  readonly bodies: number
  readonly records: number
  /** Day keys destroyed. */
  readonly keys: number
  /** Why something may be left that is due by the machine's clock. */
  readonly problem?: string
}

export type RetentionEvent =
  | ({ readonly event: 'erased' } & Erased)
  | { readonly event: 'erasing-failed'; readonly problem: string }

export interface RetentionSchedule {
  /** Puts it on record and carries it out. @throws {GatewayError} `LoggingFailed` */
  decide(request: Request): Promise<Decided>
  /** Everything that is due now. @throws {GatewayError} `LoggingFailed` */
  eraseDue(): Promise<Erased>
  close(): Promise<void>
}

/** Between two steps. */
const PAUSE_MS = 4

export function openRetention(deps: RetentionDeps): RetentionSchedule {
  const { eraseAt, eraseStartMs, rules, now, report } = deps
  let isClosed = false
  let underWay: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  if (eraseAt !== null) wait(eraseStartMs)

  function wait(ms: number): void {
    timer = setTimeout(() => {
      wait(untilNext(eraseAt as string, now()))
      eraseDue().catch((error: Error) => report({ event: 'erasing-failed', problem: error.message }))
    }, ms)
    timer.unref()
  }

  /** One at a time, each to its end. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = underWay.then(work)
    underWay = mine.catch(() => {})
    return mine
  }

  async function run(due: RetentionRules | null): Promise<Erased> {
    const { at: dueAt, problem } = due === null ? { at: now() } : await deps.dueTime()
    if (problem !== undefined) report({ event: 'erasing-failed', problem })
    let [bodies, records, keys] = [0, 0, 0]
    while (!isClosed) {
      const { step } = await deps.erase(due, dueAt)
      if (step === null) break
      bodies += step.bodies
      records += step.records
      keys += step.keys
      if (step.problem !== undefined) report({ event: 'erasing-failed', problem: step.problem })
      if (!step.more) break
      await sleep(PAUSE_MS)
    }
    if (bodies + records + keys > 0) report({ event: 'erased', bodies, records, keys })
    return { bodies, records, keys, ...(problem !== undefined && { problem }) }
  }

  async function decide(request: Request): Promise<Decided> {
    const { decided } = await deps.decide(request)
    if (decided === null) throw new TypeError('The writer decided nothing')
    return decided
  }

  function eraseDue(): Promise<Erased> {
    return inTurn(() => run(rules()))
  }

  return {
    decide: (request) =>
      inTurn(async () => {
        let decided = await decide(request)
        if ('refused' in decided && decided.refused === 'unbatched' && (await deps.closeBatch())) {
          decided = await decide(request)
        }
        if (!('refused' in decided) && request.event === 'erasure') await run(null)
        return decided
      }),
    eraseDue,
    async close() {
      isClosed = true
      clearTimeout(timer)
      await underWay
    },
  }
}
