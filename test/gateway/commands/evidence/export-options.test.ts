/** `owl evidence export` beside a writer that is at work. */

import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { loadConfig, logPlace } from '../../../../gateway/config/config.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'
import { makeConfigRig } from '../../admin/config-rig.ts'
import { erVerified, unzipped } from '../../evidence/outside-tools.ts'
import { endRecord, requestRecord } from '../../message-log/messages.ts'
import { openTrustRig } from '../../message-log/trust-rig.ts'
import { owlInProcess as owl } from '../../owl.ts'

// Each command is a process of its own, and the machine may be busy.
t.setTimeout(120_000)

t.test('owl evidence export', async (t) => {
  const { fileOf } = await makeConfigRig(t)
  const file = await fileOf()
  const home = dirname(file)
  const config = await loadConfig(file)
  const trust = await openTrustRig()
  const log = await openMessageLog({
    ...logPlace(config),
    ...{ gateway: config.gateway, authorities: () => trust.authorities, now: Date.now, stampRetryMs: 60_000 },
    retention: () => ({ bodyRetentionDays: 30, recordRetentionDays: 1095 }),
  })
  t.teardown(async () => {
    await log.close()
    await trust.close()
  })
  const request = requestRecord()
  const { requestId } = request
  await log.append(endRecord(request, await log.append(request)))
  const run = (...args: string[]) => owl('evidence', 'export', '--config', file, ...args)

  await t.test('says when to try again while there is no time-stamp', async (t) => {
    const [one, exchange] = await Promise.all([run('1'), run('--exchange', requestId)])
    for (const { code, err } of [one, exchange]) {
      t.equal(code, 1)
      t.match(err, /not time-stamped yet: try again in 60 s/)
    }
    t.same(
      (await readdir(process.cwd())).filter((name) => name.endsWith('.asice') || name.endsWith('.part')),
      [],
      'and leaves no file',
    )
  })
  await log.stampNow()

  await t.test('writes one record, an exchange, many', async (t) => {
    const out = (name: string): string => join(home, name)
    const [one, exchange, many] = await Promise.all([
      run('1', '--out', out('one.asice'), '--json'),
      run('--exchange', requestId, '--out', out('exchange.zip')),
      run('--query', '--outcome', 'reply', '--from', '1h', '--out', out('many.zip'), '--json'),
    ])

    t.same([one.code, exchange.code, many.code], [0, 0, 0], one.err + exchange.err + many.err)
    const octets = await readFile(out('one.asice'))
    t.match(JSON.parse(one.out), { seq: 1, file: out('one.asice'), bytes: octets.length, absent: [], seal: null })
    t.equal(await erVerified(trust.caFile, await unzipped(home, octets)), 'VALID')
    t.match(exchange.err, /report and 2 containers/)
    t.match(JSON.parse(many.out), { exported: 1, left: { unstamped: 0, erased: 0, damaged: 0 } })
    const folder = await unzipped(home, await readFile(out('many.zip')))
    t.same((await readdir(folder)).sort(), ['0000000002-reply.asice', 'export.json'])
    const part = (await readdir(home)).filter((name) => name.endsWith('.part'))
    t.same(part, [])
  })

  await t.test('writes to standard output where it is asked to, or read by a program', async (t) => {
    const ran = await owlOctets('evidence', 'export', '--config', file, '--query')
    t.equal(ran.code, 0)
    const folder = await unzipped(home, ran.octets)
    t.equal((await readdir(folder)).length, 4, 'two messages, the batch, and what was asked for')
    const one = await owlOctets('evidence', 'export', '2', '--config', file, '--out', '-')
    t.ok((await unzipped(home, one.octets)).length > 0)
  })

  await t.test('refuses what it does not understand', async (t) => {
    const misuses = [
      [],
      ['1', '--query'],
      ['0'],
      ['x'],
      ['--exchange', 'a b'],
      ['1', '--purpose', 'UMZUG'],
      ['--query', '--seal'],
      ['--query', '--outcome', 'all'],
    ]
    const ran = await Promise.all(misuses.map((args) => run(...args)))
    for (const [index, { code, out, err }] of ran.entries()) {
      t.equal(code, 2, `misused: ${misuses[index]?.join(' ')}`)
      t.equal(out, '')
      t.ok(err.length > 0)
    }
    const none = await run('99', '--out', join(home, 'none'))
    t.equal(none.code, 1)
    t.match(none.err, 'There is no record 99')
    await writeFile(join(home, 'file'), '')
    const nowhere = await run('1', '--out', join(home, 'file', 'x'))
    t.equal(nowhere.code, 1)
  })
})

async function owlOctets(...args: string[]): Promise<{ readonly code: number; readonly octets: Buffer }> {
  const cli = join(import.meta.dirname, '../../../../gateway/commands/owl.ts')
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { encoding: 'buffer', maxBuffer: 2 ** 24 }, (error, octets) => {
      resolve({ code: error === null ? 0 : 1, octets })
    })
  })
}
