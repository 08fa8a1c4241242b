/** `owl log archive …` on a log of two old days. */

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig, logPlace } from '../../../../gateway/config/config.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'
import { makeConfigRig } from '../../admin/config-rig.ts'
import { addBatch, DAY_MS } from '../../message-log/archive/archive-rig.ts'
import { openTrustRig } from '../../message-log/trust-rig.ts'
import { owlInProcess as owl } from '../../owl.ts'

t.setTimeout(120_000)

const { fileOf } = await makeConfigRig(t)
const file = await fileOf()
const configured = ['--config', file]
const config = await loadConfig(file)
const place = logPlace(config)
const trust = await openTrustRig()
t.teardown(() => trust.close())
let daysAgo = 40
const log = await openMessageLog({
  ...place,
  gateway: config.gateway,
  retention: () => ({ bodyRetentionDays: 300, recordRetentionDays: 1095 }),
  authorities: () => trust.authorities,
  now: () => Date.now() - daysAgo * DAY_MS,
  timeStamps: { offsetMsMax: 100 * DAY_MS },
})
await addBatch(log, config.directory, 1)
daysAgo = 35
await addBatch(log, config.directory, 2)
daysAgo = 0

interface Listed {
  readonly directory: string
  readonly files: readonly { file: string; first: number; last: number; state: string }[]
}

t.test('verify: says that there is nothing yet', async (t) => {
  const { code, out, err } = await owl('log', 'archive', 'verify', ...configured)

  t.same([code, out, err], [0, '', 'Nothing is archived yet.\n'])
})

t.test('run: a running gateway is asked by its operators only', async (t) => {
  const { code, err } = await owl('log', 'archive', 'run', ...configured)

  t.equal(code, 1)
  t.equal(err, 'owl: The gateway is running: --cert and --key of one of its operators are needed\n')
})

t.test('run: archives what is older than the configuration says, or the command', async (t) => {
  await log.close()
  const nothing = await owl('log', 'archive', 'run', ...configured, '--after-days', '100')
  t.same([nothing.code, nothing.out, nothing.err], [0, '', 'Nothing is old enough.\n'])
  t.equal((await owl('log', 'archive', 'run', ...configured, '--after-days', 'x')).code, 2)

  const { code, out, err } = await owl('log', 'archive', 'run', ...configured)

  t.same([code, err], [0, ''])
  t.match(out, /^\d{4}-\d\d-\d\d\.[0-9a-f]{64}\.owlarchive {2}records 1 to \d+, \d+ octets\n\d{4}.*\n$/)
})

t.test('list: a table for people, JSON for programs', async (t) => {
  const table = await owl('log', 'archive', 'list', ...configured)
  const json = await owl('log', 'archive', 'list', ...configured, '--json')

  t.equal(table.code, 0)
  t.match(table.out, /^DAY +RECORDS +FROM +TO +BYTES +STATE +FILE\n.* ok .*\n.* ok .*\n$/)
  t.equal(table.err, `Archive files lie in ${place.archive}\n`)
  const { directory, files } = JSON.parse(json.out) as Listed
  t.equal(directory, place.archive)
  t.match(files, [{ first: 1, state: 'ok' }, { state: 'ok' }])
  t.equal(files[1]?.first, (files[0]?.last ?? 0) + 1)
})

t.test('show: a record is there as if it had not moved', async (t) => {
  const { code, out } = await owl('log', 'show', '2', ...configured, '--part', 'head')

  t.equal(code, 0)
  t.match(out, /^POST\r\n\/r1\//)
})

t.test('verify: with the log, and with the files alone', async (t) => {
  const { directory, files } = JSON.parse((await owl('log', 'archive', 'list', ...configured, '--json')).out) as Listed
  const [first, second] = files.map(({ file }) => file) as [string, string]
  const lines = (out: string): unknown[] =>
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))

  const whole = await owl('log', 'archive', 'verify', ...configured, '--json')
  t.equal(whole.code, 0)
  t.match(lines(whole.out), [
    { ok: true, file: first, opened: files[0]?.last, erased: 0, prev: null },
    { ok: true, file: second, prev: first.split('.')[1] },
  ])
  const one = await owl('log', 'archive', 'verify', second, ...configured)
  t.equal(one.code, 0)
  t.match(one.out, `holds  ${second}\n`)
  t.notMatch(one.out, first)
  const alone = await owl('log', 'archive', 'verify', join(directory, first), join(directory, second), '--json')
  t.equal(alone.code, 0)
  t.match(lines(alone.out), [{ ok: true, file: first, batches: 1 }, { ok: true }])

  t.equal((await owl('log', 'archive', 'verify')).code, 2, 'of nothing')
  const other = await owl('log', 'archive', 'verify', 'x.owlarchive', ...configured)
  t.equal(other.code, 3)
  t.match(other.out, 'not entered in this log')
})

t.test('what is lost or damaged is named, and ends with 3', async (t) => {
  const { directory, files } = JSON.parse((await owl('log', 'archive', 'list', ...configured, '--json')).out) as Listed
  const [first, second] = files.map(({ file }) => file) as [string, string]
  await rename(join(directory, first), join(directory, `${first}.away`))

  const list = await owl('log', 'archive', 'list', ...configured)
  t.equal(list.code, 3)
  t.match(list.out, / missing .*\n.* ok /)
  const verify = await owl('log', 'archive', 'verify', ...configured)
  t.equal(verify.code, 3)
  t.match(verify.out, `does not hold  ${first}\n`)
  t.match(verify.out, `holds  ${second}\n`)
  const show = await owl('log', 'show', '2', ...configured)
  t.equal(show.code, 1)
  t.match(show.err, new RegExp(`^owl: Archive file ${first} is not in .*: records 1 to \\d+ cannot be read`))
  t.equal((await owl('log', 'show', String(files[1]?.first), ...configured)).code, 0)
  t.equal((await owl('log', 'list', ...configured)).code, 0)

  await writeFile(join(directory, first), 'x')
  t.match(await owl('log', 'archive', 'list', ...configured), { code: 3, out: / damaged / })
  t.match(await owl('log', 'archive', 'verify', join(directory, first)), { code: 3, out: /does not hold/ })
  await rename(join(directory, `${first}.away`), join(directory, first))
  t.equal((await owl('log', 'archive', 'verify', ...configured)).code, 0, 'brought back')
})

t.test('the directory moves with the configuration', async (t) => {
  const moved = join(config.directory, '..', 'moved')
  await mkdir(moved)
  await rename(place.archive, join(moved, 'archive'))
  const changed = JSON.parse(await readFile(file, 'utf8')) as {
    log: object
  }
  await writeFile(file, JSON.stringify({ ...changed, log: { ...changed.log, archive: '../moved/archive' } }))

  t.equal((await owl('log', 'archive', 'verify', ...configured)).code, 0)
  t.match(await owl('log', 'archive', 'list', ...configured), { code: 0, err: `${join(moved, 'archive')}\n` })
})
