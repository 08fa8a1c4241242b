/** What a renewal covers of records that are erased in part, as a whole, or that do not hold. */

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import t from 'tap'
import type { LogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { formatArchiveTimeStamp, formatEvidence } from '../../../../gateway/protocol/evidence-record.ts'
import { followRecord, readEvidenceRecord } from '../../../../gateway/protocol/evidence-record-reader.ts'
import { hashOf } from '../../../../gateway/protocol/sha2.ts'
import type { DigestName } from '../../../../gateway/protocol/signed-data.ts'
import { openSpool } from '../../../../gateway/transport/spool.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'
import { chainsOf, groupFiles, judge, renew } from './renewal-rig.ts'

const run = promisify(execFile)
const ER_VERIFY = new URL('../../../tools/er_verify.py', import.meta.url).pathname

// Each renewal waits for the next second.
t.setTimeout(120_000)

async function rigOf(t: Test) {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  let offset = 0
  const now = (): number => Date.now() + offset
  const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000, now })
  const reader = openLogReader(rig.options)
  t.teardown(async () => {
    reader.close()
    await rig.close()
    await trust.close()
  })
  const erase = async (what: 'body' | 'record', seq: number): Promise<void> => {
    const by = `operator:${'ab'.repeat(32)}` as const
    // Request ids guard against replay for a day.
    offset = 2 * 86_400_000
    const decided = await log.decide({
      ...{ event: 'erasure', what, id: randomUUID(), by, reason: 'Widerruf', records: { seq } },
    })
    offset = 0
    t.notOk('refused' in decided, JSON.stringify(decided))
  }
  const judging = { reader, directory: rig.directory, caFile: trust.caFile }
  return { trust, rig, log, reader, judging, erase, renew: renew.bind(null, rig.options, trust.authorities) }
}

/** @returns how many hashes of the latest chain are of objects that are not there */
async function follow(reader: LogReader, seq: number): Promise<number> {
  const der = (await reader.evidenceRecord(seq)) ?? Buffer.alloc(0)
  const detail = await reader.get(seq)
  const octets: (Buffer | undefined)[] = []
  for (const { name, isKept } of detail?.objects ?? []) {
    const part = name === 'message-head.txt' ? 'head' : name === 'signature.jades.json' ? 'signature' : 'body'
    const found = isKept ? await reader.object(seq, part) : undefined
    octets.push(found instanceof Readable ? Buffer.concat(await found.toArray()) : found)
  }
  const record = (await reader.object(seq, 'record')) as Buffer
  const sha256 = [
    ...(detail?.objects ?? []).map((object) => Buffer.from(object.sha256, 'hex')),
    hashOf('sha256', record),
  ]
  const under = (digest: DigestName) => [...octets, record].map((each) => each && hashOf(digest, each))
  return followRecord(readEvidenceRecord(der), { sha256, under })
}

t.test('an erased body is not in the renewed group, its digest is', async (t) => {
  const { rig, log, reader, judging, erase, renew, trust } = await rigOf(t)
  const seqs = await Promise.all([0, 1, 2].map(async () => (await log.append(requestRecord())).seq))
  await log.stampNow()
  const [before = 0, after = 0, never = 0] = seqs
  const digest = (await reader.get(before))?.objects[1]?.sha256 ?? ''
  await erase('body', before)

  await renew()
  t.same((await judge(judging, before, [digest])).stamps, ['sha256 4', 'sha256 1'], 'time-stamps do not mind')
  t.match(await renew({ hash: 'sha512' }), [{ kind: 'hash-tree', erased: 0, damaged: [] }])
  const der = (await reader.evidenceRecord(after)) ?? Buffer.alloc(0)
  await erase('body', after)

  const lists = async (seq: number) =>
    chainsOf((await reader.evidenceRecord(seq)) ?? Buffer.alloc(0)).map(([first]) => first?.lists[0]?.length)
  t.same(await lists(before), [4, 3], 'erased before: known by SHA-256 alone')
  t.equal(await follow(reader, before), 0)
  t.same(await lists(after), [4, 4], 'erased later: the renewed tree still names it')
  t.equal(await follow(reader, after), 1)
  t.same(await reader.evidenceRecord(after), der, 'and the evidence is what it was')
  t.equal(await follow(reader, never), 0)
  t.same((await judge(judging, never)).stamps, ['sha256 4', 'sha256 1', 'sha512 4'])

  // The independent verifier follows digests through the first chain only, and says so.
  const ers = join(rig.directory, 'first.ers')
  const files = await groupFiles(reader, rig.directory, before)
  const [chain = []] = chainsOf((await reader.evidenceRecord(before)) ?? Buffer.alloc(0))
  const stamps = chain.map(({ lists, token }) => formatArchiveTimeStamp(lists, token))
  await writeFile(ers, formatEvidence([{ digest: 'sha256', stamps }]))
  const { stdout } = await run('python3', [ER_VERIFY, trust.caFile, ers, '--digest', digest, ...files])
  t.match(stdout, /VALID\n$/)
  await t.rejects(judge(judging, before, [digest]), /cannot pass a hash-tree renewal/)
})

t.test('an erased record leaves its leaf to the others, and nothing of itself', async (t) => {
  const { rig, log, reader, judging, erase, renew } = await rigOf(t)
  const request = requestRecord()
  const recorded = await log.append(request)
  const ended = await log.append(endRecord(request, recorded))
  await log.stampNow()
  await renew({ hash: 'sha384' })
  const hashes = () => {
    const database = new DatabaseSync(rig.options.file, { readOnly: true })
    const rows = database.prepare('SELECT seq FROM renewal_body WHERE seq = ?').all(ended.seq)
    database.close()
    return rows.length
  }
  t.equal(hashes(), 1)

  await erase('record', ended.seq)
  t.equal(hashes(), 0, 'single hashes go with the record')
  t.equal(await reader.evidenceRecord(ended.seq), undefined)
  t.same((await judge(judging, recorded.seq)).stamps, ['sha256 4', 'sha384 4'])

  await log.stampNow()
  t.match(await renew({ hash: 'sha512' }), [{ erased: 1, damaged: [] }])
  t.equal(hashes(), 0)
  t.same((await judge(judging, recorded.seq)).stamps, ['sha256 4', 'sha384 4', 'sha512 4'])
})

t.test('a damaged record gets no new hash, and is named; a large body is renewed from its file', async (t) => {
  const { rig, log, reader, judging, renew } = await rigOf(t)
  const spool = await openSpool({ directory: join(rig.directory, 'log', 'spool'), spoolAboveBytes: 100 })
  const large = Readable.from([Buffer.alloc(300_000, 'g')])
  const body = await spool.receive(large, { bytesMax: 1e6, tooLarge: 'BadRequest' })
  const { seq } = await log.append(requestRecord({ body }))
  const damaged = await log.append(requestRecord())
  const swapped = await log.append(requestRecord())
  await log.stampNow()
  t.equal((await readdir(join(rig.directory, 'log', 'bodies'))).length, 1)
  const database = new DatabaseSync(rig.options.file)
  database.prepare('UPDATE content SET signature = ? WHERE seq = ?').run('e30..AA', damaged.seq)
  database.exec(
    `UPDATE content SET record = (SELECT record FROM content WHERE seq = ${seq}) WHERE seq = ${swapped.seq}`,
  )
  database.close()

  t.match(await renew({ hash: 'sha512' }), [{ damaged: [damaged.seq, swapped.seq], erased: 0 }])
  await t.rejects(reader.evidenceRecord(damaged.seq))
  await t.rejects(reader.evidenceRecord(swapped.seq))
  t.same((await judge(judging, seq)).stamps, ['sha256 4', 'sha512 4'])
})
