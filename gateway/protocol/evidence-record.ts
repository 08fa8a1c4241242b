/**
 * The DER of one record's evidence, with its renewals. RFC 4998 §3.1, §4.1, §5.2 and §5.3, profile TR-ESOR-ERS Basis: no
 * optional members but the reduced hash tree.
 */

import { contextTag, writeDer, writeInteger, writeOctets, writeSequence } from './der.ts'
import type { ReducedHashTree } from './hash-tree.ts'
import { digestIdentifier, hashOf } from './sha2.ts'
import type { DigestName } from './signed-data.ts'

/** Archive time-stamps of one algorithm, each covering the one before. */
export interface ArchiveTimeStampChain {
  readonly digest: DigestName
  /** DER, in the order of time. */
  readonly stamps: readonly Buffer[]
}

/** @param token ContentInfo of the RFC 3161 token over the root, DER */
export function formatArchiveTimeStamp(tree: ReducedHashTree, token: Buffer): Buffer {
  const lists = tree.map((hashes) => writeSequence(...hashes.map(writeOctets)))
  return writeSequence(writeDer(contextTag(2), ...lists), token)
}

/** ArchiveTimeStampSequence: what a renewal of the hash tree hashes. */
export function formatArchiveTimeStampSequence(chains: readonly ArchiveTimeStampChain[]): Buffer {
  return writeSequence(...chains.map(({ stamps }) => writeSequence(...stamps)))
}

export function formatEvidence(chains: readonly ArchiveTimeStampChain[]): Buffer {
  const digests = [...new Set(chains.map(({ digest }) => digest))]
  const algorithms = writeSequence(...digests.map(digestIdentifier))
  return writeSequence(writeInteger(1), algorithms, formatArchiveTimeStampSequence(chains))
}

/**
 * What of an object a renewed tree has in its first list: H(H(object) ‖ H(sequence)), concatenated in this order, not
 * sorted. RFC 4998 §5.3.
 *
 * @param object its hash in the new algorithm
 * @param sequence hash of the ArchiveTimeStampSequence so far, in the new algorithm
 */
export function renewedHash(digest: DigestName, object: Uint8Array, sequence: Uint8Array): Buffer {
  return hashOf(digest, Buffer.concat([object, sequence]))
}

/** The leaf of a group in any algorithm: the hash of its sorted, concatenated hashes; one stands for itself. */
export function renewedLeaf(digest: DigestName, hashes: readonly Buffer[]): Buffer {
  const [only] = hashes
  if (only === undefined) throw new TypeError('A group has at least one object')
  return hashes.length === 1 ? only : hashOf(digest, Buffer.concat([...hashes].sort(Buffer.compare)))
}
