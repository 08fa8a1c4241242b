/** Two logs compared: what they share, what differs and where; heads of theirs and of a third one. */

import { randomBytes } from 'node:crypto'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { assert, asyncProperty, constantFrom, array as list } from 'fast-check'
import t from 'tap'
import { formatLogHead } from '../../../../gateway/protocol/log-head.ts'
import { requestRecord } from '../messages.ts'
import { openTrustRig } from '../trust-rig.ts'
import type { ExchangeOptions, OneLog } from './two-logs.ts'
import { ASKED, ASKING, openOneLog, openTwoLogs } from './two-logs.ts'

t.setTimeout(120_000)

const HOUR_MS = 3_600_000
const THIRD = 'OWL/GOV/05774020/SS1'
const header = (): string => randomBytes(32).toString('base64url')

t.test('two logs that say the same need few questions', async (t) => {
  const logs = await openTwoLogs(t)
  await Promise.all(Array.from({ length: 300 }, () => logs.exchange()))

  for (const [own, partner] of [
    [logs.asking, logs.asked],
    [logs.asked, logs.asking],
  ] as const) {
    const result = await logs.compare(own, partner)
    t.match(result, { ours: 300, theirs: 300, alarms: 0, explained: 0, findings: [], conflicts: [] })
    t.ok(logs.questions() <= 4, `${logs.questions()} questions`)
  }
})

t.test('whatever becomes of exchanges is found, by both, with its reason', async (t) => {
  const FATES = {
    'never-arrived': ['never-arrived', false],
    'reply-lost': ['reply-lost', false],
    'lost-at-provider': ['missing', true],
    'lost-at-consumer': ['missing', true],
    'other-reply': ['other-reply', true],
  } as const
  const fates = [undefined, undefined, ...(Object.keys(FATES) as (keyof typeof FATES)[])]
  await assert(
    asyncProperty(list(constantFrom(...fates), { minLength: 1, maxLength: 25 }), async (story) => {
      const logs = await openTwoLogs(t)
      const expected = new Map<string, readonly [string, boolean]>()
      for (const fate of story) {
        const options: ExchangeOptions = fate === undefined ? {} : { fate }
        const id = await logs.exchange({ ...options, at: Date.now() - Math.floor(Math.random() * 3 * HOUR_MS) })
        if (fate !== undefined) expected.set(id, FATES[fate])
      }
      for (const [own, partner] of [
        [logs.asking, logs.asked],
        [logs.asked, logs.asking],
      ] as const) {
        const { findings } = await logs.compare(own, partner, { from: Date.now() - 5 * HOUR_MS })
        const found = new Map(findings.map(({ requestId, reason, isAlarm }) => [requestId, [reason, isAlarm] as const]))
        // Ids that are hours old in a new record say so.
        for (const [id, [reason]] of found) if (reason === 'time') found.delete(id)
        t.strictSame([...found].sort(), [...expected].sort())
      }
    }),
    { numRuns: 4 },
  )
})

t.test('many in one minute come in pages', async (t) => {
  const logs = await openTwoLogs(t)
  const at = Math.floor(Date.now() / 60_000) * 60_000 - 120_000
  await Promise.all(Array.from({ length: 1200 }, (_, i) => logs.exchange({ at: at + (i % 60_000) })))
  const lost = await logs.exchange({ at: at + 30_000, fate: 'lost-at-provider' })

  const result = await logs.compare(logs.asking, logs.asked)

  t.match(result, { ours: 1201, theirs: 1200, alarms: 1 })
  t.equal(result.findings.find(({ isAlarm }) => isAlarm)?.requestId, lost)
})

t.test('what was erased in time is no alarm: its leaf is in the chain', async (t) => {
  const logs = await openTwoLogs(t)
  const [erased, deleted] = [await logs.exchange(), await logs.exchange()]
  await logs.exchange()
  await logs.asked.log.close()
  const database = new DatabaseSync(logs.asked.rig.options.file)
  // As erasing leaves it, and as somebody does who has no right to.
  database
    .prepare('UPDATE record SET request_id = NULL, record_erased_at = ?, kind = NULL, at = NULL WHERE request_id = ?')
    .run(Date.now(), erased)
  database.prepare('DELETE FROM record WHERE request_id = ?').run(deleted)
  database.close()

  const { findings } = await logs.compare(logs.asking, logs.asked)

  t.match(
    findings.map(({ requestId, reason, isAlarm, missingAt }) => ({ requestId, reason, isAlarm, missingAt })),
    [
      { requestId: deleted, reason: 'missing', isAlarm: true, missingAt: 'partner' },
      { requestId: erased, reason: 'erased', isAlarm: false, missingAt: 'partner' },
    ],
  )
  const seen = await logs.compare(logs.asked, logs.asking)
  t.match(
    seen.findings.map(({ requestId, reason }) => ({ requestId, reason })),
    [
      { requestId: deleted, reason: 'missing' },
      { requestId: erased, reason: 'erased' },
    ],
    'the log that erased knows its own leaf',
  )
})

t.test('days that lie in archive files are compared as before', async (t) => {
  const trust = await openTrustRig()
  t.teardown(() => trust.close())
  const logs = await openTwoLogs(t, { authorities: () => trust.authorities })
  for (let i = 0; i < 20; i++) await logs.exchange()
  const lost = await logs.exchange({ fate: 'lost-at-provider' })
  const other = await logs.exchange({ fate: 'other-reply' })
  const before = await logs.compare(logs.asking, logs.asked)

  for (const { log } of [logs.asked, logs.asking]) {
    await log.stampNow()
    t.equal((await log.archive(0)).length, 1)
    const after = await logs.compare(logs.asking, logs.asked)
    t.match(after, { ours: 22, theirs: 21, alarms: before.alarms, explained: before.explained })
    t.same(
      after.findings.map(({ requestId, reason }) => [requestId, reason]).sort(),
      [
        [lost, 'missing'],
        [other, 'other-reply'],
      ].sort(),
    )
  }
  await logs.exchange()
  t.match(await logs.compare(logs.asked, logs.asking), { ours: 22, theirs: 23, alarms: before.alarms })

  // Digests, times and request ids stay in the log: nobody has to bring a file back to be compared.
  await rename(join(logs.asked.rig.directory, 'archive'), join(logs.asked.rig.directory, 'elsewhere'))
  t.match(await logs.compare(logs.asking, logs.asked), { ours: 23, theirs: 22, alarms: before.alarms })
})

t.test('heads', async (t) => {
  await t.test('of our log that the partner holds become the anchor', async (t) => {
    const logs = await openTwoLogs(t)
    await closeBatch(logs.asked)
    const logHead = logs.asked.log.head()
    await logs.exchange({ logHead })
    await logs.asking.log.close()

    const { anchor, conflicts, compared } = await logs.compare(logs.asked, logs.asking)

    t.equal(formatLogHead({ log: anchor?.[0] ?? '', batch: anchor?.[1] ?? 0, sha256: anchor?.[2] ?? '' }), logHead)
    t.strictSame(conflicts, [])
    t.equal(compared[logs.asked.log.id], 1)
  })

  await t.test('of our log that are not ours: it was written anew, or restored from an older copy', async (t) => {
    const logs = await openTwoLogs(t)
    await closeBatch(logs.asked)
    const log = logs.asked.log.id
    await logs.exchange({ logHead: formatLogHead({ log, batch: 1, sha256: header() }) })
    await logs.exchange({ logHead: formatLogHead({ log, batch: 9, sha256: header() }) })
    await logs.asking.log.close()

    let proofs = 0
    const { anchor, conflicts } = await logs.compare(logs.asked, logs.asking, { proved: () => void proofs++ })

    t.match(conflicts, [
      { kind: 'rewritten', log, batch: 1, seq: 0 },
      { kind: 'cut-off', log, batch: 9, seq: 0 },
    ])
    t.equal(proofs, 2)
    t.equal(anchor, null)
    const seen = await logs.compare(logs.asking, logs.asked)
    t.match(
      seen.conflicts.map(({ kind, batch, seq }) => ({ kind, batch, isNamed: seq > 0 })),
      [
        { kind: 'rewritten', batch: 1, isNamed: true },
        { kind: 'cut-off', batch: 9, isNamed: true },
      ],
      'the partner finds the same from its side, with its records',
    )
  })

  await t.test('of a third log: two stories told to two partners are a fork', async (t) => {
    const logs = await openTwoLogs(t)
    const log = `${THIRD}/n1/1`
    const [same, one, other] = [header(), header(), header()]
    const seqs = [
      await hear(logs.asking, log, 3, same),
      await hear(logs.asking, log, 4, one),
      await hear(logs.asked, log, 3, same),
      await hear(logs.asked, log, 4, other),
    ]
    await Promise.all([logs.asking.log.close(), logs.asked.log.close()])

    const { conflicts } = await logs.compare(logs.asking, logs.asked)

    t.strictSame(conflicts, [{ kind: 'fork', log, batch: 4, seq: seqs[1], sha256: other }])
    const again = await logs.compare(logs.asking, logs.asked, { compared: { [log]: 5 } })
    t.strictSame(again.conflicts, [], 'what was compared is not compared again')
  })
})

t.test('a partner that answers nonsense is not followed', async (t) => {
  const logs = await openTwoLogs(t)
  await logs.exchange({ fate: 'lost-at-provider' })
  const honest = { anchor: { what: 'heads', heads: [] } } as const
  const answering = (lies: Readonly<Record<string, unknown>>) => ({
    ask: async ({ what }: { readonly what: string }) => lies[what] as never,
  })
  const id = '0190f0c8-0000-7000-8000-000000000000'
  for (const [what, lies] of Object.entries({
    'time that stands still': { heads: honest.anchor, digests: { what: 'digests', digests: [], to: 0 } },
    'exchanges of another time': {
      heads: honest.anchor,
      digests: { what: 'digests', digests: [], to: Number.MAX_SAFE_INTEGER },
      exchanges: { what: 'exchanges', exchanges: [{ id }], next: '' },
    },
  })) {
    await t.rejects(logs.compare(logs.asking, logs.asked, answering(lies)), /The partner/, what)
  }
})

async function closeBatch({ log }: OneLog): Promise<void> {
  await log.append(requestRecord({ sender: THIRD }))
  // There is no authority here: the batch is closed all the same.
  await log.stampNow().catch(() => {})
}

async function hear(one: OneLog, log: string, batch: number, sha256: string): Promise<number> {
  const request = requestRecord({ sender: THIRD })
  const issuedAt = new Date().toISOString()
  const { seq } = await one.log.append({
    ...request,
    saying: { sender: THIRD, logHead: formatLogHead({ log, batch, sha256 }), issuedAt },
  })
  return seq
}

t.test('another gateway shares nothing with them', async (t) => {
  const logs = await openTwoLogs(t)
  await logs.exchange()
  const third = await openOneLog(t, THIRD)
  for (const own of [logs.asking, logs.asked]) {
    t.match(await logs.compare(third, own), { ours: 0, theirs: 0, findings: [] })
  }
  t.not(ASKED, ASKING)
})
