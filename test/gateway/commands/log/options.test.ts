/** `owl log …` beside a writer that is at work. */

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import { loadConfig, logPlace } from '../../../../gateway/config/config.ts'
import type { RecordSummary } from '../../../../gateway/message-log/message-log.ts'
import type { SqliteLog } from '../../../../gateway/message-log/open-log.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'
import { makeConfigRig } from '../../admin/config-rig.ts'
import { CLIENT, endRecord, requestRecord, SERVICE } from '../../message-log/messages.ts'
import { owlInProcess as owl, startOwl } from '../../owl.ts'

const { fileOf } = await makeConfigRig(t)
const file = await fileOf()
const configured = ['--config', file]
const config = await loadConfig(file)
const log: SqliteLog = await openMessageLog({
  ...logPlace(config),
  gateway: config.gateway,
  retention: () => ({ bodyRetentionDays: 30, recordRetentionDays: 1095 }),
  authorities: () => [],
  now: Date.now,
})
t.teardown(() => log.close())

interface Listed {
  readonly records: readonly RecordSummary[]
  readonly next: number | null
}

/** @returns the request and its end, as given to the log */
async function exchange(outcome: 'reply' | 'refusal' = 'reply') {
  const request = requestRecord()
  const end = endRecord(request, await log.append(request), { outcome })
  await log.append(end)
  return { request, end, requestId: request.requestId }
}

const first = await exchange()
await exchange('refusal')

t.test('list: a table for people', async (t) => {
  const { code, out, err } = await owl('log', 'list', ...configured, '--client', CLIENT)

  t.equal(code, 0)
  const lines = out.trimEnd().split('\n')
  t.match(lines[0], /^ *SEQ +TIME/)
  t.equal(lines.length, 5)
  const at = lines[0]?.indexOf('SERVICE') ?? -1
  for (const line of lines.slice(1)) t.equal(line.indexOf(SERVICE), at, 'columns are aligned')
  t.match(lines[1], /refusal .* Server\.ServerProxy\.AccessDenied /)
  t.match(err, /^4 records, newest first\n$/)
  t.notMatch(out, /\u001b/, 'no colours where nobody sees them')
})

t.test('list: JSON for programs, page by page, filtered', async (t) => {
  const json = async (...args: string[]): Promise<Listed> => {
    const { code, out, err } = await owl('log', 'list', ...configured, '--json', ...args)
    t.equal(code, 0, err)
    t.equal(err, '')
    return JSON.parse(out) as Listed
  }

  const [page, refused, old] = await Promise.all([
    json('--limit', '1', '--outcome', 'request', '--from', '10m', '--service', SERVICE, '--purpose', 'UMZUG'),
    json('--outcome', 'refusal', '--from', '2026-01-01'),
    json('--to', '2020-01-01'),
  ])

  t.same(
    page.records.map(({ seq }) => seq),
    [3],
  )
  t.equal(page.next, 3)
  t.same(
    (await json('--outcome', 'request', '--after', '3')).records.map(({ seq }) => seq),
    [1],
  )
  t.match(refused.records, [{ seq: 4, code: 'Server.ServerProxy.AccessDenied', stage: 'permitted' }])
  t.same(old, { records: [], next: null })
})

t.test('show: a record, an exchange, exact octets', async (t) => {
  const { requestId, end } = first
  const [record, both, text, head, body, none] = await Promise.all([
    owl('log', 'show', '2', ...configured, '--json'),
    owl('log', 'show', requestId, ...configured, '--json'),
    owl('log', 'show', requestId, ...configured),
    owl('log', 'show', '2', ...configured, '--part', 'head'),
    owl('log', 'show', '2', ...configured, '--part', 'body'),
    owl('log', 'show', '999', ...configured),
  ])

  t.match(JSON.parse(record.out), { seq: 2, requestId, outcome: 'reply', client: CLIENT })
  t.same(
    (JSON.parse(both.out) as Listed).records.map(({ seq }) => seq),
    [1, 2],
  )
  t.match(text.out, new RegExp(`^Record 1\n.*${requestId}.*\n\nRecord 2\n`, 's'))
  t.equal(head.out, end.head.toString())
  t.equal(body.out, end.body?.bytes?.toString())
  t.match([none.code, none.out], [1, ''])
})

t.test('tail: what is there, then what comes, until Ctrl-C', async (t) => {
  const tail = startOwl('log', 'tail', ...configured, '-n', '1', '--outcome', 'reply', '--json')
  t.teardown(() => tail.child.kill('SIGKILL'))
  const lines = (): string[] => tail.out().split('\n').slice(0, -1)
  while (lines().length < 1) await sleep(20)
  const ids = [await exchange(), await exchange('refusal'), await exchange()].map(({ requestId }) => requestId)
  while (lines().length < 3) await sleep(20)
  tail.child.kill('SIGINT')

  t.equal((await tail.ended).code, 0)
  const records = lines().map((line) => JSON.parse(line) as RecordSummary)
  t.same(
    records.map(({ requestId }) => requestId),
    [first.requestId, ids[0], ids[2]],
  )
})

t.test('verify: 0 when the log holds, 3 when it does not', async (t) => {
  const whole = await owl('log', 'verify', ...configured, '--json')
  t.equal(whole.code, 0, whole.err)
  t.match(JSON.parse(whole.out), { ok: true, damage: null })

  const copy = await copied(t)
  const database = new DatabaseSync(copy.database)
  database.prepare('UPDATE record SET client = ? WHERE seq = 3').run('OWL/GOV/05774020/GEWERBE')
  database.close()
  const [people, programs] = await Promise.all([
    owl('log', 'verify', '--config', copy.config),
    owl('log', 'verify', '--config', copy.config, '--json'),
  ])
  t.equal(people.code, 3)
  t.match(people.out, /record 3.*does not hold/s)
  t.equal(programs.code, 3)
  t.match(JSON.parse(programs.out), { ok: false, damage: { seq: 3 } })
})

t.test('verify: since the last time, signatures, in several threads', async (t) => {
  const copy = await copied(t)
  const verify = (...more: string[]) => owl('log', 'verify', '--config', copy.config, '--json', ...more)
  const [first, again, signatures, misused] = [
    await verify(),
    await verify('--since-last', '--threads', '2'),
    await verify('--signatures'),
    await verify('--threads', '0'),
  ]
  t.match([first.code, JSON.parse(first.out)], [0, { ok: true, from: 1, isPointChanged: false }])
  t.match([again.code, JSON.parse(again.out)], [0, { ok: true, records: JSON.parse(first.out).records }])
  t.notMatch(first.out, /"(?:point|end)"/, 'what it goes on from is not for others')
  t.match([signatures.code, JSON.parse(signatures.out)], [3, { damage: { kind: 'signature', seq: 1 } }], 'made-up ones')
  t.equal(misused.code, 2)
})

t.test('verify: what the high-water mark has seen must be there', async (t) => {
  // Written with every batch.
  await log.stampNow().catch(() => undefined)
  const copy = await copied(t)
  const database = new DatabaseSync(copy.database)
  database.exec('DELETE FROM batch; DELETE FROM content WHERE seq > 2; DELETE FROM record WHERE seq > 2')
  database.close()

  const { code, out } = await owl('log', 'verify', '--config', copy.config)

  t.equal(code, 3)
  t.match(out, /cut-off/)
})

t.test('verify: a database that is gone, a mark that was changed, one that is missing', async (t) => {
  await log.stampNow().catch(() => undefined)
  const [gone, changed, missing] = [await copied(t), await copied(t), await copied(t)]
  await rm(dirname(gone.database), { recursive: true })
  const markOf = ({ database }: { readonly database: string }) => join(dirname(database), '../keys/high-water.json')
  await writeFile(markOf(changed), (await readFile(markOf(changed), 'utf8')).replace(/seq\\":\d+/, 'seq\\":1'))
  await rm(markOf(missing))
  const cases = [
    [gone, 'behind', /is gone/],
    [changed, 'damaged', /changed by somebody without the master key/],
    [missing, 'behind', /mark is missing/],
  ] as const
  for (const [copy, flaw, message] of cases) {
    const told = await owl('log', 'verify', '--config', copy.config)
    t.equal(told.code, 3, flaw)
    t.match(told.err, message)
    t.match(told.out, /does not hold/)
    const asJson = await owl('log', 'verify', '--json', '--config', copy.config)
    t.match([asJson.code, JSON.parse(asJson.out)], [3, { ok: false, fault: { flaw, message } }])
  }
})

t.test('a log that is not there, or whose key is another, is a failure', async (t) => {
  const nowhere = await owl('log', 'list', '--config', await fileOf())
  t.match([nowhere.code, nowhere.out], [1, ''])
  t.match(nowhere.err, /message log cannot be opened/)

  const copy = await copied(t, Buffer.alloc(32, 2))
  const other = await owl('log', 'list', '--config', copy.config)
  t.match([other.code, other.out], [1, ''])
  t.match(other.err, /master key/)
})

/** The state of the gateway somewhere else, for tampering. */
async function copied(t: Test, masterKey?: Buffer): Promise<{ readonly config: string; readonly database: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'owl-log-cli-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const state = join(directory, 'state')
  await cp(config.directory, state, { recursive: true })
  const content = JSON.parse(await readFile(file, 'utf8')) as { log: { masterKey: string } }
  if (masterKey !== undefined) await writeFile(join(state, 'master.key'), masterKey)
  const copy = join(directory, 'gateway.json')
  const changed = { ...content, directory: state, log: { masterKey: join(state, 'master.key') } }
  await writeFile(copy, JSON.stringify(changed))
  return { config: copy, database: join(state, 'log/log.sqlite') }
}
