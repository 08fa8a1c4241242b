/**
 * A hash tree with all its levels, as flat octets, for whoever needs many ways through it. RFC 4998 §4.2.
 *
 * Cut into blocks of a power of two, whose roots are the leaves of the next tree, a tree has the same nodes as uncut: an
 * odd node moves up unchanged in either.
 */

import { hashOf } from './sha2.ts'
import type { DigestName } from './signed-data.ts'
import { DIGEST_BYTES } from './signed-data.ts'

export interface TreeLevels {
  readonly digest: DigestName
  /** Leaves first; the last is the root alone. */
  readonly levels: readonly Buffer[]
}

/** @param leaves one after the other, at least one */
export function treeLevels(leaves: Buffer, digest: DigestName): TreeLevels {
  const bytes = DIGEST_BYTES[digest]
  if (leaves.length === 0 || leaves.length % bytes !== 0) throw new TypeError('The leaves are not whole hashes')
  const levels = [leaves]
  for (let level = leaves; level.length > bytes; levels.push(level)) level = levelAbove(level, digest, bytes)
  return { digest, levels }
}

export function rootOf({ levels }: TreeLevels): Buffer {
  return levels.at(-1) as Buffer
}

/** The siblings on the way from a leaf to the root, upwards. */
export function siblingsOf({ digest, levels }: TreeLevels, index: number): Buffer[] {
  const bytes = DIGEST_BYTES[digest]
  const siblings: Buffer[] = []
  let at = index
  for (const level of levels.slice(0, -1)) {
    const from = (at ^ 1) * bytes
    if (from < level.length) siblings.push(level.subarray(from, from + bytes))
    at >>= 1
  }
  return siblings
}

function levelAbove(level: Buffer, digest: DigestName, bytes: number): Buffer {
  const count = level.length / bytes
  const above = Buffer.allocUnsafe(Math.ceil(count / 2) * bytes)
  const pair = Buffer.allocUnsafe(2 * bytes)
  for (let at = 0; at < count; at += 2) {
    const left = level.subarray(at * bytes, (at + 1) * bytes)
    const target = (at / 2) * bytes
    if (at + 1 === count) {
      above.set(left, target)
      continue
    }
    const right = level.subarray((at + 1) * bytes, (at + 2) * bytes)
    const isAscending = Buffer.compare(left, right) <= 0
    pair.set(isAscending ? left : right, 0)
    pair.set(isAscending ? right : left, bytes)
    above.set(hashOf(digest, pair), target)
  }
  return above
}
