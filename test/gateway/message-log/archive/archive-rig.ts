/** A time-stamped log with records of every kind over several days, to be archived. */

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import type { SqliteLog } from '../../../../gateway/message-log/open-log.ts'
import type { LogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import type { Verification } from '../../../../gateway/message-log/verification/verify.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { sha256 } from '../../../../gateway/protocol/hash-tree.ts'
import { openSpool } from '../../../../gateway/transport/spool.ts'
import type { LogRig } from '../log-rig.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import type { TrustRig } from '../trust-rig.ts'
import { openTrustRig } from '../trust-rig.ts'

export const DAY_MS = 86_400_000

export interface ArchiveRig {
  readonly rig: LogRig
  readonly trust: TrustRig
  readonly archive: string
  open(more?: Parameters<LogRig['open']>[0]): Promise<SqliteLog>
  /** @param at where archive files are */
  reader(at?: string): LogReader
  verify(at?: string): Promise<Verification>
  /** SHA-256 of every object of every record. */
  everything(at?: string): Promise<Map<string, string>>
}

export async function makeArchiveRig(t: Test): Promise<ArchiveRig> {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  const readers: LogReader[] = []
  t.teardown(async () => {
    for (const reader of readers) reader.close()
    await rig.close()
    await trust.close()
  })
  const archive = join(rig.directory, 'archive')
  const reader = (at = archive): LogReader => {
    const opened = openLogReader({ ...rig.options, archive: at })
    readers.push(opened)
    return opened
  }
  return {
    rig,
    trust,
    archive,
    open(more) {
      const stamping = { authorities: () => trust.authorities, stampIntervalMs: 3_600_000 }
      // The log's clock is days behind at times.
      return rig.open({ archive, ...stamping, timeStamps: { offsetMsMax: 10 * DAY_MS }, ...more })
    },
    reader,
    verify: (at) => verifyLog(reader(at), { anchors: trust.authorities }),
    async everything(at) {
      const source = reader(at)
      const found = new Map<string, string>()
      const last = (await source.list({ limit: 1 })).records[0]?.seq ?? 0
      for (let seq = 1; seq <= last; seq++) {
        for (const part of ['record', 'head', 'signature', 'body'] as const) {
          const octets = await source.object(seq, part)
          if (octets === undefined) continue
          const whole = Buffer.isBuffer(octets) ? octets : Buffer.concat(await octets.toArray())
          found.set(`${seq} ${part}`, sha256(whole).toString('hex'))
        }
      }
      return found
    },
  }
}

/** One batch with a record of every kind; no request stays open. */
export async function addBatch(log: SqliteLog, directory: string, version = 1): Promise<void> {
  const spool = await openSpool({ directory: join(directory, 'spool'), spoolAboveBytes: 1000 })
  const octets = Buffer.from(JSON.stringify({ version }))
  await log.appendConfiguration({ version, sha256: '', octets })
  const request = requestRecord()
  await log.append(endRecord(request, await log.append(request)))
  const { body: _, replaySender: __, ...refused } = requestRecord({ purpose: 'refusal' })
  const kept = await log.append({ ...refused, bodyDigest: { sha256: sha256(Buffer.alloc(3)), size: 3 } })
  await log.append(endRecord(refused, kept, { outcome: 'refusal' }))
  const body = await spool.receive(Readable.from([randomBytes(70_000)]), { bytesMax: 1e6, tooLarge: 'BadRequest' })
  const large = requestRecord({ body })
  await log.append(endRecord(large, await log.append(large), { outcome: 'failure', body: undefined }))
  const bare = requestRecord({ body: undefined })
  await log.append(endRecord(bare, await log.append(bare)))
  await log.stampNow()
}
