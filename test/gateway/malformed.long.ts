import t from 'tap'
import { bombard } from './malformed.ts'

t.test('50,000 malformed requests, others each time, leave the server alive and every answer proper', async (t) => {
  await bombard(t, { count: 50_000, seed: Date.now() % 2 ** 31, parallel: 16 })
})
