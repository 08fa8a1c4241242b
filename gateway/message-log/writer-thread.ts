/** The gateway's end of the writer's thread: starts it, asks one thing at a time, notices when it dies. */

import { Worker } from 'node:worker_threads'
import { LogOpenError } from './open-error.ts'
import type { Answer, Command, WriterData } from './writer-messages.ts'

export type Greeting = Extract<Answer, { readonly did: 'open' }>
type AnswerTo<C extends Command> = Extract<Answer, { readonly did: C['do'] }>

export interface WriterThread {
  readonly greeting: Greeting
  readonly isBusy: boolean
  /** Not while busy. @throws {Error} when the thread is gone */
  ask<C extends Command>(command: C, transfer?: readonly ArrayBuffer[]): Promise<AnswerTo<C>>
}

/** @throws {LogOpenError} any flaw */
export async function startWriter(data: WriterData): Promise<WriterThread> {
  const worker = new Worker(new URL('./writer.ts', import.meta.url), {
    workerData: data,
    name: 'message-log',
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  })
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined
  let gone: Error | undefined

  const next = (): Promise<Answer> =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject }
    })
  const end = (error: Error): void => {
    gone ??= error
    waiting?.reject(gone)
    waiting = undefined
  }
  worker.on('message', (answer: Answer) => {
    const asked = waiting
    waiting = undefined
    asked?.resolve(answer)
  })
  worker.on('error', (cause) => end(new Error('The writer of the message log failed', { cause })))
  worker.on('exit', () => end(new Error('The writer of the message log has ended')))

  const greeting = await next()
  if (greeting.did === 'refuse') {
    throw new LogOpenError(greeting.flaw, greeting.message, greeting.reason === '' ? undefined : greeting.reason)
  }
  if (greeting.did !== 'open') throw new Error('The writer of the message log is of another version')

  return {
    greeting,
    get isBusy() {
      return waiting !== undefined
    },
    ask<C extends Command>(command: C, transfer: readonly ArrayBuffer[] = []) {
      if (waiting !== undefined) throw new TypeError('The writer is asked one thing at a time')
      if (gone !== undefined) return Promise.reject(gone)
      const answer = next() as Promise<AnswerTo<C>>
      worker.postMessage(command, [...transfer])
      return answer
    },
  }
}
