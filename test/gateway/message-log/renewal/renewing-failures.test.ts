/** Renewals that are killed, that no authority stamps, or that run while the log is written. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { planRenewal, renewalEnds } from '../../../../gateway/message-log/renewal/renewal-plan.ts'
import { ascendingStamp, lastingAuthorities } from '../../../../gateway/message-log/renewal/renewal-run.ts'
import { renewApart } from '../../../../gateway/message-log/renewal/renewal-thread.ts'
import { openTimeStampClient } from '../../../../gateway/message-log/stamping/time-stamp-client.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import type { TrustRig } from '../trust-rig.ts'
import { openTrustRig } from '../trust-rig.ts'
import { judge, renew } from './renewal-rig.ts'

const CHILD = new URL('./renewing-child.ts', import.meta.url).pathname
const LIES = ['imprint', 'garbage', 'nonce', 'time', 'other-signer', 'huge', 'reject'] as const
const DAY_MS = 86_400_000
// Each renewal waits for the next second, and processes start.
t.setTimeout(240_000)

async function rigOf(t: Test, trusted?: TrustRig) {
  const trust = trusted ?? (await openTrustRig())
  const rig = await makeLogRig()
  const log = await rig.open({
    authorities: () => trust.authorities,
    stampIntervalMs: 3_600_000,
    stampRecordsMax: 1500,
  })
  const reader = openLogReader(rig.options)
  t.teardown(async () => {
    reader.close()
    await rig.close()
    await trust.close()
  })
  const fill = async (count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, () => log.append(requestRecord())))
    await log.stampNow()
  }
  const judging = { reader, directory: rig.directory, caFile: trust.caFile }
  return { trust, rig, log, reader, fill, judging, renew: renew.bind(null, rig.options, trust.authorities) }
}

for (const hash of [undefined, 'sha512'] as const) {
  t.test(`goes on after any kill (${hash ?? 'time-stamps'})`, async (t) => {
    const { rig, log, reader, fill, judging, trust } = await rigOf(t)
    for (let batch = 0; batch < 3; batch++) await fill(1100)
    const { file, keyStore, masterKey } = rig.options
    const given = { place: { file, keyStore, masterKey }, authorities: trust.authorities, ...(hash && { hash }) }
    // With no authority at hand, all of it is done but for the token.
    await trust.behave('tsa', { mode: 'silent' })
    await trust.behave('tsa2', { mode: 'silent' })
    const reached: number[] = []
    let stops = [0, 512, 1536, Number.POSITIVE_INFINITY]
    if (hash === undefined) stops = [0, Number.POSITIVE_INFINITY]
    for (const stop of stops) {
      const lines = await runUntil(given, stop)
      reached.push(Number(lines[0]?.split(' ')[0]))
      t.equal(await verdict(reader, trust), true, 'the log itself is whole')
      t.same((await judge(judging, 7)).stamps, ['sha256 4'], 'what is not stamped does not count')
    }
    t.same(
      reached,
      [...reached].sort((a, b) => a - b),
      'nothing done is done again',
    )
    t.ok((reached.at(-1) ?? 0) > 0 || hash === undefined)
    const before = treeOf(file)

    await trust.behave('tsa2', { mode: 'ok' })
    t.match(await renew(given.place, trust.authorities, hash ? { hash } : {}), [
      { leaves: hash ? log.health().seq : 3 },
    ])
    t.same(treeOf(file).slice(0, before.length), before, 'the tree is the one it was')
    for (const seq of [1, 1101, 2500, log.health().seq]) {
      const objects = (await reader.get(seq))?.objects.length ?? 0
      t.same((await judge(judging, seq)).stamps, [`sha256 ${objects + 1}`, hash ? `sha512 ${objects + 1}` : 'sha256 1'])
    }
    t.same(renewalEnds(reader.store).isUnfinished, false)
  })
}

t.test('an authority that answers wrongly is not believed, the next is asked', async (t) => {
  const { trust, reader, fill, judging, renew, rig } = await rigOf(t)
  await fill(3)
  const chain = ['sha256 4']
  for (const kind of LIES) {
    await trust.behave('tsa', { mode: 'wrong', kind })
    t.equal((await renew()).length, 1, kind)
    chain.push('sha256 1')
  }
  t.same((await judge(judging, 1)).stamps, chain)

  await trust.behave('tsa2', { mode: 'wrong', kind: 'imprint' })
  const der = await reader.evidenceRecord(1)
  await t.rejects(renew(), /imprint/)
  t.same(await reader.evidenceRecord(1), der, 'nothing has changed')
  t.equal(renewalEnds(reader.store).isUnfinished, true)

  await trust.behave('tsa', { mode: 'ok' })
  t.equal((await renew()).length, 1, 'what was begun is ended, and not done twice')
  t.equal(renewalEnds(reader.store).isUnfinished, false)
  t.same((await judge(judging, 1)).stamps, [...chain, 'sha256 1'])
  await rig.close()
})

t.test('a time that is not after that of the tokens renewed is not taken', async (t) => {
  const asked: number[] = []
  const answers = [5000, 5999, 6000]
  const client = {
    stamp: async () => ({
      token: Buffer.alloc(0),
      genTime: answers[asked.push(0) - 1] as number,
      until: 0,
      url: '',
      offsetMs: 0,
    }),
    close: async () => {},
  }
  const waited: number[] = []
  const options = { now: () => 4000, wait: async (ms: number) => void waited.push(ms) }

  t.match(await ascendingStamp(client, options)(Buffer.alloc(32), 'sha256', 6000), { genTime: 6000 })
  t.same(waited, [2000, 1000, 2000, 1, 2000])
  answers.fill(0).push(0, 0, 0)
  await t.rejects(ascendingStamp(client, options)(Buffer.alloc(32), 'sha256', 6000), /not after/)
})

t.test('one renewal at a time, and beside it the log is written', async (t) => {
  const { trust, rig, log, reader, fill, renew, judging } = await rigOf(t)
  await fill(3000)
  const client = openTimeStampClient({ authorities: () => trust.authorities, now: Date.now })
  const wait = async (ms: number): Promise<void> => void (await sleep(ms))
  const stamp = ascendingStamp(client, { now: Date.now, wait })
  const stopping = new AbortController()
  let isDone = false
  const { file, keyStore, masterKey } = rig.options
  const begun = Promise.withResolvers<void>()
  const deps = { at: Date.now(), stamp, report: () => begun.resolve(), signal: stopping.signal }
  const renewing = renewApart({ file, keyStore, masterKey }, deps, { hash: 'sha512' }).finally(() => {
    isDone = true
  })
  await begun.promise
  const refused = await renew().catch((error: Error) => error)
  t.match(refused, { flaw: 'locked', message: /being renewed already/ })
  let written = 0
  for (; !isDone; written += 2) {
    const request = requestRecord()
    await log.append(endRecord(request, await log.append(request)))
  }
  t.match(await renewing, [{ kind: 'hash-tree', damaged: [] }])
  await client.close()

  t.ok(written > 10)
  await log.stampNow()
  t.equal(await verdict(reader, trust), true)
  t.same((await judge(judging, 3000)).stamps.length, 2)
  const [left] = planRenewal(reader.store, { hash: 'sha512' })
  // Each batch that was closed meanwhile has a record of its own.
  const batches = (left?.lastBatch ?? 0) - (left?.firstBatch ?? 0) + 1
  t.equal(left?.leaves, written + batches, 'what came later is left')
})

t.test('a renewal waits for who has the database, and goes on', async (t) => {
  const { trust, rig, fill, reader } = await rigOf(t)
  await fill(1100)
  const client = openTimeStampClient({ authorities: () => trust.authorities, now: Date.now })
  const wait = async (ms: number): Promise<void> => void (await sleep(ms))
  const { file, keyStore, masterKey } = rig.options
  const other = new DatabaseSync(file)
  const done: number[] = []
  const deps = {
    at: Date.now(),
    stamp: ascendingStamp(client, { now: Date.now, wait }),
    report: (progress: { readonly done: number }) => void done.push(progress.done),
    signal: new AbortController().signal,
  }
  other.exec('BEGIN IMMEDIATE')
  let isOver = false
  const renewing = renewApart({ file, keyStore, masterKey }, deps, { hash: 'sha512' }).finally(() => {
    isOver = true
  })
  // Longer than any connection waits by itself.
  await sleep(2500)
  t.same({ isOver, done }, { isOver: false, done: [] })
  other.exec('ROLLBACK')
  t.match(await renewing, [{ kind: 'hash-tree', leaves: 1101, damaged: [] }])
  t.same(done, [0, 512, 1024, 1101])
  t.equal(await verdict(reader, trust), true)
  other.close()
  await client.close()
})

t.test('a renewal in a thread of its own can be stopped, and says why it failed', async (t) => {
  const { rig, fill, reader, renew } = await rigOf(t)
  await fill(2100)
  const { file, keyStore, masterKey } = rig.options
  const place = { file, keyStore, masterKey }
  const stopping = new AbortController()
  const stamp = async (): Promise<never> => {
    throw new Error('no authority answers')
  }
  const deps = { at: Date.now(), stamp, report: () => {}, signal: stopping.signal }
  await t.rejects(renewApart(place, deps, { hash: 'sha512' }), { message: 'no authority answers' })
  await t.rejects(renewApart({ ...place, file: `${file}.not` }, deps, {}), /cannot be opened/)
  const stopped = renewApart(place, { ...deps, stamp: () => new Promise(() => {}), report: () => stopping.abort() }, {})
  await t.rejects(stopped, { message: 'The renewal was stopped' })

  t.equal(renewalEnds(reader.store).isUnfinished, true)
  t.match(await renew({ hash: 'sha512' }), [{ kind: 'hash-tree' }])
})

t.test('before a certificate ends, what rests on it is renewed by one that lasts longer', async (t) => {
  const trust = await openTrustRig({ daysLeft: 20 })
  const { log, reader, fill, judging, rig } = await rigOf(t, trust)
  await fill(2)
  const end = renewalEnds(reader.store).tokensUntil ?? 0
  t.ok(Math.abs(end - Date.now() - 20 * DAY_MS) < 3 * DAY_MS, 'the end of the certificate of the first unit')
  const horizon = Date.now() + 30 * DAY_MS
  t.equal(lastingAuthorities(trust.authorities).length, 2)
  const lasting = lastingAuthorities(trust.authorities, horizon)
  t.same(lasting, trust.authorities.slice(1))
  t.same(planRenewal(reader.store, { endingBefore: Date.now() }), [])

  t.match(await renew(rig.options, lasting, { endingBefore: horizon }), [{ leaves: 1 }])
  t.ok((renewalEnds(reader.store).tokensUntil ?? 0) > Date.now() + 1000 * DAY_MS)
  t.same(await renew(rig.options, lasting, { endingBefore: horizon }), [], 'not twice')

  await fill(1)
  t.match(await renew(rig.options, lasting, { endingBefore: horizon }), [{ firstBatch: 2, leaves: 1 }], 'only the new')
  t.same((await judge(judging, 1)).stamps, ['sha256 4', 'sha256 1'])
  t.same((await judge(judging, log.health().seq)).stamps, ['sha256 3', 'sha256 1'])
  t.match(await renew(rig.options, lasting), [{ firstBatch: 1, lastBatch: 2, leaves: 2 }], 'and later both in one')
  t.same((await judge(judging, 1)).stamps, ['sha256 4', 'sha256 1', 'sha256 1'])
})

/** Runs until it has said a line with at least so many leaves, or for a while. @returns its lines */
async function runUntil(given: object, stop: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const gone = once(child, 'exit')
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines.push(...text.trimEnd().split('\n'))
      const [done = 0, of = 0] = (lines.at(-1) ?? '').split(' ').map(Number)
      if (done >= stop || (done === of && of > 0)) resolve()
    })
  })
  if (stop === Number.POSITIVE_INFINITY) await sleep(300)
  child.kill('SIGKILL')
  await gone
  return lines
}

async function verdict(reader: ReturnType<typeof openLogReader>, trust: TrustRig): Promise<boolean> {
  return (await verifyLog(reader, { anchors: trust.authorities })).isWhole
}

function treeOf(file: string): string[] {
  const database = new DatabaseSync(file, { readOnly: true })
  const rows = database.prepare('SELECT hex(root) AS root FROM renewal_node WHERE level = 0 ORDER BY place').all()
  database.close()
  return rows.map((row) => String(row['root']))
}
