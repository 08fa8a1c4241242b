/**
 * What renewing a log costs: time, memory and octets, for time-stamps and for hash trees.
 * `node test/bench/renewal.bench.ts [RECORDS] [BATCH]`; one JSON line.
 */

import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLogReader } from '../../gateway/message-log/reading/reader.ts'
import { bodyOf } from '../../gateway/transport/spool.ts'
import { makeLogRig } from '../gateway/message-log/log-rig.ts'
import { endRecord, requestRecord } from '../gateway/message-log/messages.ts'
import { judge, renew } from '../gateway/message-log/renewal/renewal-rig.ts'
import { openTrustRig } from '../gateway/message-log/trust-rig.ts'

const BODY_BYTES = 1024
const GROUP = 2000

const records = Number(process.argv[2] ?? 100_000)
const stampRecordsMax = Number(process.argv[3] ?? 5000)
const directory = await mkdtemp(join(tmpdir(), 'owl-bench-'))
const trust = await openTrustRig()
const rig = await makeLogRig(directory)
const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000, stampRecordsMax })
const templates = Array.from({ length: GROUP / 2 }, () => {
  const request = requestRecord({ body: bodyOf(Buffer.alloc(BODY_BYTES, 'x')) })
  return { request, end: endRecord(request, undefined, { body: bodyOf(Buffer.alloc(BODY_BYTES, 'y')) }) }
})
const writing = performance.now()
for (let written = 0; written < records; written += GROUP) {
  await Promise.all(
    templates.map(async ({ request, end }, at) => {
      // The log takes a request id once; nothing else of the message need be new.
      const { replaySender: _, ...once } = request
      const recorded = await log.append({
        ...once,
        requestId: `${request.requestId.slice(0, -8)}${name(written + at)}`,
      })
      await log.append({ ...end, request: recorded })
    }),
  )
}
await log.stampNow()
const writeS = seconds(writing)
const { seq } = log.health()
await log.close()

const size = await sizeOf()
const [timeStamp, timeStampS] = await timed(() => renew(rig.options, trust.authorities))
const peaks = { rss: 0, delta: 0 }
global.gc?.()
const before = process.memoryUsage.rss()
const report = (): void => {
  peaks.rss = Math.max(peaks.rss, process.memoryUsage.rss())
}
const used = process.cpuUsage()
const [hashTree, hashTreeS] = await timed(() => renew(rig.options, trust.authorities, { hash: 'sha512', report }))
const { user, system } = process.cpuUsage(used)
const grown = (await sizeOf()) - size

const reader = openLogReader(rig.options)
const judging = { reader, directory, caFile: trust.caFile }
const looking = performance.now()
const asked = 200
for (let at = 0; at < asked; at++) await reader.evidenceRecord(1 + Math.floor((seq - 1) * (at / asked)))
const evidenceMs = (performance.now() - looking) / asked
for (const each of [1, Math.floor(seq / 2), seq]) await judge(judging, each)
reader.close()
await rig.close()
await trust.close()
await rm(directory, { recursive: true })

const line = {
  bench: 'renewal',
  records: seq,
  batches: timeStamp[0]?.lastBatch,
  writeS,
  timeStampS,
  hashTreeS,
  perS: Math.round(seq / hashTreeS),
  cpuUs: Math.round((user + system) / seq),
  damaged: hashTree[0]?.damaged.length,
  rssMiB: { before: mib(before), peak: mib(peaks.rss) },
  grownBytesPerRecord: Math.round(grown / seq),
  evidenceMs: Math.round(evidenceMs * 100) / 100,
}
process.stdout.write(`${JSON.stringify(line)}\n`)

function name(at: number): string {
  return at.toString(16).padStart(8, '0')
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const began = performance.now()
  return [await work(), seconds(began)]
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 10) / 100
}

async function sizeOf(): Promise<number> {
  return (await stat(rig.options.file)).size
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 ** 2)
}
