/** `npm test`: type check, lint, every test; the last line is `N passed, N failed`. `--long` runs the long tests instead. */

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { glob, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { failuresOf, totalsOf } from './tap-output.ts'

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly timedOut: boolean
}

interface PackageJson {
  readonly scripts: { readonly lint: string }
}

interface Counts {
  passed: number
  failed: number
}

const ROOT = join(import.meta.dirname, '..')
const BIN = join(ROOT, 'node_modules/.bin')
const JOBS = 2
const FILE_MS_MAX = 180_000
const LONG_FILE_MS_MAX = 45 * 60_000
/** A test that hangs is named by tap before its file is killed by this runner. */
const TAP_GRACE_MS = 10_000
/** How much of a crashed file's output is shown. */
const TAIL_LINES = 40

/** What starts regions and kills processes, longest first. */
const LONG_FIRST = [
  ...['test/gateway/message-log/renewal/', 'test/e2e/', 'test/failure/', 'test/security/'],
  ...['test/gateway/admin/', 'test/gateway/commands/', 'test/gateway/message-log/'],
]

/** Judges that are not ours. `.ci/run` installs them where it may. */
const TOOLS = ['openssl', 'unzip', 'python3']

const args = process.argv.slice(2)
const long = args.includes('--long')
const wanted = args.filter((arg) => !arg.startsWith('--'))
const counts: Counts = { passed: 0, failed: 0 }

const files = await testFiles(long ? 'test/**/*.long.ts' : 'test/**/*.test.ts')
sayWhatIsMissing()
// Asked for some files, a developer wants their answer, not the whole tree's.
const isWhole = !long && wanted.length === 0
await Promise.all([isWhole ? check() : undefined, runAll(files)])
if (files.length === 0) {
  console.log(`not ok: no test file ${wanted.length === 0 ? 'was found' : `has ${wanted.join(' or ')} in its path`}`)
  counts.failed += 1
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1

async function testFiles(pattern: string): Promise<string[]> {
  const found = await Array.fromAsync(glob(pattern, { cwd: ROOT }))
  return found
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort((a, b) => placeOf(a) - placeOf(b) || a.localeCompare(b))
}

/** Before dozens of failures say it each in their own way. */
function sayWhatIsMissing(): void {
  const places = (process.env.PATH ?? '').split(delimiter)
  const missing = TOOLS.filter((tool) => !places.some((place) => existsSync(join(place, tool))))
  if (missing.length > 0) console.log(`${missing.join(', ')} not found: tests that have evidence judged by them fail`)
}

/** Long files go first, so that the last minute is not one file on one core. */
function placeOf(file: string): number {
  const place = LONG_FIRST.findIndex((part) => file.startsWith(part))
  return place === -1 ? LONG_FIRST.length : place
}

/** Type errors and lint findings count as failed assertions. */
async function check(): Promise<void> {
  // What is linted stands in one place: code, not prose, whose tables would become unreadable.
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as PackageJson
  const linted = scripts.lint.split(' ').slice(2)
  const [types, lint] = await Promise.all([
    run(join(BIN, 'tsc'), ['--noEmit', '--pretty', 'false'], FILE_MS_MAX),
    run(join(BIN, 'biome'), ['check', '--colors=off', '--max-diagnostics=100', ...linted], FILE_MS_MAX),
  ])
  report('type check', types, types.output.match(/error TS\d+/g)?.length ?? 0)
  report('lint', lint, Number(/Found (\d+) error/.exec(lint.output)?.[1] ?? 0))
}

function report(name: string, { code, output }: Ended, findings: number): void {
  if (code === 0) {
    console.log(`ok ${name}`)
    return
  }
  counts.failed += Math.max(findings, 1)
  console.log(`${output.trimEnd()}\nnot ok ${name}`)
}

async function runAll(queue: readonly string[]): Promise<void> {
  const rest = [...queue]
  const worker = async (): Promise<void> => {
    for (let file = rest.shift(); file !== undefined; file = rest.shift()) await runFile(file)
  }
  await Promise.all(Array.from({ length: long ? 1 : JOBS }, worker))
}

async function runFile(file: string): Promise<void> {
  const started = performance.now()
  const ended = await run(process.execPath, [file], long ? LONG_FILE_MS_MAX : FILE_MS_MAX)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const totals = totalsOf(ended.output)
  const failures = failuresOf(ended.output)
  let { failed } = totals
  if (long) for (const line of ended.output.match(/^ *# .*seed.*$/gim) ?? []) console.log(`${file} ${line.trim()}`)
  for (const { path, detail } of failures) console.log(`\n✗ ${file} › ${path.join(' › ')}\n${detail}`)
  if (failed === 0 && (ended.code !== 0 || ended.timedOut || totals.passed === 0)) {
    // A crash, a hang or a file without an assertion: nothing in its output says "not ok", and it is not.
    failed = 1
    const why = ended.timedOut ? 'took too long' : totals.passed === 0 ? 'has no passed assertion' : 'ended badly'
    console.log(`\n✗ ${file} ${why} (exit code ${ended.code})\n${tail(ended.output)}`)
  }
  counts.passed += totals.passed
  counts.failed += failed
  const skipped = totals.skipped === 0 ? '' : `, ${totals.skipped} skipped`
  console.log(
    `${failed === 0 ? 'ok' : 'not ok'} ${file} (${totals.passed} passed, ${failed} failed${skipped}, ${seconds} s)`,
  )
}

function tail(output: string): string {
  return output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
}

function run(command: string, args: readonly string[], timeoutMs: number): Promise<Ended> {
  return new Promise((resolve) => {
    // Its own group: what a test left behind goes with it when the time is up.
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NO_COLOR: '1',
        FORCE_COLOR: '0',
        TAP_TIMEOUT: String((timeoutMs - TAP_GRACE_MS) / 1000),
        PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}`,
      },
      detached: true,
    })
    let output = ''
    let timedOut = false
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // The group is gone already.
      }
    }
    const timer = setTimeout(() => {
      timedOut = true
      kill()
    }, timeoutMs)
    process.once('exit', kill)
    // Processes a test leaves behind would hold its output open, and ports.
    child.on('exit', kill)
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
    child.on('error', (error) => (output += `${error.message}\n`))
    child.on('close', (code) => {
      clearTimeout(timer)
      process.off('exit', kill)
      resolve({ code, output, timedOut })
    })
  })
}
