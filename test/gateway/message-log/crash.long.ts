import { randomInt } from 'node:crypto'
import t from 'tap'
import { crashAndLook } from './crashing.ts'
import { makeLogRig } from './log-rig.ts'

/** Fresh logs: each look verifies all that the log has, so one log for all kills would take time squared. */
const LOGS = 12
const KILLS = 5

t.setTimeout(0)

t.test('a log whose writer is killed under load has everything it acknowledged', async (t) => {
  let acknowledged = 0
  for (let log = 0; log < LOGS; log++) {
    const rig = await makeLogRig()
    t.teardown(rig.close)
    for (let kill = 0; kill < KILLS; kill++) acknowledged += await crashAndLook(t, rig, randomInt(800))
    await rig.close()
  }
  t.ok(acknowledged > 0, `${acknowledged} records were acknowledged before a kill`)
})
