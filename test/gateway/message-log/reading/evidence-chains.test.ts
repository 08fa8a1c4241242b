/** What is kept of batches whose records are asked for again; what evidence says is tested where it is made. */

import t from 'tap'
import { openEvidenceChains } from '../../../../gateway/message-log/reading/evidence-chains.ts'
import type { Group } from '../../../../gateway/message-log/reading/object-group.ts'
import { readGroup } from '../../../../gateway/message-log/reading/object-group.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import type { LogStore } from '../../../../gateway/message-log/store/log-store.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'

t.test('records of a few batches in turn cost each batch once', async (t) => {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000 })
  const request = requestRecord()
  const place = await log.append(request)
  await log.stampNow()
  // Its end is in the next batch, and further batches follow.
  await log.append(endRecord(request, place))
  const seqs = [1, 3]
  for (let batch = 0; batch < 5; batch++) {
    await log.append(requestRecord())
    await log.stampNow()
    seqs.push(log.health().seq)
  }
  const reader = openLogReader(rig.options)
  t.teardown(async () => {
    reader.close()
    await rig.close()
    await trust.close()
  })
  const counted = countingLeaves(reader.store)
  const chains = openEvidenceChains(counted.store)
  const groups = seqs.map((seq) => {
    const stored = reader.store.records.get(seq)
    return (stored && readGroup(stored, reader.contents)) as Group
  })
  const [one, other, ...further] = groups as [Group, Group, ...Group[]]

  const first = [chains.of(one), chains.of(other)]
  t.ok(first.every((evidence) => evidence !== undefined))
  t.equal(counted.trees(), 2)
  for (let round = 0; round < 10; round++) t.same([chains.of(one), chains.of(other)], first)
  t.equal(counted.trees(), 2, 'each once')

  for (const group of further) chains.of(group)
  const all = counted.trees()
  t.same([chains.of(one), chains.of(other)], first)
  t.ok(counted.trees() > all, 'and not for ever')
})

/** The same store; leaves are read twice for every tree. */
function countingLeaves(store: LogStore): { readonly store: LogStore; trees(): number } {
  let reads = 0
  const leaves = (first: number, last: number): Uint8Array[] => {
    reads += 1
    return store.records.leaves(first, last)
  }
  return { store: { ...store, records: { ...store.records, leaves } }, trees: () => reads / 2 }
}
