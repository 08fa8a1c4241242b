import { appendFile, readdir, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { verifyLogApart } from '../../../../gateway/message-log/verification/verify-thread.ts'
import { makeLogRig } from '../log-rig.ts'
import { requestRecord } from '../messages.ts'
import { makeStampedLog } from './tampered-log.ts'
import { tamper, WAYS } from './tampering.ts'

const TIMES = 25

t.setTimeout(120_000)

t.test('a log that nobody touched is whole, and says how far it is stamped', async (t) => {
  const { rig, trust } = await makeStampedLog(t)
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())

  const verified = await verifyLog(reader, { anchors: trust.authorities })

  const last = (await reader.list({ limit: 1 })).records[0]?.seq
  t.match(verified, { isWhole: true, records: last, batches: 4, stampedTo: last, erased: 0, damage: null })
  t.match(verified.stampedAt, /^\d{4}-\d\d-\d\dT/)
  t.same(await verifyLogApart(rig.options, { anchors: trust.authorities }), verified, 'in a thread of its own too')
  await t.rejects(verifyLogApart({ ...rig.options, file: join(rig.directory, 'none') }, { anchors: [] }))
})

t.test('every change by plain SQL is found', async (t) => {
  const { rig, trust } = await makeStampedLog(t)

  for (const way of WAYS) {
    const missed: string[] = []
    for (let time = 0; time < TIMES; time++) {
      const { done, found } = await tamper(rig.options, { anchors: trust.authorities }, way)
      if (found === undefined) missed.push(done)
    }
    t.same(missed, [], `${TIMES} times ${way}`)
  }
})

t.test('names the first damaged record and what is wrong with it', async (t) => {
  const { rig, trust } = await makeStampedLog(t)
  const database = new DatabaseSync(rig.options.file)
  database.exec("ATTACH ':memory:' AS saved")
  for (const table of ['record', 'content', 'batch']) {
    database.exec(`CREATE TABLE saved.${table} AS SELECT * FROM main.${table}`)
  }
  t.teardown(() => database.close())
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  const verify = () => verifyLog(reader, { anchors: trust.authorities })
  const cases: [string, string, { seq: number; kind: string }][] = [
    ['a changed leaf', 'UPDATE record SET leaf = zeroblob(32) WHERE seq = 4', { seq: 4, kind: 'leaf' }],
    ['a changed column', "UPDATE record SET client = 'OWL/GOV/X/Y' WHERE seq = 2", { seq: 2, kind: 'columns' }],
    ['a changed head', 'UPDATE content SET head = zeroblob(length(head)) WHERE seq = 3', { seq: 3, kind: 'head' }],
    ['a removed body', 'UPDATE content SET body = NULL WHERE seq = 2', { seq: 2, kind: 'body' }],
    [
      'a hash under another name',
      `UPDATE content SET record = CAST(replace(CAST(record AS TEXT), '"sha256"', '"sha257"') AS BLOB) WHERE seq = 3`,
      { seq: 3, kind: 'record' },
    ],
    ['removed contents', 'DELETE FROM content WHERE seq = 6', { seq: 6, kind: 'missing' }],
    ['a removed record', 'DELETE FROM record WHERE seq = 6', { seq: 6, kind: 'missing' }],
    [
      'a removed token',
      'UPDATE batch SET token = NULL, gen_time = NULL, token_until = NULL WHERE number = 1',
      { seq: 19, kind: 'token' },
    ],
    ['a changed token', 'UPDATE batch SET token = zeroblob(100) WHERE number = 1', { seq: 10, kind: 'token' }],
    ['a changed root', 'UPDATE batch SET root = zeroblob(32) WHERE number = 1', { seq: 10, kind: 'batch' }],
  ]

  for (const [what, sql, expected] of cases) {
    database.exec(sql)
    t.match((await verify()).damage, expected, what)
    restore()
    t.equal((await verify()).isWhole, true, 'mended')
  }

  function restore(): void {
    for (const table of ['record', 'content', 'batch']) {
      database.exec(`DELETE FROM main.${table}; INSERT INTO main.${table} SELECT * FROM saved.${table}`)
    }
  }
})

t.test('a token of an authority that is not believed holds nothing', async (t) => {
  const { rig, trust } = await makeStampedLog(t)
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())

  t.match(await verifyLog(reader, { anchors: trust.authorities.slice(1) }), {
    isWhole: false,
    damage: { kind: 'token' },
  })
})

t.test('the newest cut off shows by what others have seen', async (t) => {
  const { rig, trust } = await makeStampedLog(t)
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  const { leaf = '' } = (await reader.get(7)) ?? {}
  const verify = (witnesses: { seq: number; leaf: string }[]) =>
    verifyLog(reader, { anchors: trust.authorities, witnesses })

  t.match(await verify([{ seq: 7, leaf }]), { isWhole: true })
  t.match(await verify([{ seq: 7, leaf: '0'.repeat(64) }]), { damage: { seq: 7, kind: 'forked' } })
  t.match(await verify([{ seq: 1000, leaf }]), { damage: { kind: 'cut-off' } })
})

t.test('a changed, cut or missing body file is found', async (t) => {
  const { rig, trust } = await makeStampedLog(t)
  const bodies = join(rig.directory, 'log', 'bodies')
  const [first = '', second = '', third = ''] = (await readdir(bodies)).sort((a, b) => seqOf(b) - seqOf(a))
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  const verify = () => verifyLog(reader, { anchors: trust.authorities })

  await truncate(join(bodies, first), 65_552)
  t.match((await verify()).damage, { seq: seqOf(first), kind: 'body' })
  await appendFile(join(bodies, second), 'x')
  t.match((await verify()).damage, { seq: seqOf(second), kind: 'body' })
  await rm(join(bodies, third))
  t.match((await verify()).damage, { seq: seqOf(third), kind: 'body' })
})

function seqOf(name: string): number {
  return Number(name.replace('.body', ''))
}

t.test('a log verifies while it is being written', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const log = await rig.open({ stampIntervalMs: 30 })
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  let isWriting = true
  const writing = (async () => {
    while (isWriting) await Promise.all(Array.from({ length: 8 }, () => log.append(requestRecord())))
  })()

  for (let round = 0; round < 15; round++) {
    const verified = await verifyLog(reader, { anchors: [] })
    t.match(verified, { damage: null }, `${verified.records} records`)
  }

  isWriting = false
  await writing
})
