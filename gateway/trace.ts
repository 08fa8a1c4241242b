/** Where an exchange is and how long each stage took: one per exchange, logged once at its end. */
export class Trace {
  /** Our own until a message names one. */
  requestId: string
  readonly stages: Record<string, number> = {}
  last = 'received'
  /** Of the caller's `traceparent`, so that its own tracing finds the exchange in our log. */
  traceId: string | undefined
  #since: number

  constructor(requestId: string, now: number = performance.now()) {
    this.requestId = requestId
    this.#since = now
  }

  /** Marks the end of a stage. @param stage past participle, e.g. `verified` */
  at(stage: string, now: number = performance.now()): void {
    this.stages[stage] = now - this.#since
    this.#since = now
    this.last = stage
  }
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/

/** @param traceparent W3C Trace Context §3.2 @returns its trace id, or nothing when it has none */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  const id = traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1]
  return id === '0'.repeat(32) ? undefined : id
}

/** One exchange as metrics count it and the log tells of it. */
export interface Observed {
  readonly outcome: 'reply' | 'refusal' | 'failure'
  /** Type of the fault, or `none`. */
  readonly code: string
  readonly trace: Trace
  /** For the log only. */
  readonly cause?: unknown
}
