/** Processes of the region: started on a leash, their output in a file each, known by the one line that says they are ready. */

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ProcessOptions {
  /** For messages and the log file's name. */
  readonly name: string
  /** TypeScript file, absolute. */
  readonly file: string
  readonly args: readonly string[]
  /** Where its output goes: `<name>.log`. */
  readonly logs: string
  /** Of Node and of the C library. */
  readonly settings?: { readonly flags: readonly string[]; readonly environment: Readonly<Record<string, string>> }
  readonly readyMsMax?: number
}

/** What the ready line says beside `ready`. */
export type Ready = Readonly<Record<string, unknown>>

export interface RegionProcess {
  readonly name: string
  readonly pid: number
  readonly log: string
  /** Resolves with the ready line. @throws {Error} with the end of its log when it ended or took too long */
  readonly ready: Promise<Ready>
  /** Resolves when it is gone, with what a user should read about it. */
  readonly gone: Promise<string>
  /** Asks it to stop, then makes it. */
  stop(): Promise<void>
}

const ROOT = join(import.meta.dirname, '../..')
const LEASH = join(import.meta.dirname, 'leash.ts')
/** The one that `setup.js` filled. */
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/owl')
const READY_MS_MAX = 60_000
const READY_POLL_MS = 15
const STOP_MS_MAX = 5000
const LOG_TAIL_LINES = 30

export async function startProcess(options: ProcessOptions): Promise<RegionProcess> {
  const { name, file, args, logs, readyMsMax = READY_MS_MAX } = options
  await mkdir(logs, { recursive: true })
  const log = join(logs, `${name}.log`)
  // Straight into the file: nothing it writes under load passes through the launcher.
  const output = openSync(log, 'w')
  const { flags = [], environment = {} } = options.settings ?? {}
  const child = spawn(process.execPath, [...flags, '--import', LEASH, file, ...args], {
    cwd: ROOT,
    stdio: ['pipe', output, output],
    env: { ...process.env, ...environment, NODE_COMPILE_CACHE: COMPILE_CACHE },
  })
  closeSync(output)
  const { pid } = child
  if (pid === undefined) throw new Error(`${name} cannot be started`)
  child.stdin?.on('error', () => {})
  const gone = new Promise<string>((resolve) => {
    child.on('exit', (code, signal) => resolve(`${name} ended (${signal ?? `exit code ${code}`}), see ${log}`))
  })
  const ready = untilReady(child, log, `${name} (${log})`, readyMsMax)
  // Whoever awaits it is told; nobody has to.
  ready.catch(() => {})
  return { name, pid, log, ready, gone, stop: () => stop(child, gone) }
}

async function untilReady(child: ChildProcess, log: string, what: string, timeoutMs: number): Promise<Ready> {
  const until = performance.now() + timeoutMs
  while (performance.now() < until) {
    const line = readyLine(log)
    if (line !== undefined) return line
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`${what} ended before it was ready:\n${tailOf(log)}`)
    }
    await sleep(READY_POLL_MS)
  }
  throw new Error(`${what} was not ready within ${timeoutMs / 1000} s:\n${tailOf(log)}`)
}

function readyLine(log: string): Ready | undefined {
  for (const line of readFileSync(log, 'utf8').split('\n').slice(0, -1)) {
    if (!line.startsWith('{"ready":true')) continue
    return JSON.parse(line) as Ready
  }
  return undefined
}

function tailOf(log: string): string {
  return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n')
}

async function stop(child: ChildProcess, gone: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  await gone
  clearTimeout(timer)
}
