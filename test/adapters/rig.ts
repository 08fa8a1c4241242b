/** Runs simulators as processes of their own and answers requests through adapters, as a gateway would. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import type { Adapter, AdapterInstance, AdapterOptions, Caller, Clock } from '../../adapters/adapter.ts'

const root = join(import.meta.dirname, '../..')

export interface Running {
  readonly url: string
  readonly dir: string
  /** The ready line. */
  readonly ready: Readonly<Record<string, string>>
  /** Everything the process wrote since. */
  output(): string
  stop(signal?: NodeJS.Signals): Promise<void>
}

export interface StartOptions {
  readonly dir?: string
  readonly fixtures?: string
}

/** @param system folder under `adapters/`, e.g. `bielefeld/melderegister` */
export async function startSimulator(t: Test, system: string, { dir, fixtures }: StartOptions = {}): Promise<Running> {
  const home = dir ?? (await freshDir(t))
  const simulator = join(root, 'adapters', system, 'simulator.ts')
  const child = spawn(
    process.execPath,
    [simulator, '--port', '0', '--dir', home, ...(fixtures === undefined ? [] : ['--fixtures', fixtures])],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  const lines = createInterface({ input: child.stdout })
  const exited = once(child, 'exit')
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await exited
  }
  t.teardown(() => stop())
  const [line] = (await Promise.race([once(lines, 'line'), exited.then(() => [output])])) as [string]
  lines.on('line', (text) => {
    output += text
  })
  if (!line.startsWith('{')) throw new Error(`${system} did not start: ${line}`)
  const ready = JSON.parse(line) as { port: number }
  return { url: `http://127.0.0.1:${ready.port}`, dir: home, ready: ready as never, output: () => output, stop }
}

export async function freshDir(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'owl-adapters-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

export function open(t: Test, adapter: Adapter | undefined, options: AdapterOptions, clock?: Clock): AdapterInstance {
  if (adapter === undefined) throw new TypeError('there is no such adapter')
  const instance = adapter.open(options, clock)
  t.teardown(() => instance.close())
  return instance
}

export function caller(client: string, more: Partial<Caller> = {}): Caller {
  return { client, requestId: crypto.randomUUID(), signal: AbortSignal.timeout(30_000), ...more }
}

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Told {
  readonly status: number
  readonly contentType?: string
  readonly body: string | Uint8Array
}

/** A server on loopback that answers as told: a local system out of order, or a consumer port. */
export async function serve(t: Test, answer: (request: Received) => Told | 'hang' | 'drop'): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      const { method = '', url = '', headers } = request
      const told = answer({ method, url, headers, body: Buffer.concat(chunks).toString() })
      if (told === 'drop') request.socket.destroy()
      else if (told !== 'hang') {
        const { status, contentType = 'application/json', body } = told
        response.writeHead(status, { 'content-type': contentType }).end(body)
      }
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Waits until something is so, five seconds at most. */
export async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + 5_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > end) throw new Error('it did not come about in time')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

export async function getJson<T>(url: string): Promise<T> {
  return (await fetch(url)).json() as Promise<T>
}

export async function postJson(url: string, body: unknown): Promise<number> {
  const { status } = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  return status
}

/** The time of the test persons: after the fixtures' dates, before their locks end. */
export const NOW = Date.parse('2026-02-20T10:00:00Z')

export const clock: Clock = { now: () => NOW, uuid: () => crypto.randomUUID() }
