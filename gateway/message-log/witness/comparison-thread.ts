/**
 * Compares in a thread of its own, which starts when somebody asks and ends when nobody has for a while: exchanges have
 * the event loop to themselves.
 */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Ask, Found } from '../../protocol/reconciling.ts'
import type { LogReaderOptions } from '../reading/reader.ts'
import { openLogReader } from '../reading/reader.ts'
import { openComparison } from './comparison.ts'
import type { Parties, SharedExchange, Span } from './shared-exchanges.ts'

export interface ComparisonThread {
  /** @throws {Error} when the log cannot be read */
  find(parties: Parties, ask: Ask): Promise<Found>
  page(parties: Parties, span: Span, after: string): Promise<readonly SharedExchange[]>
  close(): Promise<void>
}

type Task =
  | { readonly do: 'find'; readonly parties: Parties; readonly ask: Ask }
  | { readonly do: 'page'; readonly parties: Parties; readonly span: Span; readonly after: string }
type Outcome = { readonly value: unknown } | { readonly problem: string }

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

const IDLE_MS = 30_000

export function openComparisonThread(reader: LogReaderOptions): ComparisonThread {
  let thread: Worker | undefined
  let waiting: Waiting[] = []
  let idle: NodeJS.Timeout | undefined

  function start(): Worker {
    const { file, keyStore, masterKey, ...more } = reader
    const started = new Worker(new URL(import.meta.url), {
      workerData: { file, keyStore, masterKey, ...more } satisfies LogReaderOptions,
      name: 'log-comparison',
      resourceLimits: { maxOldGenerationSizeMb: 128 },
    })
    const end = (error: Error): void => {
      if (thread !== started) return
      thread = undefined
      const left = waiting
      waiting = []
      for (const { reject } of left) reject(error)
    }
    // Answers come in the order of the questions.
    started.on('message', (outcome: Outcome) => {
      const asked = waiting.shift()
      if ('value' in outcome) asked?.resolve(outcome.value)
      else asked?.reject(new Error(outcome.problem))
      if (waiting.length === 0) idle = setTimeout(() => void stop(), IDLE_MS).unref()
    })
    started.on('error', end)
    started.on('exit', () => end(new Error('The comparison ended without a result')))
    started.unref()
    return started
  }

  async function stop(): Promise<void> {
    clearTimeout(idle)
    const stopping = thread
    await stopping?.terminate()
  }

  function ask<T>(task: Task): Promise<T> {
    clearTimeout(idle)
    thread ??= start()
    thread.ref()
    const asked = new Promise<T>((resolve, reject) => {
      waiting.push({ resolve: resolve as (value: unknown) => void, reject })
    })
    thread.postMessage(task)
    return asked.finally(() => waiting.length === 0 && thread?.unref())
  }

  return {
    find: (parties, question) => ask({ do: 'find', parties, ask: question }),
    page: (parties, span, after) => ask({ do: 'page', parties, span, after }),
    close: stop,
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort
  const comparison = openComparison(openLogReader(workerData as LogReaderOptions))
  port.on('message', (task: Task) => {
    try {
      const value =
        task.do === 'find'
          ? comparison.find(task.parties, task.ask)
          : comparison.page(task.parties, task.span, task.after)
      port.postMessage({ value } satisfies Outcome)
    } catch (error) {
      port.postMessage({ problem: error instanceof Error ? error.message : 'something was thrown' } satisfies Outcome)
    }
  })
}
