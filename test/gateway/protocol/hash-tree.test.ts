import { randomBytes } from 'node:crypto'
import t from 'tap'
import { reducedTreeRoot } from '../../../gateway/protocol/evidence-record-reader.ts'
import { groupLeaf, sha256, treeRoot } from '../../../gateway/protocol/hash-tree.ts'
import { evidenceVector } from './evidence-vector.ts'

t.test('finds the root that was time-stamped in a record made elsewhere', async (t) => {
  const { tree, imprint, files } = await evidenceVector('evidence.ers')

  t.same(tree[0], files.map(sha256).sort(Buffer.compare), 'the first list is the group')
  t.same(reducedTreeRoot(tree, 'sha256'), imprint)
})

t.test('sees a changed sibling in a record made elsewhere', async (t) => {
  const { tree, imprint } = await evidenceVector('neg-sibling.ers')

  t.notSame(reducedTreeRoot(tree, 'sha256'), imprint)
})

t.test('an odd node moves up unchanged, and order within a pair does not matter', async (t) => {
  const [a, b, c] = [randomBytes(32), randomBytes(32), randomBytes(32)] as [Buffer, Buffer, Buffer]
  const pair = (x: Buffer, y: Buffer): Buffer => sha256(Buffer.concat([x, y].sort(Buffer.compare)))

  t.same(treeRoot([a, b, c]), pair(pair(a, b), c))
  t.same(treeRoot([b, a, c]), treeRoot([a, b, c]))
  t.notSame(treeRoot([a, c, b]), treeRoot([a, b, c]))
  t.same(treeRoot([a]), a)
})

t.test('refuses trees and groups of nothing', async (t) => {
  t.throws(() => treeRoot([]), TypeError)
  t.throws(() => groupLeaf([]), TypeError)
})
