/** Where an exchange is and how long each stage took: one per exchange, logged once at its end. */
export class Trace {
  readonly requestId: string
  readonly stages: Record<string, number> = {}
  last = 'received'
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
