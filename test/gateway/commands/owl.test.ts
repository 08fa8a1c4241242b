/** The command line: what it has, how it ends, what it says of a gateway that runs and of one that does not. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import type { RunningRegion } from '../../../gateway/region/launcher.ts'
import { startRegion } from '../../../gateway/region/launcher.ts'
import { OWL_REGION } from '../../../gateway/region/owl-region.ts'
import { owl, owlInProcess } from '../owl.ts'

t.test('help lists every command, each one helps itself, and all of them start fast', async (t) => {
  const began = performance.now()
  const { code, out, err } = await owl('--help')

  t.equal(code, 0)
  t.equal(err, '')
  t.ok(performance.now() - began < 3000)
  const commands = ['gateway', 'registry', 'log', 'cert', 'doctor', 'adapter']
  const helps = await Promise.all(commands.map((command) => owlInProcess(command, '--help')))
  for (const [index, command] of commands.entries()) {
    t.match(out, new RegExp(`^  ${command}\\b`, 'm'))
    t.equal(helps[index]?.code, 0, command)
    t.match(helps[index]?.out ?? '', new RegExp(`^Usage: owl ${command}`))
  }
  t.match((await owlInProcess('help', 'registry')).out, /agreement/)
})

t.test('help says of every command what it is for', async (t) => {
  const groups = [['gateway'], ['log'], ['log', 'archive'], ['evidence'], ['cert'], ['adapter'], ['registry']]
  for (const what of ['member', 'seal', 'subsystem', 'gateway', 'service', 'purpose', 'agreement'])
    groups.push(['registry', what])
  const helps = await Promise.all(groups.map((group) => owlInProcess(...group, '--help')))
  for (const [index, { out }] of helps.entries()) {
    const commands = out.slice(out.indexOf('\nCommands:\n')).match(/^ {2}\S.*$/gm) ?? []
    t.ok(commands.length > 1, `${groups[index]?.join(' ')} has commands`)
    for (const command of commands) t.match(command, /\S {2,}\S/, `${groups[index]?.join(' ')}: ${command.trim()}`)
  }
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
  const ended = await Promise.all(misuses.map((args) => owlInProcess(...args)))
  for (const [index, { code, out, err }] of ended.entries()) {
    t.equal(code, 2, misuses[index]?.join(' ') ?? '')
    t.equal(out, '')
    t.not(err, '')
  }
  t.match(await owl('log', 'list'), { code: 2, out: '', err: /--config/ }, 'the process says so too')
})

t.test('failure is 1, and says what is wrong without a stack', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'owl-cli-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const config = join(directory, 'bad.json')
  await writeFile(config, '{"gateway":"OWL","clients":[{"id":"a","auth":"none"}],"limits":{"bodyByteMax":1}}')
  const broken = join(directory, 'broken.json')
  await writeFile(broken, '{"gateway":')
  const latin1 = join(directory, 'latin1.json')
  await writeFile(latin1, '{\n"gateway": "ö"}', 'latin1')
  const hidden = join(directory, 'hidden.json')
  await writeFile(hidden, '\ufeff{"\u200bgateway": "a", "limits":{"body\u00a0": 1}}')

  for (const [args, text] of [
    [['gateway', 'check', '--config', config], /must have required property 'seal'.*config\/gateway must match/s],
    [['gateway', 'check', '--config', config], /config\/limits must NOT have additional properties: bodyByteMax/],
    [['gateway', 'check', '--config', config], /config\/clients\/0\/auth must .*: mtls, https, http/],
    [['gateway', 'check', '--config', broken], /broken\.json is no JSON/],
    [['gateway', 'check', '--config', latin1], /latin1\.json is not UTF-8 \(line 2\)/],
    [['gateway', 'check', '--config', hidden], /additional properties: U\+200Bgateway.*: bodyU\+00A0/s],
    [['log', 'list', '--config', join(directory, 'nowhere.json')], /nowhere\.json is not there/],
    [['cert', 'show', config], /holds no certificate/],
    [['doctor', '--federation', join(directory, 'nowhere.json')], /npm start/],
    [['adapter', 'new', 'one/two'], /agency\/system\/service/],
  ] as const) {
    const { code, err } = await owlInProcess(...args)
    t.equal(code, 1, args.join(' '))
    t.match(err, text)
    t.notMatch(err, /^\s+at /m)
  }
  t.match(await owl('gateway', 'check', '--config', broken), { code: 1, out: '', err: /broken\.json is no JSON/ })
  t.match(await owl('gateway', 'start', '--config', config), { code: 1, err: /must have required property 'seal'/ })
})

t.test('beside a running gateway', async (t) => {
  const region = await running(t)
  const [gateway] = region.federation.gateways
  if (gateway === undefined) throw new TypeError('the region has no gateway')
  const configured = ['--config', gateway.config]

  t.test('gateway check, cert show, cert check, doctor', async (t) => {
    const [check, facts, shown, certificates, doctor] = await Promise.all([
      owl('gateway', 'check', ...configured),
      owl('cert', 'show', gateway.operator.cert, '--json'),
      owl('cert', 'show', gateway.operator.cert),
      owl('cert', 'check', ...configured),
      owl('doctor', '--federation', region.file),
    ])

    t.equal(check.code, 0, check.out)
    t.match(check.err, /0 failed/)
    const { admin } = JSON.parse(await readFile(gateway.config, 'utf8')) as { admin: { operators: string[] } }
    t.same([JSON.parse(facts.out).sha256], admin.operators, 'the fingerprint that the configuration lists')
    t.match(shown.out, /SHA-256 +[0-9a-f]{64}\n/)
    t.equal(certificates.code, 0)
    t.equal(doctor.code, 0, doctor.out)
    for (const what of [
      'certificate seal',
      'registry',
      'registration seal',
      'revocation of the seal',
      'time-stamp authority',
      'clock',
      'port provider',
      'running gateway',
    ]) {
      t.match(doctor.out, new RegExp(`^ok +${what} `, 'm'))
    }
    t.equal((await owl('log', 'verify', ...configured)).code, 0)
  })

  t.test('when nothing runs any more, the log is read all the same and the doctor says what to do', async (t) => {
    await region.close()

    const [listed, doctor] = await Promise.all([
      owl('log', 'list', ...configured, '--json'),
      owl('doctor', ...configured),
    ])

    t.match(JSON.parse(listed.out), { records: [{ outcome: /./ }] })
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
