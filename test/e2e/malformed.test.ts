import t from 'tap'
import { bombard } from './malformed.ts'

const TIMEOUT_MS = 120_000

t.setTimeout(TIMEOUT_MS)
t.test(
  '1,000 malformed requests at both ports: the gateways live, and every answer is a proper fault',
  { timeout: TIMEOUT_MS },
  async (t) => {
    await bombard(t, { count: 1000, seed: 20261123 })
  },
)
