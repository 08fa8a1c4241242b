/** SHA-2 as evidence uses it: hashing, and how an algorithm is named. FIPS 180-4, RFC 5754 §2. */

import { hash } from 'node:crypto'
import { writeOid, writeSequence } from './der.ts'
import type { DigestName } from './signed-data.ts'
import { DIGESTS } from './signed-data.ts'

const OIDS = new Map(Object.entries(DIGESTS).map(([id, digest]) => [digest, id]))

/** AlgorithmIdentifier, parameters absent. */
export function digestIdentifier(digest: DigestName): Buffer {
  return writeSequence(writeOid(OIDS.get(digest) as string))
}

/** Out of Node's pool of small buffers: half the price of a buffer of its own. */
export function hashOf(digest: DigestName, octets: Uint8Array): Buffer {
  return Buffer.from(hash(digest, octets, 'latin1'), 'latin1')
}
