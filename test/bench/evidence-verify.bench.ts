/**
 * What a verification costs: the process for one exchange, and records per second of one core in bulk, without and with a
 * process behind them that is warm. `node test/bench/evidence-verify.bench.ts [RECORDS]`; one JSON line.
 */

import { spawnSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Test } from 'tap'
import { exportQuery } from '../../gateway/admin/evidence/bulk.ts'
import { exportExchange } from '../../gateway/admin/evidence/exchange.ts'
import { openPackages } from '../../gateway/admin/evidence/packages.ts'
import { openEvidenceRig } from '../gateway/evidence/evidence-rig.ts'
import { nextRequestId } from '../gateway/message-log/messages.ts'

const OWL = join(import.meta.dirname, '../../gateway/region/owl.js')
const RUNS = 15
const AT_ONCE = 32

const records = Number(process.argv[2] ?? 20_000)
const ends: (() => unknown)[] = []
const rig = await openEvidenceRig({ teardown: (end: () => unknown) => ends.push(end) } as unknown as Test)
const requestId = nextRequestId()
await rig.exchange({ requestId })
for (let made = 2; made < records; made += 2 * AT_ONCE) {
  await Promise.all(Array.from({ length: AT_ONCE }, () => rig.exchange()))
}
await rig.log.stampNow()
const packages = openPackages(rig.reader)
const [one, bulk, small] = ['one.zip', 'bulk.zip', 'small.zip'].map((name) => join(rig.directory, name)) as [
  string,
  string,
  string,
]
const now = Date.now
const { content } = await exportExchange({ reader: rig.reader, packages, sealing: rig.sealing, now }, requestId)
await pipeline(content.read(), createWriteStream(one))
await pipeline(exportQuery(rig.reader, packages, {}, now()).octets, createWriteStream(bulk))
await pipeline(exportQuery(rig.reader, packages, { requestId }, now()).octets, createWriteStream(small))

const single = Array.from({ length: RUNS }, () => run(one))
const [wall, cpu] = [single.map(({ ms }) => ms), single.map(({ cpuMs }) => cpuMs)]
const [least, all, twice] = [run(small), run(bulk), run(bulk, bulk)]
const exported = Number(/^(\d+) verified/m.exec(all.said)?.[1])

process.stdout.write(
  `${JSON.stringify({
    bench: 'evidence-verify',
    exchangeMs: quantiles(wall),
    exchangeCpuMs: quantiles(cpu),
    records: exported,
    // Processor time, without what the process costs in any case; then of a second row of as many, when all is warm.
    perCoreS: Math.round(exported / ((all.cpuMs - least.cpuMs) / 1000)),
    perCoreWarmS: Math.round(exported / ((twice.cpuMs - all.cpuMs) / 1000)),
    rssMiB: twice.rssMiB,
  })}\n`,
)
for (const end of ends) await end()

function run(...files: readonly string[]) {
  const time = ['-f', '%U %S %M']
  const began = performance.now()
  const command = [process.execPath, OWL, 'evidence', 'verify', ...files, '--anchors', rig.caFile]
  const { stderr, status } = spawnSync('/usr/bin/time', [...time, ...command], { encoding: 'utf8' })
  const ms = performance.now() - began
  if (status !== 0) throw new Error(stderr)
  const [user = 0, system = 0, rss = 0] = (stderr.trimEnd().split('\n').at(-1) ?? '').split(' ').map(Number)
  return { ms, cpuMs: (user + system) * 1000, rssMiB: Math.round(rss / 1024), said: stderr }
}

function quantiles(times: readonly number[]): { readonly p50: number; readonly max: number } {
  const sorted = [...times].sort((a, b) => a - b)
  return { p50: Math.round(sorted[sorted.length >> 1] ?? 0), max: Math.round(sorted.at(-1) ?? 0) }
}
