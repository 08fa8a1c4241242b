import t from 'tap'
import { crashArchiving } from './archive-crashing.ts'

t.setTimeout(1_800_000)

t.test('archiving that is killed again and again loses nothing', async (t) => {
  for (let time = 0; time < 10; time++) await crashArchiving(t, { lives: 20, lifeMs: 400 })
})
