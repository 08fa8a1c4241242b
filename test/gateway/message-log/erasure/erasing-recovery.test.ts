/** Erasing across kills, and across databases that were restored from older copies. */

import { spawn } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { appendFile, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import type { Request } from '../../../../gateway/message-log/erasure/terms.ts'
import type { LogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import type { Writer } from '../../../../gateway/message-log/writer/writer.ts'
import { openWriter } from '../../../../gateway/message-log/writer/writer.ts'
import type { Answer, Command } from '../../../../gateway/message-log/writer/writer-messages.ts'
import type { Body } from '../../../../gateway/protocol/body.ts'
import { bodyOf, openSpool } from '../../../../gateway/transport/spool.ts'
import type { LogRig } from '../log-rig.ts'
import { GATEWAY, makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'

const DAY_MS = 86_400_000
const CHILD = new URL('./erasing-child.ts', import.meta.url).pathname
const EXCHANGES = 400
const DUE = { bodyRetentionDays: 10, recordRetentionDays: 20 }

t.setTimeout(120_000)

t.test('a gateway that is killed while it erases goes on when it is started again', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const bodies = join(rig.directory, 'log', 'bodies')
  await fill(rig)
  t.equal((await readdir(bodies)).length, EXCHANGES / 8)
  const { gateway, file, keyStore, masterKey } = rig.options
  const at = Date.now() + 15 * DAY_MS
  const database = new DatabaseSync(file, { readOnly: true })
  const count = database.prepare('SELECT count(*) AS n FROM content WHERE body_share IS NOT NULL')
  const bodiesLeft = (): number => Number(count.get()?.['n'])
  let kills = 0
  for (let left = bodiesLeft(); left > 0; left = bodiesLeft()) {
    const argument = JSON.stringify({ gateway, file, keyStore, masterKey, at })
    const child = spawn(process.execPath, [CHILD, argument], { stdio: ['ignore', 'ignore', 'pipe'] })
    const errors = text(child.stderr)
    const gone = once(child, 'exit')
    const enough = left - randomInt(20, 200)
    while (child.exitCode === null && bodiesLeft() > Math.max(0, enough)) await sleep(1)
    if (child.kill('SIGKILL')) kills += 1
    await gone
    t.equal(await errors, '')
    const reader = openLogReader(rig.options)
    const { damage } = await verifyLog(reader, { anchors: [] })
    t.equal(damage, null, `${bodiesLeft()} bodies left`)
    reader.close()
  }
  database.close()
  t.ok(kills > 1, `killed ${kills} times`)

  const log = await rig.open({ now: () => at, retention: () => DUE })
  t.match(await log.eraseDue(), { bodies: 0, records: 0 }, 'nothing is left to do')
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  t.same(await readdir(bodies), [])
  const decisions = (await reader.list({ outcome: 'erasure' })).records
  t.equal(decisions.length, 1, 'one decision, carried out in pieces')
  t.match(await verifyLog(reader, { anchors: [] }), { isWhole: true })
})

async function fill(rig: LogRig): Promise<void> {
  const log = await rig.open({ retention: () => DUE })
  const spool = await openSpool({ directory: join(rig.directory, 'log', 'spool'), spoolAboveBytes: 1000 })
  const exchange = async (index: number): Promise<void> => {
    const octets = Buffer.alloc(2000, 'x')
    const large = { bytesMax: 1e6, tooLarge: 'BadRequest' } as const
    const body =
      index % 8 === 0 ? ((await spool.receive(Readable.from([octets]), large)) as Body) : bodyOf(octets.subarray(1000))
    const request = requestRecord({ body })
    await log.append(endRecord(request, await log.append(request)))
    await body.dispose()
  }
  for (let done = 0; done < EXCHANGES; done += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => exchange(done + index)))
  }
  await log.close()
}

/** The writer alone closes no batch of its own accord: the log is no further than its high-water mark. */
async function restorable(t: Test) {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const log = await rig.open({ retention: () => DUE })
  const seqs: number[] = []
  for (let count = 0; count < 3; count++) {
    const request = requestRecord()
    const recorded = await log.append(request)
    await log.append(endRecord(request, recorded))
    seqs.push(recorded.seq)
  }
  await log.close()
  const { file, keyStore, masterKey } = rig.options
  const place = {
    name: `${GATEWAY}/n1`,
    ...{ file, bodies: join(rig.directory, 'log', 'bodies'), archive: join(rig.directory, 'log', 'archive') },
    keys: { directory: keyStore, masterKeyFile: masterKey },
    highWaterFile: join(keyStore, 'high-water.json'),
  }
  const copy = join(rig.directory, 'copy')
  return {
    rig,
    seqs,
    open: () => openWriter({ place, at: AT, replayWindowMs: DAY_MS, standsBy: false }),
    save: () => cp(join(rig.directory, 'log'), copy, { recursive: true }),
    async restore() {
      await rm(join(rig.directory, 'log'), { recursive: true })
      await cp(copy, join(rig.directory, 'log'), { recursive: true })
    },
    journal: join(keyStore, 'decisions.jsonl'),
    async look<T>(work: (reader: LogReader) => T | Promise<T>): Promise<T> {
      const reader = openLogReader(rig.options)
      try {
        t.match(await verifyLog(reader, { anchors: [] }), { isWhole: true })
        return await work(reader)
      } finally {
        reader.close()
      }
    },
  }
}

/** Two days after everything was recorded. */
const AT = Date.now() + 2 * DAY_MS

function decide(writer: Writer, request: object): Answer {
  const asked = { id: randomUUID(), by: 'console', reason: 'x', ...request } as Request
  return answerOf(writer, { do: 'decide', at: AT, request: asked })
}

function answerOf(writer: Writer, command: Command): Answer {
  const [answer] = writer.answer([command])
  return answer as Answer
}

function carryOut(writer: Writer): void {
  for (;;) {
    const answer = answerOf(writer, { do: 'erase', at: AT, rules: null, dueAt: AT })
    if (answer.did !== 'erase' || answer.step === null || !answer.step.more) return
  }
}

function close(writer: Writer): void {
  answerOf(writer, { do: 'close', at: AT })
}

const decided = { did: 'decide', decided: { records: 1 } }

t.test('a database restored from an older copy is erased again before anybody reads it', async (t) => {
  const { rig, seqs, open, save, restore, journal, look } = await restorable(t)
  const [body = 0, record = 0, held = 0] = seqs
  await save()
  const writer = open()
  t.match(decide(writer, { event: 'erasure', what: 'body', records: { seq: body } }), decided)
  carryOut(writer)
  t.match(decide(writer, { event: 'erasure', what: 'record', records: { seq: record } }), decided)
  carryOut(writer)
  t.match(decide(writer, { event: 'hold', records: { seq: held } }), decided)
  t.match(decide(writer, { event: 'hold', records: { seq: held + 1 } }), decided)
  t.match(decide(writer, { event: 'release', records: { seq: held + 1 } }), decided)
  close(writer)
  const states = () =>
    look(async (reader) => ({
      body: await reader.object(body, 'body'),
      record: (await reader.get(record))?.erased,
      held: reader.holds().map(({ seq }) => seq),
    }))
  const wanted = { body: undefined, record: 'record', held: [held] }
  t.same(await states(), wanted)
  const entries = await readFile(journal, 'utf8')
  t.equal(entries.split('\n').length, 6)

  await restore()
  t.ok(await look((reader) => reader.object(body, 'body')), 'the copy has it all')
  close(open())
  t.same(await states(), wanted)
  t.equal(await readFile(journal, 'utf8'), entries, 'the journal knows it already')
  await look(async (reader) => {
    const again = (await reader.list({ outcome: 'erasure' })).records
    t.equal(again.length, 2)
    for (const { seq } of again) {
      t.match(JSON.parse(String(await reader.object(seq, 'body'))), { by: 'console', decided: /^\d{4}-.*Z$/ })
    }
  })
  close(open())
  t.equal(await look(async (reader) => (await reader.list({ outcome: 'erasure' })).records.length), 2, 'once')
  const { keyStore } = rig.options
  t.ok((await readdir(keyStore)).includes('decisions.jsonl'))
})

t.test('the journal is mended: cut off, lost, and refused when it is no journal', async (t) => {
  const { seqs, open, journal, look } = await restorable(t)
  let writer = open()
  t.match(decide(writer, { event: 'hold', records: { seq: seqs[0] } }), decided)
  close(writer)
  const first = await readFile(journal, 'utf8')

  await appendFile(journal, '{"log":"OWL/GOV')
  writer = open()
  t.match(decide(writer, { event: 'hold', records: { seq: seqs[1] } }), decided)
  close(writer)
  const both = await readFile(journal, 'utf8')
  t.ok(both.startsWith(first))
  t.equal(both.split('\n').length, 3, 'half a line is written over')

  await rm(journal)
  close(open())
  t.equal(await readFile(journal, 'utf8'), both, 'and a lost one written again from the log')

  await writeFile(journal, both.replace('"hold"', '"told"'))
  t.throws(open, { name: 'LogOpenError', flaw: 'damaged' })
  await writeFile(journal, both)
  close(open())
  await look((reader) => t.equal(reader.holds().length, 2))
})

t.test('what was decided and not carried out is carried out at the next start', async (t) => {
  const { seqs, open, look } = await restorable(t)
  const writer = open()
  t.match(decide(writer, { event: 'erasure', what: 'body', records: { seq: seqs[0] } }), decided)
  t.match(
    decide(writer, { event: 'hold', records: { seq: seqs[0] } }),
    { decided: { refused: 'erased' } },
    'too late to hold it',
  )
  close(writer)
  t.ok(await look((reader) => reader.object(seqs[0] ?? 0, 'body')))
  close(open())
  t.equal(await look((reader) => reader.object(seqs[0] ?? 0, 'body')), undefined)
})
