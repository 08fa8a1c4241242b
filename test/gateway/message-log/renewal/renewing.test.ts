import type { Test } from 'tap'
import t from 'tap'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'
import { chainsOf, judge, opensslAccepts, renew } from './renewal-rig.ts'

// Each renewal waits for the next second.
t.setTimeout(170_000)

async function rigOf(t: Test) {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000 })
  const reader = openLogReader(rig.options)
  t.teardown(async () => {
    reader.close()
    await rig.close()
    await trust.close()
  })
  const batch = async (count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, () => log.append(requestRecord())))
    await log.stampNow()
  }
  const judging = { reader, directory: rig.directory, caFile: trust.caFile }
  return { trust, rig, log, reader, batch, judging, renew: renew.bind(null, rig.options, trust.authorities) }
}

t.test('evidence verifies elsewhere after any row of renewals', async (t) => {
  const { rig, log, reader, batch, judging, renew, trust } = await rigOf(t)
  const request = requestRecord()
  const recorded = await log.append(request)
  await log.append(endRecord(request, recorded, { outcome: 'refusal', body: undefined }))
  await log.appendConfiguration({ version: 1, sha256: '0'.repeat(64), octets: Buffer.from('{"a":1}') })
  await log.stampNow()
  await batch(5)
  await batch(1)
  const all = Array.from({ length: log.health().seq }, (_, at) => at + 1)
  const judgeAll = async (seqs: readonly number[]): Promise<string[][]> => {
    const judged = await Promise.all(seqs.map((seq) => judge(judging, seq)))
    return judged.map(({ stamps }) => stamps.map((stamp) => stamp.split(' ')[0] as string))
  }
  const same = (seqs: readonly number[], chain: string[]): string[][] => seqs.map(() => chain)

  const [first] = await renew()
  t.match(first, { kind: 'time-stamp', digest: 'sha256', firstBatch: 1, lastBatch: 3, leaves: 3 })
  t.same(await judgeAll(all), same(all, ['sha256', 'sha256']), 'time-stamp renewal')

  await batch(2)
  const later = all.map((seq) => seq + all.length).slice(0, 3)
  const [second] = await renew()
  t.match(second, { kind: 'time-stamp', firstBatch: 1, lastBatch: 4, leaves: 2 }, 'one token for all, and a new one')
  t.same(await judgeAll(all), same(all, ['sha256', 'sha256', 'sha256']))
  t.same(await judgeAll(later), same(later, ['sha256', 'sha256']))

  const [third] = await renew({ hash: 'sha512' })
  t.match(third, { kind: 'hash-tree', digest: 'sha512', leaves: log.health().seq, erased: 0, damaged: [] })
  t.same(await judgeAll(all), same(all, ['sha256', 'sha256', 'sha256', 'sha512']), 'hash-tree renewal')
  t.same(await judgeAll(later), same(later, ['sha256', 'sha256', 'sha512']))

  await batch(3)
  const newest = [log.health().seq - 1, log.health().seq]
  const both = await renew()
  t.match(both, [
    { kind: 'time-stamp', digest: 'sha512', firstBatch: 1, lastBatch: 4, leaves: 1 },
    { kind: 'time-stamp', digest: 'sha256', firstBatch: 5, lastBatch: 5, leaves: 1 },
  ])
  t.same(await judgeAll(all), same(all, ['sha256', 'sha256', 'sha256', 'sha512', 'sha512']), 'in the chain it has')
  t.same(await judgeAll(newest), same(newest, ['sha256', 'sha256']))

  t.match(await renew({ hash: 'sha512' }), [{ kind: 'hash-tree', firstBatch: 5, lastBatch: 5 }], 'only what is weaker')
  t.same(await judgeAll(newest), same(newest, ['sha256', 'sha256', 'sha512']))
  t.match(await renew(), [{ kind: 'time-stamp', digest: 'sha512', firstBatch: 1, lastBatch: 5, leaves: 2 }])
  t.same(await judgeAll(newest), same(newest, ['sha256', 'sha256', 'sha512', 'sha512']))
  t.same(await judgeAll([1]), [['sha256', 'sha256', 'sha256', 'sha512', 'sha512', 'sha512']])
  t.same(await renew({ hash: 'sha512' }), [], 'nothing is weaker any more')

  const der = (await reader.evidenceRecord(1)) ?? Buffer.alloc(0)
  t.equal(await opensslAccepts(der, rig.directory, trust.caFile), 6)
  t.same(
    chainsOf(der).map((chain) => chain.map(({ lists }) => lists?.[0]?.length)),
    [
      [4, 1, 1],
      [4, 1, 1],
    ],
  )
  t.match(await verifyLog(reader, { anchors: trust.authorities }), { isWhole: true }, 'the log itself has not changed')
})
