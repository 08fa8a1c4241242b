/** Runs the command line: as its user does, a process, its two streams and its exit code, or within the test. */

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { runOwl } from '../../gateway/commands/program.ts'

const CLI = join(import.meta.dirname, '../../gateway/commands/owl.ts')

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Running {
  readonly child: ChildProcess
  readonly out: () => string
  readonly ended: Promise<Ran>
}

export function startOwl(...args: readonly string[]): Running {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const written = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (written.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (written.err += text))
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, ...written }))
  return { child, out: () => written.out, ended }
}

export function owl(...args: readonly string[]): Promise<Ran> {
  return startOwl(...args).ended
}

/** The same commands in this process: for many questions at once. What comes of the process itself is `owl`'s to show. */
export async function owlInProcess(...args: readonly string[]): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const written = Promise.all([text(stdout), text(stderr)])
  const code = await runOwl(args, { stdout, stderr, environment: process.env })
  stdout.end()
  stderr.end()
  const [out, err] = await written
  return { code, out, err }
}
