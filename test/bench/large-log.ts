/** A large log, as a gateway would have written it: real messages through the real writer, time-stamped. */

import { bodyOf } from '../../gateway/transport/spool.ts'
import type { LogRig } from '../gateway/message-log/log-rig.ts'
import { makeLogRig } from '../gateway/message-log/log-rig.ts'
import { endRecord, requestRecord } from '../gateway/message-log/messages.ts'
import type { TrustRig } from '../gateway/message-log/trust-rig.ts'
import { openTrustRig } from '../gateway/message-log/trust-rig.ts'

export interface LargeLog {
  readonly rig: LogRig
  readonly trust: TrustRig
  readonly records: number
  close(): Promise<void>
}

/** Under way at a time, so that one commit takes many. */
const CONCURRENT = 1000
/** Exchanges in a batch: some minutes of a busy gateway. */
const BATCH = 2000
const BODY_BYTES = 400
const CLIENTS = 40
const SERVICES = 12
const PURPOSES = ['UMZUG', 'MELDEREGISTERAUSKUNFT', 'KFZ-HALTER', 'GEWERBE'] as const
/** One client asks as seldom as this. */
export const RARE = { client: 'OWL/GOV/05711000/TOURISMUS', every: 50_000 }

/** Those that a request is about: a family. */
export function subjectsOf(n: number): string[] {
  return ['erika', 'max', 'kind'].map((name) => `person:mustermann${n}|${name}|1979-05-19`)
}

/** @param directory where to make it */
export async function makeLargeLog(directory: string, wanted: number): Promise<LargeLog> {
  const trust = await openTrustRig()
  const rig = await makeLogRig(directory)
  const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000 })

  async function exchange(n: number): Promise<void> {
    const request = requestRecord({
      client: n % RARE.every === 0 ? RARE.client : `OWL/GOV/05774032/AMT${n % CLIENTS}`,
      service: `OWL/GOV/05711000/MELDEWESEN/dienst${n % SERVICES}`,
      purpose: PURPOSES[n % PURPOSES.length] as string,
      body: bodyOf(Buffer.alloc(BODY_BYTES, String(n))),
    })
    const recorded = await log.append({ ...request, subjects: subjectsOf(n) })
    await log.append(endRecord(request, recorded, { body: bodyOf(Buffer.alloc(BODY_BYTES, String(n + 1))) }))
  }

  let records = 0
  for (let first = 0; records < wanted; first += BATCH) {
    for (let from = first; from < first + BATCH; from += CONCURRENT) {
      await Promise.all(Array.from({ length: CONCURRENT }, (_, index) => exchange(from + index)))
    }
    await log.stampNow()
    records += 2 * BATCH + 1
  }
  await log.close()
  return {
    rig,
    trust,
    records,
    async close() {
      await rig.close()
      await trust.close()
    },
  }
}
