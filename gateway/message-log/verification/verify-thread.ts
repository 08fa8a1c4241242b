/**
 * Verifies a log in threads of their own: a large one takes time, and exchanges have the event loop to themselves. Several
 * threads verify ranges of it at a time.
 */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { LogReader, LogReaderOptions } from '../reading/reader.ts'
import { openLogReader } from '../reading/reader.ts'
import type { Verification, VerifyOptions } from './verify.ts'
import { verifyLog } from './verify.ts'
import type { Range } from './verify-ranges.ts'
import { isJoined, planRanges } from './verify-ranges.ts'

interface Task {
  readonly reader: LogReaderOptions
  readonly verify: VerifyOptions
}

/** Values die young here: a larger young generation only takes memory. */
const YOUNG_MIB = 12

export interface ApartOptions {
  /** How many verify at a time. */
  readonly threads?: number
  readonly rangeRecords?: number
}

/** @throws {Error} when the log cannot be opened */
export async function verifyLogApart(
  { file, keyStore, masterKey, bodies, archive }: LogReaderOptions,
  verify: VerifyOptions,
  { threads = 1, rangeRecords }: ApartOptions = {},
): Promise<Verification> {
  const places = { ...(bodies !== undefined && { bodies }), ...(archive !== undefined && { archive }) }
  const task: Task = { reader: { file, keyStore, masterKey, ...places }, verify }
  const reader = openLogReader(task.reader)
  try {
    const ranges = threads === 1 ? [] : planRanges(reader, verify, rangeRecords)
    if (ranges.length <= 1) return await withThreads(task, 1, ([verifyRange]) => (verifyRange as VerifyRange)({}))
    return await withThreads(task, Math.min(threads, ranges.length), (pool) => verifyRanges(pool, ranges, verify))
  } finally {
    reader.close()
  }
}

type VerifyRange = (range: Range) => Promise<Verification>

async function verifyRanges(
  pool: readonly VerifyRange[],
  ranges: readonly Range[],
  options: VerifyOptions,
): Promise<Verification> {
  const found: Verification[] = []
  let next = 0
  let isDamaged = false
  await Promise.all(
    pool.map(async (verifyRange) => {
      while (next < ranges.length && !isDamaged) {
        const index = next++
        const verified = await verifyRange(ranges[index] as Range)
        found[index] = verified
        if (!verified.isWhole) isDamaged = true
      }
    }),
  )
  let sum = found[0] as Verification
  for (const [index, range] of ranges.entries()) {
    if (index === 0) continue
    if (!sum.isWhole) return sum
    if (!isJoined(sum.end, range.since)) {
      // The log does not say of itself what it is: the rest is verified from what it was found to be.
      const since = sum.end ?? ranges[index - 1]?.since
      return added(sum, await (pool[0] as VerifyRange)({ ...options, since }))
    }
    sum = added(sum, found[index] as Verification)
  }
  return sum
}

function added(before: Verification, { end, ...after }: Verification): Verification {
  const point = after.point ?? before.point
  return {
    ...after,
    from: before.from,
    erased: before.erased + after.erased,
    ...(after.isWhole && point !== undefined && { point }),
    ...(end !== undefined && { end }),
  }
}

async function withThreads(
  task: Task,
  count: number,
  work: (pool: readonly VerifyRange[]) => Promise<Verification>,
): Promise<Verification> {
  const threads: Worker[] = []
  const start = (): VerifyRange => {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MIB }
    const thread = new Worker(new URL(import.meta.url), { workerData: task, name: 'log-verify', resourceLimits })
    threads.push(thread)
    return (range) =>
      new Promise((resolve, reject) => {
        thread.removeAllListeners()
        thread.once('message', resolve)
        thread.once('error', reject)
        thread.once('exit', () => reject(new Error('The verification ended without a result')))
        thread.postMessage(range)
      })
  }
  try {
    return await work(Array.from({ length: count }, start))
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort
  const { reader: options, verify } = workerData as Task
  const reader: LogReader = openLogReader(options)
  port.on('message', (range: Range) => {
    verifyLog(reader, { ...verify, ...range }).then(
      (verified) => port.postMessage(verified),
      // Whoever asked hears of it by the thread's end.
      (error: unknown) =>
        setImmediate(() => {
          throw error
        }),
    )
  })
}
