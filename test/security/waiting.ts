/** Waiting for what comes by itself, and saying how long it took. */

import { setTimeout as sleep } from 'node:timers/promises'

const STEP_MS = 50

/** @returns milliseconds until `holds` did @throws {Error} when it does not within `withinMs` */
export async function until(what: string, withinMs: number, holds: () => boolean | Promise<boolean>): Promise<number> {
  const started = performance.now()
  for (;;) {
    if (await holds()) return performance.now() - started
    if (performance.now() - started > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await sleep(STEP_MS)
  }
}
