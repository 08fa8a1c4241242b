/** `owl evidence verify` as its user runs it. */

import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import t from 'tap'
import { exportExchange } from '../../../gateway/admin/evidence/exchange.ts'
import { openPackages } from '../../../gateway/admin/evidence/packages.ts'
import { nextRequestId } from '../message-log/messages.ts'
import { owl } from '../owl.ts'
import { octetsOf, unzipped } from './outside-tools.ts'
import { openVerifyRig } from './verify-rig.ts'

t.setTimeout(120_000)

interface Line {
  readonly evidence?: string
  readonly exchange?: string
  readonly outcome: string
  readonly requestId?: string
  readonly claimedAt?: string
  readonly provenAt?: string
  readonly checks: readonly { readonly id: string; readonly verdict: string; readonly restsOn: string }[]
}

async function rigOf(t: Test) {
  const opened = await openVerifyRig(t)
  const { rig } = opened
  const requestId = nextRequestId()
  await rig.exchange({ requestId })
  await rig.log.stampNow()
  const options = { reader: rig.reader, packages: openPackages(rig.reader), sealing: rig.sealing, now: Date.now }
  const { content } = await exportExchange(options, requestId)
  const directory = await mkdtemp(join(tmpdir(), 'owl-verify-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const file = (name: string): string => join(directory, name)
  await writeFile(file('exchange.zip'), await octetsOf(content))
  await writeFile(file('request.asice'), opened.request)
  const verify = (...args: readonly string[]) => owl('evidence', 'verify', ...args)
  return { ...opened, requestId, directory, file, verify, anchors: ['--anchors', rig.caFile] }
}

t.test('an exchange as it is exported: every check named, exit code 0', async (t) => {
  const { file, verify, anchors, requestId } = await rigOf(t)

  const { code, out, err } = await verify(file('exchange.zip'), ...anchors)

  t.equal(code, 0)
  t.match(out, /^valid-with-warnings {2}.*exchange\.zip\/\d{10}-request\.asice\n {2}ok +zip\.form/)
  for (const id of ['record.token', 'signature.value', 'seal.archive', 'exchange.request']) {
    t.match(out, new RegExp(`\\n  ok +${id.replace('.', '\\.')} +.*\\[.+\\]\\n`), id)
  }
  t.match(out, `valid  ${requestId}\n`)
  t.match(err, '2 verified: 0 valid, 2 valid with warnings, 0 not proven, 0 invalid')

  const json = await verify(file('exchange.zip'), ...anchors, '--json')
  const lines = json.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  t.equal(json.code, 0)
  t.same(
    lines.map(({ evidence, exchange }) => evidence?.replace(/.*\//, '').slice(11) ?? exchange),
    ['request.asice', 'reply.asice', requestId, file('exchange.zip/report.html')],
  )
  t.equal(lines[0]?.requestId, requestId)
  t.ok(Date.parse(lines[0]?.provenAt ?? '') > Date.parse(lines[0]?.claimedAt ?? ''))
  t.ok(lines.every(({ checks }) => checks.every(({ id, verdict, restsOn }) => id && verdict && restsOn)))
})

t.test('unpacked, loose, in directories', async (t) => {
  const { file, verify, anchors, directory, request } = await rigOf(t)
  const folder = await unzipped(join(directory, 'unpacked'), request)
  const names = ['message-head.txt', 'message-body.json', 'signature.jades.json', 'log-record.json']
  const ers = join(folder, 'META-INF/evidencerecord001.ers')

  t.equal((await verify(folder, ...anchors)).code, 0, 'a container unpacked')
  t.equal((await verify(ers, ...names.map((name) => join(folder, name)), ...anchors)).code, 0, 'its files')
  const all = await verify(directory, ...anchors, '--json')
  t.equal(all.code, 0, 'everything in a directory')
  t.match(all.err, '5 verified', 'two in the archive, one container, the same once more, and unpacked')

  await writeFile(join(folder, 'message-body.json'), '{}')
  const changed = await verify(directory, ...anchors, '--json')
  t.equal(changed.code, 3)
  t.match(changed.err, '1 invalid')
  await rm(file('request.asice'))
})

t.test('on a machine with nothing but the verifier, as the README says', async (t) => {
  const { file, directory, rig } = await rigOf(t)
  const root = join(import.meta.dirname, '../../..')
  const clean = join(directory, 'clean')
  await mkdir(join(clean, 'node_modules'), { recursive: true })
  await cp(join(root, 'gateway'), join(clean, 'gateway'), { recursive: true })
  await cp(join(root, 'package.json'), join(clean, 'package.json'))
  await cp(join(root, 'node_modules/commander'), join(clean, 'node_modules/commander'), { recursive: true })
  await cp(file('exchange.zip'), join(clean, 'exchange.zip'))
  await cp(rig.caFile, join(clean, 'ca.pem'))

  const args = ['gateway/commands/owl.ts', 'evidence', 'verify', 'exchange.zip', '--anchors', 'ca.pem', '--json']
  // No environment and no network permission; reading is allowed there alone.
  const permission = ['--permission', `--allow-fs-read=${clean}`]
  const { stdout } = await promisify(execFile)(process.execPath, [...permission, ...args], { cwd: clean, env: {} })

  t.equal(stdout.trimEnd().split('\n').length, 4)
  t.notMatch(stdout, 'invalid')
})

t.test('anchors for one role each, before the evidence or after it', async (t) => {
  const { file, verify, rig } = await rigOf(t)
  const ca = (name: string): string => join(dirname(rig.caFile), name)
  const roles = ['--seal-anchors', ca('issuing.pem'), '--time-stamp-anchors', ca('tsa-ca.pem')]

  const before = await verify(...roles, '--json', file('exchange.zip'))
  t.equal(before.code, 0)
  t.notMatch(before.err, 'warning:')
  const [first] = before.out.split('\n').map((line) => JSON.parse(line || '{}') as { sealedBy?: object })
  t.match(first?.sealedBy, { member: 'OWL/GOV/05711000', organization: 'Stadt Bielefeld' })
  const both = await verify('--anchors', ca('issuing.pem'), ca('tsa-ca.pem'), file('exchange.zip'))
  t.equal(both.code, 0)
  t.match(both.err, 'warning: --anchors')
  const swapped = ['--seal-anchors', ca('tsa-ca.pem'), '--time-stamp-anchors', ca('issuing.pem')]
  t.equal((await verify(...swapped, file('exchange.zip'))).code, 3)
})

t.test('exit codes: 3 not proven, 2 misused', async (t) => {
  const { file, verify, anchors, request, rig } = await rigOf(t)
  await mkdir(file('empty'))
  await writeFile(file('cut.asice'), request.subarray(0, -1))
  await writeFile(file('key.pem'), 'nothing')
  await writeFile(file('gateway.json'), '{}')

  const unanchored = await verify(file('request.asice'))
  t.equal(unanchored.code, 3)
  t.match(unanchored.err, '--anchors')
  t.equal((await verify(file('cut.asice'), ...anchors)).code, 3)
  t.equal((await verify(file('request.asice'), ...anchors, '--body-digest', 'a'.repeat(64))).code, 3)
  t.equal((await verify(file('request.asice'), ...anchors, '--at', '2026-11-22')).code, 3, 'before it was made')
  t.equal((await verify(file('request.asice'), ...anchors, '--at', '2030-01-01T00:00:00Z')).code, 0)
  t.equal(
    (await verify(file('request.asice'), ...anchors, '--at', '2035-01-01')).code,
    3,
    'it should have been renewed',
  )
  t.equal(
    (await verify(file('request.asice'), ...anchors, '--proven-within', '0.05')).code,
    3,
    'two hours are too many',
  )
  for (const misused of [
    [],
    [file('missing.asice')],
    [file('empty')],
    [file('request.asice'), '--anchors', file('key.pem')],
    [file('request.asice'), '--anchors', file('gateway.json')],
    [file('request.asice'), '--anchors', file('missing.pem')],
    [file('request.asice'), ...anchors, '--at', 'tomorrow'],
    [file('request.asice'), ...anchors, '--at', '2026-02-31'],
    [file('request.asice'), ...anchors, '--body-digest', 'abc'],
    [file('request.asice'), ...anchors, '--proven-within', 'soon'],
    [file('request.asice'), ...anchors, '--profile', 'loose'],
    [file('request.asice'), '--registry', rig.caFile],
  ]) {
    const { code, out, err } = await verify(...misused)
    t.equal(code, 2, misused.join(' '))
    t.equal(out, '')
    t.match(err, /^(?:owl|error): /)
  }
})
