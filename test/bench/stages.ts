/** Stage means as the gateways' own traces have them: the difference between two scrapes of `/metrics`. */

import type { Side } from '../../gateway/message-log/message-log.ts'
import { rounded } from './results.ts'

/** Stage → what was counted since the gateway started. */
export type Stages = ReadonlyMap<string, { readonly seconds: number; readonly count: number }>

/** @param metrics of one gateway, as Prometheus gets them */
export function stagesIn(metrics: string, side: Side): Stages {
  const stages = new Map<string, { seconds: number; count: number }>()
  for (const [, figure, labels = '', value] of metrics.matchAll(FIGURE)) {
    const stage = /\bstage="([^"]+)"/.exec(labels)?.[1]
    if (stage === undefined || !labels.includes(`side="${side}"`)) continue
    const sum = stages.get(stage) ?? { seconds: 0, count: 0 }
    stages.set(stage, { ...sum, [figure === 'sum' ? 'seconds' : 'count']: Number(value) })
  }
  return stages
}

const FIGURE = /^owl_stage_seconds_(sum|count)\{([^}]*)\} (\S+)$/gm

/** @returns mean times in milliseconds between two readings, in the order of the pipeline */
export function meansMs(before: Stages, after: Stages): Record<string, number> {
  const means: Record<string, number> = {}
  for (const [stage, { seconds, count }] of after) {
    const earlier = before.get(stage) ?? { seconds: 0, count: 0 }
    if (count > earlier.count) means[stage] = rounded(((seconds - earlier.seconds) * 1000) / (count - earlier.count), 4)
  }
  return means
}

/** @returns seconds since the Unix epoch: the time in the message log's latest time-stamp */
export function stampedAt(metrics: string): number | undefined {
  const value = /^owl_tsa_last_success_timestamp_seconds (\S+)$/m.exec(metrics)?.[1]
  return value === undefined ? undefined : Number(value)
}
