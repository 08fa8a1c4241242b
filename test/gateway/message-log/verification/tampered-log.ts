/** A closed, time-stamped log with records of every kind, to be tampered with. */

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import { sha256 } from '../../../../gateway/protocol/hash-tree.ts'
import { openSpool } from '../../../../gateway/transport/spool.ts'
import type { LogRig } from '../log-rig.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import type { TrustRig } from '../trust-rig.ts'
import { openTrustRig } from '../trust-rig.ts'

export async function makeStampedLog(t: Test): Promise<{ rig: LogRig; trust: TrustRig }> {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  t.teardown(async () => {
    await rig.close()
    await trust.close()
  })
  const options = { authorities: () => trust.authorities, stampIntervalMs: 3_600_000 }
  const log = await rig.open(options)
  const spool = await openSpool({ directory: join(rig.directory, 'spool'), spoolAboveBytes: 1000 })

  await log.appendConfiguration({ version: 1, sha256: '', octets: Buffer.from('{"version":1}') })
  for (let round = 0; round < 3; round++) {
    const request = requestRecord()
    const recorded = await log.append(request)
    await log.append(endRecord(request, recorded))
    const { body: small, replaySender: _, ...refused } = requestRecord({ purpose: 'refusal' })
    const kept = await log.append({
      ...refused,
      bodyDigest: { sha256: sha256(small?.bytes ?? Buffer.alloc(0)), size: 49 },
    })
    await log.append(endRecord(refused, kept, { outcome: 'refusal' }))
    const body = await spool.receive(Readable.from([randomBytes(70_000)]), { bytesMax: 1e6, tooLarge: 'BadRequest' })
    const large = requestRecord({ body })
    const open = await log.append(large)
    await log.append(endRecord(large, open, { outcome: 'failure', body: undefined }))
    await log.append(endRecord(requestRecord({ purpose: 'refusal' }), undefined, { outcome: 'refusal' }))
    await log.append(requestRecord({ body: undefined }))
    await log.stampNow()
  }
  await log.close()
  // Requests that had no end are closed in doubt.
  const again = await rig.open(options)
  await again.stampNow()
  await again.close()
  return { rig, trust }
}
