/** Makes an archive file in a thread of its own: reading and sealing a day takes its time, and exchanges go on. */

import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { openBodyFiles } from '../files/body-files.ts'
import { openKeyStore } from '../keys/key-store.ts'
import type { LogReaderOptions } from '../reading/reader.ts'
import { openLogReader } from '../reading/reader.ts'
import { buildArchive } from './archive-build.ts'
import type { ArchivePlan, MadeArchive } from './terms.ts'

interface Task {
  readonly reader: LogReaderOptions & { readonly archive: string }
  readonly plan: ArchivePlan
}

export interface Build {
  readonly made: Promise<MadeArchive>
  /** Gives up. */
  stop(): Promise<unknown>
}

/** @returns what fails with an error that names the record or file */
export function startBuild({ file, keyStore, masterKey, bodies, archive }: Task['reader'], plan: ArchivePlan): Build {
  const task: Task = { reader: { file, keyStore, masterKey, archive, ...(bodies !== undefined && { bodies }) }, plan }
  const thread = new Worker(new URL(import.meta.url), { workerData: task, name: 'log-archive' })
  const made = new Promise<MadeArchive>((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('error', reject)
    thread.once('exit', () => reject(new Error('The archive file was not finished')))
  })
  return { made, stop: () => thread.terminate() }
}

if (!isMainThread && parentPort !== null) {
  const { reader: options, plan } = workerData as Task
  const { file, keyStore, masterKey, bodies, archive: directory } = options
  const reader = openLogReader(options)
  try {
    const keys = openKeyStore({ directory: keyStore, masterKeyFile: masterKey })
    const files = openBodyFiles(bodies ?? join(dirname(file), 'bodies'))
    parentPort.postMessage(await buildArchive({ reader, keys, files, directory, random: randomBytes }, plan))
  } finally {
    reader.close()
  }
}
