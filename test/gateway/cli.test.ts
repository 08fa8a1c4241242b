/** The command line as its user meets it: a process, its two streams, its exit code; beside a running gateway. */

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import t from 'tap'
import type { RecordSummary } from '../../gateway/message-log/message-log.ts'
import type { RunningRegion } from '../../gateway/region/launcher.ts'
import { startRegion } from '../../gateway/region/launcher.ts'
import { OWL_REGION } from '../../gateway/region/owl-region.ts'

const CLI = join(import.meta.dirname, '../../gateway/cli.ts')
const CLIENT = 'OWL/GOV/05774020/PORTAL'
const SERVICE = 'OWL/GOV/05774020/MELDEWESEN/listMethods'

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

interface Running {
  readonly child: ChildProcess
  readonly out: () => string
  readonly ended: Promise<Ran>
}

function start(...args: readonly string[]): Running {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const written = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (written.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (written.err += text))
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, ...written }))
  return { child, out: () => written.out, ended }
}

const owl = (...args: readonly string[]): Promise<Ran> => start(...args).ended

t.test('help lists every command, each one helps itself, and all of them start fast', async (t) => {
  const began = performance.now()
  const { code, out, err } = await owl('--help')

  t.equal(code, 0)
  t.equal(err, '')
  t.ok(performance.now() - began < 3000)
  const commands = ['gateway', 'registry', 'log', 'cert', 'doctor', 'adapter']
  const helps = await Promise.all(commands.map((command) => owl(command, '--help')))
  for (const [index, command] of commands.entries()) {
    t.match(out, new RegExp(`^  ${command}\\b`, 'm'))
    t.equal(helps[index]?.code, 0, command)
    t.match(helps[index]?.out ?? '', new RegExp(`^Usage: owl ${command}`))
  }
  t.match((await owl('help', 'registry')).out, /agreement/)
})

t.test('misuse is 2, on standard error', async (t) => {
  const misuses = [
    [],
    ['nothing'],
    ['log'],
    ['log', 'lst', '--config', 'x'],
    ['log', 'list'],
    ['log', 'list', '--config', 'x', '--limit', '0'],
    ['log', 'list', '--config', 'x', '--outcome', 'none'],
    ['log', 'list', '--config', 'x', '--from', 'yesterday'],
    ['log', 'show', '--config', 'x'],
    ['log', 'show', '1', '--config', 'x', '--part', 'key'],
    ['gateway', 'start'],
    ['cert', 'show'],
    ['adapter', 'new'],
    ['doctor', '--nothing'],
    ['registry', 'nothing'],
  ]
  const ended = await Promise.all(misuses.map((args) => owl(...args)))
  for (const [index, { code, out, err }] of ended.entries()) {
    t.equal(code, 2, misuses[index]?.join(' ') ?? '')
    t.equal(out, '')
    t.not(err, '')
  }
})

t.test('failure is 1, and says what is wrong without a stack', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'owl-cli-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const config = join(directory, 'bad.json')
  await writeFile(config, '{"gateway":"OWL","clients":[{"id":"a"}]}')

  for (const [args, text] of [
    [['gateway', 'check', '--config', config], /must have required property 'seal'.*config\/gateway must match/s],
    [['gateway', 'start', '--config', config], /must have required property 'seal'/],
    [['log', 'list', '--config', join(directory, 'nowhere.json')], /nowhere\.json/],
    [['cert', 'show', config], /holds no certificate/],
    [['doctor', '--federation', join(directory, 'nowhere.json')], /npm start/],
    [['adapter', 'new', 'one/two'], /agency\/system\/service/],
  ] as const) {
    const { code, err } = await owl(...args)
    t.equal(code, 1, args.join(' '))
    t.match(err, text)
    t.notMatch(err, /^\s+at /m)
  }
})

t.test('beside a running gateway', async (t) => {
  const region = await running(t)
  const [gateway] = region.federation.gateways
  if (gateway === undefined) throw new TypeError('the region has no gateway')
  const configured = ['--config', gateway.config]
  const call = async (): Promise<string> => {
    const answer = await fetch(`${gateway.consumerHttp}/r1/${SERVICE}`, { headers: { 'x-road-client': CLIENT } })
    t.equal(answer.status, 200)
    return answer.headers.get('x-road-request-id') ?? ''
  }
  const requestId = await call()

  t.test('list: a table for people, JSON for programs', async (t) => {
    const people = await owl('log', 'list', ...configured, '--client', CLIENT)
    t.equal(people.code, 0)
    const lines = people.out.trimEnd().split('\n')
    t.match(lines[0], /^ *SEQ +TIME/)
    t.equal(lines.length, 5, 'request and reply on both sides')
    const at = lines[0]?.indexOf('SERVICE') ?? -1
    for (const line of lines.slice(1)) t.equal(line.indexOf(SERVICE), at, 'columns are aligned')
    t.match(people.err, /4 records/)
    t.notMatch(people.out, /\u001b/, 'no colours where nobody sees them')

    const page = await owl(
      'log',
      'list',
      ...configured,
      '--json',
      '--limit',
      '1',
      '--outcome',
      'reply',
      '--from',
      '10m',
    )
    const { records, next } = JSON.parse(page.out) as { records: RecordSummary[]; next: number }
    t.match(records, [{ outcome: 'reply', client: CLIENT, service: SERVICE, requestId }])
    t.equal(next, records[0]?.seq)
    t.equal(page.err, '')
    const older = await owl('log', 'list', ...configured, '--json', '--outcome', 'reply', '--after', String(next))
    t.match(JSON.parse(older.out), { records: [{ outcome: 'reply' }], next: null })
    t.match((await owl('log', 'list', ...configured, '--to', '2020-01-01')).err, /No record/)
  })

  t.test('show: a record, an exchange, exact octets', async (t) => {
    const exchange = JSON.parse((await owl('log', 'show', requestId, ...configured, '--json')).out) as {
      records: RecordSummary[]
    }
    t.equal(exchange.records.length, 4)
    const seq = String(exchange.records.at(-1)?.seq)
    t.match((await owl('log', 'show', seq, ...configured)).out, new RegExp(`Record ${seq}\n.*${requestId}`, 's'))
    t.match(JSON.parse((await owl('log', 'show', seq, ...configured, '--json')).out), { seq: Number(seq), requestId })

    const body = await owl('log', 'show', seq, ...configured, '--part', 'body')
    t.match(JSON.parse(body.out), { service: [] })
    const head = await owl('log', 'show', seq, ...configured, '--part', 'head')
    t.match(head.out, new RegExp(`^200\r\n.*x-road-request-id:${requestId}\r\n`, 's'))
    t.equal((await owl('log', 'show', '999999', ...configured)).code, 1)
    t.equal((await owl('log', 'show', '999999', ...configured, '--part', 'body')).code, 1)
  })

  t.test('tail: what is there, then what comes, until Ctrl-C', async (t) => {
    const tail = start('log', 'tail', ...configured, '-n', '1', '--outcome', 'reply', '--json')
    t.teardown(() => tail.child.kill('SIGKILL'))
    await until(() => tail.out().includes('\n'))
    const later = await call()
    await until(() => tail.out().split('\n').length === 4)
    tail.child.kill('SIGINT')

    const { code, out } = await tail.ended
    t.equal(code, 0)
    const records = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as RecordSummary)
    t.same(
      records.map((record) => record.requestId),
      [requestId, later, later],
    )
    const seqs = records.map(({ seq }) => seq)
    t.same(
      seqs,
      seqs.toSorted((a, b) => a - b),
    )
  })

  t.test('verify: 0 when the log holds, 3 when it does not', async (t) => {
    const whole = await owl('log', 'verify', ...configured, '--json')
    t.equal(whole.code, 0, whole.err)
    t.match(JSON.parse(whole.out), { ok: true, damage: null })
    t.match((await owl('log', 'verify', ...configured)).out, /The log holds/)

    const copy = await copied(t, gateway.config)
    t.equal((await owl('log', 'verify', '--config', copy.config)).code, 0, 'a copy holds as well')
    const database = new DatabaseSync(copy.database)
    database.prepare('UPDATE record SET client = ? WHERE seq = 3').run('OWL/GOV/05774020/GEWERBE')
    database.close()
    const broken = await owl('log', 'verify', '--config', copy.config)
    t.equal(broken.code, 3)
    t.match(broken.out, /record 3.*does not hold/s)
    const json = await owl('log', 'verify', '--config', copy.config, '--json')
    t.equal(json.code, 3)
    t.match(JSON.parse(json.out), { ok: false, damage: { seq: 3 } })
  })

  t.test('verify: a log that was cut off is no whole log', async (t) => {
    const { config, database: file } = await copied(t, gateway.config)
    const database = new DatabaseSync(file)
    database.exec('DELETE FROM batch; DELETE FROM content WHERE seq > 1; DELETE FROM record WHERE seq > 1')
    database.close()

    t.equal((await owl('log', 'verify', '--config', config)).code, 3)
  })

  t.test('gateway check, cert show, cert check, doctor', async (t) => {
    const check = await owl('gateway', 'check', ...configured)
    t.equal(check.code, 0, check.out)
    t.match(check.err, /0 failed/)
    const shown = await owl('cert', 'show', gateway.operator.cert, '--json')
    const { admin } = JSON.parse(await readFile(gateway.config, 'utf8')) as { admin: { operators: string[] } }
    t.same([JSON.parse(shown.out).sha256], admin.operators, 'the fingerprint that the configuration lists')
    t.match((await owl('cert', 'show', gateway.operator.cert)).out, /SHA-256 +[0-9a-f]{64}\n/)
    t.equal((await owl('cert', 'check', ...configured)).code, 0)

    const doctor = await owl('doctor', '--federation', region.file)
    t.equal(doctor.code, 0, doctor.out)
    for (const line of [
      'certificate seal',
      'registry',
      'registration seal',
      'revocation of the seal',
      'time-stamp authority',
      'clock',
      'port provider',
      'running gateway',
    ]) {
      t.match(doctor.out, new RegExp(`^ok +${line} `, 'm'))
    }
  })

  t.test('when nothing runs any more, the log is read all the same and the doctor says what to do', async (t) => {
    await region.close()

    const listed = await owl('log', 'list', ...configured, '--json')
    t.ok((JSON.parse(listed.out) as { records: RecordSummary[] }).records.length >= 8)
    const doctor = await owl('doctor', ...configured)
    t.equal(doctor.code, 1)
    t.match(doctor.out, /^fail +registry /m)
    t.match(
      doctor.out,
      new RegExp(`^fail +port provider .*\n +→ npx owl gateway start --config ${gateway.config}`, 'm'),
    )
  })
})

/** A region of one agency, whose portal may call over plain HTTP. */
async function running(t: Test): Promise<RunningRegion> {
  const directory = await mkdtemp(join(tmpdir(), 'owl-cli-'))
  const agencies = OWL_REGION.agencies.filter(({ slug }) => slug === 'delbrueck')
  const region = { ...OWL_REGION, agencies, agreements: [] }
  const started = await startRegion({ directory, ports: 'free', region, stampIntervalMs: 500 })
  t.teardown(async () => {
    await started.close()
    await rm(directory, { recursive: true, force: true })
  })
  return started
}

/** The state of a gateway somewhere else, for tampering. */
async function copied(t: Test, config: string): Promise<{ readonly config: string; readonly database: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'owl-cli-copy-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const content = JSON.parse(await readFile(config, 'utf8')) as { directory: string }
  await cp(content.directory, join(directory, 'state'), { recursive: true })
  const copy = join(directory, 'gateway.json')
  await writeFile(copy, JSON.stringify({ ...content, directory: join(directory, 'state') }))
  return { config: copy, database: join(directory, 'state/log/log.sqlite') }
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > 10_000) throw new Error('it did not come about in time')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
