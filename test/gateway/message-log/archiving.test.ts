/** Days of a log that move to archive files, and everything that reads them there. */

import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { addBatch, DAY_MS, makeArchiveRig } from './archive-rig.ts'

t.setTimeout(120_000)

t.test('days that are old enough become files, and read as before', async (t) => {
  const { rig, archive, open, verify, everything, reader } = await makeArchiveRig(t)
  let daysAgo = 2
  const log = await open({ now: () => Date.now() - daysAgo * DAY_MS })
  await addBatch(log, rig.directory, 1)
  await addBatch(log, rig.directory, 2)
  daysAgo = 1
  await addBatch(log, rig.directory, 3)
  daysAgo = 0
  await addBatch(log, rig.directory, 4)
  const before = await everything()
  t.match(await verify(), { isWhole: true, damage: null })

  const made = await log.archive(0.5)

  t.equal(made.length, 2, 'one for each day')
  const names = (await readdir(archive)).filter((name) => name !== 'bodies').sort()
  t.same(names, made.map(({ name }) => name).sort())
  t.match(log.health(), { archive: { files: 2, missing: [], archivedTo: made[1]?.last } })
  t.same(await everything(), before, 'every object of every record')
  t.match(await verify(), { isWhole: true, damage: null, erased: 0 })
  const database = reader().database
  const left = database
    .prepare(
      'SELECT count(*) AS n FROM content WHERE archive IS NOT NULL AND (record IS NOT NULL OR head IS NOT NULL OR body IS NOT NULL)',
    )
    .get()
  t.equal(left?.['n'], 0)
  t.same(await log.archive(0.5), [], 'nothing is left to do')
  const more = await log.archive(0)
  t.equal(more.length, 1)
  t.same(await everything(), before)
  await log.close()
  const again = await open()
  await addBatch(again, rig.directory, 5)
  t.match(await verify(), { isWhole: true, damage: null })
  const elsewhere = join(rig.directory, 'elsewhere')
  await rename(archive, elsewhere)
})
