/**
 * What a large log costs those who look at it: verification, look-ups, lists. `node test/bench/large-log.bench.ts
 * [RECORDS]`, a million when absent; one JSON line. Times are medians, the largest beside them.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExchangeOptions } from '../../gateway/admin/evidence/exchange.ts'
import { exportExchange } from '../../gateway/admin/evidence/exchange.ts'
import { openPackages } from '../../gateway/admin/evidence/packages.ts'
import { openPseudonyms } from '../../gateway/message-log/keys/pseudonyms.ts'
import type { LogReaderOptions } from '../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../gateway/message-log/reading/reader.ts'
import type { Verification, VerifyOptions } from '../../gateway/message-log/verification/verify.ts'
import { verifyLogApart } from '../../gateway/message-log/verification/verify-thread.ts'
import { makeLargeLog, RARE, subjectsOf } from './large-log.ts'

interface Task {
  readonly place: LogReaderOptions
  readonly verify: VerifyOptions
  readonly threads: number
}

interface Answer {
  readonly verified: Verification
  readonly ms: number
  readonly cpuMs: number
  readonly rssMiB: number
}

const ROUNDS = 40
const WATCH_MS = 20
const MIB = 1024 * 1024

if (process.send !== undefined) process.once('message', (task: Task) => void answer(task))
else await bench(Number(process.argv[2] ?? 1_000_000))

async function bench(wanted: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'owl-bench-'))
  const large = await makeLargeLog(directory, wanted)
  try {
    const { file, keyStore, masterKey } = large.rig.options
    const place = { file, keyStore, masterKey }
    const anchors = large.trust.authorities.map(({ certificate, ca }) => ({ certificate, ca }))
    const whole = await verifying({ place, verify: { anchors }, threads: 1 })
    const both = await verifying({ place, verify: { anchors }, threads: 2 })
    const { point } = whole.verified
    const since = await verifying({ place, verify: { anchors, since: point }, threads: 1 })
    process.stdout.write(
      `${JSON.stringify({
        bench: 'large-log',
        records: large.records,
        verify: figures(whole),
        verify2: figures(both),
        sinceMs: Math.round(since.ms),
        ...(await lookUps(place, large.records)),
      })}\n`,
    )
  } finally {
    await large.close()
    await rm(directory, { recursive: true })
  }
}

async function lookUps(place: LogReaderOptions, records: number): Promise<object> {
  const reader = openLogReader(place)
  try {
    const seqs = Array.from({ length: ROUNDS }, (_, round) => 2 + Math.floor(((records - 4) * round) / ROUNDS))
    const details = await Promise.all(seqs.map((seq) => reader.get(seq)))
    const ids = details.map((detail) => detail?.requestId).filter((id) => id !== null && id !== undefined)
    const times = details.map((detail) => detail?.at ?? '').filter((at) => at !== '')
    const [first = ''] = times
    const pseudonyms = openPseudonyms(place.masterKey, reader.identity.name)
    const search = reader.store.subjects.find
    const exporting = { reader, packages: openPackages(reader), now: Date.now }
    return {
      getMs: await timed(seqs, (seq) => reader.get(seq)),
      exchangeMs: await timed(ids, (id) => reader.exchange(id)),
      exportMs: await timed(ids, (id) => exported(exporting, id)),
      byIdMs: await timed(ids, (requestId) => reader.list({ requestId })),
      pageMs: await timed(seqs, (after) => reader.list({ after })),
      subjectMs: await timed(seqs, async (seq) => {
        const found = await search(pseudonyms.of(subjectsOf(Math.floor(seq / 2.1)).slice(0, 1)))
        if (found.length !== 1) throw new Error('A subject is not found')
      }),
      timePageMs: await timed(times, (to) => reader.list({ from: first, to })),
      commonClientMs: await timed(seqs, (after) => reader.list({ client: 'OWL/GOV/05774032/AMT7', after })),
      rareClientMs: await timed(times, (to) => reader.list({ client: RARE.client, to })),
    }
  } finally {
    reader.close()
  }
}

/** Made, and all of its octets read. */
async function exported(options: ExchangeOptions, requestId: string): Promise<void> {
  const { content } = await exportExchange(options, requestId)
  for await (const _ of content.read());
}

async function timed<T>(inputs: readonly T[], work: (input: T) => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (const input of inputs) {
    const began = performance.now()
    await work(input)
    times.push(performance.now() - began)
  }
  times.sort((a, b) => a - b)
  return [times[Math.floor(times.length / 2)] as number, times.at(-1) as number].map((ms) => Number(ms.toPrecision(3)))
}

/** In a process of its own, whose memory nothing else is in. */
async function verifying(task: Task): Promise<Answer> {
  const child = fork(import.meta.filename, { serialization: 'advanced' })
  child.send(task)
  const [found] = (await once(child, 'message')) as [Answer]
  if (!found.verified.isWhole) throw new Error(`The log does not hold: ${JSON.stringify(found.verified.damage)}`)
  return found
}

async function answer({ place, verify, threads }: Task): Promise<void> {
  let rss = 0
  const watch = setInterval(() => {
    rss = Math.max(rss, process.memoryUsage.rss())
  }, WATCH_MS)
  const began = performance.now()
  const before = process.cpuUsage()
  const verified = await verifyLogApart(place, verify, { threads })
  const { user, system } = process.cpuUsage(before)
  const ms = performance.now() - began
  clearInterval(watch)
  process.send?.({ verified, ms, cpuMs: (user + system) / 1000, rssMiB: Math.round(rss / MIB) } satisfies Answer)
  process.disconnect?.()
}

function figures({ verified, ms, cpuMs, rssMiB }: Answer): object {
  const { records } = verified
  return { perS: Math.round((1000 * records) / ms), perCpuS: Math.round((1000 * records) / cpuMs), rssMiB }
}
