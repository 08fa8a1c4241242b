/** Days of a log that move to archive files, and everything that reads them there. */

import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import t from 'tap'
import type { MessageLogOptions, SqliteLog } from '../../../../gateway/message-log/open-log.ts'
import type { ArchiveRow } from '../../../../gateway/message-log/record/archive-row.ts'
import { bodyOf, openSpool } from '../../../../gateway/transport/spool.ts'
import type { ArchiveRig } from '../archive/archive-rig.ts'
import { addBatch, DAY_MS, makeArchiveRig } from '../archive/archive-rig.ts'
import { readTables } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { renew } from '../renewal/renewal-rig.ts'

t.setTimeout(120_000)

interface Archived extends ArchiveRig {
  readonly log: SqliteLog
  /** Of two days. */
  readonly made: readonly ArchiveRow[]
  /** Objects of all records before anything was archived. */
  readonly before: ReadonlyMap<string, string>
}

/** Two old days in two files, and a day that stays. */
async function archived(t: Test): Promise<Archived> {
  const rig = await makeArchiveRig(t)
  let daysAgo = 2
  const log = await rig.open({ now: () => Date.now() - daysAgo * DAY_MS })
  await addBatch(log, rig.rig.directory, 1)
  await addBatch(log, rig.rig.directory, 2)
  daysAgo = 1
  await addBatch(log, rig.rig.directory, 3)
  daysAgo = 0
  await addBatch(log, rig.rig.directory, 4)
  const before = await rig.everything()
  const made = await log.archive(0.5)
  return { ...rig, log, made, before }
}

t.test('days that are old enough become files, and read as before', async (t) => {
  const { rig, archive, open, verify, everything, log, made, before } = await archived(t)

  t.equal(made.length, 2, 'one for each day')
  const names = (await readdir(archive)).filter((name) => name !== 'bodies').sort()
  t.same(names, made.map(({ name }) => name).sort())
  t.match(log.health(), { archive: { files: 2, missing: [], archivedTo: made[1]?.last } })
  t.same(await everything(), before, 'every object of every record')
  t.match(await verify(), { isWhole: true, damage: null, erased: 0 })
  const database = readTables(rig.options)
  const left = database
    .prepare(
      `SELECT count(*) AS n FROM record JOIN content USING (seq) WHERE seq <= ? AND kind <> 'configuration'
       AND (archive IS NULL OR record IS NOT NULL OR signature IS NOT NULL OR head IS NOT NULL OR body IS NOT NULL)`,
    )
    .get(made[1]?.last ?? 0)
  t.equal(left?.['n'], 0, 'the log keeps no copy')
  t.match(database.prepare('SELECT count(*) AS n FROM archive WHERE seed IS NOT NULL').get(), { n: 0 })
  t.same(await log.archive(0.5), [], 'nothing is left to do')
  t.equal((await log.archive(0)).length, 1)
  t.same(await everything(), before)
  await log.close()
  const again = await open()
  await addBatch(again, rig.directory, 5)
  t.match(await verify(), { isWhole: true, damage: null }, 'and the chain goes on')
})

t.test('what was stored once for many records goes with the last of them', async (t) => {
  const { made, reader, log, rig } = await archived(t)
  const database = readTables(rig.options)
  const lowest = database.prepare('SELECT min(basis) AS basis, min(etsi_u) AS etsi FROM content').get()
  const texts = database.prepare('SELECT min(id) AS first, count(*) AS n FROM repeated').get()

  t.equal(texts?.['first'], Math.min(Number(lowest?.['basis']), Number(lowest?.['etsi'])))
  t.ok(made.length > 0)
  // A text that was used before, and is not stored any more, is stored again.
  const request = requestRecord()
  await log.append(endRecord(request, await log.append(request)))
  const last = database.prepare('SELECT max(seq) AS seq FROM record').get()
  t.ok(await reader().object(Number(last?.['seq']), 'signature'))
})

t.test('requests that have no end, and batches without a time-stamp, stay', async (t) => {
  const { rig, open, trust, verify } = await makeArchiveRig(t)
  const log = await open()
  const request = requestRecord()
  const recorded = await log.append(request)
  await log.stampNow()
  await addBatch(log, rig.directory)

  t.same(await log.archive(0), [], 'a request waits for its end')
  await log.append(endRecord(request, recorded))
  await trust.behave('tsa', { mode: 'wrong', kind: 'reject' })
  await trust.behave('tsa2', { mode: 'wrong', kind: 'reject' })
  const stamping = log.stampNow().catch(() => {})
  const made = await log.archive(0)

  t.equal(made.length, 1)
  await trust.behave('tsa', { mode: 'ok' })
  await stamping
  t.match(await verify(), { isWhole: true })
})

t.test('ends in doubt get a share of their own, so that they can be erased', async (t) => {
  const { rig, open, verify, everything, reader } = await makeArchiveRig(t)
  const first = await open()
  await first.append(requestRecord())
  await first.close()
  const log = await open()
  await log.stampNow()
  const before = await everything()
  const [doubt] = (await reader().list({ outcome: 'in-doubt' })).records
  t.ok(doubt)

  t.equal((await log.archive(0)).length, 1)

  t.same(await everything(), before)
  t.match(await verify(), { isWhole: true })
  const row = readTables(rig.options)
    .prepare('SELECT * FROM content WHERE seq = ?')
    .get(doubt?.seq ?? 0)
  t.match(row, { record: null, body: null, archive: 1 })
  t.equal((row?.['share'] as Uint8Array | undefined)?.length, 32)
})

t.test('a directory that was moved is found where the configuration says', async (t) => {
  const { rig, archive, open, everything, log, before, verify, reader } = await archived(t)
  await log.close()
  const elsewhere = join(rig.directory, 'elsewhere', 'archive')
  await mkdir(join(rig.directory, 'elsewhere'))
  await rename(archive, elsewhere)

  await t.rejects(reader().object(2, 'head'), { name: 'ArchiveError', flaw: 'missing' })
  const moved = await open({ archive: elsewhere })

  t.same((await everything(elsewhere)).size, before.size)
  t.same(await everything(elsewhere), before)
  t.match(await verify(elsewhere), { isWhole: true })
  await addBatch(moved, rig.directory, 7)
  t.equal((await moved.archive(0)).length, 1, 'the next file goes there')
  t.match(await verify(elsewhere), { isWhole: true })
})

t.test('a file that is lost is named, others read on, and brought back it is as before', async (t) => {
  const { archive, everything, log, made, before, verify, reader, rig } = await archived(t)
  const [first, second] = made as [ArchiveRow, ArchiveRow]
  const path = join(archive, first.name)
  await rename(path, `${path}.away`)

  const error = await reader()
    .object(2, 'head')
    .then(String, (error: Error) => error)
  t.match(error, { name: 'ArchiveError', flaw: 'missing', file: first.name })
  t.match((error as Error).message, new RegExp(`records ${first.first} to ${first.last} `))
  t.ok(await reader().object(second.first + 1, 'head'), 'records of another file')
  t.ok(await reader().object(second.last + 2, 'head'), 'records of no file')
  t.equal(
    (await reader().list({ limit: 100 })).records.length,
    before.size === 0 ? 0 : second.last + younger(rig.options),
  )
  t.match(
    await verify(),
    { isWhole: false, damage: { seq: 2, kind: 'archive' } },
    'the first record, a configuration, is kept in the log',
  )
  t.match((await verify()).damage?.message, first.name)
  await t.resolves(log.append(requestRecord()), 'exchanges go on')
  await addBatch(log, rig.directory, 8)

  await rename(`${path}.away`, path)
  t.match(await verify(), { isWhole: true, damage: null })
  const after = await everything()
  for (const [name, hash] of before) t.equal(after.get(name), hash, name)
})

function younger(options: MessageLogOptions): number {
  const database = readTables(options)
  const row = database.prepare('SELECT count(*) AS n FROM record WHERE seq > (SELECT max(last) FROM archive)').get()
  return Number(row?.['n'])
}

t.test('nothing is given up for a directory that is another one', async (t) => {
  const { rig, archive, log, made, everything, before } = await archived(t)
  await addBatch(log, rig.directory, 9)
  await rename(archive, `${archive}.away`)
  await mkdir(archive)

  await t.rejects(log.archive(0), { message: new RegExp(made[1]?.name ?? 'none') })

  t.match(log.health().archive.problem, made[1]?.name)
  t.ok(
    rig.events.some(({ event }) => event === 'archiving-failed'),
    'somebody is told',
  )
  t.same(await readdir(archive), [])
  await rm(archive, { recursive: true })
  await rename(`${archive}.away`, archive)
  t.equal((await log.archive(0)).length, 1)
  t.equal(log.health().archive.problem, undefined)
  for (const [name, hash] of before) t.equal((await everything()).get(name), hash, name)
})

t.test('damage to a file shows in the records that it hits, and in no other', async (t) => {
  const { archive, made, verify, reader } = await archived(t)
  const [first, second] = made as [ArchiveRow, ArchiveRow]
  const path = join(archive, first.name)
  const octets = await readFile(path)

  for (const [what, change] of [
    ['cut off', octets.subarray(0, -100)],
    ['longer', Buffer.concat([octets, Buffer.alloc(1)])],
    ['empty', Buffer.alloc(0)],
    ['other octets of the same length', randomBytes(octets.length)],
  ] as const) {
    await writeFile(path, change)
    await t.rejects(reader().object(2, 'head'), { name: 'ArchiveError', flaw: 'damaged', file: first.name }, what)
    t.match(await verify(), { isWhole: false, damage: { kind: 'archive' } }, what)
    t.ok(await reader().object(second.first + 1, 'head'), what)
  }
  await writeFile(path, octets)
  t.match(await verify(), { isWhole: true })
})

t.test('another body file in the place of one is found', async (t) => {
  const { archive, log, rig, verify, reader } = await makeArchiveRig(t).then(async (rig) => {
    const log = await rig.open()
    await addBatch(log, rig.rig.directory)
    await log.archive(0)
    return { ...rig, log }
  })
  const bodies = join(archive, 'bodies', '0')
  const [name] = await readdir(bodies)
  const seq = Number(name?.split('.')[0])
  t.equal((await buffer((await reader().object(seq, 'body')) as Readable)).length, 70_000)
  t.same(await readdir(join(rig.directory, 'log', 'bodies')), [], 'it was moved')
  const path = join(bodies, String(name))
  const size = (await stat(path)).size
  const file = await open(path, 'r+')
  await file.write(Buffer.from([1, 2, 3]), 0, 3, size - 9)
  await file.close()

  t.match(await verify(), { isWhole: false, damage: { seq, kind: 'body' } })
  await rm(path)
  t.match(await verify(), { isWhole: false, damage: { seq, kind: 'body' } })
  t.ok(log.health().isWritable)
})

t.test('what is erased in the log cannot be read in the archive, and the file stays as it is', async (t) => {
  const { rig, archive, open, verify, reader } = await makeArchiveRig(t)
  let daysAgo = 3
  const log = await open({ now: () => Date.now() - daysAgo * DAY_MS })
  const spool = await openSpool({ directory: join(rig.directory, 'spool'), spoolAboveBytes: 1000 })
  const large = await spool.receive(Readable.from([randomBytes(5000)]), { bytesMax: 1e6, tooLarge: 'BadRequest' })
  const places: number[] = []
  for (const body of [bodyOf(Buffer.from('one')), bodyOf(Buffer.from('two')), large]) {
    const request = requestRecord({ body })
    const recorded = await log.append(request)
    await log.append(endRecord(request, recorded))
    places.push(recorded.seq)
  }
  await log.stampNow()
  daysAgo = 0
  const [made] = await log.archive(1)
  const file = join(archive, made?.name ?? '')
  const octets = await readFile(file)
  const [one, two, three] = places as [number, number, number]
  t.match(await reader().object(two, 'body'), Buffer.from('two'))
  const erase = (what: 'body' | 'record', seq: number): ReturnType<SqliteLog['decide']> =>
    log.decide({ event: 'erasure', what, id: randomUUID(), by: 'console', reason: 'Widerruf', records: { seq } })

  t.match(await erase('body', one), { records: 1 })
  t.match(await erase('body', three), { records: 1 })
  t.match(await erase('record', two), { records: 1 })

  t.equal(await reader().object(one, 'body'), undefined)
  t.ok(await reader().object(one, 'head'), 'the head of an erased body stays')
  t.ok(await reader().object(one, 'record'))
  t.equal(await reader().object(three, 'body'), undefined)
  t.same(await readdir(join(archive, 'bodies', '0')), [], 'its file is gone')
  for (const part of ['head', 'body', 'signature', 'record'] as const) {
    t.equal(await reader().object(two, part), undefined, `${part} of an erased record`)
  }
  t.same(await readFile(file), octets)
  t.match(await verify(), { isWhole: true, erased: 1 })
  await log.stampNow()
  t.equal((await log.archive(0)).length, 1)
  t.match(await verify(), { isWhole: true, erased: 1 }, 'decisions stay where the writer reads them')
})

t.test('what was erased before it was archived is in no file', async (t) => {
  const { rig, open, verify, reader } = await makeArchiveRig(t)
  let daysAgo = 3
  const log = await open({ now: () => Date.now() - daysAgo * DAY_MS })
  await addBatch(log, rig.directory)
  daysAgo = 0
  for (const [what, seq] of [
    ['record', 2],
    ['body', 3],
  ] as const) {
    const request = { event: 'erasure', what, id: randomUUID(), by: 'console', reason: 'x', records: { seq } } as const
    t.match(await log.decide(request), { records: 1 })
  }

  const [made] = await log.archive(1)

  const file = reader().contents.archives.file(made?.id ?? 0)
  t.equal(file.section(2), undefined)
  t.ok(file.section(3))
  t.match(await verify(), { isWhole: true, erased: 1 })
})

t.test('evidence of archived records is given out, and renewed', async (t) => {
  const { rig, archive, trust, log, made, reader, verify } = await archived(t)
  await log.close()
  const place = { ...rig.options, archive }
  const before = await reader().evidenceRecord(2)
  t.ok(before)
  const name = made[0]?.name ?? ''
  await rename(join(archive, name), join(archive, 'away'))
  const failing = renew(place, trust.authorities, { hash: 'sha512' })
  await t.rejects(failing, { message: new RegExp(name) }, 'no record is renewed as if it were lost')
  await rename(join(archive, 'away'), join(archive, name))

  await renew(place, trust.authorities, { hash: 'sha512' })

  const after = await reader().evidenceRecord(2)
  t.ok((after?.length ?? 0) > (before?.length ?? 0))
  t.match(await verify(), { isWhole: true })
})
