/** The DER of one record's evidence. RFC 4998 §3.1 and §4.1, profile TR-ESOR-ERS Basis: SHA-256, no optional members. */

import { contextTag, writeDer, writeInteger, writeOctets, writeOid, writeSequence } from './der.ts'
import type { ReducedHashTree } from './hash-tree.ts'

const SHA_256 = '2.16.840.1.101.3.4.2.1'

/**
 * @param tree from `reduceHashTree`
 * @param token ContentInfo of the RFC 3161 token over the root, DER
 */
export function formatEvidenceRecord(tree: ReducedHashTree, token: Buffer): Buffer {
  const lists = tree.map((hashes) => writeSequence(...hashes.map(writeOctets)))
  const timeStamp = writeSequence(writeDer(contextTag(2), ...lists), token)
  const chain = writeSequence(timeStamp)
  const algorithms = writeSequence(writeSequence(writeOid(SHA_256)))
  return writeSequence(writeInteger(1), algorithms, writeSequence(chain))
}
