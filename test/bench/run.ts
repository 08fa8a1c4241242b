/** `npm run bench`: the gateway beside what it could cost at least, measured in turns on one machine; one JSON line each. */

import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { commitTimesMs, isRealDisk } from './commit.ts'
import type { Generator } from './generator.ts'
import { startGenerator } from './generator.ts'
import { watchMemory } from './memory.ts'
import type { BenchOptions } from './options.ts'
import { readOptions, USAGE } from './options.ts'
import type { Path } from './paths.ts'
import { startBaselines } from './paths.ts'
import { rssMiBOf } from './process-table.ts'
import { ranking, readProfile } from './profile.ts'
import type { GatewayPath } from './region.ts'
import { startGatewayPath } from './region.ts'
import type { Line, Sample } from './results.ts'
import { comparison, lineOf, median, rounded } from './results.ts'
import type { Stages } from './stages.ts'
import { meansMs, stagesIn, stampedAt } from './stages.ts'

/** What V8 takes until it has compiled the gateway's hot path as it will stay. */
const FIRST_WARM_REPLIES = 40_000
const REPLIES_MAX = 5_000_000
const PROFILED_FUNCTIONS = 20
const PROCESSORS_ELSEWHERE_MAX = 0.15
/** Batches close every 10 s. */
const STAMP_AGE_S_MAX = 60
const SIDES = ['consumer', 'provider'] as const

const say = (text: string): boolean => process.stderr.write(`${text}\n`)
const print = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`)

/** How to stop what was started; the last started stops first. */
const started: (() => Promise<void>)[] = []
let stopping: Promise<void> | undefined

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect']) {
  process.on(signal, () => {
    stopAll().finally(() => process.exit(130))
  })
}
const options = readArguments()
try {
  await bench(options)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
await stopAll()
// The channel to the process that started this one would keep it alive.
process.exit()

function readArguments(): BenchOptions {
  try {
    const read = readOptions(process.argv.slice(2))
    if (read !== 'help') return read
    process.stdout.write(USAGE)
    process.exit(0)
  } catch (error) {
    say(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

async function bench(options: BenchOptions): Promise<void> {
  const { directory, paths: wanted } = options
  await mkdir(directory, { recursive: true })
  if (!(await isRealDisk(directory))) throw new Error(`${directory} is in memory: choose a folder on a disk with --dir`)
  await sweep(directory)
  const home = await mkdtemp(join(directory, `run-${process.pid}-`))
  started.push(() => rm(home, { recursive: true, force: true }))
  const baselines = await startBaselines(home, options.memory ? new Set() : wanted)
  started.push(baselines.stop)
  const generator = await startGenerator()
  started.push(generator.stop)
  const gateway =
    wanted.has('gateway') || options.memory
      ? await startGatewayPath({
          directory: home,
          service: baselines.service,
          profiles: options.profile ? directory : undefined,
        })
      : undefined
  if (gateway !== undefined) started.push(gateway.stop)

  if (options.memory && gateway !== undefined) return watchMemory(gateway, generator, print)
  const paths = [...baselines.paths, ...(gateway === undefined ? [] : [gateway.path])]
  await exchanges({ options, paths, gateway, generator, home })
}

/** What runs left behind that were killed. */
async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = Number(/^run-(\d+)-/.exec(name)?.[1])
    if (pid > 0 && !isAlive(pid)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

interface Site {
  readonly options: BenchOptions
  readonly paths: readonly Path[]
  readonly gateway: GatewayPath | undefined
  readonly generator: Generator
  /** On the disk of the message logs. */
  readonly home: string
}

async function exchanges(site: Site): Promise<void> {
  const { options, paths, gateway, generator, home } = site
  const { connections, rounds } = options
  const most = connections.at(-1) as number
  say(`warming ${paths.map(({ name }) => name).join(', ')}`)
  for (const path of paths) {
    const load = { c: most, warmMs: 0, ms: options.firstWarmMs, repliesMax: FIRST_WARM_REPLIES }
    await point(path, generator, load)
  }

  const lines: Line[] = []
  const commitsMs: number[] = []
  for (const c of connections) {
    const samples = new Map<Path, Sample[]>(paths.map((path) => [path, []]))
    const before = await stagesOf(gateway)
    for (let round = 1; round <= rounds; round++) {
      say(`c=${c}, round ${round} of ${rounds}`)
      commitsMs.push(...(await commitTimesMs(home)))
      for (const path of paths) {
        const { warmMs, secondsPerPoint } = options
        samples.get(path)?.push(await point(path, generator, { c, warmMs, ms: secondsPerPoint * 1000 }))
      }
    }
    for (const [path, taken] of samples) lines.push(lineOf(path.name, c, taken))
    for (const line of lines.filter((line) => line.c === c)) print(line)
    const after = await stagesOf(gateway)
    for (const side of SIDES) {
      if (gateway !== undefined) print({ bench: 'stages', side, c, meanMs: meansMs(before[side], after[side]) })
    }
  }
  if (gateway !== undefined) {
    await checkStamping(gateway)
    if (options.profile) await profile(site, gateway, most)
  }
  const last = lines.findLast(({ path }) => path === 'gateway')
  if (last !== undefined) print({ ...last, ...comparison(lines, median(commitsMs)) })
}

async function stagesOf(gateway: GatewayPath | undefined): Promise<Record<(typeof SIDES)[number], Stages>> {
  if (gateway === undefined) return { consumer: new Map(), provider: new Map() }
  const [consumer, provider] = await Promise.all(SIDES.map((side) => gateway.metrics(side)))
  return { consumer: stagesIn(consumer as string, 'consumer'), provider: stagesIn(provider as string, 'provider') }
}

/** What was measured counts only with time-stamping on. @throws {Error} when a log has no recent time-stamp */
async function checkStamping(gateway: GatewayPath): Promise<void> {
  for (const side of SIDES) {
    const ageS = Date.now() / 1000 - (stampedAt(await gateway.metrics(side)) ?? 0)
    if (ageS > STAMP_AGE_S_MAX) throw new Error(`the log of the ${side}'s gateway has no time-stamp of the last minute`)
  }
}

/** Apart from what was measured: sampling costs. */
async function profile({ options, generator }: Site, gateway: GatewayPath, c: number): Promise<void> {
  say(`profiling both gateways, c=${c}`)
  let replies = 0
  const files = await gateway.profile(async () => {
    const load = { port: gateway.path.port, c, warmMs: 0, ms: options.secondsPerPoint * 1000 }
    ;({ replies } = await generator.measure({ ...load, repliesMax: REPLIES_MAX, pids: [] }))
  })
  for (const file of files) {
    const { busyUs, charged } = readProfile(file)
    const usPerExchange = Object.fromEntries(ranking(charged, replies, PROFILED_FUNCTIONS))
    print({ bench: 'profile', file, busyUs: rounded(busyUs / replies, 1), usPerExchange })
  }
}

async function point(
  path: Path,
  generator: Generator,
  load: { readonly c: number; readonly warmMs: number; readonly ms: number; readonly repliesMax?: number },
): Promise<Sample> {
  const pids = path.servingPids()
  const measured = await generator
    .measure({ port: path.port, pids, repliesMax: REPLIES_MAX, ...load })
    .catch((error: Error) => {
      throw new Error(`${path.name}, c=${load.c}: ${error.message}`)
    })
  const { processorsElsewhere } = measured
  if (processorsElsewhere > PROCESSORS_ELSEWHERE_MAX)
    say(`${path.name}, c=${load.c}: others kept ${processorsElsewhere.toFixed(2)} processors busy, the figures suffer`)
  return { ...measured, rssMiB: Math.max(...path.hopPids().map(rssMiBOf)) }
}

function stopAll(): Promise<void> {
  stopping ??= (async () => {
    for (const stop of started.reverse()) await stop().catch((error: Error) => say(error.message))
  })()
  return stopping
}
