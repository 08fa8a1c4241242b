/** Evidence after an erasure, judged by a verifier that is not ours; and that of the decision itself. */

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import t from 'tap'
import type { LogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import type { What } from '../../../../gateway/message-log/record/erasure-event.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'

const ER_VERIFY = new URL('../../../tools/er_verify.py', import.meta.url).pathname

t.setTimeout(120_000)

t.test('evidence of what is left of a message verifies, and that of its neighbours', async (t) => {
  const [rig, trust] = [await makeLogRig(), await openTrustRig()]
  t.teardown(rig.close)
  t.teardown(trust.close)
  const day = 86_400_000
  const log = await rig.open({ authorities: () => trust.authorities, replayWindowMs: 1, stampFailureLimitMs: day })
  for (let count = 0; count < 3; count++) {
    const request = requestRecord()
    await log.append(endRecord(request, await log.append(request)))
  }
  await log.stampNow()
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  const erase = (seq: number, what: What) =>
    log.decide({ event: 'erasure', what, id: randomUUID(), by: 'console', reason: 'x', records: { seq } })
  const check = (seq: number) => checkOutside(t, reader, seq, trust.caFile)

  t.match(await check(1), { digests: 0 }, 'whole')
  t.match(await erase(1, 'body'), { records: 1 })
  t.match(await erase(3, 'record'), { records: 1 })
  await log.stampNow()

  t.match(await check(1), { digests: 1 }, 'without its body, by its digest')
  t.equal(await reader.evidenceRecord(3), undefined, 'of an erased record there is nothing to show')
  for (const seq of [2, 4, 5, 6, 7]) t.match(await check(seq), { digests: 0 }, `record ${seq}`)
  const [decision] = (await reader.list({ outcome: 'erasure' })).records
  t.match(decision, { stamped: true })
  t.match(await check(decision?.seq ?? 0), { digests: 0 }, 'the decision is time-stamped like anything else')
  t.match(await verifyLog(reader, { anchors: trust.authorities }), { isWhole: true, erased: 1 })
})

async function checkOutside(t: Test, reader: LogReader, seq: number, caFile: string) {
  const directory = await mkdtemp(join(tmpdir(), 'owl-er-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const evidence = join(directory, 'record.ers')
  await writeFile(evidence, (await reader.evidenceRecord(seq)) as Buffer)
  const detail = await reader.get(seq)
  const files: string[] = []
  const digests: string[] = []
  const parts = ['head', 'body', 'signature'] as const
  for (const { name, sha256, isKept } of detail?.objects ?? []) {
    const part = parts.find((each) => name.includes(each)) ?? (name.startsWith('batch-header') ? 'head' : 'body')
    const octets = await reader.object(seq, part)
    if (!isKept) digests.push(sha256)
    else {
      files.push(join(directory, name))
      await writeFile(join(directory, name), octets as Buffer)
    }
  }
  files.push(join(directory, 'log-record.json'))
  await writeFile(join(directory, 'log-record.json'), (await reader.object(seq, 'record')) as Buffer)
  const given = digests.flatMap((digest) => ['--digest', digest])
  // It ends with another code than 0 when the record does not hold.
  await promisify(execFile)('python3', [ER_VERIFY, caFile, evidence, ...given, ...files])
  return { digests: digests.length }
}
