import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import t from 'tap'
import type { HighWater } from '../../../gateway/message-log/keys/high-water.ts'
import { markPlaceOf, readHighWater, writeHighWater } from '../../../gateway/message-log/keys/high-water.ts'
import { createMasterKey } from '../../../gateway/message-log/keys/key-store.ts'
import type { LogReader } from '../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../gateway/message-log/reading/reader.ts'
import type { LogRecord } from '../../../gateway/message-log/record/log-record.ts'
import { verifyLog } from '../../../gateway/message-log/verification/verify.ts'
import type { Body } from '../../../gateway/protocol/body.ts'
import { groupLeaf, sha256 } from '../../../gateway/protocol/hash-tree.ts'
import { openSpool } from '../../../gateway/transport/spool.ts'
import type { LogRig } from './log-rig.ts'
import { GATEWAY, makeLogRig } from './log-rig.ts'
import { messageLogContract } from './message-log-contract.ts'
import { ETSI_U, endRecord, requestRecord } from './messages.ts'

messageLogContract(t, async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  return () => rig.open()
})

async function openRig(t: Test): Promise<LogRig> {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  return rig
}

function readerOf(t: Test, rig: LogRig): LogReader {
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  return reader
}

t.setTimeout(120_000)

t.test('every object comes back octet for octet, and the leaf is that of the group', async (t) => {
  const rig = await openRig(t)
  const log = await rig.open()
  const request = requestRecord()
  const first = await log.append(request)
  const end = endRecord(request, first, { outcome: 'refusal' })
  const second = await log.append(end)
  const reader = readerOf(t, rig)

  for (const [{ seq, leaf }, message] of [
    [first, request],
    [second, end],
  ] as const) {
    const [head, body, signature, record] = await Promise.all(
      (['head', 'body', 'signature', 'record'] as const).map((part) => reader.object(seq, part) as Promise<Buffer>),
    )
    t.same(head, message.head)
    t.same(body, message.body?.bytes)
    const jws = JSON.parse(String(signature))
    t.equal(`${jws.protected}..${jws.signature}`, message.signature)
    t.equal(JSON.stringify(jws.header.etsiU), ETSI_U, 'what was stored once is spliced back byte-equal')
    const parsed = JSON.parse(String(record)) as LogRecord
    t.equal(JSON.stringify(parsed.basis), message.basis)
    t.same(leaf, groupLeaf([head, body, signature, record].map((octets) => sha256(octets as Buffer))))
    t.same(
      parsed.objects.map(({ name, sha256: hex }) => [name, hex]),
      [
        ['message-head.txt', sha256(head as Buffer).toString('hex')],
        ['message-body.json', sha256(body as Buffer).toString('hex')],
        ['signature.jades.json', sha256(signature as Buffer).toString('hex')],
      ],
    )
  }
})

t.test('log-record.json has the members of the format, in their order', async (t) => {
  const rig = await openRig(t)
  const log = await rig.open()
  const request = requestRecord()
  const recorded = await log.append(request)
  await log.append(endRecord(request, recorded, { outcome: 'failure', code: 'Server.ServerProxy.NetworkError' }))
  const reader = readerOf(t, rig)

  const [first, second] = await Promise.all(
    [1, 2].map(async (seq) => JSON.parse(String(await reader.object(seq, 'record')))),
  )

  const names = 'v log epoch seq prev salt id kind direction side at outcome request objects basis'.split(' ')
  t.same(Object.keys(first), names)
  t.match(first, { v: 1, log: `${GATEWAY}/n1`, epoch: 1, seq: 1, prev: null, id: request.requestId, kind: 'request' })
  t.match(first, { direction: 'in', side: 'provider', outcome: null, request: null, salt: /^[0-9a-f]{64}$/ })
  t.match(first.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.same(Object.keys(second), names)
  t.match(second, { seq: 2, kind: 'failure', direction: 'out', outcome: 'Server.ServerProxy.NetworkError' })
  t.equal(second.prev, recorded.leaf.toString('hex'))
  t.equal(second.request, recorded.leaf.toString('hex'))
  t.not(second.salt, first.salt)
})

t.test('a large body is adopted as a file, and stays readable for the exchange', async (t) => {
  const rig = await openRig(t)
  const log = await rig.open()
  const spool = await openSpool({ directory: join(rig.directory, 'spool'), spoolAboveBytes: 1000 })
  const octets = randomBytes(300_000)
  const body = (await spool.receive(Readable.from([octets]), { bytesMax: 1e6, tooLarge: 'BadRequest' })) as Body
  t.ok(body.file)

  const { seq } = await log.append(requestRecord({ body }))

  t.same(await buffer(body.stream()), octets, 'the exchange goes on reading it')
  await body.dispose()
  const reader = readerOf(t, rig)
  t.same(await buffer((await reader.object(seq, 'body')) as Readable), octets)
  t.same(await readdir(join(rig.directory, 'log', 'bodies')), [`${seq}.body`])
  t.notOk((await readFile(join(rig.directory, 'log', 'bodies', `${seq}.body`))).includes(octets.subarray(0, 64)))
  t.match(await reader.get(seq), { bodyBytes: 300_000, objects: [{}, { isKept: true }, {}] })
  t.match(await verifyLog(reader, { anchors: [] }), { isWhole: true })
})

t.test('a body whose file is gone refuses its own record only', async (t) => {
  const rig = await openRig(t)
  const log = await rig.open()
  const request = requestRecord()
  const recorded = await log.append(request)
  const gone: Body = {
    size: 5,
    sha256: createHash('sha256').update('gone!').digest(),
    sha512: Buffer.alloc(64),
    file: { path: join(rig.directory, 'no.spool'), key: randomBytes(32) },
    stream: () => Readable.from([]),
    dispose: async () => {},
  }

  const results = await Promise.allSettled([
    log.append(requestRecord()),
    log.append(endRecord(request, recorded, { body: gone })),
    log.append(requestRecord()),
  ])

  t.match(results, [
    { status: 'fulfilled' },
    { status: 'rejected', reason: { code: 'LoggingFailed' } },
    { status: 'fulfilled' },
  ])
})

t.test('requests without an end are closed in doubt before the log opens', async (t) => {
  const rig = await openRig(t)
  const log = await rig.open()
  const [ended, open] = [requestRecord(), requestRecord()]
  const first = await log.append(ended)
  const second = await log.append(open)
  await log.append(endRecord(ended, first))
  await log.close()

  const again = await rig.open()
  const reader = readerOf(t, rig)

  const { records } = await reader.list({ outcome: 'in-doubt' })
  t.match(records, [
    { requestId: open.requestId, side: 'provider', client: open.client, method: 'POST', direction: null },
  ])
  const doubt = records[0]?.seq ?? 0
  t.match(JSON.parse(String(await reader.object(doubt, 'body'))), {
    event: 'in-doubt',
    request: { seq: second.seq, leaf: second.leaf.toString('hex') },
    reason: 'restart',
  })
  t.match(await reader.get(doubt), { record: { kind: 'in-doubt', request: second.leaf.toString('hex') } })
  await t.rejects(again.append(endRecord(open, second)), { code: 'InternalError' }, 'it has its end')
  await again.close()
  const third = await rig.open()
  t.equal((await reader.list({ outcome: 'in-doubt' })).records.length, 1, 'once')
  await third.close()
  t.match(await verifyLog(reader, { anchors: [] }), { isWhole: true })
})

t.test('a request whose end nobody can sign is closed in doubt with the next commit', async (t) => {
  const rig = await openRig(t)
  const log = await rig.open()
  t.teardown(() => log.close())
  const [unsigned, ended] = [requestRecord(), requestRecord()]
  const abandoned = await log.append(unsigned)
  const request = await log.append(ended)

  log.abandon(abandoned)
  log.abandon(abandoned)
  await log.append(endRecord(ended, request))
  log.abandon(request)
  await log.append(requestRecord())

  const reader = readerOf(t, rig)
  const { records } = await reader.list({ outcome: 'in-doubt' })
  t.match(records, [{ requestId: unsigned.requestId }], 'once, and not what has its end')
  t.match(JSON.parse(String(await reader.object(records[0]?.seq ?? 0, 'body'))), {
    request: { seq: abandoned.seq },
    reason: 'no-end',
  })
  await t.rejects(log.append(endRecord(unsigned, abandoned)), { code: 'InternalError' })
})

t.test('configurations are on record, each once', async (t) => {
  const rig = await openRig(t)
  const log = await rig.open()
  const [one, two] = ['{"version":1}', '{"version":2}'].map((text) => ({
    version: 1,
    sha256: '',
    octets: Buffer.from(text),
  }))
  if (one === undefined || two === undefined) throw new Error('There are two')

  const first = await log.appendConfiguration(one)
  t.same(await log.appendConfiguration(one), first)
  const second = await log.appendConfiguration(two)
  t.equal(second.seq, first.seq + 1)
  await log.close()
  const again = await rig.open()
  t.equal((await again.appendConfiguration(two)).seq, second.seq)

  const reader = readerOf(t, rig)
  t.same(await reader.object(second.seq, 'body'), two.octets)
  t.match(await reader.get(second.seq), {
    record: { kind: 'configuration', basis: null, objects: [{ name: 'configuration.json' }] },
  })
})

t.test('a replay key is free again after its time', async (t) => {
  const rig = await openRig(t)
  let now = Date.now()
  const log = await rig.open({ now: () => now })
  const request = requestRecord()
  await log.append(request)

  now += 24 * 3_600_000 - 1
  t.equal(log.seen(request.replaySender ?? '', request.requestId), true)
  await t.rejects(log.append(request), { code: 'ReplayedMessage' })
  now += 2
  t.equal(log.seen(request.replaySender ?? '', request.requestId), false)
  await t.resolves(log.append(request))
})

t.test('what waits is bounded', async (t) => {
  const rig = await openRig(t)
  const log = await rig.open({ queueMax: 5 })

  const results = await Promise.allSettled(Array.from({ length: 12 }, () => log.append(requestRecord())))

  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  t.equal(refused.length, 7)
  t.ok(refused.every(({ code }) => code === 'LoggingFailed'))
  t.equal((await log.append(requestRecord())).seq, 6, 'and nothing of them is written')
  const bytes = await rig.open({
    file: join(rig.directory, 'b', 'log.sqlite'),
    keyStore: join(rig.directory, 'b', 'keys'),
    highWaterFile: join(rig.directory, 'b', 'h'),
    queueBytesMax: 3000,
  })
  const more = await Promise.allSettled(Array.from({ length: 12 }, () => bytes.append(requestRecord())))
  t.ok(more.some(({ status }) => status === 'rejected'))
  t.ok(more.some(({ status }) => status === 'fulfilled'))
})

t.test('one writer at a time', async (t) => {
  const rig = await openRig(t)
  const log = await rig.open()

  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'locked' })

  await log.close()
  await t.resolves(rig.open())
})

t.test('a log that is behind its high-water mark does not open', async (t) => {
  const rig = await openRig(t)
  const { file, keyStore } = rig.options
  const home = join(rig.directory, 'log')
  const log = await rig.open()
  await log.append(requestRecord())
  await log.close()
  const backup = join(rig.directory, 'backup')
  await cp(home, backup, { recursive: true })
  const again = await rig.open()
  await again.append(requestRecord())
  await again.close()

  await rename(home, join(rig.directory, 'gone'))
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'behind' }, 'no log at all')
  t.notOk(existsSync(file), 'and none is made in its place')
  await rm(home, { recursive: true, force: true })
  await cp(backup, home, { recursive: true })
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'behind' }, 'yesterday’s log')

  await rm(home, { recursive: true })
  await rename(join(rig.directory, 'gone'), home)
  const mark = join(keyStore, 'high-water.json')
  const octets = await readFile(mark)
  await rm(mark)
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'behind' }, 'no mark')
  await writeFile(mark, String(octets).replace(/"leaf\\":\\"../, '"leaf\\":\\"00'))
  await t.rejects(rig.open(), { flaw: 'damaged', message: /changed by somebody without the master key/ })
  await writeFile(mark, octets)
  const place = markPlaceOf(rig.options)
  writeHighWater(place, { ...(readHighWater(place) as HighWater), leaf: '00'.repeat(32) })
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'forked' }, 'another history')
  await writeFile(mark, 'x')
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'damaged' })
  await writeFile(mark, octets)
  await t.resolves(rig.open())
})

t.test('a log that is not ours, or not whole, does not open', async (t) => {
  const rig = await openRig(t)
  const { file, masterKey } = rig.options
  const log = await rig.open()
  await Promise.all(Array.from({ length: 5 }, () => log.append(requestRecord())))
  await log.close()

  await t.rejects(rig.open({ gateway: 'OWL/GOV/05774/SS1' }), { name: 'LogOpenError', flaw: 'format' })
  await rename(masterKey, `${masterKey}.old`)
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'keys' }, 'no master key')
  createMasterKey(masterKey)
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'keys' }, 'another master key')
  t.throws(() => openLogReader(rig.options), { name: 'LogOpenError' })
  await rename(`${masterKey}.old`, masterKey)

  const database = new DatabaseSync(file)
  database.exec(
    "UPDATE content SET record = CAST(replace(CAST(record AS TEXT), 'provider', 'consumer') AS BLOB) WHERE seq = 3",
  )
  database.close()
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'damaged', message: /record 3/ })
  await writeFile(file, 'not a database at all, but long enough to be taken for something else'.repeat(200))
  await t.rejects(rig.open(), { name: 'LogOpenError' })
})
