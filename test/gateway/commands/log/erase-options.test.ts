/** `owl log erase|hold|release|holds`, with the gateway at rest; and what a running one is asked. */

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer as createNetServer } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { erasureRoutes } from '../../../../gateway/admin/erasure/routes.ts'
import { admission } from '../../../../gateway/admin/operators.ts'
import { loadConfig, logPlace } from '../../../../gateway/config/config.ts'
import { mutualTls } from '../../../../gateway/http/mutual-tls.ts'
import { createServer } from '../../../../gateway/http/server.ts'
import { makeLogger } from '../../../../gateway/logging.ts'
import type { SqliteLog } from '../../../../gateway/message-log/open-log.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'
import type { RecordDetail } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { makeConfigRig } from '../../admin/config-rig.ts'
import { endRecord, requestRecord } from '../../message-log/messages.ts'
import { owlInProcess as owl } from '../../owl.ts'
import { badRequest } from '../../server-rig.ts'
import type { Material } from '../../tls-material.ts'
import { makeAuthority } from '../../tls-material.ts'

const DAY_MS = 86_400_000
const { fileOf } = await makeConfigRig(t)

// Every command is a process.
t.setTimeout(180_000)

/** A log with two exchanges, recorded so many days ago. */
async function recorded(t: Test, daysAgo = 0, port = 0) {
  const file = await fileOf({ port })
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
  const decision = await run('show', /record as (\d+)/.exec(body.out)?.[1] ?? '')
  t.match(decision.out, /By +console\n +Reason +Widerruf der Einwilligung\n +Bodies of +1, by order\n/)
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
  const halfGiven = await run('erase', '1', '--body', '--reason', 'x', '--cert', '/nowhere/operator.pem')
  t.match(halfGiven, { code: 2, err: /--cert and --key are given together/ }, 'nobody else is asked instead')
  const args = [
    ['1', '--body'],
    ['canary', '--body', '--reason', 'x'],
  ] as const
  for (const { code, out, err } of await Promise.all(args.map((each) => run('erase', ...each)))) {
    t.match([code, out], [2, ''])
    t.notMatch(err, /canary/)
  }
  t.match(await run('erase', '99', '--body', '--reason', 'x'), { code: 1, err: /no such record/ })
  t.match(await run('erase', '1', '--record', '--reason', 'x'), { code: 1, err: /guards against replay/ })
  t.equal((await show(1)).erased, undefined)
})

t.test('a running gateway is asked, in the name of its operator', async (t) => {
  const port = await freePort()
  const { log, config, run, show } = await recorded(t, 0, port)
  const operator = await (await makeAuthority('operators')).issue('operator')
  const stranger = await (await makeAuthority('operators')).issue('operator')
  const files = async (who: Material, name: string): Promise<string[]> => {
    const [cert, key] = [join(config.directory, `${name}.pem`), join(config.directory, `${name}.key`)] as const
    await Promise.all([writeFile(cert, who.cert), writeFile(key, who.key)])
    return ['--cert', cert, '--key', key]
  }
  const fingerprint = new X509Certificate(operator.cert).fingerprint256.replaceAll(':', '').toLowerCase()
  const reader = openLogReader(logPlace(config))
  const [key, cert] = await Promise.all([
    readFile(config.admin.key, 'utf8'),
    readFile(config.admin.certificate, 'utf8'),
  ])
  const app = createServer({
    tls: { key, cert, ca: operator.cert, minVersion: 'TLSv1.2', requestCert: true, rejectUnauthorized: false },
    badRequest,
    logger: makeLogger({ level: 'silent' }),
  })
  await app.register(mutualTls, {})
  app.addHook(
    'onRequest',
    admission({ operators: () => [fingerprint], certificates: { flawOf: () => undefined }, log: { warn: () => {} } }),
  )
  await app.register(erasureRoutes, {
    ...{ reader, erasing: log, log: app.log },
    refuse: (reply, status, message) => reply.code(status).send({ message }),
  })
  await app.listen({ host: '127.0.0.1', port })
  t.teardown(async () => {
    await app.close()
    reader.close()
  })

  const as = await files(operator, 'operator')
  t.match(await run('erase', '1', '--body', '--reason', 'Widerruf', ...as), { code: 0, out: /^erased {2}1 record; / })
  t.match(await show(1), { erased: 'body', erasure: { by: `operator:${fingerprint}`, reason: 'Widerruf' } })
  t.match(await run('erase', '1', '--body', '--reason', 'x', ...as), { code: 1, err: /erased already/ })
  t.match(await run('erase', '--due', ...as), { code: 0, out: /0 records/ })
  const refused = await run('erase', '2', '--body', '--reason', 'x', ...(await files(stranger, 'stranger')))
  t.match(refused, { code: 1, err: /does not know this operator certificate/ })
  t.equal((await show(2)).erased, undefined)
})

async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
