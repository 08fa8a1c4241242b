/** Thirty kills at random moments under load. */

import t from 'tap'
import { killGateways } from './kills.ts'

t.setTimeout(1_800_000)

const seed = Date.now() % 2 ** 31

t.test('gateways are killed under load', { timeout: 900_000 }, (t) => killGateways(t, { rounds: 30, seed }))
