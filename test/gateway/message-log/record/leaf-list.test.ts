/** The leaves of a growing batch. */

import fc from 'fast-check'
import t from 'tap'
import { openLeafList } from '../../../../gateway/message-log/record/leaf-list.ts'

const leaf = fc.uint8Array({ minLength: 32, maxLength: 32 })

t.test('holds what was added, in order, however much it is', async (t) => {
  fc.assert(
    fc.property(fc.array(leaf, { maxLength: 20 }), fc.integer({ min: 0, max: 1100 }), (some, more) => {
      const list = openLeafList()
      const leaves = [...some, ...Array.from({ length: more }, (_, n) => new Uint8Array(32).fill(n))]
      for (const one of leaves) list.add(one)
      return list.count === leaves.length && list.octets.equals(Buffer.concat(leaves))
    }),
    { numRuns: 30 },
  )
  t.pass('as many as were added')
})

t.test('starts again with the next batch', async (t) => {
  const list = openLeafList()
  list.add(Buffer.alloc(32, 1))
  list.clear()
  t.equal(list.count, 0)
  t.equal(list.octets.length, 0)
  list.add(Buffer.alloc(32, 2))
  t.same(list.octets, Buffer.alloc(32, 2))
})

t.test('keeps nothing of the buffer that a leaf was cut from', async (t) => {
  const list = openLeafList()
  const one = Buffer.from('a leaf out of a pool of many hash')
  list.add(one.subarray(0, 32))
  one.fill(0)
  t.equal(list.octets.toString(), 'a leaf out of a pool of many has')
})

t.test('takes no leaf of another length', async (t) => {
  const list = openLeafList()
  for (const length of [0, 31, 33]) t.throws(() => list.add(Buffer.alloc(length)), { name: 'TypeError' })
  t.equal(list.count, 0)
})
