/** The writer's steps of archiving, stopped after each: what is on the disk then is whole, and goes on from there. */

import { randomBytes } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { buildArchive } from '../../../../gateway/message-log/archiving/archive-build.ts'
import type { ArchiveOutcome, ArchiveWork } from '../../../../gateway/message-log/archiving/terms.ts'
import { openBodyFiles } from '../../../../gateway/message-log/files/body-files.ts'
import { openKeyStore } from '../../../../gateway/message-log/keys/key-store.ts'
import { openMessageLog } from '../../../../gateway/message-log/open-log.ts'
import type { LogReaderOptions } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'
import type { OpenedLog } from '../../../../gateway/message-log/writer/opening.ts'
import { openForWriting } from '../../../../gateway/message-log/writer/opening.ts'
import { sha256 } from '../../../../gateway/protocol/hash-tree.ts'
import { addBatch, DAY_MS, makeArchiveRig } from '../archive/archive-rig.ts'
import type { LogRig } from '../log-rig.ts'
import { GATEWAY, readTables } from '../log-rig.ts'
import type { TrustRig } from '../trust-rig.ts'

t.setTimeout(180_000)

const AT = Date.now()

interface Stopped {
  readonly rig: LogRig
  readonly trust: TrustRig
  readonly before: ReadonlyMap<string, string>
}

/** A closed log of two old days. */
async function stopped(t: Test): Promise<Stopped & { readonly opened: OpenedLog; readonly archive: string }> {
  const { rig, trust, archive, open, everything } = await makeArchiveRig(t)
  let daysAgo = 2
  const log = await open({ now: () => Date.now() - daysAgo * DAY_MS })
  for (daysAgo = 2; daysAgo > 0; daysAgo--) await addBatch(log, rig.directory, daysAgo)
  await log.close()
  const before = await everything()
  const { file, keyStore, masterKey } = rig.options
  const opened = openForWriting({
    name: `${GATEWAY}/n1`,
    ...{ file, archive, bodies: join(rig.directory, 'log', 'bodies') },
    keys: { directory: keyStore, masterKeyFile: masterKey },
    highWaterFile: join(keyStore, 'high-water.json'),
  })
  t.teardown(() => opened.store.close())
  return { rig, trust, before, opened, archive }
}

function work(opened: OpenedLog, order: ArchiveWork): ArchiveOutcome {
  return opened.archive(order, AT)
}

/** Everything that lies on the disk, elsewhere, opened as after a crash there. @param spoil what else the crash left */
async function goesOn(
  t: Test,
  { rig, trust, before }: Stopped,
  what: string,
  spoil?: (at: string) => Promise<unknown>,
) {
  const directory = await mkdtemp(join(tmpdir(), 'owl-stopped-'))
  try {
    await cp(rig.directory, directory, { recursive: true })
    await rm(join(directory, 'log', 'log.sqlite.lock'), { force: true })
    await spoil?.(directory)
    const place: LogReaderOptions & { archive: string } = {
      file: join(directory, 'log', 'log.sqlite'),
      keyStore: join(directory, 'secret', 'keys'),
      masterKey: join(directory, 'secret', 'master.key'),
      archive: join(directory, 'archive'),
    }
    const log = await openMessageLog({ ...rig.options, ...place, now: () => AT, authorities: () => trust.authorities })
    await isWhole(t, place, { rig, trust, before }, `${what}: opened again`)
    await log.archive(0.5)
    await isWhole(t, place, { rig, trust, before }, `${what}: archived`)
    const reader = openLogReader(place)
    const rows = reader.contents.archives.rows()
    reader.close()
    t.match(rows, [{ first: 1 }, { first: Number(rows[0]?.last) + 1 }], `${what}: every record in one file`)
    t.ok(
      rows.every(({ emptiedTo, last }) => emptiedTo === last),
      `${what}: no copy is left`,
    )
    const left = (await readdir(place.archive)).filter((name) => name !== 'bodies').sort()
    t.same(left, rows.map(({ name }) => name).sort(), `${what}: nothing lies about`)
    t.same(await readdir(join(directory, 'log', 'bodies')), [], `${what}: nor in the log’s own directory`)
    await log.close()
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function isWhole(t: Test, place: LogReaderOptions, { trust, before }: Stopped, what: string): Promise<void> {
  const reader = openLogReader(place)
  try {
    t.match(await verifyLog(reader, { anchors: trust.authorities }), { isWhole: true, damage: null }, what)
    for (const [name, hash] of before) {
      const [seq, part] = name.split(' ') as [string, 'head']
      const octets = await reader.object(Number(seq), part)
      const whole = Buffer.isBuffer(octets) ? octets : Buffer.concat((await octets?.toArray()) ?? [])
      if (sha256(whole).toString('hex') !== hash) t.fail(`${what}: ${name}`)
    }
  } finally {
    reader.close()
  }
}

t.test('stopped anywhere, nothing is lost or doubled, and archiving goes on', async (t) => {
  const stop = await stopped(t)
  const { rig, opened, archive } = stop
  const { file, keyStore, masterKey } = rig.options
  const files = openBodyFiles(join(rig.directory, 'log', 'bodies'))

  const planned = work(opened, { work: 'plan', closedBefore: AT - DAY_MS / 2 })
  if (planned.worked !== 'plan' || planned.plan === null) throw new Error('There is something to archive')
  await goesOn(t, stop, 'planned')
  await goesOn(t, stop, 'while the file was written', async (at) => {
    await mkdir(join(at, 'archive', 'bodies', '0'), { recursive: true })
    await writeFile(join(at, 'archive', 'archive.building'), randomBytes(5000))
    await writeFile(join(at, 'archive', 'bodies', '0', '6.part'), randomBytes(500))
  })

  const reader = openLogReader({ file, keyStore, masterKey, archive })
  const { plan } = planned
  const made = await buildArchive(
    {
      reader,
      keys: openKeyStore({ directory: keyStore, masterKeyFile: masterKey }),
      files,
      directory: archive,
      random: randomBytes,
    },
    plan,
  )
  reader.close()
  await goesOn(t, stop, 'written')

  work(opened, { work: 'enter', made })
  await goesOn(t, stop, 'entered')
  const [part] = (await readdir(archive)).filter((name) => name.endsWith('.part'))
  await goesOn(t, stop, 'named', (at) =>
    rename(join(at, 'archive', String(part)), join(at, 'archive', String(part).replace('.part', ''))),
  )

  for (;;) {
    const body = (await readdir(join(rig.directory, 'log', 'bodies')))[0] ?? ''
    const kept = join(rig.directory, 'kept.body')
    if (body !== '') await cp(join(rig.directory, 'log', 'bodies', body), kept)
    const done = work(opened, { work: 'empty', records: 3 })
    if (done.worked !== 'empty') throw new Error('It goes on')
    const { emptied_to: to } = readTables(rig.options).prepare('SELECT emptied_to FROM archive').get() as {
      emptied_to: number
    }
    await goesOn(t, stop, `emptied to ${to}`)
    const isGone = body !== '' && !(await readdir(join(rig.directory, 'log', 'bodies'))).includes(body)
    if (isGone) {
      await goesOn(t, stop, `emptied to ${to}, its body file not yet removed`, (at) =>
        cp(kept, join(at, 'log', 'bodies', body)),
      )
    }
    if (done.isDone) break
  }
  await goesOn(t, stop, 'done')
})

t.test('for a file that is not there nothing is given up', async (t) => {
  const { rig, opened, archive, trust, before } = await stopped(t)
  const { file, keyStore, masterKey } = rig.options
  const planned = work(opened, { work: 'plan', closedBefore: AT - DAY_MS / 2 })
  if (planned.worked !== 'plan' || planned.plan === null) throw new Error('There is something to archive')
  const reader = openLogReader({ file, keyStore, masterKey, archive })
  const files = openBodyFiles(join(rig.directory, 'log', 'bodies'))
  const build = {
    reader,
    keys: openKeyStore({ directory: keyStore, masterKeyFile: masterKey }),
    files,
    directory: archive,
    random: randomBytes,
  }
  const made = await buildArchive(build, planned.plan)
  reader.close()
  work(opened, { work: 'enter', made })
  await rename(archive, `${archive}.away`)

  t.match(work(opened, { work: 'empty', records: 10 }), { worked: 'nothing', problem: /is missing/ })

  t.match(readTables(rig.options).prepare('SELECT count(*) AS n FROM content WHERE archive IS NOT NULL').get(), {
    n: 0,
  })
  await isWhole(t, { file, keyStore, masterKey, archive }, { rig, trust, before }, 'all is in the log')
  await rename(`${archive}.away`, archive)
  t.match(work(opened, { work: 'empty', records: 10 }), { worked: 'empty', records: 10 })
})
