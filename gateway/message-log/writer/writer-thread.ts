/** The gateway's end of the writer's thread: starts it, asks, notices when it dies. */

import { Worker } from 'node:worker_threads'
import { LogOpenError } from '../record/open-error.ts'
import type { Answer, Command, WriterData } from './writer-messages.ts'

export type Greeting = Extract<Answer, { readonly did: 'open' }>
type AnswerTo<C extends Command> = Extract<Answer, { readonly did: C['do'] }>

export interface WriterThread {
  readonly greeting: Greeting
  /** Whatever is asked is done in its turn. @throws {Error} when the thread is gone */
  ask<C extends Command>(command: C, transfer?: readonly ArrayBuffer[]): Promise<AnswerTo<C>>
}

/** @throws {LogOpenError} any flaw */
export async function startWriter(data: WriterData): Promise<WriterThread> {
  const worker = new Worker(new URL('./writer-worker.ts', import.meta.url), {
    workerData: data,
    name: 'message-log',
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  })
  /** Who waits for an answer, in the order of the commands. */
  const waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = []
  let gone: Error | undefined

  const next = (): Promise<Answer> =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject })
    })
  const end = (error: Error): void => {
    gone ??= error
    for (const { reject } of waiting.splice(0)) reject(gone)
  }
  worker.on('message', (answer: Answer) => waiting.shift()?.resolve(answer))
  worker.on('error', (cause) => end(new Error('The writer of the message log failed', { cause })))
  worker.on('exit', () => end(new Error('The writer of the message log has ended')))

  const greeting = await next()
  if (greeting.did === 'refuse') {
    throw new LogOpenError(greeting.flaw, greeting.message, greeting.reason === '' ? undefined : greeting.reason)
  }
  if (greeting.did !== 'open') throw new Error('The writer of the message log is of another version')

  return {
    greeting,
    ask<C extends Command>(command: C, transfer: readonly ArrayBuffer[] = []) {
      if (gone !== undefined) return Promise.reject(gone)
      const answer = next() as Promise<AnswerTo<C>>
      worker.postMessage(command, [...transfer])
      return answer
    },
  }
}
