import t from 'tap'
import { bombard } from './malformed.ts'

const TIMEOUT_MS = 600_000

t.setTimeout(TIMEOUT_MS)
t.test('10,000 malformed requests, others each time', { timeout: TIMEOUT_MS }, async (t) => {
  await bombard(t, { count: 10_000, seed: Date.now() % 2 ** 31 })
})
