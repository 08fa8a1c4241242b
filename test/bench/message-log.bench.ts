/**
 * What a record costs: the message log alone, one and 32 at a time, beside a bare SQLite insert and commit of as many
 * octets on the same disk in the same minute. `node test/bench/message-log.bench.ts [SECONDS [SUBJECTS]]`; one JSON line.
 * SUBJECTS is how many people each message is about; finding one of them again is then measured too.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPseudonyms } from '../../gateway/message-log/keys/pseudonyms.ts'
import type { NewRecord } from '../../gateway/message-log/message-log.ts'
import type { SqliteLog } from '../../gateway/message-log/open-log.ts'
import type { LogReader } from '../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../gateway/message-log/verification/verify.ts'
import { bodyOf } from '../../gateway/transport/spool.ts'
import { makeLogRig } from '../gateway/message-log/log-rig.ts'
import { endRecord, requestRecord } from '../gateway/message-log/messages.ts'
import { commitTimesMs } from './commit.ts'

const BODY_BYTES = 1024
const WARM_UP_MS = 1500
/** Made before the clock runs: signing them costs more than appending. */
const PREPARED = 4000
const ROUNDS = 2

interface Measured {
  readonly perS: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the process, kernel included. */
  readonly cpuUs: number
  /** Of the thread that exchanges run on. */
  readonly mainUs: number
}

const seconds = Number(process.argv[2] ?? 3)
const people = Number(process.argv[3] ?? 0)
let named = 0
const directory = await mkdtemp(join(tmpdir(), 'owl-bench-'))
const rig = await makeLogRig(directory)
const log = await rig.open()
await measure(log, 8, WARM_UP_MS)

const bare: number[] = []
const alone: Measured[] = []
const crowd: Measured[] = []
for (let round = 0; round < ROUNDS; round++) {
  bare.push(...(await commitTimesMs(directory)))
  alone.push(await measure(log, 1, (seconds * 1000) / ROUNDS))
  crowd.push(await measure(log, 32, (seconds * 1000) / ROUNDS))
}
const { seq } = log.health()
await log.close()

const reader = openLogReader(rig.options)
const began = performance.now()
const verified = await verifyLog(reader, { anchors: [] })
const verifyPerS = Math.round(verified.records / ((performance.now() - began) / 1000))
const findMs = people === 0 ? [] : await findTimesMs(reader)
reader.close()
await rig.close()
await rm(directory, { recursive: true })

const line = {
  bench: 'message-log',
  bareCommitP50Ms: rounded(at(bare, 0.5)),
  c1: mean(alone),
  c32: mean(crowd),
  records: seq,
  isWhole: verified.isWhole,
  verifyPerS,
  ...(people > 0 && { people, findP50Ms: rounded(at(findMs, 0.5)), findMaxMs: rounded(at(findMs, 0.99)) }),
}
process.stdout.write(`${JSON.stringify(line)}\n`)

async function measure(log: SqliteLog, concurrent: number, ms: number): Promise<Measured> {
  const times: number[] = []
  let cpu = 0
  let main = 0
  let took = 0
  while (took < ms) {
    const requests = Array.from({ length: PREPARED / 2 }, () =>
      aboutSomebody(requestRecord({ body: bodyOf(Buffer.alloc(BODY_BYTES, 'x')) })),
    )
    const ends = requests.map((request) =>
      aboutSomebody(endRecord(request, undefined, { body: bodyOf(Buffer.alloc(BODY_BYTES, 'y')) })),
    )
    const cpuBefore = process.cpuUsage()
    const mainBefore = process.threadCpuUsage()
    const started = performance.now()
    let next = 0
    const append = async (record: NewRecord): ReturnType<SqliteLog['append']> => {
      const began = performance.now()
      const appended = await log.append(record)
      times.push(performance.now() - began)
      return appended
    }
    const exchange = async (): Promise<void> => {
      for (let index = next++; index < requests.length; index = next++) {
        const request = requests[index] as NewRecord
        await append({ ...(ends[index] as NewRecord), request: await append(request) })
      }
    }
    await Promise.all(Array.from({ length: concurrent }, exchange))
    took += performance.now() - started
    cpu += total(process.cpuUsage(cpuBefore))
    main += total(process.threadCpuUsage(mainBefore))
  }
  const count = times.length
  return {
    perS: count / (took / 1000),
    p50Ms: at(times, 0.5),
    p99Ms: at(times, 0.99),
    cpuUs: cpu / count,
    mainUs: main / count,
  }
}

function aboutSomebody(record: NewRecord): NewRecord {
  if (people === 0) return record
  return { ...record, subjects: Array.from({ length: people }, () => `x-bench:${(named += 1)}`) }
}

/** Every tenth of them, up to a hundred. */
async function findTimesMs({ store, identity }: LogReader): Promise<number[]> {
  const pseudonyms = openPseudonyms(rig.options.masterKey, identity.name)
  const search = store.subjects.find
  const times: number[] = []
  for (let number = 1; number <= Math.min(named, 1000); number += 10) {
    const began = performance.now()
    const found = await search(pseudonyms.of([`x-bench:${number}`]))
    times.push(performance.now() - began)
    if (found.length > 1) throw new Error('a pseudonym is not of one person')
  }
  return times
}

function total({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}

function at(times: number[], part: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? Number.NaN
}

function mean(measured: readonly Measured[]): Record<string, number> {
  const names = ['perS', 'p50Ms', 'p99Ms', 'cpuUs', 'mainUs'] as const
  return Object.fromEntries(
    names.map((name) => [name, rounded(measured.reduce((sum, each) => sum + each[name], 0) / measured.length)]),
  )
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
