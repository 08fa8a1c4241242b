/** Ten thousand changes by plain SQL, each found. security.md row 32. */

import t from 'tap'
import { makeStampedLog } from './tampered-log.ts'
import { tamper, WAYS } from './tampering.ts'

const TIMES = 2000

t.setTimeout(0)

t.test('every change by plain SQL is found', async (t) => {
  const { rig, trust } = await makeStampedLog(t)

  for (const way of WAYS) {
    const missed: string[] = []
    for (let time = 0; time < TIMES; time++) {
      const { done, found } = await tamper(rig.options, { anchors: trust.authorities }, way)
      if (found === undefined) missed.push(done)
    }
    t.same(missed, [], `${TIMES} times ${way}`)
  }
})
