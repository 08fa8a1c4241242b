/** Kills a process that archives, at a random moment, and looks at what it leaves; until everything is archived. */

import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { readTables } from '../log-rig.ts'
import { endRecord, requestRecord } from '../messages.ts'
import { addBatch, DAY_MS, makeArchiveRig } from './archive-rig.ts'

const CHILD = new URL('./archive-child.ts', import.meta.url).pathname
/** Exchanges of each day. */
const EXCHANGES = 60

/** @param lives how often it is killed at the most @param lifeMs the longest it lives once it archives */
export async function crashArchiving(t: Test, { lives, lifeMs }: { lives: number; lifeMs: number }): Promise<void> {
  const { rig, archive, open, verify, everything } = await makeArchiveRig(t)
  let daysAgo = 2
  const log = await open({ now: () => Date.now() - daysAgo * DAY_MS })
  for (daysAgo = 2; daysAgo > 0; daysAgo--) {
    await Promise.all(
      Array.from({ length: EXCHANGES }, async () => {
        const request = requestRecord()
        await log.append(endRecord(request, await log.append(request)))
      }),
    )
    await addBatch(log, rig.directory, daysAgo)
  }
  await log.close()
  const before = await everything()
  const { gateway, file, keyStore, masterKey } = rig.options
  const seen = new Set<string>()

  for (let life = 0; ; life++) {
    const child = spawn(process.execPath, [CHILD, JSON.stringify({ gateway, file, keyStore, masterKey, archive })], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const errors = text(child.stderr)
    const gone = once(child, 'exit')
    // The first lives are short: a fast machine archives everything in one long one.
    const afterMs = life < lives ? randomInt(Math.ceil(lifeMs * ((life + 1) / lives) ** 3)) : undefined
    await Promise.race([once(createInterface(child.stdout), 'line'), gone])
    if (afterMs !== undefined) {
      await Promise.race([sleep(afterMs), gone])
      child.kill('SIGKILL')
    }
    const [code] = (await gone) as [number | null]
    t.equal(await errors, '', `life ${life}, ${afterMs ?? 'all the'} ms`)

    t.match(await verify(), { isWhole: true, damage: null })
    t.same(await everything(), before, 'nothing is lost, doubled or changed')
    const rows = readTables(rig.options)
      .prepare('SELECT first, last, emptied_to, seed IS NULL AS done FROM archive ORDER BY id')
      .all()
    let next = 1
    for (const { first, last } of rows) {
      t.equal(first, next, 'no record is in two files, or in none')
      next = Number(last) + 1
    }
    seen.add(JSON.stringify(rows.map(({ emptied_to: to, done }) => [to, done])))
    if (code === 0) break
  }

  t.ok(seen.size > 1, `it was killed in ${seen.size} different states`)
  const left = (await readdir(archive)).filter((name) => !name.endsWith('.owlarchive') && name !== 'bodies')
  t.same(left, [], 'nothing is left lying about')
  t.same(await readdir(`${rig.directory}/log/bodies`), [])
  t.equal(readTables(rig.options).prepare('SELECT count(*) AS n FROM archive').get()?.['n'], 2)
}
