/** Two rounds of `kills.long.ts`: one gateway each. */

import t from 'tap'
import { killGateways } from './kills.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

t.test('gateways are killed under load', { timeout: 120_000 }, (t) => killGateways(t, { rounds: 2, seed: 4 }))
