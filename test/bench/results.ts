/** The benchmark's lines, and what the last one says of the gateway beside its baselines. */

import type { PathName } from './paths.ts'

/** One round of one point. */
export interface Sample {
  readonly perS: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuUsPerExchange: number
  readonly rssMiB: number
}

export interface Line extends Sample {
  readonly bench: 'exchange'
  readonly path: PathName
  readonly c: number
}

export function lineOf(path: PathName, c: number, samples: readonly Sample[]): Line {
  const medianOf = (member: keyof Sample): number => median(samples.map((sample) => sample[member]))
  return {
    bench: 'exchange',
    path,
    c,
    perS: rounded(medianOf('perS'), 0),
    p50Ms: rounded(medianOf('p50Ms'), 3),
    p99Ms: rounded(medianOf('p99Ms'), 3),
    cpuUsPerExchange: rounded(medianOf('cpuUsPerExchange'), 1),
    rssMiB: rounded(Math.max(...samples.map(({ rssMiB }) => rssMiB)), 1),
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [low = Number.NaN, high = low] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return (low + high) / 2
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

/** The budget above the floor's p50 at one connection: four commits, and this for every check and all of the log. */
const COMMITS_ALLOWED = 4
const CHECKS_MS_ALLOWED = 0.8

/** What the gateway is beside the baselines, of the throughput at the most connections and the latency at the fewest. */
export function comparison(lines: readonly Line[], commitP50Ms: number): Record<string, number | boolean> {
  const most = Math.max(...lines.map(({ c }) => c))
  const at = (path: PathName, c: number): Line | undefined => lines.find((line) => line.path === path && line.c === c)
  const ratios = (['floor', 'bare', 'nginx'] as const).flatMap((path) => {
    const [own, other] = [at('gateway', most), at(path, most)]
    if (own === undefined || other === undefined) return []
    return [[`ratioTo${path[0]?.toUpperCase()}${path.slice(1)}`, rounded(own.perS / other.perS, 3)]]
  })
  const [own, floor] = [at('gateway', 1), at('floor', 1)]
  const latency =
    own === undefined || floor === undefined
      ? {}
      : {
          p50OverFloorMs: rounded(own.p50Ms - floor.p50Ms, 3),
          withinBudget: own.p50Ms < floor.p50Ms + COMMITS_ALLOWED * commitP50Ms + CHECKS_MS_ALLOWED,
        }
  return { ...Object.fromEntries(ratios), ...latency, commitP50Ms: rounded(commitP50Ms, 3) }
}
