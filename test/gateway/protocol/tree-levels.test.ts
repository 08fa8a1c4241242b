import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { reducedTreeRoot } from '../../../gateway/protocol/evidence-record-reader.ts'
import { groupLeaf, treeRoot } from '../../../gateway/protocol/hash-tree.ts'
import { hashOf } from '../../../gateway/protocol/sha2.ts'
import { DIGEST_BYTES } from '../../../gateway/protocol/signed-data.ts'
import { rootOf, siblingsOf, treeLevels } from '../../../gateway/protocol/tree-levels.ts'

const DIGESTS = ['sha256', 'sha384', 'sha512'] as const

t.test('has the nodes of the tree that batches are stamped by', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (count, pick) => {
      const leaves = Array.from({ length: count }, () => randomBytes(32))
      const tree = treeLevels(Buffer.concat(leaves), 'sha256')
      const index = pick % count
      const way = siblingsOf(tree, index).map((sibling) => [sibling])
      const root = treeRoot(leaves)
      return rootOf(tree).equals(root) && reducedTreeRoot([[leaves[index] as Buffer], ...way], 'sha256').equals(root)
    }),
  )
})

t.test('leads from every leaf to the root, in every algorithm', async (t) => {
  for (const digest of DIGESTS) {
    for (const count of [1, 2, 3, 5, 8, 13, 64, 65]) {
      const leaves = Array.from({ length: count }, () => randomBytes(DIGEST_BYTES[digest]))
      const tree = treeLevels(Buffer.concat(leaves), digest)
      for (const [index, leaf] of leaves.entries()) {
        let at: Buffer = leaf
        for (const sibling of siblingsOf(tree, index)) {
          at = hashOf(digest, Buffer.concat([at, sibling].sort(Buffer.compare)))
        }
        t.same(at, rootOf(tree), `${digest} ${index} of ${count}`)
      }
    }
  }
})

t.test('cut into blocks, it is the same tree', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.constantFrom(1, 2, 4, 16), (count, block) => {
      const leaves = Array.from({ length: count }, () => randomBytes(64))
      const roots: Buffer[] = []
      for (let at = 0; at < count; at += block) {
        roots.push(rootOf(treeLevels(Buffer.concat(leaves.slice(at, at + block)), 'sha512')))
      }
      return rootOf(treeLevels(Buffer.concat(roots), 'sha512')).equals(
        rootOf(treeLevels(Buffer.concat(leaves), 'sha512')),
      )
    }),
  )
})

t.test('refuses what are not whole hashes', async (t) => {
  t.throws(() => treeLevels(Buffer.alloc(0), 'sha256'))
  t.throws(() => treeLevels(Buffer.alloc(33), 'sha256'))
  t.throws(() => treeLevels(Buffer.alloc(32), 'sha512'))
  t.same(rootOf(treeLevels(groupLeaf([randomBytes(32), randomBytes(32)]), 'sha256')).length, 32)
})
