import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { groupLeaf, reducedRoot, reduceHashTree, sha256, treeRoot } from '../../../gateway/protocol/hash-tree.ts'
import { evidenceVector } from './evidence-vector.ts'

t.test('finds the root that was time-stamped in a record made elsewhere', async (t) => {
  const { tree, imprint, files } = await evidenceVector('evidence.ers')

  t.same(tree[0], files.map(sha256).sort(Buffer.compare), 'the first list is the group')
  t.same(reducedRoot(tree), imprint)
})

t.test('sees a changed sibling in a record made elsewhere', async (t) => {
  const { tree, imprint } = await evidenceVector('neg-sibling.ers')

  t.notSame(reducedRoot(tree), imprint)
})

t.test('the path of every record leads to the root, whatever the number of records', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), (count, pick) => {
      const groups = Array.from({ length: count }, () => [randomBytes(32), randomBytes(32), randomBytes(32)])
      const leaves = groups.map(groupLeaf)
      const index = pick % count
      const tree = reduceHashTree(leaves, index, groups[index] ?? [])
      return reducedRoot(tree).equals(treeRoot(leaves)) && tree.slice(1).every((list) => list.length === 1)
    }),
  )
})

t.test('an odd node moves up unchanged, and order within a pair does not matter', async (t) => {
  const [a, b, c] = [randomBytes(32), randomBytes(32), randomBytes(32)] as [Buffer, Buffer, Buffer]
  const pair = (x: Buffer, y: Buffer): Buffer => sha256(Buffer.concat([x, y].sort(Buffer.compare)))

  t.same(treeRoot([a, b, c]), pair(pair(a, b), c))
  t.same(treeRoot([b, a, c]), treeRoot([a, b, c]))
  t.notSame(treeRoot([a, c, b]), treeRoot([a, b, c]))
  t.same(treeRoot([a]), a)
})

t.test('refuses groups and leaves that no validator would take', async (t) => {
  const group = [randomBytes(32), randomBytes(32)]
  const leaves = [groupLeaf(group), randomBytes(32)]

  t.throws(() => reduceHashTree(leaves, 1, group), TypeError, 'hashes of another leaf')
  t.throws(() => reduceHashTree(leaves, 2, group), TypeError, 'no such leaf')
  t.throws(() => reduceHashTree([group[0] as Buffer], 0, group.slice(0, 1)), TypeError, 'a group of one')
  t.throws(() => treeRoot([]), TypeError)
  t.throws(() => groupLeaf([]), TypeError)
})
