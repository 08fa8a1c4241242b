/** When logs are compared: once a night, each gateway at its own minute, and soon after a start that missed it. */

export interface ReconcileSchedule {
  close(): void
}

export interface ScheduleDeps {
  /** UTC; null: never. */
  readonly hour: number | null
  readonly now: () => number
  /** From 0 to 1: spreads gateways over the hour. */
  readonly random: () => number
  /** When it was last tried with any partner; nothing when never. */
  lastAt(): number | undefined
  /** @returns whether all partners answered */
  run(): Promise<boolean>
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** A gateway that was off at night makes up for it when it has settled. */
const OVERDUE_MS = 26 * HOUR_MS
const SOON_MS = 5 * 60_000
const AGAIN_MS = 10 * 60_000
const TRIES_MAX = 3

export function openReconcileSchedule({ hour, now, random, lastAt, run }: ScheduleDeps): ReconcileSchedule {
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  function wait(ms: number, tries: number): void {
    if (isClosed) return
    timer = setTimeout(() => void work(tries), ms)
    timer.unref()
  }

  async function work(tries: number): Promise<void> {
    const isDone = await run().catch(() => false)
    if (!isDone && tries < TRIES_MAX) wait(AGAIN_MS, tries + 1)
    else wait(untilNight(hour ?? 0, now(), random()), 1)
  }

  if (hour !== null) {
    const last = lastAt()
    const isOverdue = last !== undefined && now() - last > OVERDUE_MS
    wait(isOverdue ? SOON_MS * (1 + random()) : untilNight(hour, now(), random()), 1)
  }
  return {
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}

/** Milliseconds from now to the next such hour, and a part of it. @param jitter from 0 to 1 */
export function untilNight(hour: number, now: number, jitter: number): number {
  const today = Math.floor(now / DAY_MS) * DAY_MS + hour * HOUR_MS
  const at = today + Math.floor(jitter * HOUR_MS)
  return at > now ? at - now : at + DAY_MS - now
}
