/** A log with what others hold of it, and older copies of it, for somebody to damage in any way that files allow. */

import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import type { LogReaderOptions } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { LogOpenError } from '../../../../gateway/message-log/record/open-error.ts'
import type { KnownHead } from '../../../../gateway/message-log/verification/known-check.ts'
import type { Verification, VerifyOptions } from '../../../../gateway/message-log/verification/verify.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'
import type { Dice, Way } from './tampering.ts'
import { damage, isUncovered } from './tampering.ts'

export type Act = Way | 'restore'

export interface Damaged {
  readonly done: readonly string[]
  /** How many of the first records are there as they were. */
  readonly kept: number
  /** Is nothing there but those? */
  readonly isPrefix: boolean
  verify(known: Partial<VerifyOptions>): Promise<Verification | 'unreadable'>
}

export interface DamagedLog {
  readonly records: number
  /** Of each batch: its header as partners have received it, what its token is over, its own record. */
  readonly batches: readonly { readonly head: KnownHead; readonly imprint: KnownHead; readonly seq: number }[]
  damage<T>(acts: readonly Act[], dice: Dice, look: (damaged: Damaged) => Promise<T>): Promise<T>
}

const BATCHES = 4

export async function makeDamagedLog(t: Test): Promise<DamagedLog> {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  const copies = await mkdtemp(join(tmpdir(), 'owl-copies-'))
  t.teardown(async () => {
    await rig.close()
    await trust.close()
    await rm(copies, { recursive: true })
  })
  for (let round = 0; round <= BATCHES; round++) {
    const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000 })
    for (let count = 0; count < 4; count++) {
      const request = requestRecord()
      await log.append(endRecord(request, await log.append(request)))
    }
    await log.append(endRecord(requestRecord({ purpose: 'refusal' }), undefined, { outcome: 'refusal' }))
    await log.stampNow()
    await log.close()
    await cp(dirname(rig.options.file), join(copies, String(round)), { recursive: true })
  }

  const original = dump(rig.options.file)
  const database = new DatabaseSync(rig.options.file, { readOnly: true })
  const hex = (octets: unknown): string => Buffer.from(octets as Uint8Array).toString('hex')
  const batches = database
    .prepare('SELECT number, seq, header_sha256 AS header, root FROM batch ORDER BY number')
    .all()
    .map(({ number, seq, header, root }) => ({
      head: { batch: Number(number), sha256: hex(header) },
      imprint: { batch: Number(number), sha256: hex(root) },
      seq: Number(seq),
    }))
  database.close()

  return {
    records: original.length,
    batches,
    async damage(acts, dice, look) {
      const directory = await mkdtemp(join(tmpdir(), 'owl-damaged-'))
      try {
        const file = join(directory, basename(rig.options.file))
        const restore = (round: number): Promise<void> =>
          cp(join(copies, String(round)), directory, { recursive: true })
        await restore(BATCHES)
        const done: string[] = []
        for (const act of acts) {
          if (act !== 'restore') done.push(damage(file, act, dice))
          else {
            const round = dice(BATCHES)
            await rm(directory, { recursive: true })
            await restore(round)
            done.push(`restored as it was after batch ${round + 1}`)
          }
        }
        const found = dump(file)
        const changed = original.findIndex((each, index) => found[index] !== each)
        const kept = changed === -1 ? original.length : changed
        return await look({
          done,
          kept,
          isPrefix: found.length === kept,
          verify: (known) => verify({ ...rig.options, file }, { anchors: trust.authorities, ...known }),
        })
      } finally {
        await rm(directory, { recursive: true })
      }
    },
  }
}

async function verify(place: LogReaderOptions, options: VerifyOptions): Promise<Verification | 'unreadable'> {
  try {
    const reader = openLogReader(place)
    try {
      return await verifyLog(reader, options)
    } finally {
      reader.close()
    }
  } catch (error) {
    if (error instanceof LogOpenError) return 'unreadable'
    throw error
  }
}

/** Every record as text, with its contents, its batch and what hashes cover of them. */
function dump(file: string): string[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const rows = database
      .prepare(
        `SELECT record.*, content.*, basis_text.text AS basis_text, etsi_text.text AS etsi_text, batch.* FROM record
         LEFT JOIN content ON content.seq = record.seq LEFT JOIN batch ON batch.seq = record.seq
         LEFT JOIN repeated AS basis_text ON basis_text.id = basis LEFT JOIN repeated AS etsi_text ON etsi_text.id = etsi_u
         ORDER BY record.seq`,
      )
      .all()
    return rows.map((row) => JSON.stringify(Object.entries(row).filter(([name]) => !isUncovered('record', name))))
  } finally {
    database.close()
  }
}
