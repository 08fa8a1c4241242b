/**
 * The trees of renewals as they lie in the database: blocks of 512 hashes from the leaves up, so that neither making one
 * nor looking one way up needs more memory for a longer log. RFC 4998 §4.2.
 */

import type { DigestName } from '../../protocol/signed-data.ts'
import { DIGEST_BYTES } from '../../protocol/signed-data.ts'
import type { TreeLevels } from '../../protocol/tree-levels.ts'
import { rootOf, siblingsOf, treeLevels } from '../../protocol/tree-levels.ts'
import type { RenewalTrees } from '../store/log-store.ts'

/** A power of two: then the blocks make the same tree as if there were none. */
export const BLOCK_LEAVES = 512

export interface RenewalTree {
  readonly renewal: number
  readonly digest: DigestName
  readonly leaves: number
}

export interface TreeReader {
  /** The siblings of a leaf on its way up, after making sure that it stands there. @throws {Error} when it does not */
  siblings(tree: RenewalTree, index: number, leaf: Buffer): Buffer[]
}

export function openTreeReader(trees: Pick<RenewalTrees, 'block'>): TreeReader {
  /** The block used last on each level: whoever asks goes from one leaf to the next. */
  const blocks = new Map<string, { readonly place: number; readonly tree: TreeLevels }>()

  function blockOf({ renewal, digest }: RenewalTree, level: number, place: number): TreeLevels {
    const id = `${renewal}/${level}`
    const known = blocks.get(id)
    if (known?.place === place) return known.tree
    const hashes = trees.block(renewal, level, place)
    if (hashes === undefined) throw new Error(`Renewal ${renewal} lacks a part of its tree`)
    const tree = treeLevels(hashes, digest)
    blocks.set(id, { place, tree })
    return tree
  }

  return {
    siblings(tree, index, leaf) {
      const siblings: Buffer[] = []
      const bytes = DIGEST_BYTES[tree.digest]
      let at = index
      let below = leaf
      for (let level = 0, count = tree.leaves; ; level++) {
        const block = blockOf(tree, level, Math.floor(at / BLOCK_LEAVES))
        const within = at % BLOCK_LEAVES
        const found = block.levels[0]?.subarray(within * bytes, (within + 1) * bytes)
        if (found?.equals(below) !== true) throw new Error(`Renewal ${tree.renewal} covers something else`)
        siblings.push(...siblingsOf(block, within))
        count = Math.ceil(count / BLOCK_LEAVES)
        if (count <= 1) return siblings
        at = Math.floor(at / BLOCK_LEAVES)
        below = rootOf(block)
      }
    },
  }
}
