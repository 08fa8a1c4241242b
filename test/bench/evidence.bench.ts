/**
 * What an export costs in a log of many records: one exchange out of any batch, each batch for the first time and again,
 * and all records as one archive. `node test/bench/evidence.bench.ts [RECORDS]`; one JSON line.
 */

import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { exportQuery } from '../../gateway/admin/evidence/bulk.ts'
import { exportExchange } from '../../gateway/admin/evidence/exchange.ts'
import { openPackages } from '../../gateway/admin/evidence/packages.ts'
import { openLogReader } from '../../gateway/message-log/reading/reader.ts'
import { makeLogRig } from '../gateway/message-log/log-rig.ts'
import { endRecord, requestRecord } from '../gateway/message-log/messages.ts'
import { openTrustRig } from '../gateway/message-log/trust-rig.ts'

const SAMPLES = 60
const AT_ONCE = 64

const records = Number(process.argv[2] ?? 20_000)
const directory = await mkdtemp(join(tmpdir(), 'owl-bench-'))
const trust = await openTrustRig()
const rig = await makeLogRig(directory)
const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000 })
const ids: string[] = []
while (ids.length < records / 2) {
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const request = requestRecord()
      ids.push(request.requestId)
      await log.append(endRecord(request, await log.append(request)))
    }),
  )
}
await log.stampNow()
await log.close()

const reader = openLogReader(rig.options)
const packages = openPackages(reader)
const options = { reader, packages, now: Date.now }
const cold: number[] = []
const warm: number[] = []
for (let sample = 0; sample < SAMPLES; sample++) {
  // Far apart, so that each is of another batch than the one before.
  const id = ids[Math.floor(((sample * 0.618) % 1) * ids.length)] as string
  cold.push(await timed(() => exportExchange(options, id)))
  warm.push(await timed(() => exportExchange(options, id)))
}

const file = join(directory, 'bulk.zip')
globalThis.gc?.()
const before = process.memoryUsage().rss
let peak = before
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss)
}, 20)
const began = performance.now()
const cpu = process.cpuUsage()
const { octets, count } = exportQuery(reader, packages, {}, Date.now())
await pipeline(octets, createWriteStream(file))
const tookMs = performance.now() - began
const usedUs = process.cpuUsage(cpu)
clearInterval(watch)
await promisify(execFile)('unzip', ['-tqq', file])

process.stdout.write(
  `${JSON.stringify({
    bench: 'evidence-export',
    records: count.exported,
    exchangeColdMs: quantiles(cold),
    exchangeWarmMs: quantiles(warm),
    bulkPerS: Math.round(count.exported / (tookMs / 1000)),
    bulkCpuUs: Math.round((usedUs.user + usedUs.system) / count.exported),
    bulkMoreMiB: Math.round((peak - before) / 1024 / 1024),
  })}\n`,
)
reader.close()
await rig.close()
await trust.close()
await rm(directory, { recursive: true, force: true })

/** Making it, and all of its octets. */
async function timed(
  make: () => Promise<{ readonly content: { read(): Iterable<Uint8Array> | AsyncIterable<Uint8Array> } }>,
): Promise<number> {
  const from = performance.now()
  for await (const _ of (await make()).content.read());
  return performance.now() - from
}

function quantiles(times: readonly number[]): { readonly p50: number; readonly max: number } {
  const sorted = [...times].sort((a, b) => a - b)
  const rounded = (ms = 0): number => Math.round(ms * 10) / 10
  return { p50: rounded(sorted[sorted.length >> 1]), max: rounded(sorted.at(-1)) }
}
