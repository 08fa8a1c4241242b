/** Verifying on from where it was verified last, in ranges by several threads, and signatures. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import t from 'tap'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import type { VerifiedPoint } from '../../../../gateway/message-log/verification/verified-point.ts'
import {
  readVerifiedPoint,
  removeVerifiedPoint,
  writeVerifiedPoint,
} from '../../../../gateway/message-log/verification/verified-point.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { planRanges } from '../../../../gateway/message-log/verification/verify-ranges.ts'
import { verifyLogApart } from '../../../../gateway/message-log/verification/verify-thread.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'

t.setTimeout(170_000)

async function rigOf(t: Test, batches: number, exchanges = 3) {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  t.teardown(async () => {
    await rig.close()
    await trust.close()
  })
  const log = await rig.open({ authorities: () => trust.authorities, stampIntervalMs: 3_600_000 })
  const open = requestRecord()
  const opened = await log.append(open)
  const fill = async (): Promise<void> => {
    const one = async (): Promise<void> => {
      const request = requestRecord()
      await log.append(endRecord(request, await log.append(request)))
    }
    await Promise.all(Array.from({ length: exchanges }, one))
    await log.stampNow()
  }
  for (let batch = 0; batch < batches; batch++) await fill()
  return { trust, rig, log, fill, end: () => log.append(endRecord(open, opened)) }
}

t.test('what was verified is not looked at again, what came since is', async (t) => {
  const { trust, rig, fill, end } = await rigOf(t, 2)
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  const anchors = trust.authorities
  const first = await verifyLog(reader, { anchors })
  t.match(first, { isWhole: true, from: 1, records: 15, batches: 2 })
  t.match(first.point, { seq: 15, batches: { number: 2, stampedTo: 15 }, open: [1] })

  await end()
  await fill()
  const since = first.point as VerifiedPoint
  const next = await verifyLog(reader, { anchors, since })
  t.match(next, { isWhole: true, from: 16, records: 23, batches: 3, stampedTo: 23, point: { seq: 23, open: [] } })

  const database = new DatabaseSync(rig.options.file)
  t.teardown(() => database.close())
  const damaged = async (sql: string): Promise<unknown> => {
    database.exec(`BEGIN; ${sql}; COMMIT`)
    const found = (await verifyLog(reader, { anchors, since })).damage
    return found === null ? null : [found.seq, found.kind]
  }
  const of = (column: string, seq: number) =>
    database.prepare(`SELECT ${column} AS it FROM record WHERE seq = ?`).get(seq)?.['it']
  const client = of('client', 4)
  t.equal(await damaged("UPDATE record SET client = 'OWL/GOV/X/Y' WHERE seq = 4"), null, 'it says which it looks at')
  t.match((await verifyLog(reader, { anchors })).damage, { seq: 4, kind: 'columns' })
  database.prepare('UPDATE record SET client = ? WHERE seq = 4').run(client as string)
  t.same(await damaged("UPDATE record SET client = 'OWL/GOV/X/Y' WHERE seq = 18"), [18, 'columns'])
  database.prepare('UPDATE record SET client = ? WHERE seq = 18').run(client as string)
  t.same(await damaged("UPDATE record SET client = 'OWL/GOV/X/Y' WHERE seq = 1"), [1, 'columns'], 'a request open then')
  database.prepare('UPDATE record SET client = ? WHERE seq = 1').run(client as string)
  t.same(await damaged('UPDATE record SET leaf = zeroblob(32) WHERE seq = 15'), [15, 'forked'])
  t.match(
    (await verifyLog(reader, { anchors, since, witnesses: [{ seq: 3, leaf: '0'.repeat(64) }] })).damage,
    { kind: 'forked' },
    'others’ knowledge of what is not looked at',
  )
})

t.test('a point is there once a token holds', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const log = await rig.open()
  await log.append(requestRecord())
  await log.close()
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())

  const verified = await verifyLog(reader, { anchors: [] })

  t.match(verified, { isWhole: true, stampedTo: 0 })
  t.equal(verified.point, undefined)
})

t.test('nobody moves the point without the master key', async (t) => {
  const { trust, rig } = await rigOf(t, 1)
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  t.equal(readVerifiedPoint(rig.options), undefined)
  const { point } = await verifyLog(reader, { anchors: trust.authorities })
  writeVerifiedPoint(rig.options, point as VerifiedPoint)
  t.same(readVerifiedPoint(rig.options), point)

  const path = join(rig.options.keyStore, 'verified-point.json')
  const text = readFileSync(path, 'utf8')
  for (const [what, changed] of [
    ['moved on', text.replace(/\\"seq\\":\d+/, '\\"seq\\":5')],
    ['another MAC', text.replace(/[0-9a-f]{8}"}/, '00000000"}')],
    ['cut off', text.slice(0, 40)],
    ['no MAC', text.replace(/"mac":"[0-9a-f]+"/, '"mac":""')],
    ['something else', '[]'],
  ] as const) {
    t.not(changed, text)
    writeFileSync(path, changed)
    t.equal(readVerifiedPoint(rig.options), 'changed', what)
  }
  removeVerifiedPoint(rig.options)
  t.equal(readVerifiedPoint(rig.options), undefined)
})

t.test('several threads find what one finds', async (t) => {
  const { trust, rig, log } = await rigOf(t, 6, 40)
  const threads = { threads: 2, rangeRecords: 200 }
  await log.close()
  const anchors = trust.authorities
  const reader = openLogReader(rig.options)
  t.equal(planRanges(reader, { anchors }, 200).length, 3)
  const one = await verifyLog(reader, { anchors })
  reader.close()
  const { end: _, ...several } = await verifyLogApart(rig.options, { anchors }, threads)
  t.equal(one.isWhole, true)
  t.same(several, one)

  const database = new DatabaseSync(rig.options.file)
  t.teardown(() => database.close())
  const edge = Number(database.prepare('SELECT seq FROM batch WHERE number = 3').get()?.['seq'])
  for (const [sql, back, expected] of [
    [
      `UPDATE record SET side = 'x' WHERE seq = ${edge + 2}`,
      `UPDATE record SET side = 'provider' WHERE seq = ${edge + 2}`,
      { seq: edge + 2, kind: 'columns' },
    ],
    [
      `UPDATE batch SET open_from = open_from + 1 WHERE number = 3`,
      `UPDATE batch SET open_from = open_from - 1 WHERE number = 3`,
      { seq: edge, kind: 'batch' },
    ],
    [`UPDATE record SET leaf = zeroblob(32) WHERE seq = ${edge}`, undefined, { seq: edge, kind: 'leaf' }],
  ] as const) {
    database.exec(sql)
    const { damage, isWhole } = await verifyLogApart(rig.options, { anchors }, threads)
    t.match({ isWhole, damage }, { isWhole: false, damage: expected }, sql)
    if (back !== undefined) database.exec(back)
  }
})
