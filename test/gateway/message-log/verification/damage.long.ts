import t from 'tap'
import { checkDamage } from './damage-property.ts'

t.setTimeout(0)

t.test('whatever is done to the files is found, to the bound of what others hold', async (t) => {
  await checkDamage(t, 2000)
})
