/** Makes the tree of a renewal, from the leaves up, a block at a time. RFC 4998 §4.2. */

import type { DigestName } from '../../protocol/signed-data.ts'
import { DIGEST_BYTES } from '../../protocol/signed-data.ts'
import { rootOf, treeLevels } from '../../protocol/tree-levels.ts'
import { BLOCK_LEAVES } from '../reading/renewal-tree.ts'
import type { BodyHash, RenewalWriter } from '../store/log-store.ts'

export interface TreeWriter {
  /** How many leaves are there. */
  readonly written: number
  /** All blocks but the last are full. */
  block(leaves: Buffer, bodies: readonly BodyHash[]): Promise<void>
  /** Adds what is above the leaves. @returns the root */
  finish(): Promise<Buffer>
}

/** Goes on where the last one stopped. */
export function openTreeWriter(
  { store, write, clearAbove }: RenewalWriter,
  { renewal, digest }: { readonly renewal: number; readonly digest: DigestName },
): TreeWriter {
  const { trees } = store
  const bytes = DIGEST_BYTES[digest]
  let blocks = trees.roots(renewal, 0).length
  const last = trees.block(renewal, 0, blocks - 1)
  let written = last === undefined ? 0 : (blocks - 1) * BLOCK_LEAVES + last.length / bytes

  /** Hashes before the transaction: others wait for that one. */
  function writeBlock(level: number, place: number, hashes: Buffer, bodies?: readonly BodyHash[]): Promise<void> {
    const root = rootOf(treeLevels(hashes, digest))
    return write(renewal, { level, place, root, hashes }, bodies)
  }

  return {
    get written() {
      return written
    },
    async block(leaves, bodies) {
      if (written !== blocks * BLOCK_LEAVES) throw new TypeError('The block before was the last')
      await writeBlock(0, blocks, leaves, bodies)
      blocks += 1
      written += leaves.length / bytes
    },
    async finish() {
      // What a stop left of them is made anew.
      await clearAbove(renewal)
      for (let level = 0, count = blocks; ; level++) {
        const below = trees.roots(renewal, level)
        const [only] = below
        if (only === undefined) throw new TypeError('A tree has one leaf or more')
        if (count === 1) return only
        count = Math.ceil(count / BLOCK_LEAVES)
        for (let place = 0; place < count; place++) {
          const part = below.slice(place * BLOCK_LEAVES, (place + 1) * BLOCK_LEAVES)
          await writeBlock(level + 1, place, Buffer.concat(part))
        }
      }
    },
  }
}
