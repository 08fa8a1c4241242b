import t from 'tap'
import { crashArchiving } from './archive-crashing.ts'

t.setTimeout(120_000)

t.test('archiving that is killed goes on where it was, with every record in one place', async (t) => {
  await crashArchiving(t, { lives: 4, lifeMs: 300 })
})
