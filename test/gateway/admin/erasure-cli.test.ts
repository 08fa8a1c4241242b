/** `owl log erase|hold|release|holds`, with the gateway at rest; and what a running one is asked. */

import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'
import t from 'tap'
import { loadConfig, logPlace } from '../../../gateway/config.ts'
import type { RecordDetail } from '../../../gateway/message-log/reader.ts'
import type { SqliteLog } from '../../../gateway/message-log/sqlite-log.ts'
import { openMessageLog } from '../../../gateway/message-log/sqlite-log.ts'
import { endRecord, requestRecord } from '../message-log/messages.ts'
import { owl } from '../owl.ts'
import { makeConfigRig } from './config-rig.ts'

const DAY_MS = 86_400_000
const { fileOf } = await makeConfigRig(t)

// Every command is a process.
t.setTimeout(180_000)

/** A log with two exchanges, recorded so many days ago. */
async function recorded(t: Test, daysAgo = 0) {
  const file = await fileOf()
  const config = await loadConfig(file)
  const open = (): Promise<SqliteLog> =>
    openMessageLog({
      ...logPlace(config),
      gateway: config.gateway,
      retention: () => ({ bodyRetentionDays: 5, recordRetentionDays: 50 }),
      authorities: () => [],
      now: () => Date.now() - daysAgo * DAY_MS,
    })
  const log = await open()
  t.teardown(() => log.close().catch(() => {}))
  const ids: string[] = []
  for (let count = 0; count < 2; count++) {
    const request = requestRecord()
    await log.append(endRecord(request, await log.append(request)))
    ids.push(request.requestId)
  }
  const run = async (command: string, ...args: string[]) => owl('log', command, ...args, '--config', file)
  const show = async (seq: number) => JSON.parse((await run('show', String(seq), '--json')).out) as RecordDetail
  return { file, config, log, ids, run, show }
}

t.test('erases a body and an exchange, and shows both', async (t) => {
  const { log, ids, run, show } = await recorded(t, 3)
  await log.close()

  const body = await run('erase', '1', '--body', '--reason', 'Widerruf der Einwilligung')
  t.match(body, { code: 0, out: /^erased {2}1 record; on record as \d+\n$/ }, body.err)
  t.match(await show(1), {
    erased: 'body',
    outcome: 'request',
    erasure: { by: 'console', reason: 'Widerruf der Einwilligung', rule: 'by order' },
  })
  const record = await run('erase', '--exchange', ids[1] ?? '', '--record', '--reason', 'x', '--json')
  t.match([record.code, JSON.parse(record.out)], [0, { records: 2 }])
  t.match(await show(4), { erased: 'record', outcome: null, objects: [] })

  const [shown, listed, verified, none] = await Promise.all([
    run('show', '1'),
    run('list'),
    run('verify', '--json'),
    run('show', '1', '--part', 'body'),
  ])
  t.match(shown.out, /^ *Erased +the body, on \d{4}-/m)
  t.match(shown.out, /^ *Under +by order: Widerruf der Einwilligung \(console, record \d+\)$/m)
  t.match(listed.out, /body erased/)
  t.equal(verified.err, '')
  t.match(JSON.parse(verified.out), { ok: true, erased: 2 })
  t.match([none.code, none.err], [1, /has no body, or it was erased/])
})

t.test('holds, lists and releases', async (t) => {
  const { log, ids, run } = await recorded(t)
  await log.close()

  t.match(await run('holds'), { code: 0, err: 'Nothing is held.\n' })
  t.match(await run('hold', '--exchange', ids[0] ?? '', '--reason', 'Klage 7 K 12/26'), {
    code: 0,
    out: /^held {2}2 re/,
  })
  t.match(await run('erase', '1', '--body', '--reason', 'x'), {
    code: 1,
    err: 'owl: record 1: it is held: release it first\n',
  })
  t.match((await run('holds')).out, /^ *1 .*console .*Klage 7 K 12\/26/m)
  t.match((await run('list')).out, /held/)
  t.match(await run('release', '1', '--reason', 'Urteil'), { code: 0 })
  t.match(await run('erase', '1', '--body', '--reason', 'x'), { code: 0 })
})

t.test('erases what is due', async (t) => {
  const { log, run, show } = await recorded(t, 10)
  await log.close()

  t.match(await run('erase', '--due'), { code: 0, out: 'erased  4 bodies, 0 records; 1 keys destroyed\n' })
  t.match(await show(3), { erased: 'body', erasure: { by: 'retention', rule: 'retention of purpose UMZUG' } })
  t.match(await run('erase', '--due', '--json'), { code: 0, out: /"bodies": ?0/ })
})

t.test('says what it needs, and changes nothing', async (t) => {
  const { log, run, show } = await recorded(t)

  const running = await run('erase', '1', '--body', '--reason', 'x')
  t.match(running, { code: 1, err: /is running: --cert and --key of one of its operators are needed/ })
  await log.close()
  for (const args of [
    ['1', '--body'],
    ['1', '--reason', 'x'],
    ['1', '--body', '--record', '--reason', 'x'],
    ['--body', '--reason', 'x'],
    ['1', '--exchange', 'a', '--body', '--reason', 'x'],
    ['canary', '--body', '--reason', 'x'],
    ['1', '--body', '--reason', `canary${' '.repeat(20)}${'x'.repeat(500)}`],
  ]) {
    const { code, out, err } = await run('erase', ...args)
    t.match([code, out], [2, ''], args.join(' '))
    t.notMatch(err, /canary/)
  }
  t.match(await run('erase', '99', '--body', '--reason', 'x'), { code: 1, err: /no such record/ })
  t.match(await run('erase', '1', '--record', '--reason', 'x'), { code: 1, err: /guards against replay/ })
  t.equal((await show(1)).erased, undefined)
})

t.test('the rule of an erasure is that of the region', async (t) => {
  const { PURPOSES } = await import('../../../gateway/region/owl-law.ts')
  const { retentionRules } = await import('../../../gateway/admin/retention-rules.ts')
  const rules = new Map(retentionRules(PURPOSES))

  t.equal(
    rules.get('UMZUG_VAMS'),
    'UMZUG_VAMS: body 365 days, record 365 days; § 5 Abs. 4 1. BMeldDÜV: Löschung nach zwölf Monaten',
  )
  for (const { code, retentionBasis } of PURPOSES) t.match(retentionBasis, /§|Art\./, code)
  t.match(await readFile(new URL('../../../README.md', import.meta.url), 'utf8'), /owl log erase/)
})
