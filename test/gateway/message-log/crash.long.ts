import { randomInt } from 'node:crypto'
import t from 'tap'
import { crashAndLook } from './crashing.ts'
import { makeLogRig } from './log-rig.ts'

const TIMES = 60

t.setTimeout(0)

t.test('a log whose writer is killed under load has everything it acknowledged', async (t) => {
  const rig = await makeLogRig()
  t.teardown(rig.close)

  for (let time = 0; time < TIMES; time++) await crashAndLook(t, rig, randomInt(800))
})
