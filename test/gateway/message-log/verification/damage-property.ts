/** The property of damage: what of it is found, by the log alone and by what others hold. */

import { array, assert, asyncProperty, constantFrom, nat } from 'fast-check'
import type { Test } from 'tap'
import type { Act } from './damaged-log.ts'
import { makeDamagedLog } from './damaged-log.ts'
import type { Dice } from './tampering.ts'
import { WAYS } from './tampering.ts'

export async function checkDamage(t: Test, runs: number): Promise<void> {
  const log = await makeDamagedLog(t)
  const acts = array(constantFrom<Act>(...WAYS, 'restore'), { minLength: 1, maxLength: 3 })
  let found = 0
  let bounded = 0

  await assert(
    asyncProperty(acts, nat(), nat(), async (acts, seed, which) => {
      const known = log.batches[which % log.batches.length] as (typeof log.batches)[number]
      await log.damage(acts, diceOf(seed), async ({ done, kept, isPrefix, verify }) => {
        const alone = await verify({})
        const partner = await verify({ heads: [known.head] })
        const token = await verify({ imprints: [known.imprint] })
        const story = `${done.join(', then ')}: ${kept} of ${log.records} kept`

        // By itself it is only ever what it once was.
        if (alone !== 'unreadable' && alone.isWhole) {
          if (!isPrefix || alone.records !== kept) throw new Error(`Not found by the log alone: ${story}`)
        } else found += 1
        for (const [who, verified] of Object.entries({ partner, token })) {
          if (verified === 'unreadable' || !verified.isWhole) continue
          if (kept < known.seq) throw new Error(`Not found by what a ${who} holds of record ${known.seq}: ${story}`)
          bounded += 1
        }
        // An older copy is what the log once was: nothing in it is wrong.
        if (acts.every((act) => act === 'restore') && (alone === 'unreadable' || !alone.isWhole)) {
          throw new Error(`Found where nothing was changed: ${story}`)
        }
      })
    }),
    { numRuns: runs },
  )

  t.ok(found > 0, `${found} of ${runs} are found by the log alone`)
  t.ok(bounded > 0, `${bounded} look whole to others as well: what they hold is older than what was lost`)
}

/** Numbers from a seed that fast-check has made, for as long as they are asked for. */
function diceOf(seed: number): Dice {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
