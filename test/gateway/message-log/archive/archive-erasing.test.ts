/** What archive files, which never change, are still good for when the keys of a purpose are destroyed. */

import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openArchiveFile } from '../../../../gateway/message-log/archive/archive-file.ts'
import { nonceOf } from '../../../../gateway/message-log/archive/archive-files.ts'
import { RECORD } from '../../../../gateway/message-log/archive/archive-format.ts'
import { open as unseal } from '../../../../gateway/message-log/keys/content-cipher.ts'
import { openKeyStore } from '../../../../gateway/message-log/keys/key-store.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { readTables } from '../log-rig.ts'
import { requestRecord } from '../messages.ts'
import { addBatch, DAY_MS, makeArchiveRig } from './archive-rig.ts'

t.setTimeout(120_000)

const PARTS = ['record', 'head', 'signature', 'body'] as const
/** Longer ago than records are kept. */
const DAYS_AGO = 25

t.test(
  'with the keys of a purpose its archived records are gone, whatever copy of the database there is',
  async (t) => {
    const { rig, archive, open, verify, reader } = await makeArchiveRig(t)
    let daysAgo = DAYS_AGO
    const options = {
      now: () => Date.now() - daysAgo * DAY_MS,
      retention: () => ({ bodyRetentionDays: 10, recordRetentionDays: 20 }),
      timeStamps: { offsetMsMax: 40 * DAY_MS },
    }
    let log = await open(options)
    await addBatch(log, rig.directory)
    await log.append(requestRecord())
    await log.close()
    // What had no end gets one: on a day and under a purpose of which nothing else may be there.
    daysAgo -= 1
    log = await open(options)
    await log.stampNow()
    t.equal((await log.archive(0.5)).length, 1)
    daysAgo -= 1
    t.equal((await log.archive(0.5)).length, 1)
    await log.close()
    const old = join(rig.directory, 'old.sqlite')
    await cp(rig.options.file, old)
    const { keyStore, masterKey } = rig.options
    const files = reader()
      .contents.archives.rows()
      .map(({ name }) => openArchiveFile(join(archive, name)))
    const ofPurposes = readTables(rig.options)
      .prepare('SELECT seq, kind FROM record WHERE purpose IS NOT NULL ORDER BY seq')
      .all()
      .map(({ seq, kind }) => ({ seq: Number(seq), kind }))
    t.ok(ofPurposes.some(({ kind }) => kind === 'in-doubt'))
    t.ok(ofPurposes.length > 9)
    const opened = async (seq: number): Promise<string[]> => {
      const copy = openLogReader({ file: old, keyStore, masterKey, archive })
      try {
        const found = await Promise.all(PARTS.map(async (part) => ((await copy.object(seq, part)) ? part : '')))
        return found.filter((part) => part !== '')
      } finally {
        copy.close()
      }
    }
    /** With every key that is there, and every share in the copy. */
    const broken = (): number[] => {
      const keys = openKeyStore({ directory: keyStore, masterKeyFile: masterKey })
      const copy = new DatabaseSync(old, { readOnly: true })
      const rows = copy.prepare('SELECT share, body_share FROM content').all()
      copy.close()
      const shares = rows
        .flatMap((row) => [row['share'], row['body_share']])
        .filter((share) => share instanceof Uint8Array)
      const found: number[] = []
      for (const { seq } of ofPurposes) {
        const file = files.find(({ header }) => seq >= header.first && seq <= header.last)
        const section = file?.section(seq)
        if (file === undefined || section?.tag !== RECORD) throw new Error('A record is not in its file')
        const sealed = Buffer.from(section.octets.subarray(4, 4 + section.octets.readUInt32BE(0)))
        const isOpened = keys.names().some((name) => {
          const key = keys.read(name) as Buffer
          return shares.some((share) => opens(() => unseal('arch', key, Buffer.from(share), sealed, nonceOf(file))))
        })
        if (isOpened) found.push(seq)
      }
      return found
    }
    for (const { seq, kind } of ofPurposes) t.ok((await opened(seq)).includes('record'), `the copy is good: ${kind}`)
    t.same(
      broken(),
      ofPurposes.map(({ seq }) => seq),
      'and so is the attempt',
    )
    const batch = Number(readTables(rig.options).prepare('SELECT min(seq) AS seq FROM batch').get()?.['seq'])
    t.same(await opened(batch), ['record', 'head', 'body'])

    daysAgo = 0
    log = await open(options)
    t.match(await log.eraseDue(), { records: ofPurposes.length })

    for (const { seq, kind } of ofPurposes) t.same(await opened(seq), [], `${seq} ${kind}`)
    t.same(broken(), [])
    t.same(await opened(batch), ['record', 'head', 'body'], 'batches are about nobody')
    t.match(await verify(), { isWhole: true, damage: null, erased: ofPurposes.length })
    for (const file of files) file.close()
  },
)

function opens(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}
