/**
 * Reads an evidence record and follows its hashes: from the objects through every tree, chain and renewal to what the
 * tokens are over. RFC 4998 §3.1, §4.3 and §5.3, profile TR-ESOR-ERS Basis: no optional member but the reduced tree.
 * Whether the tokens hold is for who knows the authorities.
 */

import { contextTag, integerOf, membersOf, octetsOf, oidOf, readDer, TAG, writeSequence } from './der.ts'
import type { ReducedHashTree } from './hash-tree.ts'
import { hashOf } from './sha2.ts'
import type { DigestName } from './signed-data.ts'
import { DIGEST_BYTES, DIGESTS } from './signed-data.ts'
import type { Token } from './time-stamp-token.ts'
import { readToken } from './time-stamp-token.ts'

/** Why a record does not hold. `group`: an object is not covered, or another is; `root`: a tree leads elsewhere. */
export type RecordFlaw = 'malformed' | 'group' | 'root' | 'order'

export class RecordError extends Error {
  override readonly name = 'RecordError'
  readonly flaw: RecordFlaw

  constructor(flaw: RecordFlaw, message: string, cause?: unknown) {
    super(message, { cause })
    this.flaw = flaw
  }
}

export interface ArchiveTimeStamp {
  readonly tree: ReducedHashTree
  /** ContentInfo, DER. */
  readonly token: Buffer
}

/** Time-stamps of one algorithm: the first over objects, each later one over the token before it. */
export interface Chain {
  readonly digest: DigestName
  readonly timeStamps: readonly ArchiveTimeStamp[]
  /** DER. */
  readonly octets: Buffer
}

export interface EvidenceRecord {
  /** The oldest first; each later one has hashed the ones before it anew. */
  readonly chains: readonly Chain[]
}

/** Taken from a memory of tokens, where many records share one. */
export type ReadToken = (token: Buffer) => Pick<Token, 'stamp'>

export const CHAINS_MAX = 16
export const TIME_STAMPS_MAX = 64
/** Levels of a tree; 2^40 leaves are more than there will be. */
const LISTS_MAX = 41
/** Objects of a group. */
const HASHES_MAX = 64

/** @param der exactly one EvidenceRecord @throws {RecordError} `malformed` */
export function readEvidenceRecord(der: Buffer, read: ReadToken = readToken): EvidenceRecord {
  try {
    const record = membersOf(readDer(der), TAG.sequence)
    demand(integerOf(record.next()) === 1n, 'The record is of another version')
    const algorithms = membersOf(record.next(), TAG.sequence)
    const named: DigestName[] = []
    while (algorithms.more) {
      const algorithm = membersOf(algorithms.next(), TAG.sequence)
      const digest = DIGESTS[oidOf(algorithm.next())]
      algorithm.end()
      demand(digest !== undefined && !named.includes(digest), 'A digest algorithm is none of SHA-2, or named twice')
      named.push(digest)
    }
    const sequence = membersOf(record.next(), TAG.sequence)
    // cryptoInfos and encryptionInfo would stand before, or anything after it.
    record.end()
    const chains: Chain[] = []
    while (sequence.more) {
      demand(chains.length < CHAINS_MAX, 'The record has too many chains')
      const value = sequence.next(TAG.sequence)
      const members = membersOf(value, TAG.sequence)
      const timeStamps: ArchiveTimeStamp[] = []
      const digests = new Set<DigestName>()
      while (members.more) {
        demand(timeStamps.length < TIME_STAMPS_MAX, 'A chain has too many time-stamps')
        const { timeStamp, digest } = readTimeStamp(members.next().octets, read)
        digests.add(digest)
        timeStamps.push(timeStamp)
      }
      const [digest, ...others] = digests
      demand(digest !== undefined && others.length === 0, 'A chain is empty or mixes algorithms')
      chains.push({ digest, timeStamps, octets: value.octets })
    }
    const used = new Set(chains.map(({ digest }) => digest))
    demand(
      chains.length > 0 && used.size === named.length && named.every((digest) => used.has(digest)),
      'The record names other digest algorithms than it uses',
    )
    return { chains }
  } catch (error) {
    throw error instanceof RecordError
      ? error
      : new RecordError('malformed', 'The record is not DER of its kind', error)
  }
}

function readTimeStamp(octets: Buffer, read: ReadToken): { timeStamp: ArchiveTimeStamp; digest: DigestName } {
  const members = membersOf(readDer(octets), TAG.sequence)
  // digestAlgorithm [0] and attributes [1] are absent: the token names the one, nobody needs the other.
  const lists = membersOf(members.next(contextTag(2)), contextTag(2))
  const token = members.next(TAG.sequence).octets
  members.end()
  const digest = read(token).stamp.imprintDigest
  const tree: Buffer[][] = []
  while (lists.more) {
    demand(tree.length < LISTS_MAX, 'A tree has too many levels')
    const list = membersOf(lists.next(), TAG.sequence)
    const hashes: Buffer[] = []
    while (list.more) {
      const hash = octetsOf(list.next())
      const before = hashes.at(-1)
      demand(hash.length === DIGEST_BYTES[digest], 'A hash is not as long as its digest')
      demand(before === undefined || Buffer.compare(before, hash) < 0, 'Hashes are not in order, or there twice')
      demand(hashes.length < HASHES_MAX, 'A list has too many hashes')
      hashes.push(hash)
    }
    demand(hashes.length > 0, 'A list is empty')
    tree.push(hashes)
  }
  demand(tree.length > 0, 'A tree is empty')
  return { timeStamp: { tree, token }, digest }
}

/** What is known of the group that a record should cover. */
export interface Group {
  /** Of every object, also of those known by digest only. */
  readonly sha256: readonly Buffer[]
  /** The same objects in the same order under another digest; nothing for those whose octets are not there. */
  under(digest: DigestName): readonly (Buffer | undefined)[]
}

/**
 * Follows the hashes of a record from a group to its tokens.
 *
 * @param group objects of the record, which must be all that the first lists name
 * @throws {RecordError} `group`, `root`, `order`
 * @returns how many of the objects the latest chain names that nobody can hash anew, since their octets are gone
 */
export function followRecord({ chains }: EvidenceRecord, group: Group, read: ReadToken = readToken): number {
  let latest = Number.NEGATIVE_INFINITY
  let unknown = 0
  for (const [at, { digest, timeStamps }] of chains.entries()) {
    let before: Buffer | undefined
    for (const { tree, token } of timeStamps) {
      const [first = []] = tree
      if (before === undefined) unknown = checkGroup(first, expectedHashes(chains.slice(0, at), digest, group))
      else if (!first.some((hash) => hash.equals(before as Buffer))) {
        throw new RecordError('group', 'A renewal is not over the time-stamp before it')
      }
      const { stamp } = read(token)
      if (!reducedTreeRoot(tree, digest).equals(stamp.imprint))
        throw new RecordError('root', 'A tree leads to another root')
      if (stamp.genTime <= latest) throw new RecordError('order', 'The times of the tokens do not ascend')
      latest = stamp.genTime
      before = hashOf(digest, token)
    }
  }
  return unknown
}

/** Later chains hash each object together with all chains before them: concatenated, not sorted. RFC 4998 §5.3 */
function expectedHashes(before: readonly Chain[], digest: DigestName, group: Group): readonly (Buffer | undefined)[] {
  if (before.length === 0) return digest === 'sha256' ? group.sha256 : group.under(digest)
  const sequence = hashOf(digest, writeSequence(...before.map(({ octets }) => octets)))
  return group.under(digest).map((hash) => hash && hashOf(digest, Buffer.concat([hash, sequence])))
}

/** @returns number of hashes that belong to objects whose octets are not there */
function checkGroup(list: readonly Buffer[], expected: readonly (Buffer | undefined)[]): number {
  const known = expected.filter((hash) => hash !== undefined)
  // The list is in order: where it has as many, one pass tells.
  if (known.length === list.length && known.length === expected.length) {
    known.sort(Buffer.compare)
    if (list.every((hash, at) => hash.equals(known[at] as Buffer))) return 0
  }
  if (!known.every((hash) => list.some((each) => each.equals(hash)))) {
    throw new RecordError('group', 'An object is not covered')
  }
  const unknown = list.length - new Set(known.map((hash) => hash.toString('latin1'))).size
  if (unknown > expected.length - known.length) throw new RecordError('group', 'Another object is in the group')
  return unknown
}

/** What a reduced hash tree leads to: the octets that were time-stamped. RFC 4998 §4.3. */
export function reducedTreeRoot(tree: ReducedHashTree, digest: DigestName): Buffer {
  let below: Buffer | undefined
  for (const list of tree) {
    const hashes = below === undefined ? list : [...list, below]
    below = hashes.length === 1 ? (hashes[0] as Buffer) : hashOf(digest, inOrder(hashes))
  }
  return below as Buffer
}

function inOrder(hashes: readonly Buffer[]): Buffer {
  const [one, other] = hashes as [Buffer, Buffer]
  if (hashes.length === 2) return Buffer.concat(Buffer.compare(one, other) <= 0 ? [one, other] : [other, one])
  return Buffer.concat([...hashes].sort(Buffer.compare))
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new RecordError('malformed', message)
}
