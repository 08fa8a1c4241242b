import t from 'tap'
import { bombard } from './malformed.ts'

t.test('1,000 malformed requests at both ports: the gateways live, and every answer is a proper fault', async (t) => {
  await bombard(t, { count: 1000, seed: 20261123 })
})
