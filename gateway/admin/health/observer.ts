/** Counts exchanges, and tells the operational log of those that were not answered as asked for. */

import type { Logger } from 'pino'
import type { Side } from '../../message-log/message-log.ts'
import type { Observed } from '../../trace.ts'
import type { Metrics } from './metrics.ts'

/** @param limitedLog for what strangers can bring about @returns for each side, what is told of each of its exchanges */
export function exchangeObserver(
  metrics: Pick<Metrics, 'observe'>,
  log: Pick<Logger, 'debug'>,
  limitedLog: Pick<Logger, 'warn'>,
): (side: Side) => (exchange: Observed) => void {
  return (side) => (exchange) => {
    metrics.observe({ side, ...exchange })
    const { outcome, code, cause, trace } = exchange
    const { requestId, traceId, last: stage, stages } = trace
    if (outcome === 'reply') log.debug({ side, requestId, traceId, stages }, 'exchange')
    else limitedLog.warn({ side, requestId, traceId, outcome, code, stage, err: cause }, 'exchange not as asked for')
  }
}
