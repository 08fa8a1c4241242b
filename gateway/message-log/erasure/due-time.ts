/**
 * By which time dates have passed: the machine's, and never far ahead of what a time-stamp authority has confirmed, since
 * what a wrong clock erases is gone.
 */

import { randomBytes } from 'node:crypto'

export interface DueTimeDeps {
  readonly now: () => number
  /** How far ahead of the latest token the clock is believed. */
  readonly clockLeadMaxMs: number
  /** Time in the latest token; nothing before the first. */
  readonly stampedAt: () => number | undefined
  /** @throws when no authority answers, or its time is another than the machine's */
  readonly stamp: (imprint: Buffer) => Promise<{ readonly genTime: number }>
}

export interface DueTime {
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  /** The clock is ahead. */
  readonly problem?: string
}

export const CLOCK_LEAD_MAX_MS = 48 * 3_600_000
const IMPRINT_BYTES = 32
const HOUR_MS = 3_600_000

/** A log that has no token yet has nothing but the clock. */
export async function dueTime({ now, clockLeadMaxMs, stampedAt, stamp }: DueTimeDeps): Promise<DueTime> {
  const latest = stampedAt()
  if (latest === undefined || now() - latest <= clockLeadMaxMs) return { at: now() }
  // A log that nobody writes has no new tokens: this one confirms the time and is for nothing else.
  const asked = await stamp(randomBytes(IMPRINT_BYTES)).catch(() => undefined)
  const confirmed = Math.max(latest, asked?.genTime ?? latest)
  const at = now()
  const lead = at - confirmed
  if (lead <= clockLeadMaxMs) return { at }
  const hours = Math.floor(lead / HOUR_MS)
  return {
    at: confirmed + clockLeadMaxMs,
    problem: `the clock is ${hours} hours ahead of the latest time-stamp: what is due since is kept until one confirms it`,
  }
}
