/** Verifies a log in a thread of its own: a large one takes minutes, and exchanges have the event loop to themselves. */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { LogReaderOptions } from './reader.ts'
import { openLogReader } from './reader.ts'
import type { Verification, VerifyOptions } from './verify.ts'
import { verifyLog } from './verify.ts'

interface Task {
  readonly reader: LogReaderOptions
  readonly verify: VerifyOptions
}

/** @throws {Error} when the log cannot be opened */
export function verifyLogApart(reader: LogReaderOptions, verify: VerifyOptions): Promise<Verification> {
  const { file, keyStore, masterKey, bodies, archive } = reader
  const places = { ...(bodies !== undefined && { bodies }), ...(archive !== undefined && { archive }) }
  const task: Task = { reader: { file, keyStore, masterKey, ...places }, verify }
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: task, name: 'log-verify' })
    thread.once('message', resolve)
    thread.once('error', reject)
    thread.once('exit', () => reject(new Error('The verification ended without a result')))
  })
}

if (!isMainThread && parentPort !== null) {
  const { reader: options, verify } = workerData as Task
  const reader = openLogReader(options)
  try {
    parentPort.postMessage(await verifyLog(reader, verify))
  } finally {
    reader.close()
  }
}
