/**
 * When batches are closed and time-stamped, and what follows when they are not. Source: design of the evidence, section 4;
 * security.md row 25. Batches close on schedule whether or not an authority answers; their tokens follow, oldest first.
 */

import { formatLogHead, NO_HEAD } from '../../protocol/log-head.ts'
import type { Known, NamedBatch, PendingBatch, StampedBatch, WriterState } from '../record/log-state.ts'
import type { Stamped } from './time-stamp-client.ts'

export interface StampingOptions {
  /** A batch is closed this often when there is anything new. */
  readonly stampIntervalMs: number
  /** or when it holds this many records. */
  readonly stampRecordsMax: number
  /** Without a time-stamp for this long, new requests are refused. */
  readonly stampFailureLimitMs: number
  /** After a failure; doubled with each one up to the interval. */
  readonly stampRetryMs: number
}

export interface StampingDeps extends StampingOptions {
  /** `gateway/node/epoch` */
  readonly log: string
  readonly now: () => number
  stamp(imprint: Buffer): Promise<Stamped>
  /** @throws when the log cannot be written */
  closeBatch(): Promise<{ readonly batch: NamedBatch | null }>
  /** @throws when the log cannot be written */
  storeToken(batch: StampedBatch): Promise<void>
  state(): WriterState
  /** Told of every attempt. */
  report(event: StampingEvent): void
}

export type StampingEvent =
  | { readonly event: 'stamped'; readonly batch: number; readonly stamped: Stamped }
  | { readonly event: 'stamping-failed'; readonly batch: number; readonly problem: string }

export interface StampingHealth {
  /** Records without a time-stamp, and when the oldest of them was made. */
  readonly unstamped: number
  readonly unstampedSince?: number
  /** Time in the latest token. */
  readonly stampedAt?: number
}

export interface Stamping {
  /** The latest batch as `owl-log-head` names it, or `none`. */
  head(): string
  /** No time-stamp for longer than allowed. */
  isOverdue(): boolean
  health(): StampingHealth
  /** After every commit. */
  committed(): void
  /** What the log holds, after it was reopened. */
  learn(known: Known): void
  /** @returns whether the log took it; its token follows */
  closeBatch(): Promise<boolean>
  /** Closes a batch and resolves when everything is stamped. @throws what the last attempt failed with */
  stampNow(): Promise<void>
  close(): Promise<void>
}

export function openStamping(deps: StampingDeps, known: Known): Stamping {
  const { now, stampIntervalMs, stampRecordsMax, stampFailureLimitMs, stampRetryMs } = deps
  let head = NO_HEAD
  let pending: PendingBatch[] = []
  let stampedAt: number | undefined
  let failures = 0
  let closing = 0
  let isClosed = false
  let retry: NodeJS.Timeout | undefined
  let underWay: Promise<void> | undefined
  const schedule = setInterval(() => void closeBatch(), stampIntervalMs)
  schedule.unref()
  take(known)
  // What a stop left without batch or token does not wait for the schedule, only for the rest of the gateway to start.
  retryIn(stampRetryMs, () => void closeBatch().then(stampPending))

  function take(log: Known): void {
    if (log.head !== null) name(log.headBatch, log.head)
    pending = [...log.unstamped]
    stampedAt = log.stampedAt ?? stampedAt
  }

  function name(batch: number, sha256: Uint8Array): void {
    head = formatLogHead({ log: deps.log, batch, sha256: Buffer.from(sha256).toString('base64url') })
  }

  function learn(log: Known): void {
    take(log)
    if (pending.length > 0) void stampPending()
  }

  function retryIn(ms: number, work: () => void): void {
    clearTimeout(retry)
    retry = setTimeout(work, ms)
    retry.unref()
  }

  /** @returns whether the log took it */
  async function closeBatch(): Promise<boolean> {
    if (isClosed || !deps.state().isWritable) return false
    closing += 1
    try {
      const { batch } = await deps.closeBatch()
      if (batch !== null) {
        pending.push(batch)
        name(batch.number, batch.head)
      }
    } catch {
      return false
    } finally {
      closing -= 1
    }
    if (pending.length > 0) void stampPending()
    return true
  }

  /** One run at a time. Never rejects: what went wrong is reported, and tried again. */
  function stampPending(): Promise<void> {
    clearTimeout(retry)
    underWay ??= run().finally(() => {
      underWay = undefined
    })
    return underWay
  }

  async function run(): Promise<void> {
    for (let batch = pending[0]; batch !== undefined && !isClosed; batch = pending[0]) {
      try {
        const stamped = await deps.stamp(Buffer.from(batch.root))
        const { token, genTime, until } = stamped
        await deps.storeToken({ number: batch.number, token, genTime, until })
        // The list may be another one by now: the log may have been reopened meanwhile.
        pending = pending.filter(({ number }) => number !== batch?.number)
        stampedAt = stamped.genTime
        failures = 0
        deps.report({ event: 'stamped', batch: batch.number, stamped })
      } catch (error) {
        if (isClosed) return
        failures += 1
        deps.report({ event: 'stamping-failed', batch: batch.number, problem: (error as Error).message })
        retryIn(Math.min(stampRetryMs * 2 ** (failures - 1), stampIntervalMs), () => void stampPending())
        return
      }
    }
  }

  function unstampedSince(): number | undefined {
    return pending[0]?.since ?? deps.state().unbatchedSince ?? undefined
  }

  return {
    head: () => head,
    isOverdue() {
      // An authority that has not failed has only not been asked yet: after a long night, or a start.
      if (failures === 0) return false
      const since = unstampedSince()
      return since !== undefined && now() - since > stampFailureLimitMs
    },
    health() {
      const since = unstampedSince()
      let unstamped = deps.state().unbatched
      for (const { count } of pending) unstamped += count
      return {
        unstamped,
        ...(since !== undefined && { unstampedSince: since }),
        ...(stampedAt !== undefined && { stampedAt }),
      }
    },
    committed() {
      if (closing === 0 && deps.state().unbatched >= stampRecordsMax) void closeBatch()
    },
    learn,
    closeBatch,
    async stampNow() {
      if (!(await closeBatch())) throw new Error('The message log cannot be written')
      await stampPending()
      if (pending.length > 0) throw new Error('The latest records are not time-stamped')
    },
    async close() {
      clearInterval(schedule)
      clearTimeout(retry)
      await closeBatch()
      isClosed = true
    },
  }
}
