/** `npm start` as its user meets it: one region from nothing, beside others, stopped and killed. */

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import type { Federation, FederationGateway } from '../../gateway/region/federation.ts'
import { federationFile, readFederation } from '../../gateway/region/federation.ts'

const LAUNCH = join(import.meta.dirname, '../../gateway/region/launch.ts')
const CLI = join(import.meta.dirname, '../../gateway/commands/owl.ts')
const WAIT_MS_MAX = 60_000

t.setTimeout(170_000)

interface Launched {
  readonly child: ChildProcess
  readonly output: () => string
  readonly exit: Promise<unknown[]>
}

function launch(t: Test, directory: string, ...args: string[]): Launched {
  const child = spawn(process.execPath, [LAUNCH, '--var', directory, '--ports', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  return { child, output: () => output, exit: once(child, 'exit') }
}

/** Outside the clone: the region's folder may be anywhere. */
async function freshDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'owl-region-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

async function untilReady({ child, output }: Launched, directory: string): Promise<Federation> {
  for (let waited = 0; waited < WAIT_MS_MAX; waited += 50) {
    const federation = await readFederation(federationFile(directory)).catch(() => undefined)
    if (federation?.ready && federation.pid === child.pid) return federation
    if (child.exitCode !== null) throw new Error(`the launcher ended:\n${output()}`)
    await sleep(50)
  }
  throw new Error(`not ready:\n${output()}`)
}

function pidsOf({ registry, trust, gateways, systems }: Federation): number[] {
  return [registry, trust, ...gateways, ...systems].map(({ pid }) => pid ?? -1)
}

async function untilGone(pids: readonly number[]): Promise<readonly number[]> {
  for (let waited = 0; waited < 10_000 && pids.some(isAlive); waited += 50) await sleep(50)
  return pids.filter(isAlive)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

t.test('moves a citizen, proves it and ends', { timeout: 120_000 }, async (t) => {
  const directory = await freshDirectory(t)
  const launched = launch(t, directory, '--once')

  const [code] = await launched.exit

  const output = launched.output()
  if (code !== 0) t.comment(output)
  t.equal(code, 0)
  t.same(output.match(/^.*✗.*$/gm) ?? [], [])
  t.equal(output.match(/^ {2}✓ [1-6] /gm)?.length, 6, 'six steps')
  t.equal(output.match(/^ {2}✓ (?:Stadt|Kreis|Bezirksregierung)/gm)?.length, 5, 'five logs that verify')
  t.notOk(output.includes(String.fromCharCode(27)), 'no colours where nobody sees them')
  t.notOk(existsSync(federationFile(directory)), 'nothing says that it still runs')
})

t.test(
  'a running region is described, refused twice, and gone when its launcher is killed',
  { timeout: 120_000 },
  async (t) => {
    const directory = await freshDirectory(t)
    const first = launch(t, directory, '--no-scenario')
    const federation = await untilReady(first, directory)
    const pids = pidsOf(federation)

    t.equal(new Set(pids).size, 11, 'registry, trust services, five gateways, four local systems')
    t.ok(pids.every(isAlive))
    for (const { config, clients, operator, processLog, log } of federation.gateways) {
      for (const { cert, key } of [...Object.values(clients), operator]) t.ok(existsSync(cert) && existsSync(key), cert)
      t.ok([config, processLog, log].every(existsSync), config)
    }
    t.equal(statSync(federation.trust.ca).isFile(), true)

    await restartAlone(t, federation.gateways[4], directory)

    const second = launch(t, directory, '--no-scenario')
    t.same(await second.exit, [1, null])
    t.match(second.output(), /already running/)

    first.child.kill('SIGKILL')
    t.same(await untilGone(pids), [], 'nothing outlives it')

    const third = launch(t, directory, '--no-scenario')
    const again = await untilReady(third, directory)
    t.not(again.pid, federation.pid, 'a dead region is no obstacle')

    third.child.kill('SIGTERM')
    t.same(await third.exit, [0, null])
    t.same(await untilGone(pidsOf(again)), [])
    t.notOk(existsSync(federationFile(directory)))
  },
)

/** The launcher restarts nothing; whoever starts a gateway alone is known by its new process. */
async function restartAlone(t: Test, gateway: FederationGateway | undefined, directory: string): Promise<void> {
  if (gateway === undefined) throw new TypeError('no such gateway')
  const { config, pid } = gateway
  process.kill(pid ?? -1, 'SIGKILL')
  t.same(await untilGone([pid ?? -1]), [])

  const child = spawn(process.execPath, [CLI, 'gateway', 'start', '--config', config], { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))

  const current = async (): Promise<number | null | undefined> => {
    const { gateways } = await readFederation(federationFile(directory))
    return gateways.find((each) => each.config === config)?.pid
  }
  for (let waited = 0; waited < WAIT_MS_MAX && (await current()) !== child.pid; waited += 50) await sleep(50)
  t.equal(await current(), child.pid, 'its new number is in federation.json')
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null], 'it stops in good order')
}

t.test('says how it is used', async (t) => {
  for (const [args, code, message] of [
    [['--help'], 0, /Usage: npm start/],
    [['--prots', '0'], 2, /Unknown option '--prots'/],
    [['--ports', '1'], 2, /--ports takes/],
  ] as const) {
    const { exit, output } = launch(t, t.testdir(), ...args)

    t.same(await exit, [code, null])
    t.match(output(), message)
  }
})
