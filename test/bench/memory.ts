/** Does a gateway's memory grow? 100,000 exchanges at 32 connections, measured every 10,000. */

import type { Side } from '../../gateway/message-log/message-log.ts'
import type { Generator } from './generator.ts'
import { rssMiBOf } from './process-table.ts'
import type { GatewayPath } from './region.ts'
import { rounded } from './results.ts'

const EXCHANGES = 100_000
const STEP = 10_000
const CONNECTIONS = 32
const STEP_MS_MAX = 120_000
/** Steps that fill caches and pools; a trend is looked for behind them. */
const STEPS_TO_SETTLE = 3
const RSS_MIB_MAX = 200

const SIDES = ['consumer', 'provider'] as const satisfies readonly Side[]

/** @param print takes each line as soon as it is known */
export async function watchMemory(
  gateway: GatewayPath,
  generator: Generator,
  print: (line: object) => void,
): Promise<void> {
  const taken: Record<Side, number[]> = { consumer: [], provider: [] }
  const { path, gateways } = gateway
  const pids = path.servingPids()
  for (let exchanges = STEP; exchanges <= EXCHANGES; exchanges += STEP) {
    const load = { port: path.port, c: CONNECTIONS, warmMs: 0, ms: STEP_MS_MAX, repliesMax: STEP, pids }
    const { perS } = await generator.measure(load)
    for (const side of SIDES) taken[side].push(rounded(rssMiBOf(gateways[side].pid), 1))
    print({
      bench: 'memory',
      exchanges,
      perS: rounded(perS, 0),
      consumerMiB: taken.consumer.at(-1),
      providerMiB: taken.provider.at(-1),
    })
  }
  const all = [...taken.consumer, ...taken.provider]
  print({
    bench: 'memory',
    exchanges: EXCHANGES,
    maxMiB: Math.max(...all),
    isUnderLimit: all.every((mib) => mib < RSS_MIB_MAX),
    trendMiBPer10000: Object.fromEntries(
      SIDES.map((side) => [side, rounded(slopeOf(taken[side].slice(STEPS_TO_SETTLE)), 2)]),
    ),
  })
}

/** Least squares over equal steps. */
export function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let above = 0
  let below = 0
  for (const [i, value] of values.entries()) {
    above += (i - middle) * (value - mean)
    below += (i - middle) ** 2
  }
  return above / below
}
