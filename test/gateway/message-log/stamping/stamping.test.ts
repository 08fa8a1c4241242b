/** Batches and their time-stamps, judged by ourselves, by openssl and by an independent verifier of RFC 4998 records. */

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import t from 'tap'
import type { LogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { sha256, treeRoot } from '../../../../gateway/protocol/hash-tree.ts'
import { readToken } from '../../../../gateway/protocol/time-stamp-token.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'

const run = promisify(execFile)
const ER_VERIFY = new URL('../../../tools/er_verify.py', import.meta.url).pathname
const LIES = ['imprint', 'garbage', 'nonce', 'time', 'other-signer', 'huge', 'reject', 'critical-extension'] as const

t.setTimeout(120_000)

async function stampRig(t: Test, more: Parameters<Awaited<ReturnType<typeof makeLogRig>>['open']>[0] = {}) {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  t.teardown(async () => {
    await rig.close()
    await trust.close()
  })
  const log = await rig.open({
    authorities: () => trust.authorities,
    stampIntervalMs: 3_600_000,
    stampRetryMs: 50,
    timeStamps: { timeoutMs: 500 },
    ...more,
  })
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  return { trust, rig, log, reader }
}

t.test('a batch of any size is evidence that others accept', async (t) => {
  const { trust, rig, log, reader } = await stampRig(t)
  for (const count of [1, 2, 7]) {
    const records = await Promise.all(Array.from({ length: count }, () => log.append(requestRecord())))
    await log.stampNow()

    for (const { seq, leaf } of records) {
      const evidence = await reader.evidenceRecord(seq)
      const batch = reader.store.batches.of(seq)
      if (evidence === undefined || batch === undefined) throw new Error(`Record ${seq} has no evidence`)
      t.ok(batch.token, `record ${seq} has a token`)
      const { own, first, last, root } = batch
      const leaves = [own, ...Array.from({ length: last - first + 1 }, (_, index) => first + index)].map(
        (each) => reader.store.records.leaves(each, each)[0] as Buffer,
      )
      t.same(Buffer.from(leaves[seq - first + 1] ?? []), leaf)
      t.same(treeRoot(leaves), root)
      const ers = join(rig.directory, 'record.ers')
      await writeFile(ers, evidence)
      const files = await writeGroup(reader, seq, rig.directory)
      const { stdout } = await run('python3', [ER_VERIFY, trust.caFile, ers, ...files])
      t.match(stdout, /^ATS sha256 \d+(\.\d+)?Z covers 4 object\(s\)\nVALID\n$/)
      await t.rejects(run('python3', [ER_VERIFY, trust.caFile, ers, ...files.slice(1)]), 'a file left out')
    }
  }
})

t.test('a refused request is proved by its digest, the batch itself is group 0', async (t) => {
  const { trust, rig, log, reader } = await stampRig(t)
  const { body, ...request } = requestRecord({ purpose: 'refusal' })
  const digest = { sha256: sha256(body?.bytes ?? Buffer.alloc(0)), size: body?.size ?? 0 }
  const { replaySender: _, ...record } = request
  const { seq } = await log.append({ ...record, bodyDigest: digest })
  await log.stampNow()

  for (const each of [seq, seq + 1]) {
    const evidence = await reader.evidenceRecord(each)
    if (evidence === undefined) throw new Error('There is no evidence')
    const ers = join(rig.directory, 'record.ers')
    await writeFile(ers, evidence)
    const files = await writeGroup(reader, each, rig.directory)
    const absent = each === seq ? ['--digest', digest.sha256.toString('hex')] : []
    const { stdout } = await run('python3', [ER_VERIFY, trust.caFile, ers, ...absent, ...files])
    t.match(stdout, /VALID/)
  }
  t.equal(reader.store.batches.of(seq + 1)?.own, seq + 1)
  t.match(await reader.get(seq), { bodyBytes: digest.size, objects: [{}, { isKept: false }, {}] })
})

t.test('the token carries the certificates and the list, and openssl accepts it', async (t) => {
  const { trust, rig, log, reader } = await stampRig(t)
  await log.append(requestRecord())
  await log.stampNow()

  const batch = reader.store.batches.of(1)
  const token = batch?.token ?? Buffer.alloc(0)
  t.equal(readToken(token).revocationLists.length, 1)
  const file = join(rig.directory, 'token.tst')
  await writeFile(file, token)
  const args = ['ts', '-verify', '-digest', batch?.root.toString('hex') ?? '', '-in', file, '-token_in']
  const { stdout, stderr } = await run('openssl', [...args, '-CAfile', trust.caFile])
  t.match(stdout + stderr, /Verification: OK/)
})

t.test('stamps by an authority that is qualified and whose list is for users only', async (t) => {
  const { trust, log, reader } = await stampRig(t)
  await trust.behave('tsa', { mode: 'wrong', kind: 'qualified' })
  await trust.behave('crl', { mode: 'wrong', kind: 'users' })
  await log.append(requestRecord())
  await log.stampNow()

  const token = reader.store.batches.of(1)?.token ?? Buffer.alloc(0)
  t.ok(token.includes(Buffer.from('0607040081975e0101', 'hex')), 'it has the statement of EN 319 422')
  t.ok(token.includes(Buffer.from('0603551d1c0101ff', 'hex')), 'and the list its critical scope')
  t.match(await verifyLog(reader, { anchors: trust.authorities }), { isWhole: true, stampedTo: 2 })
})

t.test('a list that leaves out certificates of users stops stamping by name', async (t) => {
  const { trust, log } = await stampRig(t)
  await trust.behave('crl', { mode: 'wrong', kind: 'authorities' })
  await log.append(requestRecord())
  await t.rejects(log.stampNow(), /not time-stamped/)
  t.equal(log.health().unstamped, 1)
})

t.test('batches follow one another and name their records', async (t) => {
  const { log, reader } = await stampRig(t, { stampRecordsMax: 10 })
  t.equal(log.head(), 'none')

  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 10 }, () => log.append(requestRecord())))
  }
  await log.stampNow()

  const batches = (await reader.list({ outcome: 'batch' })).records.toReversed()
  const headers = await Promise.all(batches.map(({ seq }) => reader.object(seq, 'head')))
  let before: string | null = null
  let next = 1
  for (const [index, octets] of headers.entries()) {
    const header = JSON.parse(String(octets))
    t.match(header, { log: 'OWL/GOV/05711000/SS1/n1', epoch: 1, batch: index + 1, first: next, prevHeader: before })
    t.equal(header.count, header.last - header.first + 1)
    t.equal(header.lastRecord, (await reader.get(header.last))?.leaf)
    t.equal(batches[index]?.seq, header.last + 1)
    before = sha256(octets as Buffer).toString('hex')
    next = header.last + 2
  }
  t.ok(batches.length >= 3, 'the number of records closes a batch')
  t.equal(log.head(), `${log.id};${headers.length};${Buffer.from(before ?? '', 'hex').toString('base64url')}`)
  await log.stampNow()
  t.equal((await reader.list({ outcome: 'batch' })).records.length, batches.length, 'no batch of nothing')
})

t.test('the schedule closes batches, and they are stamped without anybody asking', async (t) => {
  const { log, reader, rig } = await stampRig(t, { stampIntervalMs: 100 })
  await log.append(requestRecord())
  t.equal((await reader.get(1))?.stamped, false)

  await until(() => log.health().stampedAt !== undefined)

  t.equal((await reader.get(1))?.stamped, true)
  t.match(log.health(), { unstamped: 0, unstampedSince: undefined })
  t.match(rig.events, [{ event: 'stamped', batch: 1, stamped: { offsetMs: Number, url: String } }])
})

for (const kind of LIES) {
  t.test(`an authority that answers wrongly (${kind}) is not believed, the next one is asked`, async (t) => {
    const { trust, log, reader } = await stampRig(t, { timeStamps: { timeoutMs: 5000 } })
    await trust.behave('tsa', { mode: 'wrong', kind })
    await log.append(requestRecord())
    await log.stampNow()

    t.equal((await reader.get(1))?.stamped, true)
    const verified = await verifyLog(reader, { anchors: trust.authorities.slice(1) })
    t.match(verified, { isWhole: true, stampedTo: 2 }, 'by the second unit')

    await trust.behave('tsa2', { mode: 'wrong', kind })
    await log.append(requestRecord())
    await t.rejects(log.stampNow(), 'no authority is left')
    t.equal((await reader.get(3))?.stamped, false)
  })
}

t.test('an authority that takes too long is not waited for', async (t) => {
  const { trust, log, reader } = await stampRig(t, { timeStamps: { timeoutMs: 300 } })
  await trust.behave('tsa', { mode: 'late', delayMs: 3000 })
  await log.append(requestRecord())
  const began = performance.now()
  await log.stampNow()

  t.ok(performance.now() - began < 2500, 'the other has stamped by the time it answers')
  t.match(await verifyLog(reader, { anchors: trust.authorities.slice(1) }), { isWhole: true, stampedTo: 2 })
})

t.test('a revoked unit is not believed, nor is anybody without a current list', async (t) => {
  const { trust, log, reader, rig } = await stampRig(t, { timeStamps: { timeoutMs: 500, listAgeMsMax: 0 } })
  await trust.revoke('tsa.pem')
  await log.append(requestRecord())
  await log.stampNow()
  t.match(await verifyLog(reader, { anchors: trust.authorities.slice(1) }), { isWhole: true, stampedTo: 2 })

  await trust.revoke('tsa2.pem')
  await log.append(requestRecord())
  await t.rejects(log.stampNow())
  t.match(rig.events.at(-1), { event: 'stamping-failed', problem: /revoked: .*revoked: / })
})

t.test('an expired or foreign list stops stamping, a list at hand does until its end', async (t) => {
  const { trust, log } = await stampRig(t, { timeStamps: { timeoutMs: 500, listAgeMsMax: 0 } })
  await trust.behave('crl', { mode: 'wrong', kind: 'expired' })
  await log.append(requestRecord())
  await t.rejects(log.stampNow())
  await trust.behave('crl', { mode: 'wrong', kind: 'other-signer' })
  await t.rejects(log.stampNow())
  await trust.behave('crl', { mode: 'ok' })
  await log.stampNow()
  await trust.behave('crl', { mode: 'wrong', kind: 'garbage' })
  await log.append(requestRecord())
  await log.stampNow()
  t.equal(log.health().unstamped, 0)
})

t.test('an outage is visible, stops requests at its limit, and ends by itself with nothing left over', async (t) => {
  let skewMs = 0
  const { trust, log, reader, rig } = await stampRig(t, {
    now: () => Date.now() + skewMs,
    stampIntervalMs: 100,
    stampFailureLimitMs: 60_000,
    timeStamps: { timeoutMs: 300, offsetMsMax: 600_000 },
  })
  await trust.behave('tsa', { mode: 'silent' })
  await trust.behave('tsa2', { mode: 'wrong', kind: 'garbage' })
  const request = requestRecord()
  const recorded = await log.append(request)
  const since = Date.now()
  await until(() => rig.events.some(({ event }) => event === 'stamping-failed'))
  t.ok(Math.abs((log.health().unstampedSince ?? 0) - since) < 2000)
  t.equal(log.health().unstamped, 1)
  await log.append(requestRecord())
  t.not(log.head(), 'none', 'batches close all the same')

  skewMs = 90_000
  await until(() => rig.events.filter(({ event }) => event === 'stamping-failed').length > 2)
  await t.rejects(log.append(requestRecord()), { code: 'TimestampingFailed' })
  const { seq } = log.health()
  await t.resolves(log.append(endRecord(request, recorded)), 'what is under way gets its end')
  t.ok(log.health().seq > seq)

  await trust.behave('tsa', { mode: 'ok' })
  await until(() => log.health().unstamped === 0, 10_000)
  await t.resolves(log.append(requestRecord()))
  await log.stampNow()
  const verified = await verifyLog(reader, { anchors: trust.authorities })
  t.match(verified, { isWhole: true, stampedTo: log.health().seq })
})

t.test('records made while no authority answered are stamped after a restart', async (t) => {
  const { trust, log, rig, reader } = await stampRig(t)
  await trust.behave('tsa', { mode: 'wrong', kind: 'reject' })
  await trust.behave('tsa2', { mode: 'wrong', kind: 'reject' })
  await log.append(requestRecord())
  await t.rejects(log.stampNow())
  await log.append(requestRecord())
  await log.close()
  await trust.behave('tsa', { mode: 'ok' })

  const again = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000 })
  t.ok(again.health().unstamped > 0)
  await until(() => again.health().unstamped === 0)

  t.match(await verifyLog(reader, { anchors: trust.authorities }), { isWhole: true, stampedTo: again.health().seq })
})

async function writeGroup(reader: LogReader, seq: number, directory: string): Promise<string[]> {
  const files: string[] = []
  for (const part of ['head', 'body', 'signature', 'record'] as const) {
    const octets = await reader.object(seq, part)
    if (octets === undefined) continue
    const file = join(directory, `${seq}-${part}`)
    await writeFile(file, octets as Buffer)
    files.push(file)
  }
  return files
}

async function until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > end) throw new Error('It did not come about in time')
    await sleep(20)
  }
}
