/**
 * The leaves of a renewal: hashes of the tokens it covers, RFC 4998 §5.2, or of the records and their evidence so far, §5.3.
 *
 * A record's renewed group is what is still there: an erased body, or one that never was kept, is not in it, but its
 * SHA-256 is, in `log-record.json` and in the evidence so far. Of a record that is erased as a whole, or that does not hold,
 * the new tree has the hash of its old leaf.
 */

import { createHash } from 'node:crypto'
import { renewedLeaf } from '../../protocol/evidence-record.ts'
import { sha256 } from '../../protocol/hash-tree.ts'
import { hashOf } from '../../protocol/sha2.ts'
import type { DigestName } from '../../protocol/signed-data.ts'
import type { Contents } from '../reading/contents.ts'
import type { EvidenceChains } from '../reading/evidence-chains.ts'
import { openEvidenceChains, renewedHashes } from '../reading/evidence-chains.ts'
import type { Group } from '../reading/object-group.ts'
import { readGroup } from '../reading/object-group.ts'
import { openRenewalRuns, tokenIndex } from '../reading/renewals.ts'
import { ArchiveError } from '../record/archive-error.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import type { Renewal } from '../record/stored-renewal.ts'
import type { LogStore } from '../store/log-store.ts'

export interface RenewedLeaves {
  read(from: number, count: number): Promise<LeafBlock>
  flaws(): { readonly erased: number; readonly damaged: readonly number[] }
}

export interface LeafBlock {
  readonly leaves: Buffer
  /** New hashes of bodies, which may be erased later. */
  readonly bodies: readonly { readonly seq: number; readonly hash: Buffer }[]
}

/** Records read at a stretch; fewer where they are large. */
const CHUNK = 128
const DAMAGED_MAX = 100

export function openRenewedLeaves(store: LogStore, contents: Contents, renewal: Renewal): RenewedLeaves {
  return renewal.kind === 'time-stamp' ? tokenLeaves(store, renewal) : recordLeaves(store, contents, renewal)
}

function tokenLeaves(store: LogStore, { number, digest, firstBatch, lastBatch }: Renewal): RenewedLeaves {
  const runs = openRenewalRuns(store).runs(firstBatch, lastBatch, number)

  function* tokens(from: number, count: number): Generator<Uint8Array> {
    for (const { first, last, renewal } of runs) {
      const at = tokenIndex(runs, first)
      if (renewal !== undefined) {
        if (at >= from && at < from + count) yield tokenOf(renewal)
        continue
      }
      const begin = first + Math.max(0, from - at)
      const end = Math.min(last, first + from + count - 1 - at)
      if (begin > end) continue
      yield* store.batches.tokens(begin, end)
    }
  }

  function tokenOf(renewal: number): Buffer {
    const token = store.renewals.get(renewal)?.token ?? null
    if (token === null) throw new Error(`Renewal ${renewal} is not done`)
    return token
  }

  return {
    async read(from, count) {
      return { leaves: Buffer.concat([...tokens(from, count)].map((token) => hashOf(digest, token))), bodies: [] }
    },
    flaws: () => ({ erased: 0, damaged: [] }),
  }
}

function recordLeaves(store: LogStore, contents: Contents, { number, digest, firstBatch }: Renewal): RenewedLeaves {
  const chains = openEvidenceChains(store)
  const { scan } = store.records
  const start = Number(store.batches.numbered(firstBatch)?.first)
  const damaged: number[] = []
  let erased = 0

  async function leafOf(row: StoredRecord, bodies: { seq: number; hash: Buffer }[]): Promise<Buffer> {
    try {
      const stored = contents.complete(row)
      const group = readGroup(stored, contents)
      if (group !== undefined) {
        const body = await hashBody(stored, group, contents, digest)
        const leaf = groupLeafOf(group, body, { chains, digest, number })
        if (body !== undefined) bodies.push({ seq: row.seq, hash: body })
        return leaf
      }
      erased += 1
    } catch (error) {
      // An archive file that is not at hand can be brought back; without it nothing of it would be renewed.
      if (error instanceof ArchiveError) throw error
      if (damaged.length < DAMAGED_MAX) damaged.push(row.seq)
    }
    return hashOf(digest, bufferOf(row.leaf))
  }

  return {
    async read(from, count) {
      const leaves: Buffer[] = []
      const bodies: LeafBlock['bodies'][number][] = []
      let seq = start + from
      while (leaves.length < count) {
        const rows = scan(seq - 1, Math.min(CHUNK, count - leaves.length))
        for (const row of rows) {
          if (row.seq === seq) leaves.push(await leafOf(row, bodies))
          seq += 1
        }
        if (leaves.length !== seq - start - from || rows.length === 0) {
          throw new Error('Records are missing: the log has to be verified first')
        }
      }
      return { leaves: Buffer.concat(leaves), bodies }
    },
    flaws: () => ({ erased, damaged }),
  }
}

/** @throws {Error} when an object is not what was recorded: it must not be given a new hash */
function groupLeafOf(
  group: Group,
  body: Buffer | undefined,
  { chains, digest, number }: { chains: EvidenceChains; digest: DigestName; number: number },
): Buffer {
  for (const object of group.objects) {
    const found = sha256(object)
    if (!group.hashes.some((hash) => hash.equals(found))) throw new Error('An object is not the one that was recorded')
  }
  const soFar = chains.of(group, number)
  if (soFar === undefined) throw new Error('The batch has no time-stamp')
  const objects = group.objects.map((octets) => hashOf(digest, octets))
  if (body !== undefined) objects.push(body)
  return renewedLeaf(digest, renewedHashes(digest, objects, soFar))
}

/** @returns nothing where no body is kept @throws {Error} when it is not what was recorded */
async function hashBody(
  stored: StoredRecord,
  { bodySha256 }: Group,
  contents: Contents,
  digest: DigestName,
): Promise<Buffer | undefined> {
  if (bodySha256 === undefined) return undefined
  const [old, made] = [createHash('sha256'), createHash(digest)]
  const stream = contents.bodyStream(stored)
  if (stream === undefined) {
    const body = contents.body(stored)
    if (body === undefined) return undefined
    if (!sha256(body).equals(bodySha256)) throw new Error('The body is not the one that was recorded')
    return hashOf(digest, body)
  }
  for await (const part of stream as AsyncIterable<Buffer>) {
    old.update(part)
    made.update(part)
  }
  if (!old.digest().equals(bodySha256)) throw new Error('The body is not the one that was recorded')
  return made.digest()
}
