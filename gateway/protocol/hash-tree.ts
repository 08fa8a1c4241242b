/** The hash tree of a batch and the path of one record through it. RFC 4998 §4.2 and §4.3, SHA-256 only. */

import { hash } from 'node:crypto'

export const HASH_BYTES = 32

/** One record's way up: the hashes of its group, sorted, then for each level that has a sibling that sibling alone. */
export type ReducedHashTree = readonly (readonly Buffer[])[]

export function sha256(octets: Uint8Array): Buffer {
  return Buffer.from(hash('sha256', octets, 'latin1'), 'latin1')
}

export function sha256Hex(octets: Uint8Array): string {
  return hash('sha256', octets, 'hex')
}

/** A data object group's leaf: the hash of its sorted, concatenated hashes; one hash stands for itself. */
export function groupLeaf(hashes: readonly Buffer[]): Buffer {
  return Buffer.from(groupLeafHex(hashes.map((each) => each.toString('hex'))), 'hex')
}

/** The same of hashes as text, in lower case: its order is that of the octets. */
export function groupLeafHex(hashes: readonly string[]): string {
  const [only] = hashes
  if (only === undefined) throw new TypeError('A group has at least one object')
  return hashes.length === 1 ? only : sha256Hex(Buffer.from(hashes.toSorted().join(''), 'hex'))
}

/** @param leaves in the order of the tree, at least one */
export function treeRoot(leaves: readonly Buffer[]): Buffer {
  let level = leaves
  while (level.length > 1) level = levelAbove(level)
  return checked(level[0])
}

const pair = Buffer.alloc(2 * HASH_BYTES)

function levelAbove(level: readonly Buffer[]): Buffer[] {
  const above: Buffer[] = []
  for (let at = 0; at < level.length; at += 2) {
    const left = checked(level[at])
    const right = level[at + 1]
    // An odd node moves up unchanged.
    above.push(right === undefined ? left : node(left, right))
  }
  return above
}

function node(a: Buffer, b: Buffer): Buffer {
  const [first, second] = Buffer.compare(a, b) <= 0 ? [a, b] : [b, a]
  pair.set(first, 0)
  pair.set(second, HASH_BYTES)
  return sha256(pair)
}

function checked(hash: Buffer | undefined): Buffer {
  if (hash?.length !== HASH_BYTES) throw new TypeError('A hash is missing or not SHA-256')
  return hash
}
