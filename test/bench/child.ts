/** Processes of the benchmark: each ends when its standard input does, and with it everything the bench started. */

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ChildOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Ready when this port answers; without it, when a line `{"ready":true,…}` is on its standard output. */
  readonly port?: number
}

export interface Child {
  readonly name: string
  readonly pid: number
  /** Of the ready line. */
  readonly port: number
  stop(): Promise<void>
}

const READY_MS_MAX = 15_000
const STOP_MS_MAX = 3000
const POLL_MS = 20
const TAIL_CHARS = 2000

/** @throws {Error} with the end of its output when it does not become ready */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, command, args } = options
  const child = spawn(command, [...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.stdin.on('error', () => {})
  let output = ''
  const keep = (text: string): void => {
    output = (output + text).slice(-TAIL_CHARS)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.on('error', ({ message }) => keep(message))

  const until = performance.now() + READY_MS_MAX
  while (performance.now() < until && child.exitCode === null && child.signalCode === null) {
    const port = options.port === undefined ? readyPort(output) : await answeringPort(options.port)
    if (port !== undefined && child.pid !== undefined) {
      return { name, pid: child.pid, port, stop: () => stop(child, gone) }
    }
    await sleep(POLL_MS)
  }
  await stop(child, gone)
  throw new Error(`${name} did not start:\n${output}`)
}

/** A file of this folder, under this Node. */
export function startScript(name: string, file: string, args: readonly string[] = []): Promise<Child> {
  return startChild({ name, command: process.execPath, args: [`${import.meta.dirname}/${file}`, ...args] })
}

function readyPort(output: string): number | undefined {
  const line = output.split('\n').find((text) => text.startsWith('{"ready":true') && text.endsWith('}'))
  return line === undefined ? undefined : (JSON.parse(line) as { port: number }).port
}

function answeringPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(port)).once('error', () => resolve(undefined))
    socket.once('connect', () => socket.destroy())
  })
}

async function stop(child: ChildProcess, gone: Promise<void>): Promise<void> {
  child.stdin?.end()
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  if (child.pid !== undefined) await gone
  clearTimeout(timer)
}
