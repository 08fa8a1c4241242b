/**
 * Runs a stand-in for a local system as its own process: `node …/simulator.ts --port 0 --dir DIR [--fixtures FILE]`.
 *
 * It prints one line, `{"ready":true,"port":N,…}`, when it answers, and stops on SIGTERM. For development and tests only.
 */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { decodeText } from './charset.ts'

export interface SimulatorRequest {
  /** `POST /api/strassen` */
  readonly route: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface SimulatorReply {
  readonly status: number
  /** Text goes out as it is, anything else as JSON. */
  readonly body: unknown
  readonly contentType?: string
}

export interface Simulator {
  answer(request: SimulatorRequest): Promise<SimulatorReply> | SimulatorReply
  close(): void | Promise<void>
  /** Members of the ready line besides `ready` and `port`. */
  readonly ready?: Readonly<Record<string, unknown>>
}

export interface SimulatorArguments {
  readonly dir: string
  /** JSON file with the data of the first start; none: the fixtures beside the simulator. */
  readonly fixtures?: string
}

const BODY_BYTES_MAX = 4 * 1024 * 1024

export async function runSimulator(open: (given: SimulatorArguments) => Simulator | Promise<Simulator>): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      dir: { type: 'string' },
      fixtures: { type: 'string' },
    },
  })
  if (values.dir === undefined) throw new TypeError('--dir is missing')
  mkdirSync(values.dir, { recursive: true })
  const simulator = await open({ dir: values.dir, fixtures: values.fixtures })

  const server = createServer((request, response) => {
    void (async () => {
      const { status, body, contentType = 'application/json' } = await answer(simulator, request)
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      response.writeHead(status, { 'content-type': contentType }).end(text)
    })()
  })
  server.listen(Number(values.port), '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    process.stdout.write(`${JSON.stringify({ ready: true, port, ...simulator.ready })}\n`)
  })
  const stop = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
    await simulator.close()
  }
  process.once('SIGTERM', stop).once('SIGINT', stop)
}

async function answer(simulator: Simulator, request: import('node:http').IncomingMessage): Promise<SimulatorReply> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > BODY_BYTES_MAX) return { status: 413, body: {} }
    chunks.push(chunk)
  }
  const route = `${request.method} ${request.url}`
  try {
    return await simulator.answer({
      route,
      headers: request.headers,
      body: decodeText(Buffer.concat(chunks), request.headers['content-type']),
    })
  } catch {
    // Not even the message: it may quote what was sent.
    return { status: 500, body: { fehler: 'interner Fehler' } }
  }
}

/** State of a simulator: one JSON file, replaced as a whole, so that a kill leaves the old or the new. */
export interface Store<State> {
  readonly state: State
  save(): void
}

export function openStore<State>(file: string, first: () => State): Store<State> {
  const state = readState<State>(file) ?? first()
  const save = (): void => {
    writeFileSync(`${file}.tmp`, JSON.stringify(state))
    renameSync(`${file}.tmp`, file)
  }
  save()
  return { state, save }
}

/** @param beside `import.meta.dirname` of the simulator */
export function readFixtures<Fixtures>({ fixtures }: SimulatorArguments, beside: string, name: string): Fixtures {
  return JSON.parse(decodeText(readFileSync(fixtures ?? join(beside, name)))) as Fixtures
}

function readState<State>(file: string): State | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as State
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
