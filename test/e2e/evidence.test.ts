/**
 * What an auditor does: the commands of `gateway/evidence/README.md`, as they stand there, in a region
 * that has just run its scenario. Half of them are not ours.
 */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'

const ROOT = join(import.meta.dirname, '../..')
const LAUNCH = join(ROOT, 'gateway/region/launch.ts')
const CLI = join(ROOT, 'gateway/commands/owl.ts')
const SCENARIO_MS_MAX = 120_000
/** The last the launcher says. */
const DONE = 'everything else'

t.setTimeout(240_000)

t.test('the commands of the README, on the exchange of the scenario', async (t) => {
  const clone = await mkdtemp(join(tmpdir(), 'owl-clone-'))
  for (const name of ['test', 'node_modules']) await symlink(join(ROOT, name), join(clone, name))
  // These are copied once more, to where nothing else is.
  for (const name of ['gateway', 'package.json']) await cp(join(ROOT, name), join(clone, name), { recursive: true })
  const region = spawn(process.execPath, [LAUNCH, '--var', join(clone, 'var'), '--ports', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [region.stdout, region.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text))
  const ended = once(region, 'exit')
  t.teardown(async () => {
    region.kill('SIGTERM')
    await ended
    await rm(clone, { recursive: true, force: true })
  })
  for (let waited = 0; !said.includes(DONE) && region.exitCode === null && waited < SCENARIO_MS_MAX; waited += 100) {
    await sleep(100)
  }
  if (!said.includes(DONE)) throw new Error(`the scenario has not run:\n${said}`)

  const readme = await readFile(join(ROOT, 'gateway/evidence/README.md'), 'utf8')
  const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block)
  t.equal(blocks.length, 4)

  // The package is not installed there: only the way to the command differs.
  const start = `set -eu\nnpx() { shift; "${process.execPath}" "${CLI}" "$@"; }\n`
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', start + blocks.join('\n')], {
    cwd: clone,
    maxBuffer: 16 * 1024 * 1024,
  })
  const lines = stdout.split('\n')

  await t.test('our verifier takes the exchange, and the record without its body', async (t) => {
    t.match(stdout, /^valid .*-request\.asice$/m)
    t.match(stdout, /^valid .*-reply\.asice$/m)
    t.match(stdout, /^valid {2}exchange\.zip\/.*-request\.asice$/m, 'also where there is nothing but the verifier')
    t.match(stdout, /^valid-with-warnings .*erased\.asice$/m)
    t.notMatch(stdout, /^invalid|^not-proven/m)
  })

  await t.test('so do er_verify.py, with the body and with its digest, and openssl', async (t) => {
    t.equal(lines.filter((line) => line === 'VALID').length, 2)
    t.match(stderr, 'CMS Verification successful')
    t.match(stdout + stderr, 'Verification: OK')
    t.ok(lines.includes('Verified OK'), 'the sender’s signature')
    t.ok(lines.includes('seal.pem: OK'), 'its certificate')
  })

  await t.test('the digests that were signed are those of the files', async (t) => {
    const at = lines.findIndex((line) => line.startsWith('"hashV"'))
    const signed = [...(lines[at] ?? '').matchAll(/"([A-Za-z0-9_-]{43})"/g)].map(([, digest]) => digest)
    t.equal(signed.length, 2)
    t.same(lines.slice(at + 1, at + 3), signed)
  })

  await t.test('the body is gone', async (t) => {
    const { stdout: files } = await promisify(execFile)('unzip', ['-Z1', join(clone, 'var/erased.asice')])
    t.notMatch(files, 'message-body')
  })
})
