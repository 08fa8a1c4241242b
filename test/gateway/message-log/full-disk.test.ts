/** A disk that is full, and free again: security.md row 27. On a tmpfs of its own, where the test may mount one. */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import type { Appended, NewRecord } from '../../../gateway/message-log/message-log.ts'
import { openLogReader } from '../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../gateway/message-log/verification/verify.ts'
import { makeLogRig, readTables } from './log-rig.ts'
import { endRecord, requestRecord } from './messages.ts'

const run = promisify(execFile)
const MIB = 1024 * 1024
const SIZE_MIB = 96
const directory = await mkdtemp(join(tmpdir(), 'owl-disk-'))
const isMounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', directory]).then(
  () => true,
  () => false,
)
t.teardown(async () => {
  if (isMounted) await run('umount', ['-l', directory])
  await rm(directory, { recursive: true, force: true })
})

const skip = isMounted ? false : 'this user may not mount a tmpfs'

t.test('a full disk refuses records, loses none, and heals by itself', { skip }, async (t) => {
  const rig = await makeLogRig(directory)
  t.teardown(rig.close)
  const log = await rig.open({ stampIntervalMs: 100 })
  const ballast = join(directory, 'ballast')
  await writeFile(ballast, Buffer.alloc((SIZE_MIB - 6) * MIB))
  const request = requestRecord()
  const recorded = await log.append(request)

  const written: Appended[] = [recorded]
  const refused: string[] = []
  // What recovering frees is written full again.
  for (let round = 0; round < 500 && (refused.length < 64 || log.health().isWritable); round++) {
    const results = await Promise.allSettled(Array.from({ length: 16 }, () => log.append(requestRecord())))
    for (const result of results) {
      if (result.status === 'fulfilled') written.push(result.value)
      else refused.push(result.reason.code)
    }
  }
  t.ok(refused.length >= 64, 'it was full')
  t.ok(refused.every((code) => code === 'LoggingFailed'))
  t.equal(log.health().isWritable, false)
  await t.rejects(log.append(endRecord(request, recorded)), { code: 'LoggingFailed' }, 'not even an end')

  await rm(ballast)
  const after = await retried(() => log.append(requestRecord()))
  t.equal(log.health().isWritable, true)
  const told = rig.events.map(({ event }) => event).filter((event) => event.startsWith('log-'))
  t.match(told.slice(-2), ['log-failed', 'log-recovered'])
  written.push(after)

  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  t.match(await verifyLog(reader, { anchors: [] }), { isWhole: true })
  for (const { seq, leaf } of written) t.equal((await reader.get(seq))?.leaf, leaf.toString('hex'))
  const { records } = await reader.list({ outcome: 'request', limit: 1000 })
  t.equal(records.length, written.length, 'nothing that was refused is there')
  const [doubt] = (await reader.exchange(request.requestId)).slice(1)
  t.match(doubt, { outcome: 'in-doubt' }, 'the request that lost its end is closed')
  t.match(JSON.parse(String(await reader.object(doubt?.seq ?? 0, 'body'))), { reason: 'no-end' })
  t.match(readTables(rig.options).prepare('PRAGMA integrity_check').get(), { integrity_check: 'ok' })
})

t.test('a disk that is full from time to time never leaves the log and its callers at odds', { skip }, async (t) => {
  const rig = await makeLogRig(directory)
  t.teardown(rig.close)
  const log = await rig.open({ stampIntervalMs: 50, recoverIntervalMs: 20 })
  const ballast = join(directory, 'ballast')
  const ended = new Map<number, number>()
  const written = new Map<number, string>()
  let refusals = 0
  let isDone = false

  const exchange = async (): Promise<void> => {
    while (!isDone) {
      const request: NewRecord = requestRecord()
      try {
        const recorded = await log.append(request)
        written.set(recorded.seq, recorded.leaf.toString('hex'))
        const end = await log.append(endRecord(request, recorded))
        written.set(end.seq, end.leaf.toString('hex'))
        ended.set(recorded.seq, end.seq)
        // Not so many that the log itself fills the disk.
        await sleep(5)
      } catch (error) {
        t.equal((error as { code?: string }).code, 'LoggingFailed')
        refusals += 1
        await sleep(10)
      }
    }
  }
  const exchanges = Promise.all(Array.from({ length: 4 }, exchange))
  for (let round = 0; round < 6; round++) {
    await sleep(60)
    // Everything that is free, whatever that is.
    await writeFile(ballast, Buffer.alloc(SIZE_MIB * MIB)).catch(() => {})
    await sleep(80)
    if (existsSync(ballast)) await rm(ballast)
  }
  isDone = true
  await exchanges
  t.ok(refusals > 0, `${refusals} refused, ${written.size} written`)
  await retried(() => log.append(requestRecord()))
  await log.close()

  const again = await rig.open()
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  t.match(await verifyLog(reader, { anchors: [] }), { isWhole: true })
  const leafOf = readTables(rig.options).prepare('SELECT lower(hex(leaf)) AS leaf, ends FROM record WHERE seq = ?')
  for (const [seq, leaf] of written) t.equal(leafOf.get(seq)?.['leaf'], leaf)
  for (const [request, end] of ended) t.equal(leafOf.get(end)?.['ends'], request)
  await again.close()
})

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let time = 0; ; time++) {
    try {
      return await work()
    } catch (error) {
      if (time === 100) throw error
      await sleep(50)
    }
  }
}
