/**
 * What archiving a log costs, and reading it afterwards: rates, octets, how long the writer is kept.
 * `node test/bench/archive.bench.ts [RECORDS]`; one JSON line.
 */

import { randomInt } from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLogReader } from '../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../gateway/message-log/verification/verify.ts'
import { bodyOf } from '../../gateway/transport/spool.ts'
import { makeLogRig } from '../gateway/message-log/log-rig.ts'
import { endRecord, requestRecord } from '../gateway/message-log/messages.ts'
import { openTrustRig } from '../gateway/message-log/trust-rig.ts'

const BODY_BYTES = 1024
const CONCURRENT = 200
const READS = 2000

const records = Number(process.argv[2] ?? 40_000)
const directory = await mkdtemp(join(tmpdir(), 'owl-bench-'))
const trust = await openTrustRig()
const rig = await makeLogRig(directory)
const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000, stampRecordsMax: 5000 })
const body = bodyOf(Buffer.alloc(BODY_BYTES, 'x'))

async function exchanges(count: number): Promise<number[]> {
  const waited: number[] = []
  for (let made = 0; made < count; made += CONCURRENT) {
    await Promise.all(
      Array.from({ length: CONCURRENT }, async () => {
        const request = requestRecord({ body })
        const began = performance.now()
        const recorded = await log.append(request)
        waited.push(performance.now() - began)
        await log.append(endRecord(request, recorded, { body }))
      }),
    )
  }
  return waited
}

await exchanges(records / 2)
await log.stampNow()
const { seq } = log.health()
const fileBefore = (await stat(rig.options.file)).size
const verifyBefore = await verifying()

let isArchiving = true
const beside: number[] = []
const load = (async () => {
  while (isArchiving) {
    const request = requestRecord({ body })
    const began = performance.now()
    const recorded = await log.append(request)
    beside.push(performance.now() - began)
    await log.append(endRecord(request, recorded, { body }))
  }
})()
const began = performance.now()
const [made] = await log.archive(0)
const archiveS = (performance.now() - began) / 1000
isArchiving = false
await load
const alone: number[] = []
for (let count = 0; count < beside.length; count++) {
  const request = requestRecord({ body })
  const since = performance.now()
  const recorded = await log.append(request)
  alone.push(performance.now() - since)
  await log.append(endRecord(request, recorded, { body }))
}
const fileAfter = (await stat(rig.options.file)).size
await log.stampNow()

const reader = openLogReader(rig.options)
const reads: number[] = []
for (let count = 0; count < READS; count++) {
  const at = 1 + randomInt(seq)
  const since = performance.now()
  await reader.object(at, 'head')
  reads.push(performance.now() - since)
}
reader.close()
const verifyAfter = await verifying()
await exchanges(records / 4)
const fileReused = (await stat(rig.options.file)).size
await rig.close()
await trust.close()
await rm(directory, { recursive: true })

const line = {
  bench: 'archive',
  records: seq,
  archiveS: rounded(archiveS),
  perS: Math.round(seq / archiveS),
  bytesPerRecord: Math.round((made?.bytes ?? 0) / seq),
  appendMs: { alone: spread(alone), beside: spread(beside) },
  readMs: spread(reads),
  verifyPerS: { before: verifyBefore, archived: verifyAfter },
  databaseMiB: { before: mib(fileBefore), archived: mib(fileAfter), halfAsManyMore: mib(fileReused) },
}
process.stdout.write(`${JSON.stringify(line)}\n`)

async function verifying(): Promise<number> {
  const reader = openLogReader(rig.options)
  // Time of the processor: others may have it as well.
  const since = process.cpuUsage()
  const { isWhole, records, damage } = await verifyLog(reader, { anchors: trust.authorities })
  const { user, system } = process.cpuUsage(since)
  const perS = Math.round(records / ((user + system) / 1e6))
  reader.close()
  if (!isWhole) throw new Error(`The log does not hold: ${JSON.stringify(damage)}`)
  return perS
}

function spread(times: number[]): { p50: number; p99: number; max: number } {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number): number => rounded(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 ** 2)
}
