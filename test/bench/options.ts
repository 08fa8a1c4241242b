/** What the benchmark can be asked for. */

import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { PathName } from './paths.ts'
import { PATHS } from './paths.ts'

export interface BenchOptions {
  readonly paths: ReadonlySet<PathName>
  /** Connections, ascending. */
  readonly connections: readonly number[]
  readonly secondsPerPoint: number
  readonly rounds: number
  /** Before each point. */
  readonly warmMs: number
  /** Before the first point of a path, at most. */
  readonly firstWarmMs: number
  readonly memory: boolean
  readonly profile: boolean
  /** Everything it makes: removed at the end, but for profiles. On a real disk. */
  readonly directory: string
}

export const USAGE = `npm run bench [-- OPTIONS]

  1 KiB JSON POST through consumer gateway, provider gateway and an HTTP service, on loopback, beside baselines
  measured in the same minutes: direct (the service alone), nginx (two-hop mutual TLS, where installed), bare
  (Fastify and undici, two-hop mutual TLS), floor (bare, and two ES256 signatures and verifications).

  --quick          under a minute: one round of 1.2 s a point, less warm-up
  --seconds N      a point's duration; default 5
  --rounds N       rounds, in which the paths take turns; the median counts; default 3
  --c LIST         connections, default 1,16,32
  --only LIST      of direct,nginx,bare,floor,gateway
  --cpu-prof       profiles of both gateways under load, one per side and thread, into DIR; prints the dearest
                   functions. Open the .cpuprofile files in Chrome's DevTools (Performance, Load profile), or:
                   node test/bench/profile.ts FILE
  --memory         instead: 100,000 exchanges at 32 connections, resident memory every 10,000
  --dir DIR        default var/bench; on a real disk, the message logs are in it

  One JSON line each. cpuUsPerExchange: CPU time of all serving processes, the service among them. rssMiB: the
  largest of the hops, for direct of the service. The last line compares the gateway with the baselines.
`

const ROOT = join(import.meta.dirname, '../..')

/** @throws {TypeError} with what is wrong */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      'cpu-prof': { type: 'boolean', default: false },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      c: { type: 'string', default: '1,16,32' },
      only: { type: 'string', default: PATHS.join(',') },
      dir: { type: 'string', default: join(ROOT, 'var/bench') },
    },
  })
  if (values.help) return 'help'
  const { quick } = values
  const names = values.only.split(',')
  const unknown = names.find((name) => !(PATHS as readonly string[]).includes(name))
  if (unknown !== undefined) throw new TypeError(`--only: there is no path ${unknown}`)
  return {
    paths: new Set(names as PathName[]),
    connections: values.c
      .split(',')
      .map((text) => numberIn('--c', text, 1, 256))
      .sort((a, b) => a - b),
    secondsPerPoint: numberIn('--seconds', values.seconds ?? (quick ? '1.2' : '5'), 0.1, 600),
    rounds: numberIn('--rounds', values.rounds ?? (quick ? '1' : '3'), 1, 50),
    warmMs: quick ? 300 : 1000,
    firstWarmMs: quick ? 7000 : 30_000,
    memory: values.memory,
    profile: values['cpu-prof'],
    directory: resolve(values.dir),
  }
}

function numberIn(option: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!(value >= min && value <= max)) throw new TypeError(`${option}: a number from ${min} to ${max}`)
  return value
}
