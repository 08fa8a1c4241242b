import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { makeLogRig } from '../log-rig.ts'
import { requestRecord } from '../messages.ts'

t.setTimeout(60_000)

t.test('a log whose first start was cut short at any point is made all the same', async (t) => {
  const cuts: readonly (readonly ('mark' | 'bodies' | 'keys' | 'tables')[])[] = [
    ['mark'],
    ['mark', 'bodies'],
    ['mark', 'bodies', 'keys'],
    ['mark', 'bodies', 'keys', 'tables'],
  ]
  for (const cut of cuts) {
    const rig = await makeLogRig()
    t.teardown(rig.close)
    const { file, keyStore } = rig.options
    await (await rig.open()).close()
    if (cut.includes('mark')) await rm(join(keyStore, 'high-water.json'))
    if (cut.includes('bodies')) await rm(join(dirname(file), 'bodies'), { recursive: true })
    if (cut.includes('keys')) await rm(keyStore, { recursive: true })
    if (cut.includes('tables')) {
      await rm(dirname(file), { recursive: true })
      await mkdir(dirname(file))
      await writeFile(file, '')
    }

    const log = await rig.open()

    t.equal((await log.append(requestRecord())).seq, 1, `without ${cut.join(', ')}`)
  }
})

t.test('a log that has records is not made again', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)
  const { file, keyStore } = rig.options
  const log = await rig.open()
  await log.append(requestRecord())
  await log.close()
  await rm(join(keyStore, 'high-water.json'))

  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'behind' })

  await rm(keyStore, { recursive: true })
  await t.rejects(rig.open(), { name: 'LogOpenError', flaw: 'behind' })
  t.notOk(existsSync(join(keyStore, 'high-water.json')), 'nor is its mark')
  t.ok(existsSync(file))
})
