/** A clock that is years ahead erases nothing. */

import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { dueTime } from '../../../../gateway/message-log/erasure/due-time.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

t.test('the clock counts as long as a token confirms it', async (t) => {
  const rows: [
    string,
    { latest?: number; now: number; asked?: number },
    { at: number; asks: number; kept?: boolean },
  ][] = [
    ['no token yet', { now: 1000 * DAY_MS }, { at: 1000 * DAY_MS, asks: 0 }],
    ['a recent one', { latest: DAY_MS, now: 3 * DAY_MS }, { at: 3 * DAY_MS, asks: 0 }],
    ['behind it', { latest: 9 * DAY_MS, now: 3 * DAY_MS }, { at: 3 * DAY_MS, asks: 0 }],
    [
      'an old one, and a new answer',
      { latest: DAY_MS, now: 90 * DAY_MS, asked: 90 * DAY_MS },
      { at: 90 * DAY_MS, asks: 1 },
    ],
    ['an old one, and no answer', { latest: DAY_MS, now: 90 * DAY_MS }, { at: 3 * DAY_MS, asks: 1, kept: true }],
    [
      'an answer from then',
      { latest: DAY_MS, now: 90 * DAY_MS, asked: 2 * DAY_MS },
      { at: 4 * DAY_MS, asks: 1, kept: true },
    ],
    ['an answer before', { latest: 5 * DAY_MS, now: 90 * DAY_MS, asked: 0 }, { at: 7 * DAY_MS, asks: 1, kept: true }],
  ]
  for (const [name, { latest, now, asked }, { at, asks, kept = false }] of rows) {
    let count = 0
    const found = await dueTime({
      now: () => now,
      clockLeadMaxMs: 2 * DAY_MS,
      stampedAt: () => latest,
      stamp: async (imprint) => {
        t.equal(imprint.length, 32)
        count += 1
        if (asked === undefined) throw new Error('no authority answers')
        return { genTime: asked }
      },
    })
    t.same([found.at, count, found.problem !== undefined], [at, asks, kept], name)
  }
})

t.test('a log erases by what the authority has confirmed, and says so', async (t) => {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  t.teardown(async () => {
    await rig.close()
    await trust.close()
  })
  let ahead = 0
  const options = {
    now: () => Date.now() + ahead,
    retention: () => ({ bodyRetentionDays: 5, recordRetentionDays: 20 }),
    stampIntervalMs: 3_600_000,
    stampFailureLimitMs: 10_000 * DAY_MS,
  }
  const log = await rig.open({ ...options, authorities: () => trust.authorities })
  const request = requestRecord()
  await log.append(endRecord(request, await log.append(request)))
  await log.stampNow()
  t.match(await log.eraseDue(), { bodies: 0, records: 0 })

  ahead = 10 * 365 * DAY_MS
  const kept = await log.eraseDue()
  t.match(kept, { bodies: 0, records: 0, keys: 0, problem: /^the clock is \d+ hours ahead of the latest time-stamp/ })
  t.ok(rig.events.some((event) => event.event === 'erasing-failed' && event.problem === kept.problem))

  ahead = 47 * HOUR_MS
  t.same(await log.eraseDue(), { bodies: 0, records: 0, keys: 0 }, 'and is quiet where the clock can be right')
  await log.close()

  // Whoever runs it may believe the clock further.
  ahead = 40 * DAY_MS
  const trusting = await rig.open({ ...options, clockLeadMaxMs: 50 * DAY_MS })
  t.match(await trusting.eraseDue(), { records: 2 })
})

t.test('a quiet log asks what time it is', async (t) => {
  const trust = await openTrustRig()
  const rig = await makeLogRig()
  t.teardown(async () => {
    await rig.close()
    await trust.close()
  })
  // Everything happened thirty days ago, its token included, as far as the log remembers.
  let ago = 30 * DAY_MS
  const options = {
    now: () => Date.now() - ago,
    retention: () => ({ bodyRetentionDays: 5, recordRetentionDays: 20 }),
    authorities: () => trust.authorities,
    stampIntervalMs: 3_600_000,
  }
  const log = await rig.open({ ...options, timeStamps: { offsetMsMax: 40 * DAY_MS } })
  const request = requestRecord()
  await log.append(endRecord(request, await log.append(request)))
  await log.stampNow()
  await log.close()
  makeTokensOlder(rig.options.file, ago)
  ago = 0

  await trust.behave('tsa', { mode: 'silent' })
  await trust.behave('tsa2', { mode: 'wrong', kind: 'reject' })
  const alone = await rig.open({ ...options, timeStamps: { timeoutMs: 200 } })
  t.match(await alone.eraseDue(), { records: 0, problem: /ahead/ })
  await trust.behave('tsa', { mode: 'ok' })
  t.match(await alone.eraseDue(), { records: 2, problem: undefined })
})

function makeTokensOlder(file: string, ms: number): void {
  const database = new DatabaseSync(file)
  database.prepare('UPDATE batch SET gen_time = gen_time - ?').run(ms)
  database.close()
}
