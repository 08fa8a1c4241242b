import { randomInt } from 'node:crypto'
import t from 'tap'
import { crashAndLook } from './crashing.ts'
import { makeLogRig } from './log-rig.ts'

t.setTimeout(120_000)

t.test('a log whose writer is killed under load has everything it acknowledged', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)

  for (let time = 0; time < 4; time++) await crashAndLook(t, rig, randomInt(1200))
})
