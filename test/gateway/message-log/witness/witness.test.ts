/** What partners say of their logs is kept, and what contradicts is told: over a real log. */

import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import t from 'tap'
import type { SqliteLog } from '../../../../gateway/message-log/open-log.ts'
import type { HeadList, NewHeads } from '../../../../gateway/message-log/record/heads.ts'
import { openHeads } from '../../../../gateway/message-log/store/sqlite/received-heads.ts'
import type { WitnessEvent } from '../../../../gateway/message-log/witness/witness.ts'
import { openWitness } from '../../../../gateway/message-log/witness/witness.ts'
import { formatLogHead } from '../../../../gateway/protocol/log-head.ts'
import type { LogRig } from '../log-rig.ts'
import { makeLogRig } from '../log-rig.ts'
import { requestRecord, SENDER } from '../messages.ts'

const LOG = `${SENDER}/n1/1`
const BEGAN = Date.parse('2026-11-23T08:00:00.000Z')

interface Rig {
  readonly rig: LogRig
  readonly log: SqliteLog
  /** A message that names this batch, issued so many seconds after the beginning. */
  hear(batch: number, sha256: string, seconds: number, log?: string): Promise<number>
  /** What is stored, once the log is closed. */
  stored<T>(read: (list: HeadList) => T): Promise<T>
}

async function openRig(t: Test): Promise<Rig> {
  const rig = await makeLogRig()
  t.teardown(() => rig.close())
  const log = await rig.open()
  return {
    rig,
    log,
    async hear(batch, sha256, seconds, name = LOG) {
      const logHead = batch === 0 ? 'none' : formatLogHead({ log: name, batch, sha256 })
      const issuedAt = new Date(BEGAN + seconds * 1000).toISOString()
      const { seq } = await log.append({ ...requestRecord(), saying: { sender: SENDER, logHead, issuedAt } })
      return seq
    },
    async stored(read) {
      await log.close()
      const database = new DatabaseSync(rig.options.file, { readOnly: true })
      try {
        return read(openHeads(database))
      } finally {
        database.close()
      }
    },
  }
}

const header = (): string => randomBytes(32).toString('base64url')

t.test('every head is kept once, with the record that brought it first', async (t) => {
  const { hear, stored, log } = await openRig(t)
  const [one, two] = [header(), header()]
  await hear(0, '', 0)
  const first = await hear(1, one, 1)
  await hear(1, one, 2)
  const second = await hear(2, two, 3)
  for (let i = 0; i < 20; i++) await hear(2, two, 4 + i)
  t.equal(log.health().contradictions, 0)

  const { heads, logs, contradictions } = await stored((list) => ({
    heads: list.from(LOG, 0, 100),
    logs: list.logs(),
    contradictions: list.contradictions(),
  }))

  t.strictSame(heads, [
    { log: LOG, batch: 1, sha256: one, seq: first, issuedAt: BEGAN + 1000 },
    { log: LOG, batch: 2, sha256: two, seq: second, issuedAt: BEGAN + 3000 },
  ])
  t.strictSame(logs, [LOG])
  t.strictSame(contradictions, [])
})

t.test('messages that overtake each other contradict nothing', async (t) => {
  const { hear, log, stored } = await openRig(t)
  const [one, two] = [header(), header()]
  await hear(2, two, 2)
  await hear(1, one, 1)
  await hear(1, one, 3)
  await hear(2, two, 4)

  t.equal(log.health().contradictions, 0)
  t.equal((await stored((list) => list.from(LOG, 1, 9))).length, 2, 'the late one is kept as well')
})

t.test('two headers of one batch are a fork: both messages are named, once', async (t) => {
  const { hear, log, rig, stored } = await openRig(t)
  const [one, other] = [header(), header()]
  const first = await hear(7, one, 1)
  const second = await hear(7, other, 2)
  await hear(7, other, 3)
  await hear(7, one, 4)

  const told = rig.events.filter(({ event }) => event === 'contradiction')
  t.match(told, [{ kind: 'fork', log: LOG, batch: 7, seqs: [first, second] }])
  t.equal(told.length, 1)
  t.match(log.health(), { contradictions: 1, contradictedAt: Number })
  const { heads, contradictions } = await stored((list) => ({
    heads: list.of(LOG, 7),
    contradictions: list.contradictions(),
  }))
  t.strictSame(
    heads.map(({ sha256, seq }) => [sha256, seq]),
    [
      [one, first],
      [other, second],
    ],
  )
  t.match(contradictions, [{ kind: 'fork', seqs: [first, second] }])
})

t.test('a log that goes backwards is told: to an older batch, or to none', async (t) => {
  for (const [what, batch] of [
    ['an older batch', 3],
    ['none', 0],
  ] as const) {
    const { hear, log, rig } = await openRig(t)
    const first = await hear(5, header(), 1)
    const second = await hear(batch, header(), 60)

    t.equal(log.health().contradictions, 1, what)
    t.match(
      rig.events.filter(({ event }) => event === 'contradiction'),
      [{ kind: 'backwards', log: LOG, batch: batch || 5, seqs: [first, second] }],
      what,
    )
  }
})

t.test('what was heard before a restart still contradicts', async (t) => {
  const { hear, log, rig } = await openRig(t)
  const first = await hear(7, header(), 1)
  await log.close()
  const again = await rig.open()
  const saying = {
    sender: SENDER,
    logHead: formatLogHead({ log: LOG, batch: 7, sha256: header() }),
    issuedAt: new Date(BEGAN + 2000).toISOString(),
  }
  const { seq } = await again.append({ ...requestRecord(), saying })
  await again.close()
  const third = await rig.open()

  t.match(
    rig.events.filter(({ event }) => event === 'contradiction'),
    [{ kind: 'fork', seqs: [first, seq] }],
  )
  t.equal(third.health().contradictions, 1, 'and is not forgotten')
})

t.test('another epoch and another node are other logs', async (t) => {
  const { hear, log, stored } = await openRig(t)
  await hear(7, header(), 1)
  await hear(1, header(), 60, `${SENDER}/n1/2`)
  await hear(7, header(), 61, `${SENDER}/n2/1`)

  t.equal(log.health().contradictions, 0)
  t.strictSame(await stored((list) => list.logs()), [LOG, `${SENDER}/n1/2`, `${SENDER}/n2/1`])
})

t.test('whoever makes up logs and contradicts himself takes nobody else’s room', async (t) => {
  const stored: NewHeads[] = []
  const told: WitnessEvent[] = []
  const none: HeadList = {
    ...{ logs: () => [], latest: () => undefined, of: () => [], from: () => [], contradictions: () => [] },
  }
  const witness = openWitness({
    ...{ now: Date.now, list: none, gatherMs: 3_600_000 },
    store: async (heard) => void stored.push(heard),
    report: (event) => void told.push(event),
  })
  const hear = (sender: string, log: string, batch: number, seconds: number, sha256 = header()): void => {
    const issuedAt = new Date(BEGAN + seconds * 1000).toISOString()
    witness.heard({ sender, logHead: formatLogHead({ log, batch, sha256 }), issuedAt }, seconds + 1)
  }
  const [hostile, honest] = [SENDER, 'OWL/GOV/05774/SS1']
  for (let epoch = 1; epoch <= 1000; epoch++) hear(hostile, `${hostile}/n1/${epoch}`, 1, epoch)
  for (let batch = 1; batch <= 1000; batch++) {
    hear(hostile, LOG, batch + 1, 2000 + batch)
    hear(hostile, LOG, batch + 1, 2000 + batch)
  }
  t.equal(witness.health().contradictions, 100, 'told often enough')
  t.equal(told.length, 100)

  hear(honest, `${honest}/n1/1`, 7, 1)
  hear(honest, `${honest}/n1/1`, 7, 2)
  await witness.close()

  t.match(told.at(-1), { kind: 'fork', log: `${honest}/n1/1`, batch: 7 }, 'a fork of another is told all the same')
  const logs = new Set(stored.flatMap(({ heads }) => heads.map(({ log }) => log)))
  t.equal([...logs].filter((log) => log.startsWith(hostile)).length, 100)
  t.ok(logs.has(`${honest}/n1/1`))
})
