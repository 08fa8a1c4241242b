/**
 * Puts the evidence of a record together from what is stored once for many: the tree and token of its batch, and those of
 * every renewal since. RFC 4998 §4.3, §5.2 and §5.3.
 */

import type { ArchiveTimeStampChain } from '../../protocol/evidence-record.ts'
import {
  formatArchiveTimeStamp,
  formatArchiveTimeStampSequence,
  renewedHash,
  renewedLeaf,
} from '../../protocol/evidence-record.ts'
import { groupLeaf } from '../../protocol/hash-tree.ts'
import { hashOf } from '../../protocol/sha2.ts'
import type { DigestName } from '../../protocol/signed-data.ts'
import type { TreeLevels } from '../../protocol/tree-levels.ts'
import { siblingsOf, treeLevels } from '../../protocol/tree-levels.ts'
import type { StampedRenewal } from '../record/stored-renewal.ts'
import type { LogStore } from '../store/log-store.ts'
import type { Group } from './object-group.ts'
import type { TreeReader } from './renewal-tree.ts'
import { openTreeReader } from './renewal-tree.ts'
import type { RenewalRuns, Run } from './renewals.ts'
import { openRenewalRuns, tokenIndex } from './renewals.ts'

type ChainStore = Pick<LogStore, 'records' | 'batches' | 'renewals' | 'trees'>

export interface EvidenceChains {
  readonly renewals: RenewalRuns
  /**
   * @param before only what there was before the renewal of that number
   * @returns nothing before the record's batch is time-stamped
   * @throws {Error} when what is stored does not fit together
   */
  of(group: Group, before?: number): ArchiveTimeStampChain[] | undefined
}

/** A batch with what all its records have in common. */
interface StampedBatch {
  readonly number: number
  readonly first: number
  readonly last: number
  /** The batch's own record. */
  readonly own: number
  readonly token: Buffer
  readonly tree: TreeLevels
  readonly before: number
  readonly renewals: readonly StampedRenewal[]
  /** Of time-stamp renewals: they are the same for all records of the batch. */
  readonly common: Map<number, Buffer>
}

const NO_RENEWAL = Number.MAX_SAFE_INTEGER
/** Trees of batches kept at a time: an exchange has its records in two or three. Of ten thousand records, 640 KB each. */
const TREES_MAX = 4

export function openEvidenceChains(store: ChainStore): EvidenceChains {
  const renewals = openRenewalRuns(store)
  const trees: TreeReader = openTreeReader(store.trees)
  /** By batch, the one asked for last at the end: a closed batch never changes. */
  const batchTrees = new Map<number, TreeLevels>()
  const starts = new Map<number, number>()
  const runs = new Map<number, readonly Run[]>()
  let latest: StampedBatch | undefined

  function of(group: Group, before = NO_RENEWAL): ArchiveTimeStampChain[] | undefined {
    const batch = batchAround(group.seq, before)
    if (batch === undefined) return undefined
    const chains: { digest: DigestName; stamps: Buffer[] }[] = []
    const hashes = [...group.hashes].sort(Buffer.compare)
    if (!groupLeaf(hashes).equals(group.leaf)) throw new Error(`Record ${group.seq} is not what its leaf says`)
    const index = group.seq === batch.own ? 0 : group.seq - batch.first + 1
    const tree = [hashes, ...siblingsOf(batch.tree, index).map((sibling) => [sibling])]
    chains.push({ digest: 'sha256', stamps: [formatArchiveTimeStamp(tree, batch.token)] })
    let token = batch.token
    for (const renewal of batch.renewals) {
      if (renewal.kind === 'time-stamp') chains.at(-1)?.stamps.push(timeStampRenewal(batch, renewal, token))
      else chains.push({ digest: renewal.digest, stamps: [hashTreeRenewal(group, renewal, chains)] })
      token = renewal.token
    }
    return chains
  }

  function batchAround(seq: number, before: number): StampedBatch | undefined {
    if (latest !== undefined && latest.before === before && before !== NO_RENEWAL) {
      if (seq >= latest.first && seq <= latest.own) return latest
    }
    const found = store.batches.of(seq)
    if (found === undefined || found.token === null) return undefined
    const { number, first, last, own, token } = found
    latest = {
      ...{ number, first, last, own, before, token },
      tree: treeOf({ number, first, last, own }),
      renewals: renewals.of(number, before),
      common: new Map(),
    }
    return latest
  }

  function treeOf({ number, first, last, own }: Pick<StampedBatch, 'number' | 'first' | 'last' | 'own'>): TreeLevels {
    const tree = batchTrees.get(number) ?? batchTree(own, first, last)
    batchTrees.delete(number)
    batchTrees.set(number, tree)
    const [oldest] = batchTrees.keys()
    if (batchTrees.size > TREES_MAX && oldest !== undefined) batchTrees.delete(oldest)
    return tree
  }

  /** Group 0, the batch's own record, comes first. */
  function batchTree(own: number, first: number, last: number): TreeLevels {
    const leaves = [...store.records.leaves(own, own), ...store.records.leaves(first, last)]
    return treeLevels(Buffer.concat(leaves), 'sha256')
  }

  function timeStampRenewal({ number, common }: StampedBatch, renewal: StampedRenewal, token: Buffer): Buffer {
    const known = common.get(renewal.number)
    if (known !== undefined) return known
    const { digest, leaves } = renewal
    const leaf = hashOf(digest, token)
    const tree = { renewal: renewal.number, digest, leaves }
    const siblings = trees.siblings(tree, tokenIndex(runsOf(renewal), number), leaf)
    // Also where it covers nothing else and RFC 4998 §5.2 would let the tree go: one form for all.
    const made = formatArchiveTimeStamp([[leaf], ...siblings.map((sibling) => [sibling])], renewal.token)
    common.set(renewal.number, made)
    return made
  }

  function hashTreeRenewal(group: Group, renewal: StampedRenewal, chains: readonly ArchiveTimeStampChain[]): Buffer {
    const { number, digest, leaves, firstBatch } = renewal
    const body = store.trees.bodyHash(group.seq, number)
    const objects = group.objects.map((octets) => hashOf(digest, octets))
    if (body !== undefined) objects.push(body)
    const hashes = renewedHashes(digest, objects, chains)
    const leaf = renewedLeaf(digest, hashes)
    const siblings = trees.siblings({ renewal: number, digest, leaves }, group.seq - startOf(firstBatch), leaf)
    return formatArchiveTimeStamp([hashes, ...siblings.map((sibling) => [sibling])], renewal.token)
  }

  /** A renewal's runs never change, nor does where a batch begins. */
  function runsOf({ number, firstBatch, lastBatch }: StampedRenewal): readonly Run[] {
    const found = runs.get(number) ?? renewals.runs(firstBatch, lastBatch, number)
    runs.set(number, found)
    return found
  }

  function startOf(batch: number): number {
    const found = starts.get(batch) ?? Number(store.batches.numbered(batch)?.first)
    starts.set(batch, found)
    return found
  }

  return { renewals, of }
}

/**
 * The first list of a group in a renewed tree.
 *
 * @param objects hashes of what there is to hash, in the new algorithm
 */
export function renewedHashes(
  digest: DigestName,
  objects: readonly Buffer[],
  chains: readonly ArchiveTimeStampChain[],
): Buffer[] {
  const sequence = hashOf(digest, formatArchiveTimeStampSequence(chains))
  return objects.map((object) => renewedHash(digest, object, sequence)).sort(Buffer.compare)
}
