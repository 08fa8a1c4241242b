/** Handle to the load generator's process (`load.ts`). */

import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Load, Measured } from './load.ts'

export interface Generator {
  /** One point at a time. @throws {Error} when a reply was not as expected, or it took far too long */
  measure(load: Load): Promise<Measured>
  stop(): Promise<void>
}

type Told = { readonly ready: true } | { readonly measured: Measured } | { readonly error: string }

/** What a point may take above the time it is meant to take. */
const SLACK_MS = 30_000

export async function startGenerator(): Promise<Generator> {
  const child = fork(join(import.meta.dirname, 'load.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await answerOf(child, SLACK_MS)
  return {
    async measure(load) {
      const answer = answerOf(child, load.warmMs + load.ms + SLACK_MS)
      child.send(load)
      const told = await answer
      if ('error' in told) throw new Error(told.error)
      if (!('measured' in told)) throw new TypeError('the load generator spoke out of turn')
      return told.measured
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

function answerOf(child: ChildProcess, timeoutMs: number): Promise<Told> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      clearTimeout(timer)
      child.off('message', onMessage).off('exit', onExit)
      finish()
    }
    const onMessage = (told: unknown): void => settle(() => resolve(told as Told))
    const onExit = (): void => settle(() => reject(new Error('the load generator ended')))
    const timer = setTimeout(() => settle(() => reject(new Error('no answer in time: a reply is missing'))), timeoutMs)
    child.on('message', onMessage).on('exit', onExit)
  })
}
