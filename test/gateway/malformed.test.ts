import t from 'tap'
import { bombard } from './malformed.ts'

t.test('2,000 malformed requests leave the server alive and every answer proper', async (t) => {
  await bombard(t, { count: 2000, seed: 20261122, parallel: 16 })
})
