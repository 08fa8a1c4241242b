/**
 * Are the renewals those that were made? Every tree is computed again from what is stored, up to a token of an authority that
 * is believed; of time-stamp renewals the leaves as well. RFC 4998 §5.2 and §5.3. The leaves of hash-tree renewals are as
 * dear as the renewal was: they are looked at where the evidence of a record is put together. That nothing is missing which
 * that needs is seen here.
 */

import { setImmediate as turn } from 'node:timers/promises'
import { rootOf, treeLevels } from '../../protocol/tree-levels.ts'
import type { LogReader } from '../reading/reader.ts'
import { BLOCK_LEAVES } from '../reading/renewal-tree.ts'
import { openRenewalRuns, tokensIn } from '../reading/renewals.ts'
import type { Renewal, StoredRenewal } from '../record/stored-renewal.ts'
import { openRenewedLeaves } from '../renewal/renewal-leaves.ts'
import type { TimeStampAnchor } from './batch-check.ts'
import { openTokenCheck } from './batch-check.ts'
import { demand } from './damage.ts'

/** What a renewal that is done has. */
interface Done {
  readonly root: Buffer
  readonly token: Buffer
}

/** @throws {Damage} at the own record of the last batch that a renewal covers */
export async function checkRenewals(
  { store, contents }: Pick<LogReader, 'store' | 'contents'>,
  anchors: readonly TimeStampAnchor[],
): Promise<void> {
  const verifyToken = openTokenCheck(anchors)
  const renewals = openRenewalRuns(store)
  const { batches, trees } = store
  let count = 0

  async function check(renewal: StoredRenewal, { root, token: octets }: Done): Promise<void> {
    const { number, kind, digest, firstBatch, lastBatch } = renewal
    const [first, last] = [batches.numbered(firstBatch), batches.numbered(lastBatch)]
    const seq = last?.own ?? lastStamped()
    const say = (condition: boolean, message: string): void => demand(condition, seq, 'renewal', message)
    const covered = renewals.runs(firstBatch, lastBatch, number).reduce((sum, run) => sum + tokensIn(run), 0)
    const leaves = kind === 'time-stamp' ? covered : Number(last?.own) - Number(first?.first) + 1
    say(first !== undefined && renewal.leaves === leaves, 'A renewal is entered over something else')
    const token = verifyToken(octets, root, digest)
    say(token !== undefined, 'The token of a renewal holds for no authority that is believed')
    const { genTime, until } = token as NonNullable<typeof token>
    say(renewal.genTime === genTime && renewal.tokenUntil === until, 'The times of a renewal are entered as others')
    say(genTime > Number(last?.genTime), 'A renewal is older than what it renews')
    await checkTree(renewal, root, say)
    const lost = kind === 'time-stamp' ? undefined : trees.bodyWithoutHash(Number(first?.first), seq, number)
    demand(
      lost === undefined,
      lost ?? seq,
      'renewal',
      'A renewal lost the hash of a body, without which it proves nothing',
    )
  }

  async function checkTree(renewal: Renewal, root: Buffer, say: (is: boolean, message: string) => void): Promise<void> {
    const { number, digest, leaves, kind } = renewal
    const source = kind === 'time-stamp' ? openRenewedLeaves(store, contents, renewal) : undefined
    let expected: Buffer | undefined
    for (let level = 0, count = leaves; ; level++) {
      const roots: Buffer[] = []
      for (const { place, root: stored, hashes } of trees.blocks(number, level)) {
        const at = roots.length * BLOCK_LEAVES
        const size = Math.min(BLOCK_LEAVES, count - at) * root.length
        const isWhole = place === roots.length && hashes.length === size
        say(isWhole, 'A part of the tree of a renewal is missing')
        const made = rootOf(treeLevels(hashes, digest))
        say(made.equals(stored), 'The tree of a renewal is another')
        if (level === 0 && source !== undefined) {
          const block = await source.read(at, size / root.length)
          say(block.leaves.equals(hashes), 'A renewal covers other tokens')
        } else if (level > 0) {
          say(
            expected?.subarray(at * root.length, at * root.length + size).equals(hashes) === true,
            'A level is another',
          )
        }
        roots.push(made)
      }
      say(roots.length === Math.ceil(count / BLOCK_LEAVES), 'A part of the tree of a renewal is missing')
      expected = Buffer.concat(roots)
      if (roots.length === 1) break
      count = roots.length
      await turn()
    }
    say(expected.equals(root), 'The tree of a renewal leads to another root')
  }

  /** The own record of the last batch that is time-stamped. */
  function lastStamped(): number {
    return batches.numbered(renewals.stampedTo())?.own ?? 1
  }

  for (const renewal of store.renewals.all()) {
    // Each may have hashed the one before it.
    demand(renewal.number === count + 1, lastStamped(), 'renewal', 'A renewal is missing')
    const { root, token } = renewal
    if (root !== null && token !== null) await check(renewal, { root, token })
    count += 1
  }
}
