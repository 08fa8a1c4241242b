/**
 * Whether an answer is really coming. undici's limit begins anew with every octet, so one now and then would hold the
 * connection, and the exchange that waits for it, for ever. `pace.ts` is the same for requests.
 */

export interface AnswerPaceLimits {
  /** Slowest rate, averaged. Every octet buys time, a second per this many. */
  readonly bytesPerSecondMin: number
  /** Between two octets: what an answer has to begin with, and the most that octets can have bought. */
  readonly progressTimeoutMs: number
}

export class AnswerPace {
  readonly #limits: AnswerPaceLimits
  #creditMs: number
  #at: number

  constructor(limits: AnswerPaceLimits, now: number = performance.now()) {
    this.#limits = limits
    this.#creditMs = limits.progressTimeoutMs
    this.#at = now
  }

  /** @param wasPaused by us, since the last octets @throws {Error} when they come too slowly */
  came(octets: number, wasPaused = false, now: number = performance.now()): void {
    const { bytesPerSecondMin, progressTimeoutMs } = this.#limits
    const elapsedMs = wasPaused ? 0 : now - this.#at
    this.#at = now
    this.#creditMs = Math.min(this.#creditMs - elapsedMs + (octets * 1000) / bytesPerSecondMin, progressTimeoutMs)
    if (this.#creditMs < 0) throw new Error('The answer comes too slowly')
  }
}
