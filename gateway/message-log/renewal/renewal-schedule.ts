/**
 * When evidence has to be renewed, who is told in time, and that it happens. RFC 4998 §5.1: before a certificate ends that a
 * time-stamp rests on, or the algorithm of its tree.
 */

import type { DigestName } from '../../protocol/signed-data.ts'
import { DAY_MS } from '../time-of-day.ts'
import type { RenewalEnds, RenewalWish } from './renewal-plan.ts'
import type { RenewalProgress, Renewed } from './renewing.ts'

export interface RenewalScheduleOptions {
  /** Evidence is renewed this many days before what it rests on ends; null: only by command. */
  readonly renewDaysBefore: number | null
  /** When algorithms end: milliseconds since the Unix epoch. What is absent lasts. */
  readonly digestEnds: Readonly<Partial<Record<DigestName, number>>>
}

export interface RenewalScheduleDeps extends RenewalScheduleOptions {
  readonly now: () => number
  /** What the log's evidence rests on. */
  readonly ends: () => RenewalEnds
  /** When the certificates of the registered authorities end: milliseconds since the Unix epoch. */
  readonly authorityEnds: () => readonly number[]
  renew(
    wanted: RenewalWish,
    report: (progress: RenewalProgress) => void,
    signal: AbortSignal,
  ): Promise<readonly Renewed[]>
  report(event: RenewalEvent): void
  readonly checkIntervalMs?: number
  readonly firstCheckMs?: number
}

export type RenewalReason = 'certificate' | 'algorithm'

export type RenewalEvent =
  | { readonly event: 'renewal-ahead'; readonly reason: RenewalReason; readonly endsAt: string; readonly days: number }
  | { readonly event: 'renewed'; readonly renewed: readonly Omit<Renewed, 'damaged'>[]; readonly damaged: number }
  | { readonly event: 'renewal-failed'; readonly problem: string }

/** Times are milliseconds since the Unix epoch. */
export interface RenewalHealth {
  /** When the first of what evidence rests on ends. */
  readonly certificateEndsAt?: number
  readonly algorithmEndsAt?: number
  /** Set while a renewal is under way. */
  readonly progress?: RenewalProgress
  /** Why the last one stopped. */
  readonly problem?: string
}

export interface RenewalSchedule {
  health(): RenewalHealth
  close(): Promise<void>
}

/** Days before the end at which operators are told. */
export const ANNOUNCED_DAYS = [180, 60, 14] as const
const STRONGER: DigestName = 'sha512'
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

export function openRenewalSchedule(deps: RenewalScheduleDeps): RenewalSchedule {
  const { now, ends, authorityEnds, renew, report, renewDaysBefore, digestEnds } = deps
  const { checkIntervalMs = 6 * HOUR_MS, firstCheckMs = MINUTE_MS } = deps
  const stopping = new AbortController()
  /** The fewest days announced so far, by reason. */
  const announced = new Map<RenewalReason, number>()
  let health: RenewalHealth = {}
  let underWay: Promise<void> | undefined
  const first = setTimeout(check, firstCheckMs)
  const every = setInterval(check, checkIntervalMs)
  first.unref()
  every.unref()
  // Known from the start on; what can be done about it waits for the rest of the gateway.
  measure()

  function check(): void {
    underWay ??= look()
      .catch((error: Error) => fail(error))
      .finally(() => {
        underWay = undefined
      })
  }

  async function look(): Promise<void> {
    const found = measure()
    announce('certificate', found.tokensUntil)
    announce('algorithm', health.algorithmEndsAt)
    if (renewDaysBefore === null) return
    const horizon = now() + renewDaysBefore * DAY_MS
    const isDue = (at: number | undefined): boolean => at !== undefined && at < horizon
    if (isDue(health.algorithmEndsAt)) await carryOut({ hash: STRONGER })
    if (isDue(measure().tokensUntil)) {
      // A token by a certificate that ends as soon would help nobody.
      if (authorityEnds().some((at) => at >= horizon)) await carryOut({ endingBefore: horizon })
      else throw new Error('No registered time-stamp authority has a certificate that lasts longer')
    } else if (found.isUnfinished && measure().isUnfinished) await carryOut({ endingBefore: 0 })
    const { problem: _, ...rest } = health
    health = rest
  }

  function measure(): RenewalEnds {
    const found = ends()
    const algorithms = [...found.digests].map((digest) => digestEnds[digest]).filter((at) => at !== undefined)
    const { problem } = health
    health = {
      ...(found.tokensUntil !== undefined && { certificateEndsAt: found.tokensUntil }),
      ...(algorithms.length > 0 && { algorithmEndsAt: Math.min(...algorithms) }),
      ...(problem !== undefined && { problem }),
    }
    return found
  }

  /** Once at each of the days, and once after a start. */
  function announce(reason: RenewalReason, endsAt: number | undefined): void {
    const days = endsAt === undefined ? Number.POSITIVE_INFINITY : Math.floor((endsAt - now()) / DAY_MS)
    const reached = ANNOUNCED_DAYS.findLast((limit) => days <= limit)
    if (endsAt === undefined || reached === undefined) announced.delete(reason)
    else if (reached < (announced.get(reason) ?? Number.POSITIVE_INFINITY)) {
      announced.set(reason, reached)
      report({ event: 'renewal-ahead', reason, endsAt: new Date(endsAt).toISOString(), days })
    }
  }

  async function carryOut(wanted: RenewalWish): Promise<void> {
    const follow = (progress: RenewalProgress): void => {
      health = { ...health, progress }
    }
    const renewed = await renew(wanted, follow, stopping.signal)
    const damaged = renewed.reduce((sum, each) => sum + each.damaged.length, 0)
    const told = renewed.map(({ damaged: _, ...rest }) => rest)
    if (renewed.length > 0) report({ event: 'renewed', renewed: told, damaged })
    measure()
  }

  function fail(error: Error): void {
    if (stopping.signal.aborted) return
    const { progress: _, ...rest } = health
    health = { ...rest, problem: error.message }
    report({ event: 'renewal-failed', problem: error.message })
  }

  return {
    health: () => health,
    async close() {
      clearTimeout(first)
      clearInterval(every)
      stopping.abort()
      await underWay
    },
  }
}
