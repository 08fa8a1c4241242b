/**
 * The trees of renewals as they lie in the database: blocks of 512 hashes from the leaves up, so that neither making one
 * nor looking one way up needs more memory for a longer log. RFC 4998 §4.2.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { DigestName } from '../../protocol/signed-data.ts'
import { DIGEST_BYTES } from '../../protocol/signed-data.ts'
import type { TreeLevels } from '../../protocol/tree-levels.ts'
import { rootOf, siblingsOf, treeLevels } from '../../protocol/tree-levels.ts'
import { bufferOf } from '../record/stored-record.ts'

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

export function openTreeReader(database: DatabaseSync): TreeReader {
  const select = database.prepare('SELECT hashes FROM renewal_node WHERE renewal = ? AND level = ? AND place = ?')
  /** The block used last on each level: whoever asks goes from one leaf to the next. */
  const blocks = new Map<string, { readonly place: number; readonly tree: TreeLevels }>()

  function blockOf({ renewal, digest }: RenewalTree, level: number, place: number): TreeLevels {
    const id = `${renewal}/${level}`
    const known = blocks.get(id)
    if (known?.place === place) return known.tree
    const hashes = select.get(renewal, level, place)?.['hashes'] as Uint8Array | undefined
    if (hashes === undefined) throw new Error(`Renewal ${renewal} lacks a part of its tree`)
    const tree = treeLevels(bufferOf(hashes), digest)
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

export interface TreeWriter {
  /** How many leaves are there. */
  readonly written: number
  /** All blocks but the last are full. @returns what stores it, in a transaction of the caller's */
  block(leaves: Buffer): () => void
  /** Adds what is above the leaves, one block at a time. @returns the root */
  finish(transact: (work: () => void) => Promise<void>): Promise<Buffer>
}

export function openTreeWriter(database: DatabaseSync, { renewal, digest }: Omit<RenewalTree, 'leaves'>): TreeWriter {
  const insert = database.prepare('INSERT INTO renewal_node VALUES (?, ?, ?, ?, ?)')
  const drop = database.prepare('DELETE FROM renewal_node WHERE renewal = ? AND level > 0')
  const newest = database.prepare(
    'SELECT place, hashes FROM renewal_node WHERE renewal = ? AND level = 0 ORDER BY place DESC LIMIT 1',
  )
  const roots = database.prepare('SELECT root FROM renewal_node WHERE renewal = ? AND level = ? ORDER BY place')
  const bytes = DIGEST_BYTES[digest]
  const last = newest.get(renewal)
  let blocks = last === undefined ? 0 : Number(last['place']) + 1
  let written =
    last === undefined ? 0 : Number(last['place']) * BLOCK_LEAVES + (last['hashes'] as Uint8Array).length / bytes

  /** Hashes before the transaction: others wait for that one. */
  function storing(level: number, place: number, hashes: Buffer): () => void {
    const root = rootOf(treeLevels(hashes, digest))
    return () => void insert.run(renewal, level, place, root, hashes)
  }

  return {
    get written() {
      return written
    },
    block(leaves) {
      if (written !== blocks * BLOCK_LEAVES) throw new TypeError('The block before was the last')
      const store = storing(0, blocks, leaves)
      return () => {
        store()
        blocks += 1
        written += leaves.length / bytes
      }
    },
    async finish(transact) {
      // What a stop left of them is made anew.
      await transact(() => void drop.run(renewal))
      for (let level = 0, count = blocks; ; level++) {
        const below = roots.all(renewal, level).map((row) => bufferOf(row['root'] as Uint8Array))
        const [only] = below
        if (only === undefined) throw new TypeError('A tree has one leaf or more')
        if (count === 1) return only
        count = Math.ceil(count / BLOCK_LEAVES)
        for (let place = 0; place < count; place++) {
          const part = below.slice(place * BLOCK_LEAVES, (place + 1) * BLOCK_LEAVES)
          await transact(storing(level + 1, place, Buffer.concat(part)))
        }
      }
    },
  }
}
