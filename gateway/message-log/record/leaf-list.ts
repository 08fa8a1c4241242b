/**
 * The leaves of a growing batch, one behind the other in memory of their own. A list of buffers would do the same, but
 * each would keep the 64 KiB alive that Node cut it from: some 60 MiB for a batch of 10,000 records.
 */

import { HASH_BYTES } from '../../protocol/hash-tree.ts'

export interface LeafList {
  readonly count: number
  /** `batch-leaves.bin`. Good until the next change. */
  readonly octets: Buffer
  add(leaf: Uint8Array): void
  clear(): void
}

const LEAVES_AT_FIRST = 1024

export function openLeafList(): LeafList {
  let space = Buffer.alloc(LEAVES_AT_FIRST * HASH_BYTES)
  let end = 0
  return {
    get count() {
      return end / HASH_BYTES
    },
    get octets() {
      return space.subarray(0, end)
    },
    add(leaf) {
      if (leaf.length !== HASH_BYTES) throw new TypeError('A leaf is a SHA-256 hash')
      if (end === space.length) space = Buffer.concat([space, Buffer.alloc(space.length)])
      space.set(leaf, end)
      end += HASH_BYTES
    },
    clear() {
      end = 0
    },
  }
}
