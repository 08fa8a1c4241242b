/** `npm start`: the whole region on loopback, one move of residence through it, then it keeps running. */

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { federationFile } from './federation.ts'
import type { RunningRegion } from './launcher.ts'
import { startRegion } from './launcher.ts'
import { playScenario } from './scenario.ts'
import type { Screen } from './screen.ts'
import { openScreen } from './screen.ts'

const ROOT = join(import.meta.dirname, '../..')
const USAGE = `Usage: npm start -- [--once] [--var DIR] [--ports 0] [--no-scenario]

  --once          end after the scenario; exit code 1 if a step failed
  --var DIR       folder of the region (default: var)
  --ports 0       any free ports, so that regions can run side by side
  --no-scenario   start only`

interface Arguments {
  readonly directory: string
  readonly ports: 'default' | 'free'
  readonly once: boolean
  readonly scenario: boolean
}

process.exitCode = await main()

async function main(): Promise<number> {
  const given = readArguments()
  if (typeof given === 'string') {
    process.stderr.write(`${given}\n`)
    return given === USAGE ? 0 : 2
  }
  const screen = openScreen(process.stdout)
  const stopped = untilStopped(given)
  screen.title('Modellregion Ostwestfalen-Lippe startet (the development region is starting)')
  let region: RunningRegion
  try {
    region = await startRegion({
      directory: given.directory,
      ports: given.ports,
      say: (line) => screen.line(line),
      onEnded: (message) => screen.line(message),
    })
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
  stopped.arm()
  screen.line(`Bereit nach ${(region.startedInMs / 1000).toFixed(1)} s (ready)`)
  const failed = given.scenario ? await play(region, screen, stopped.signal) : 0
  if (!given.once && !stopped.signal.aborted) {
    showWhere(region, screen)
    await stopped.promise
    screen.line('Wird beendet (stopping) …')
  }
  await region.close()
  return given.once && (failed > 0 || stopped.signal.aborted) ? 1 : 0
}

function readArguments(): Arguments | string {
  const flag = { type: 'boolean', default: false } as const
  try {
    const { values } = parseArgs({
      options: {
        once: flag,
        help: { ...flag, short: 'h' },
        'no-scenario': flag,
        var: { type: 'string', default: join(ROOT, 'var') },
        ports: { type: 'string', default: 'default' },
      },
    })
    if (values.help) return USAGE
    if (values.ports !== '0' && values.ports !== 'default') return `--ports takes 0 or default\n\n${USAGE}`
    return {
      directory: values.var,
      ports: values.ports === '0' ? 'free' : 'default',
      once: values.once,
      scenario: !values['no-scenario'],
    }
  } catch (error) {
    return `${(error as Error).message}\n\n${USAGE}`
  }
}

async function play(region: RunningRegion, screen: Screen, signal: AbortSignal): Promise<number> {
  try {
    return await playScenario(region.federation, screen, signal)
  } catch (error) {
    if (signal.aborted) return 0
    screen.line(`Das Szenario brach ab (the scenario broke off): ${error instanceof Error ? error.message : error}`)
    return 1
  }
}

function showWhere({ federation, file }: RunningRegion, screen: Screen): void {
  screen.title('Die Region läuft weiter, Strg-C beendet sie (the region keeps running, Ctrl-C stops it)')
  screen.table([
    ['', 'Fachverfahren (local systems)', 'Betrieb (operators)'],
    ...federation.gateways.map(({ name, consumer, admin }) => [name, consumer, admin]),
  ])
  screen.line(`Alles Weitere (everything else): ${file}`)
}

interface Stopping {
  readonly signal: AbortSignal
  readonly promise: Promise<void>
  /** From now on a signal stops the region in good order. */
  arm(): void
}

/** Ctrl-C, SIGTERM, a closed terminal, or the end of the process that started this one. */
function untilStopped({ directory, once }: Arguments): Stopping {
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  let armed = false
  const stop = (): void => {
    if (armed) {
      controller.abort()
      resolve()
      return
    }
    // Still starting: the processes are on a leash and end with this one.
    removeOwn(federationFile(directory))
    process.exit(once ? 1 : 0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  if (process.connected) {
    process.on('disconnect', stop)
    // Listening must not keep this process alive.
    process.channel?.unref()
  }
  return {
    signal: controller.signal,
    promise,
    arm: () => {
      armed = true
    },
  }
}

function removeOwn(file: string): void {
  if (!existsSync(file)) return
  const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number }
  if (pid === process.pid) rmSync(file)
}
