/**
 * Renews a log in a thread of its own, which rests most of the time; time-stamps are asked for by the thread that started it.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { DigestName } from '../../protocol/signed-data.ts'
import type { LogReaderOptions } from '../reading/reader.ts'
import type { RenewalWish } from './renewal-plan.ts'
import { renewAt } from './renewal-run.ts'
import type { RenewalProgress, RenewalStamp, RenewalToken, Renewed } from './renewing.ts'

interface Task {
  readonly place: LogReaderOptions
  readonly wanted: RenewalWish
  readonly at: number
}

type Said =
  | { readonly say: 'stamp'; readonly root: Uint8Array; readonly digest: DigestName; readonly after: number }
  | { readonly say: 'progress'; readonly progress: RenewalProgress }
  | { readonly say: 'done'; readonly renewed: readonly Renewed[] }
  | { readonly say: 'failed'; readonly problem: string }

type Answer = { readonly stamped: RenewalToken } | { readonly problem: string }

export interface RenewalThreadDeps {
  readonly at: number
  readonly stamp: RenewalStamp
  readonly report: (progress: RenewalProgress) => void
  /** Ends the thread; the renewal can go on later. */
  readonly signal: AbortSignal
}

/**
 * Times as long as it worked. A lower priority would be worse than rest: who has the lock on the database and no processor
 * makes exchanges wait.
 */
const REST = 2

/** @throws {Error} why it stopped */
export function renewApart(
  { file, keyStore, masterKey, bodies, archive }: LogReaderOptions,
  { at, stamp, report, signal }: RenewalThreadDeps,
  wanted: RenewalWish,
): Promise<readonly Renewed[]> {
  const places = { ...(bodies !== undefined && { bodies }), ...(archive !== undefined && { archive }) }
  const task: Task = { place: { file, keyStore, masterKey, ...places }, wanted, at }
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const thread = new Worker(new URL(import.meta.url), { workerData: task, name: 'log-renewal' })
    const stop = (): void => void thread.terminate()
    signal.addEventListener('abort', stop, { once: true })
    thread.on('message', (said: Said) => {
      if (said.say === 'progress') report(said.progress)
      else if (said.say === 'done') resolve(said.renewed)
      else if (said.say === 'failed') reject(new Error(said.problem))
      else {
        stamp(Buffer.from(said.root), said.digest, said.after).then(
          (stamped) => thread.postMessage({ stamped } satisfies Answer),
          (error: Error) => thread.postMessage({ problem: error.message } satisfies Answer),
        )
      }
    })
    thread.once('error', reject)
    thread.once('exit', () => {
      signal.removeEventListener('abort', stop)
      reject(new Error('The renewal was stopped'))
    })
  })
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort
  const { place, wanted, at } = workerData as Task
  const say = (said: Said): void => port.postMessage(said)
  const stamp: RenewalStamp = (root, digest, after) =>
    new Promise((resolve, reject) => {
      port.once('message', (answer: Answer) => {
        if ('stamped' in answer) resolve(answer.stamped)
        else reject(new Error(answer.problem))
      })
      say({ say: 'stamp', root, digest, after })
    })
  const rest = async (workedMs: number): Promise<void> => void (await sleep(REST * workedMs))
  try {
    const report = (progress: RenewalProgress): void => say({ say: 'progress', progress })
    say({ say: 'done', renewed: await renewAt(place, { at, stamp, report, rest }, wanted) })
  } catch (error) {
    say({ say: 'failed', problem: (error as Error).message })
  }
  port.close()
}
