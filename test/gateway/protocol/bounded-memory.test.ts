/** Texts are read once, as long as they are few and short. */

import t from 'tap'
import { remembered } from '../../../gateway/protocol/bounded-memory.ts'

t.test('a text is read once', async (t) => {
  const read: string[] = []
  const upper = remembered((text) => {
    read.push(text)
    return { upper: text.toUpperCase() }
  }, 10)

  t.same(upper('a'), { upper: 'A' })
  t.equal(upper('a'), upper('a'))
  t.same(upper('b'), { upper: 'B' })
  t.same(read, ['a', 'b'])
})

t.test('a text that is too long is read each time', async (t) => {
  const upper = remembered((text) => ({ upper: text.toUpperCase() }), 3)

  t.equal(upper('abc'), upper('abc'))
  t.not(upper('abcd'), upper('abcd'))
  t.same(upper('abcd'), { upper: 'ABCD' })
})

t.test('what is refused is refused again', async (t) => {
  let asked = 0
  const refuse = remembered(() => {
    asked += 1
    throw new Error('refused')
  }, 10)

  t.throws(() => refuse('a'), { message: 'refused' })
  t.throws(() => refuse('a'), { message: 'refused' })
  t.equal(asked, 2)
})

t.test('a flood of texts makes it forget, never grow', async (t) => {
  let asked = 0
  const count = remembered((text) => {
    asked += 1
    return text
  }, 10)
  for (let i = 0; i < 1000; i++) count(`${i}`)
  count('0')
  t.equal(asked, 1000)

  count('one more')
  count('0')
  t.equal(asked, 1002)
})
