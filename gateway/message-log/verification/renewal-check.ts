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
import type { Renewal } from '../reading/renewals.ts'
import { openRenewals, renewalOf, tokensIn } from '../reading/renewals.ts'
import { bufferOf } from '../record/stored-record.ts'
import { openRenewedLeaves } from '../renewal/renewal-leaves.ts'
import type { TimeStampAnchor } from './batch-check.ts'
import { openTokenCheck } from './batch-check.ts'
import { demand } from './damage.ts'

type Row = Readonly<Record<string, unknown>>

/** @throws {Damage} at the own record of the last batch that a renewal covers */
export async function checkRenewals(
  { database, contents }: Pick<LogReader, 'database' | 'contents'>,
  anchors: readonly TimeStampAnchor[],
): Promise<void> {
  const verifyToken = openTokenCheck(anchors)
  const renewals = openRenewals(database)
  const batchOf = database.prepare('SELECT first, seq, gen_time FROM batch WHERE number = ?')
  const nodesOf = database.prepare(
    'SELECT place, root, hashes FROM renewal_node WHERE renewal = ? AND level = ? ORDER BY place',
  )
  // Bodies that are kept: those of messages have a share of their own, those of the log's own records stand open.
  const bodyWithoutHash = database.prepare(`
    SELECT record.seq FROM record JOIN content USING (seq) WHERE record.seq BETWEEN ? AND ?
    AND record_erased_at IS NULL AND body_erased_at IS NULL
    AND (body_share IS NOT NULL OR kind = 'batch' OR share IS NULL AND body IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM renewal_body WHERE renewal_body.seq = record.seq AND renewal = ?)
    ORDER BY record.seq LIMIT 1`)
  let count = 0

  async function check(row: Row): Promise<void> {
    const renewal = renewalOf(row)
    const { number, kind, digest, firstBatch, lastBatch } = renewal
    const [first, last] = [batchOf.get(firstBatch), batchOf.get(lastBatch)]
    const seq = Number(last?.['seq'] ?? batchOf.get(renewals.stampedTo())?.['seq'] ?? 1)
    const say = (condition: boolean, message: string): void => demand(condition, seq, 'renewal', message)
    const covered = renewals.runs(firstBatch, lastBatch, number).reduce((sum, run) => sum + tokensIn(run), 0)
    const leaves = kind === 'time-stamp' ? covered : Number(last?.['seq']) - Number(first?.['first']) + 1
    say(first !== undefined && renewal.leaves === leaves, 'A renewal is entered over something else')
    const token = verifyToken(bufferOf(row['token'] as Uint8Array), bufferOf(row['root'] as Uint8Array), digest)
    say(token !== undefined, 'The token of a renewal holds for no authority that is believed')
    const { genTime, until } = token as NonNullable<typeof token>
    say(row['gen_time'] === genTime && row['token_until'] === until, 'The times of a renewal are entered as others')
    say(genTime > Number(last?.['gen_time']), 'A renewal is older than what it renews')
    await checkTree(renewal, bufferOf(row['root'] as Uint8Array), say)
    const lost = kind === 'time-stamp' ? undefined : bodyWithoutHash.get(Number(first?.['first']), seq, number)
    const of = Number(lost?.['seq'] ?? seq)
    demand(lost === undefined, of, 'renewal', 'A renewal lost the hash of a body, without which it proves nothing')
  }

  async function checkTree(renewal: Renewal, root: Buffer, say: (is: boolean, message: string) => void): Promise<void> {
    const { number, digest, leaves, kind } = renewal
    const source = kind === 'time-stamp' ? openRenewedLeaves(database, contents, renewal) : undefined
    let expected: Buffer | undefined
    for (let level = 0, count = leaves; ; level++) {
      const roots: Buffer[] = []
      for (const node of nodesOf.iterate(number, level)) {
        const hashes = bufferOf(node['hashes'] as Uint8Array)
        const at = roots.length * BLOCK_LEAVES
        const size = Math.min(BLOCK_LEAVES, count - at) * root.length
        const isWhole = node['place'] === roots.length && hashes.length === size
        say(isWhole, 'A part of the tree of a renewal is missing')
        const made = rootOf(treeLevels(hashes, digest))
        say(made.equals(node['root'] as Uint8Array), 'The tree of a renewal is another')
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

  for (const row of database.prepare('SELECT * FROM renewal ORDER BY number').all()) {
    const seq = Number(batchOf.get(renewals.stampedTo())?.['seq'] ?? 1)
    // Each may have hashed the one before it.
    demand(row['number'] === count + 1, seq, 'renewal', 'A renewal is missing')
    if (row['token'] !== null) await check(row)
    count += 1
  }
}
