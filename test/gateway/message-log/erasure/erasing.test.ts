/** Erasing bodies and records: by order and on their date, held, refused; what is left verifies. */

import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import t from 'tap'
import type { Request, Selection } from '../../../../gateway/message-log/erasure/terms.ts'
import { dayOf } from '../../../../gateway/message-log/keys/key-store.ts'
import type { NewRecord } from '../../../../gateway/message-log/message-log.ts'
import type { MessageLogOptions } from '../../../../gateway/message-log/open-log.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import type { What } from '../../../../gateway/message-log/record/erasure-event.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import type { Body } from '../../../../gateway/protocol/body.ts'
import { openSpool } from '../../../../gateway/transport/spool.ts'
import { makeLogRig, readTables } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'

const DAY_MS = 86_400_000
const OPERATOR = `operator:${'ab'.repeat(32)}` as const
const RETENTION: Readonly<Record<string, { bodyRetentionDays: number; recordRetentionDays: number }>> = {
  UMZUG: { bodyRetentionDays: 30, recordRetentionDays: 365 },
  KFZ: { bodyRetentionDays: 10, recordRetentionDays: 20 },
}

async function rig(t: Test, more: Partial<MessageLogOptions> = {}) {
  const logRig = await makeLogRig()
  t.teardown(logRig.close)
  let offset = 0
  const options = {
    now: () => Date.now() + offset,
    retention: (purpose: string) => RETENTION[purpose] ?? { bodyRetentionDays: 30, recordRetentionDays: 365 },
    retentionRules: () => [['UMZUG', '1. BMeldDÜV § 5 Abs. 4']] as const,
    ...more,
  }
  const log = await logRig.open(options)
  const reader = openLogReader(logRig.options)
  t.teardown(() => reader.close())
  return {
    logRig,
    log,
    reader,
    options,
    later: (days: number) => {
      offset += days * DAY_MS
    },
    verify: () => verifyLog(reader, { anchors: [] }),
    erase: (records: Selection, what: What) =>
      log.decide({ event: 'erasure', what, id: randomUUID(), by: OPERATOR, reason: 'Widerruf', records }),
    decide: (event: 'hold' | 'release', records: Selection) =>
      log.decide({ event, id: randomUUID(), by: OPERATOR, reason: 'Az. 12/26', records } as Request),
    async exchange(purpose = 'UMZUG', body?: Body): Promise<{ request: NewRecord; seqs: [number, number] }> {
      const request = requestRecord({ purpose, ...(body !== undefined && { body }) })
      const recorded = await log.append(request)
      const end = await log.append(endRecord(request, recorded, { purpose }))
      return { request, seqs: [recorded.seq, end.seq] }
    },
  }
}

t.test('an erased body is gone, and all else stays', async (t) => {
  const { log, reader, erase, verify, exchange } = await rig(t)
  const { request, seqs } = await exchange()
  const other = await exchange()
  const before = await reader.get(seqs[0])

  const decided = await erase({ seq: seqs[0] }, 'body')

  t.match(decided, { seq: 6, records: 1 }, 'the batch was closed first')
  t.equal(await reader.object(seqs[0], 'body'), undefined)
  for (const part of ['head', 'signature', 'record'] as const) t.ok(await reader.object(seqs[0], part), part)
  t.same(await reader.object(seqs[0], 'head'), request.head)
  const after = await reader.get(seqs[0])
  t.match(after, { erased: 'body', erasure: { seq: 6, by: OPERATOR, reason: 'Widerruf', rule: 'by order' } })
  t.equal(after?.leaf, before?.leaf)
  t.same(
    after?.objects.map(({ name, isKept }) => [name, isKept]),
    [
      ['message-head.txt', true],
      ['message-body.json', false],
      ['signature.jades.json', true],
    ],
  )
  t.ok(reader.store.batches.of(seqs[0]), 'its batch is there')
  t.ok(await reader.object(seqs[1], 'body'), 'the reply has its own')
  t.ok(await reader.object(other.seqs[0], 'body'))
  t.match(await verify(), { isWhole: true, erased: 0 })
  t.same(await erase({ seq: seqs[0] }, 'body'), { refused: 'no-body', of: seqs[0] }, 'once')
  t.match(await erase({ exchange: request.requestId }, 'body'), { records: 1 }, 'what is left of the exchange')
  const event = JSON.parse(String(await reader.object(6, 'body')))
  t.match(event, {
    v: 1,
    event: 'erasure',
    by: OPERATOR,
    parts: [{ what: 'body', rule: 'by order', records: [[1, 1]] }],
  })
  t.equal(log.health().seq, 7)
})

t.test('an erased record leaves number and leaf, and the chain holds', async (t) => {
  const { log, logRig, reader, erase, verify, exchange, later } = await rig(t)
  const { request, seqs } = await exchange()
  const second = await exchange()
  t.same(await erase({ seq: seqs[0] }, 'record'), { refused: 'fresh', of: seqs[0] }, 'it guards against replay')
  later(2)
  t.match(await erase({ seq: seqs[0] }, 'record'), { records: 1 })
  t.match(await verify(), { isWhole: true, erased: 1 }, 'only the request')
  t.match(await erase({ seq: second.seqs[1] }, 'record'), { records: 1 })
  t.match(await verify(), { isWhole: true, erased: 2 }, 'and only another one’s end')

  const row = readTables(logRig.options).prepare('SELECT * FROM record WHERE seq = ?').get(seqs[0]) ?? {}
  const left = Object.entries(row).flatMap(([name, value]) => (value === null ? [] : [name]))
  t.same(left.sort(), ['leaf', 'record_erased_at', 'record_erased_by', 'seq'])
  t.equal(readTables(logRig.options).prepare('SELECT 1 FROM content WHERE seq = ?').get(seqs[0]), undefined)
  t.match(await reader.get(seqs[0]), { outcome: null, erased: 'record', objects: [], erasure: { by: OPERATOR } })
  t.same(
    (await reader.exchange(request.requestId)).map(({ seq }) => seq),
    [seqs[1]],
  )
  t.same(await erase({ seq: seqs[0] }, 'record'), { refused: 'erased', of: seqs[0] })
  t.same(await erase({ seq: 77 }, 'record'), { refused: 'none', of: null })

  await log.close()
  const again = await logRig.open({ now: () => Date.now() + 3 * DAY_MS })
  t.match(await verify(), { isWhole: true, erased: 2 }, 'opened again, and nothing is taken for open')
  await again.append(requestRecord())
  t.match(await verify(), { isWhole: true })
})

t.test('the log’s own records and open requests stay', async (t) => {
  const { log, erase, decide, exchange, later } = await rig(t)
  await log.appendConfiguration({ version: 1, sha256: '', octets: Buffer.from('{}') })
  const open = await log.append(requestRecord())
  await exchange()
  await log.stampNow().catch(() => {})

  for (const seq of [1, 5]) {
    for (const what of ['body', 'record'] as const) t.same(await erase({ seq }, what), { refused: 'own', of: seq })
    t.same(await decide('hold', { seq }), { refused: 'own', of: seq })
  }
  later(3)
  t.same(await erase({ seq: open.seq }, 'record'), { refused: 'open', of: open.seq })
  t.match(await erase({ seq: open.seq }, 'body'), { records: 1 }, 'its body need not')
})

t.test('what is held stays, whoever asks and whatever the date', async (t) => {
  const { log, reader, erase, decide, exchange, later, verify } = await rig(t)
  const { request, seqs } = await exchange('KFZ')
  const other = await exchange('KFZ')
  t.match(await decide('hold', { exchange: request.requestId }), { records: 2 })
  t.match(await decide('hold', { seq: seqs[0] }), { records: 1 }, 'twice, for two reasons')

  t.same(await erase({ seq: seqs[0] }, 'body'), { refused: 'held', of: seqs[0] })
  t.match(reader.holds(), [
    { seq: seqs[0], by: OPERATOR, reason: 'Az. 12/26' },
    { seq: seqs[0], by: OPERATOR },
    { seq: seqs[1], by: OPERATOR },
  ])
  t.match(await reader.get(seqs[0]), { held: true })
  later(100)
  t.match(await log.eraseDue(), { bodies: 0, records: 2, keys: 0 })
  t.match(await reader.get(other.seqs[0]), { erased: 'record' })
  t.ok(await reader.object(seqs[0], 'body'), 'and its keys are there')
  t.match(await verify(), { isWhole: true })

  t.match(await decide('release', { exchange: request.requestId }), { records: 2 })
  t.same(reader.holds(), [])
  t.same(await decide('release', { seq: seqs[0] }), { refused: 'not-held', of: seqs[0] })
  t.match(await log.eraseDue(), { records: 2, keys: 2 })
  t.match(await verify(), { isWhole: true, erased: 4 })
})

t.test('every purpose has its dates, to the day; keys go with the last of a day', async (t) => {
  const { log, logRig, reader, exchange, later, verify } = await rig(t)
  const move = await exchange('UMZUG')
  const car = await exchange('KFZ')
  await log.stampNow().catch(() => {})
  const day = new Date().toISOString().slice(0, 10)
  const keys = async (): Promise<string[]> =>
    (await readdir(logRig.options.keyStore)).filter((name) => /^\d{4}-/.test(name)).sort()
  const left = (): object => ({
    ...readTables(logRig.options)
      .prepare('SELECT count(*) AS n FROM content WHERE body IS NOT NULL AND share IS NOT NULL')
      .get(),
  })

  later(10)
  t.same(await log.eraseDue(), { bodies: 0, records: 0, keys: 0 }, 'kept through the tenth day')
  later(1)
  t.same(await log.eraseDue(), { bodies: 2, records: 0, keys: 1 })
  t.same(left(), { n: 2 })
  later(10)
  t.same(await log.eraseDue(), { bodies: 0, records: 2, keys: 1 })
  t.match(await reader.get(car.seqs[0]), {
    erased: 'record',
    erasure: { by: 'retention', rule: 'retention of purpose KFZ' },
  })
  later(10)
  t.same(await log.eraseDue(), { bodies: 2, records: 0, keys: 1 })
  t.match(await reader.get(move.seqs[0]), {
    erased: 'body',
    erasure: { by: 'retention', rule: '1. BMeldDÜV § 5 Abs. 4' },
  })
  t.ok((await keys()).includes(`${day}.json`))
  t.same(await log.eraseDue(), { bodies: 0, records: 0, keys: 0 }, 'nothing twice, and no record of nothing')
  later(400)
  t.same(await log.eraseDue(), { bodies: 0, records: 2, keys: 1 })
  t.notOk((await keys()).includes(`${day}.json`), 'with its last key the file of the day is gone')
  t.match(await verify(), { isWhole: true, erased: 4 })
})

t.test('a body that is a file is unlinked', async (t) => {
  const { logRig, reader, erase, exchange, verify } = await rig(t)
  const spool = await openSpool({ directory: join(logRig.directory, 'log', 'spool'), spoolAboveBytes: 1000 })
  const receive = (text: string) =>
    spool.receive(Readable.from([Buffer.from(text)]), { bytesMax: 1e6, tooLarge: 'BadRequest' })
  const { seqs } = await exchange('UMZUG', (await receive('x'.repeat(200_000))) as Body)
  const bodies = join(logRig.directory, 'log', 'bodies')
  t.same(await readdir(bodies), [`${seqs[0]}.body`])

  t.match(await erase({ seq: seqs[0] }, 'body'), { records: 1 })

  t.same(await readdir(bodies), [])
  t.equal(await reader.object(seqs[0], 'body'), undefined)
  t.match(await verify(), { isWhole: true })
})

t.test('many at once go in steps, and in one decision', async (t) => {
  const { log, reader, exchange, later, verify } = await rig(t, { stampFailureLimitMs: 400 * DAY_MS })
  for (let round = 0; round < 8; round++) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => exchange(index % 2 === 0 ? 'KFZ' : 'UMZUG')))
  }
  await log.stampNow().catch(() => {})
  later(31)
  const before = log.health().seq
  let worst = 0
  let isDone = false
  const erasing = log.eraseDue().finally(() => {
    isDone = true
  })
  while (!isDone) {
    const began = performance.now()
    await log.append(requestRecord())
    worst = Math.max(worst, performance.now() - began)
  }
  t.same(await erasing, { bodies: 400, records: 400, keys: 3 })
  t.comment(`the slowest append took ${worst.toFixed(1)} ms`)
  const decisions = (await reader.list({ outcome: 'erasure' })).records
  t.equal(decisions.length, 1)
  t.ok((decisions[0]?.seq ?? 0) > before)
  t.match(await verify(), { isWhole: true, erased: 400 })
})

t.test('without a decision of the log an erasure is damage', async (t) => {
  const { log, logRig, erase, exchange, later, verify } = await rig(t)
  const { seqs } = await exchange()
  const other = await exchange()
  later(2)
  await erase({ seq: seqs[0] }, 'record')
  await erase({ seq: other.seqs[0] }, 'body')
  await log.decide({ event: 'hold', id: randomUUID(), by: OPERATOR, reason: 'x', records: { seq: other.seqs[1] } })
  await log.close()
  const cases: [string, string, object][] = [
    [
      'a record',
      'UPDATE record SET kind = NULL, at = NULL, side = NULL, direction = NULL, request_id = NULL, x_road_id = NULL, client = NULL, service = NULL, method = NULL, purpose = NULL, body_bytes = NULL, body_until = NULL, record_until = NULL, code = NULL, stage = NULL, sender = NULL, record_erased_at = 5, record_erased_by = 6 WHERE seq = 2; DELETE FROM content WHERE seq = 2',
      { seq: 2, kind: 'object' },
    ],
    [
      'a body',
      'UPDATE content SET body = NULL, body_share = NULL WHERE seq = 2; UPDATE record SET body_erased_at = (SELECT at FROM record WHERE seq = 7), body_erased_by = 7 WHERE seq = 2',
      { seq: 2, kind: 'object' },
    ],
    [
      'another time',
      'UPDATE record SET record_erased_at = record_erased_at + 1 WHERE seq = 1',
      { seq: 1, kind: 'columns' },
    ],
    ['another reason', 'UPDATE record SET record_erased_by = 7 WHERE seq = 1', { seq: 1, kind: 'object' }],
    ['something left', "UPDATE record SET client = 'OWL/GOV/X/Y' WHERE seq = 1", { seq: 1, kind: 'object' }],
    ['no hold', 'DELETE FROM hold', { kind: 'columns' }],
    ['another hold', 'INSERT INTO hold VALUES (3, 6)', { seq: 3, kind: 'columns' }],
  ]
  t.match(await verify(), { isWhole: true })
  for (const [what, sql, damage] of cases) {
    const database = new DatabaseSync(logRig.options.file)
    database.exec("ATTACH ':memory:' AS saved")
    for (const table of ['record', 'content', 'hold']) {
      database.exec(`CREATE TABLE saved.${table} AS SELECT * FROM main.${table}`)
    }
    database.exec(sql)
    t.match((await verify()).damage, damage, what)
    for (const table of ['record', 'content', 'hold']) {
      database.exec(`DELETE FROM main.${table}; INSERT INTO main.${table} SELECT * FROM saved.${table}`)
    }
    database.close()
    t.match(await verify(), { isWhole: true }, 'mended')
  }
})

t.test('by itself: some time after the start, then every day', async (t) => {
  const { logRig, exchange, log, reader } = await rig(t)
  const { seqs } = await exchange('KFZ')
  await log.close()
  const later = Date.now() + 15 * DAY_MS
  const again = await logRig.open({ eraseAt: '01:30', eraseStartMs: 10, now: () => later })
  while ((await reader.get(seqs[1]))?.erased === undefined) await new Promise((resolve) => setTimeout(resolve, 10))
  t.match(await reader.get(seqs[0]), { erased: 'body' })
  await again.close()
  t.ok(logRig.events.some((event) => event.event === 'erased' && event.bodies === 2))
  t.equal(dayOf(later) - dayOf(Date.now()), 15)
})
