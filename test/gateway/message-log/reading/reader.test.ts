import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import t from 'tap'
import type { NewRecord } from '../../../../gateway/message-log/message-log.ts'
import type { SqliteLog } from '../../../../gateway/message-log/open-log.ts'
import type { LogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import type { LogRig } from '../log-rig.ts'
import { makeLogRig } from '../log-rig.ts'
import { CLIENT, endRecord, requestRecord, SERVICE } from '../messages.ts'

interface Rig {
  readonly rig: LogRig
  readonly log: SqliteLog
  readonly reader: LogReader
  clock: { now: number }
}

async function openRig(t: Test): Promise<Rig> {
  const rig = await makeLogRig()
  const clock = { now: Date.parse('2026-11-23T10:00:00.000Z') }
  const log = await rig.open({ now: () => clock.now, stampIntervalMs: 3_600_000 })
  const reader = openLogReader(rig.options)
  t.teardown(async () => {
    reader.close()
    await rig.close()
  })
  return { rig, log, reader, clock }
}

async function seqs(reader: LogReader, query: Parameters<LogReader['list']>[0]): Promise<number[]> {
  return (await reader.list(query)).records.map(({ seq }) => seq)
}

t.test('an empty log lists nothing', async (t) => {
  const { reader } = await openRig(t)

  t.same(await reader.list(), { records: [], next: null })
  t.equal(await reader.get(1), undefined)
  t.equal(await reader.object(1, 'head'), undefined)
  t.same(await reader.exchange('x'), [])
  t.equal(await reader.evidenceRecord(1), undefined)
})

t.test('lists what was recorded while it is being recorded, newest first', async (t) => {
  const { log, reader } = await openRig(t)
  const request = requestRecord()
  const recorded = await log.append(request)
  await log.append(endRecord(request, recorded, { outcome: 'refusal', code: 'Server.ServerProxy.AccessDenied' }))

  const { records, next } = await reader.list()

  t.equal(next, null)
  t.same(records, [
    {
      ...{ seq: 2, requestId: request.requestId, xRoadId: request.xRoadId, at: '2026-11-23T10:00:00.000Z' },
      ...{ side: 'provider', direction: 'out', client: CLIENT, service: SERVICE, method: 'POST', purpose: 'UMZUG' },
      ...{ outcome: 'refusal', code: 'Server.ServerProxy.AccessDenied', stage: 'permitted', stamped: false },
      bodyBytes: 48,
    },
    {
      ...{ seq: 1, requestId: request.requestId, xRoadId: request.xRoadId, at: '2026-11-23T10:00:00.000Z' },
      ...{ side: 'provider', direction: 'in', client: CLIENT, service: SERVICE, method: 'POST', purpose: 'UMZUG' },
      ...{ outcome: 'request', stamped: false, bodyBytes: 49 },
    },
  ])
  t.same(await reader.exchange(request.requestId), records.toReversed())
})

t.test('filters by every column, and pages', async (t) => {
  const { log, reader } = await openRig(t)
  const others: Partial<Record<number, Parameters<typeof requestRecord>[0]>> = {
    3: { client: 'OWL/GOV/05774/KFZ' },
    5: { service: 'OWL/GOV/05711000/KFZ/halter' },
    7: { purpose: 'GEWERBE' },
  }
  const records: NewRecord[] = []
  for (let seq = 1; seq <= 10; seq++) {
    const record = requestRecord(others[seq])
    records.push(record)
    await log.append(record)
  }

  t.same(await seqs(reader, { client: 'OWL/GOV/05774/KFZ' }), [3])
  t.same(await seqs(reader, { service: 'OWL/GOV/05711000/KFZ/halter' }), [5])
  t.same(await seqs(reader, { purpose: 'GEWERBE' }), [7])
  t.same(await seqs(reader, { purpose: 'GEWERBE', client: 'OWL/GOV/05774/KFZ' }), [])
  t.same(await seqs(reader, { requestId: records[3]?.requestId ?? '' }), [4])
  t.same(await seqs(reader, { outcome: 'reply' }), [])
  t.same(await seqs(reader, { after: 4 }), [3, 2, 1])

  const first = await reader.list({ limit: 4 })
  t.same(
    first.records.map(({ seq }) => seq),
    [10, 9, 8, 7],
  )
  t.equal(first.next, 7)
  const second = await reader.list({ limit: 4, after: first.next ?? 0 })
  t.same(
    second.records.map(({ seq }) => seq),
    [6, 5, 4, 3],
  )
  const last = await reader.list({ limit: 4, after: second.next ?? 0 })
  t.same(last, { records: last.records, next: null })
  t.same(
    last.records.map(({ seq }) => seq),
    [2, 1],
  )

  for (const limit of [0, -1, 1001, 1.5, Number.NaN]) {
    await t.rejects(reader.list({ limit }), { code: 'BadRequest' }, `limit ${limit}`)
  }
  await t.rejects(reader.list({ from: 'yesterday' }), { code: 'BadRequest' })
})

t.test('finds times across batches, from inclusive, to exclusive, also when the clock was set back', async (t) => {
  const { log, reader, clock } = await openRig(t)
  const at = (minute: number): string =>
    new Date(Date.parse('2026-11-23T10:00:00.000Z') + minute * 60_000).toISOString()
  const minutes = [0, 1, 2, 3, /* set back */ 1, 2, 3, 4, 5]
  const times: number[] = []
  for (const [index, minute] of minutes.entries()) {
    clock.now = Date.parse(at(minute))
    await log.append(requestRecord())
    times.push(minute)
    if (index % 2 === 1) {
      await log.stampNow().catch(() => {})
      times.push(minute)
    }
  }

  for (const [from, to] of [
    [0, 10],
    [1, 2],
    [2, 4],
    [3, 5],
    [5, 6],
    [6, 9],
    [0, 1],
  ] as const) {
    const expected = times.flatMap((minute, index) => (minute >= from && minute < to ? [index + 1] : [])).reverse()
    t.same(await seqs(reader, { from: at(from), to: at(to) }), expected, `from ${from} to ${to}`)
    t.same(
      await seqs(reader, { from: at(from) }),
      times.flatMap((minute, i) => (minute >= from ? [i + 1] : [])).reverse(),
    )
    t.same(await seqs(reader, { to: at(to) }), times.flatMap((minute, i) => (minute < to ? [i + 1] : [])).reverse())
  }
})

t.test('looks up by number and request id, and lists by time, in a log of many records at once', async (t) => {
  const { rig, log, reader } = await openRig(t)
  await log.append(requestRecord())
  const count = 200_000
  const database = new DatabaseSync(rig.options.file)
  // Only the columns that lists read; what they cost does not depend on the contents, which lie elsewhere.
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO record (seq, leaf, at, kind, side, direction, request_id, client, service, method, purpose, body_bytes)
    SELECT i, randomblob(32), 1795000000000 + i * 1000, 'request', 'provider', 'in', printf('01a20700-%012d', i),
           '${CLIENT}', '${SERVICE}', 'POST', 'UMZUG', 10 FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count / 1000})
    INSERT INTO batch SELECT i, i * 1000, i * 1000 - 999, i * 1000 - 1, 1795000000000 + (i * 1000 - 999) * 1000,
           1795000000000 + i * 1000000, 1, x'00', x'00', NULL, NULL, NULL FROM n;`)
  database.close()
  const median = async (work: (i: number) => Promise<unknown>): Promise<number> => {
    const times: number[] = []
    for (let i = 0; i < 21; i++) {
      const began = performance.now()
      await work(i * 9000 + 5)
      times.push(performance.now() - began)
    }
    return times.sort((a, b) => a - b)[10] ?? Number.POSITIVE_INFINITY
  }
  const isoOf = (i: number): string => new Date(1795000000000 + i * 1000).toISOString()

  t.ok((await median((i) => reader.list({ requestId: `01a20700-${String(i).padStart(12, '0')}` }))) < 5, 'list by id')
  t.ok((await median((i) => reader.exchange(`01a20700-${String(i).padStart(12, '0')}`))) < 5, 'exchange')
  t.ok((await median((i) => reader.list({ from: isoOf(i), to: isoOf(i + 20) }))) < 10, 'list by time')
  t.equal((await reader.list({ from: isoOf(5000), to: isoOf(5020) })).records.length, 20)
  t.equal((await reader.list({ requestId: '01a20700-000000005000' })).records.length, 1)
})

t.test('reads a log that nobody has open, and refuses what is none', async (t) => {
  const { rig, log } = await openRig(t)
  await log.append(requestRecord())
  await log.close()

  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  t.ok((await reader.list()).records.length > 0)
  t.throws(() => openLogReader({ ...rig.options, file: join(rig.directory, 'none') }), { name: 'LogOpenError' })
})
