/** What happens to the files of a log while it is open: nothing may be acknowledged that a restart would not find. */

import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import type { LogRig } from '../log-rig.ts'
import { makeLogRig } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'

t.setTimeout(120_000)

const NOTICED_MS = 1000

interface Places {
  readonly database: string
  readonly wal: string
  readonly log: string
  readonly bodies: string
  readonly spool: string
  readonly keys: string
  readonly day: string
}

function placesOf({ options: { file, keyStore } }: LogRig): Places {
  const log = dirname(file)
  const day = readdirSync(keyStore).find((name) => /^\d{4}-/.test(name)) ?? ''
  const [bodies, spool] = [join(log, 'bodies'), join(log, 'spool')]
  return { database: file, wal: `${file}-wal`, log, bodies, spool, keys: keyStore, day: join(keyStore, day) }
}

/** By another of the same content, as a restore does it. */
function swap(path: string): void {
  cpSync(path, `${path}.copy`, { recursive: true })
  rmSync(path, { recursive: true })
  renameSync(`${path}.copy`, path)
}

const HARMS: Record<string, (places: Places) => void> = {
  'the database deleted': ({ database }) => rmSync(database),
  'the database renamed': ({ database }) => renameSync(database, `${database}.old`),
  'the database replaced by a copy': ({ database }) => swap(database),
  'the database written over': ({ database }) => writeFileSync(database, readFileSync(database)),
  'the WAL deleted': ({ wal }) => rmSync(wal),
  'the WAL replaced by a copy': ({ wal }) => swap(wal),
  'the WAL emptied': ({ wal }) => truncateSync(wal),
  'database and WAL replaced': ({ database, wal }) => {
    swap(database)
    swap(wal)
  },
  'the directory of the log renamed': ({ log }) => renameSync(log, `${log}.old`),
  'the directory of the log replaced': ({ log }) => swap(log),
  'the directory of bodies deleted': ({ bodies }) => rmSync(bodies, { recursive: true }),
  'the spool deleted': ({ spool }) => rmSync(spool, { recursive: true }),
  'the spool made anew': ({ spool }) => swap(spool),
  'the key store deleted': ({ keys }) => rmSync(keys, { recursive: true }),
  'the key store replaced by a copy': ({ keys }) => swap(keys),
  'the keys of the day deleted': ({ day }) => rmSync(day),
  'the keys of the day written over': ({ day }) => writeFileSync(day, '{"v":1,"keys":{}}'),
}

for (const [name, harm] of Object.entries(HARMS)) {
  t.test(name, async (t) => {
    const rig = await makeLogRig()
    t.teardown(rig.close)
    const spool = join(dirname(rig.options.file), 'spool')
    mkdirSync(spool, { recursive: true })
    const log = await rig.open({ lookIntervalMs: 100, watched: [spool] })
    await log.append(requestRecord())
    await sleep(250)
    t.ok(log.health().isWritable)

    harm(placesOf(rig))
    const harmedAt = performance.now()
    while (log.health().fault === undefined && performance.now() - harmedAt < NOTICED_MS) await sleep(10)

    t.match(log.health(), { isWritable: false, fault: { flaw: 'replaced', message: /deleted|replaced|written/ } })
    await t.rejects(log.append(requestRecord()), { code: 'LoggingFailed' }, 'nothing is acknowledged')
    t.match(
      rig.events.filter(({ event }) => event === 'log-closed'),
      [{ flaw: 'replaced' }],
      'it is told once',
    )
    await sleep(150)
    t.equal(log.health().isWritable, false, 'and stays so until it is seen to')
  })
}

t.test('what a commit would acknowledge in a file that is gone is not acknowledged', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  // Nobody looks in between.
  const log = await rig.open({ lookIntervalMs: 600_000 })
  await log.append(requestRecord())

  rmSync(rig.options.file)

  await t.rejects(log.append(requestRecord()), { code: 'LoggingFailed' })
  t.match(log.health().fault, { flaw: 'replaced' })
})

t.test('another file system over the directory', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const log = await rig.open({ lookIntervalMs: 100 })
  await log.append(requestRecord())
  const directory = dirname(rig.options.file)
  if (spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', directory]).status !== 0) {
    t.comment('nothing can be mounted here')
    return
  }
  t.teardown(() => spawnSync('umount', ['-l', directory]))

  await t.rejects(log.append(requestRecord()), { code: 'LoggingFailed' })
  t.match(log.health().fault, { flaw: 'replaced' })
})

t.test('what is no harm', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const log = await rig.open({ lookIntervalMs: 20 })
  const { file, keyStore } = rig.options
  const reader = openLogReader(rig.options)
  t.teardown(() => reader.close())
  for (let round = 0; round < 10; round++) {
    const request = requestRecord({ purpose: `purpose-${round}` })
    await log.append(endRecord(request, await log.append(request)))
    await reader.list()
    await sleep(25)
    // A backup is taken.
    copyFileSync(file, `${file}.backup`)
    cpSync(keyStore, join(rig.directory, 'backup'), { recursive: true })
    const other = new DatabaseSync(file, { readOnly: true })
    other.prepare('SELECT count(*) FROM record').get()
    other.close()
  }
  await log.stampNow().catch(() => undefined)
  await sleep(100)

  t.match(log.health(), { isWritable: true })
  t.equal(log.health().fault, undefined)
  t.ok(existsSync(file))
})
