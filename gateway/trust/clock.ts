/** How far this gateway's clock is off, as time-stamp authorities and other gateways let it guess. Source: architecture, "Clock". */

import type { Clock } from './basis.ts'

export interface ClockEstimate {
  /**
   * @param theirs what the other side said the time was @param ours when that was here; milliseconds since the Unix epoch
   */
  observe(source: 'tsa' | 'peers', theirs: number, ours: number): void
  /** A time-stamp authority's word counts more than that of gateways like this one. The same object while nothing is news. */
  read(): Clock
}

/** A median over so many: one liar among many does not move it. */
export const SAMPLES_MAX = 15
export const WARN_OFFSET_MS = 2000
export const NOT_READY_OFFSET_MS = 30_000

/** @param warn called when the offset passes `WARN_OFFSET_MS`, once each time */
export function clockEstimate(warn: (clock: Clock) => void): ClockEstimate {
  const samples = { tsa: [] as number[], peers: [] as number[] }
  let clock: Clock = { source: 'none', offsetMs: 0 }
  let warned = false
  return {
    observe(source, theirs, ours) {
      const list = samples[source]
      list.push(theirs - ours)
      if (list.length > SAMPLES_MAX) list.shift()
      const best = samples.tsa.length > 0 ? 'tsa' : 'peers'
      if (source !== best) return
      const offsetMs = Math.round(median(samples[best]))
      if (clock.source !== best || clock.offsetMs !== offsetMs) clock = { source: best, offsetMs }
      const off = Math.abs(clock.offsetMs) > WARN_OFFSET_MS
      if (off && !warned) warn(clock)
      warned = off
    },
    read: () => clock,
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] as number
}
