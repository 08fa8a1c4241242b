/**
 * Renews the evidence of a log as a whole: one new tree and one token for everything it covers. RFC 4998 §5.2 and §5.3.
 *
 * Works beside the gateway with a connection of its own, in transactions of a few milliseconds that wait for no disk: a
 * stop at any point costs the last of them, and the next run goes on from there. Only the token at the end is synced.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { DigestName } from '../protocol/signed-data.ts'
import { openRenewedLeaves } from './renewal-leaves.ts'
import type { RenewalPlan } from './renewal-plan.ts'
import { planRenewal } from './renewal-plan.ts'
import { BLOCK_LEAVES, openTreeWriter } from './renewal-tree.ts'
import type { Renewal } from './renewals.ts'
import { openRenewals } from './renewals.ts'
import type { Contents } from './stored-record.ts'
import type { Stamped } from './time-stamp-client.ts'

export interface RenewingDeps {
  /** Open for writing. */
  readonly database: DatabaseSync
  readonly contents: Contents
  readonly now: () => number
  readonly stamp: (imprint: Buffer, digest: DigestName) => Promise<Pick<Stamped, 'token' | 'genTime' | 'until'>>
  readonly report?: (progress: RenewalProgress) => void
  /** Waits between two blocks, so that others get their turn. @param workedMs what the last one took */
  readonly rest?: (workedMs: number) => Promise<void>
  readonly wait: (ms: number) => Promise<void>
  readonly signal?: AbortSignal
}

export interface RenewalProgress {
  readonly kind: Renewal['kind']
  readonly digest: DigestName
  readonly done: number
  readonly of: number
}

export interface Renewed extends Renewal {
  /** Time in the new token. */
  readonly genTime: number
  readonly until: number
  /** Records of which only the old leaf is covered: erased ones, and those that do not hold. Hash-tree renewals only. */
  readonly erased: number
  readonly damaged: readonly number[]
}

/** Folded into the database after this much, so that the WAL stays small while nobody else writes. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024
/** Of a row with the hash of a body. */
const BODY_BYTES = 100
/** Authorities whose clocks differ may give a time that is not after what is renewed. */
const STAMPS_MAX = 5
/** Batches stamped last, among which is the one with the latest time: authorities take turns. */
const NEWEST_BATCHES = 64

/**
 * Ends what was begun before, then renews the rest.
 *
 * @param hash as `planRenewal`
 * @throws {Error} when it has to stop; nothing is lost, it can go on later
 */
export async function renewLog(deps: RenewingDeps, hash?: DigestName): Promise<Renewed[]> {
  const { database } = deps
  const renewals = openRenewals(database)
  const renewed: Renewed[] = []
  const begun = renewals.unfinished()
  if (begun !== undefined) renewed.push(await carryOut(deps, begun))
  for (const plan of planRenewal(database, hash)) {
    if (begun !== undefined && isCovered(plan, begun, hash)) continue
    renewed.push(await carryOut(deps, begin(deps, plan)))
  }
  return renewed
}

/** What was just ended need not be done again. */
function isCovered(plan: RenewalPlan, begun: Renewal, hash: DigestName | undefined): boolean {
  const isSame = hash === undefined ? begun.digest === plan.digest : begun.digest === hash
  return isSame && plan.firstBatch >= begun.firstBatch && plan.firstBatch <= begun.lastBatch
}

function begin({ database, now }: RenewingDeps, plan: RenewalPlan): Renewal {
  const { kind, digest, firstBatch, lastBatch, leaves } = plan
  const values = [kind, digest, firstBatch, lastBatch, leaves, now()]
  const { lastInsertRowid } = database
    .prepare(
      `INSERT INTO renewal (kind, digest, first_batch, last_batch, leaves, began_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
    )
    .run(...values)
  return { number: Number(lastInsertRowid), kind, digest, firstBatch, lastBatch, leaves }
}

async function carryOut(deps: RenewingDeps, renewal: Renewal): Promise<Renewed> {
  const { database, contents, now, signal, report = () => {}, rest = async () => {} } = deps
  const { number, kind, digest, leaves } = renewal
  const tree = openTreeWriter(database, { renewal: number, digest })
  const insertBody = database.prepare(
    'INSERT INTO renewal_body SELECT seq, ?, ? FROM content WHERE seq = ? ON CONFLICT DO NOTHING',
  )
  const transact = transactor(database)
  const source = openRenewedLeaves(database, contents, renewal)
  // Not synced: what a crash takes away is made again.
  database.exec('PRAGMA synchronous = NORMAL')
  report({ kind, digest, done: tree.written, of: leaves })
  while (tree.written < leaves) {
    signal?.throwIfAborted()
    const began = now()
    const block = await source.read(tree.written, Math.min(BLOCK_LEAVES, leaves - tree.written))
    transact(block.leaves.length + block.bodies.length * BODY_BYTES, () => {
      tree.addBlock(block.leaves)
      for (const { seq, hash } of block.bodies) insertBody.run(number, hash, seq)
    })
    report({ kind, digest, done: tree.written, of: leaves })
    await rest(now() - began)
  }
  const root = tree.finish((work) => transact(BLOCK_LEAVES, work))
  const stamped = await stampAfter(deps, renewal, root)
  const { token, genTime, until } = stamped
  database.exec('PRAGMA synchronous = FULL')
  database
    .prepare('UPDATE renewal SET root = ?, token = ?, gen_time = ?, token_until = ? WHERE number = ?')
    .run(root, token, genTime, until, number)
  return { ...renewal, genTime, until, ...source.flaws() }
}

/** @returns a token whose second is after that of every token it covers. RFC 4998 §5.3: time-stamps ascend. */
async function stampAfter(
  deps: RenewingDeps,
  { lastBatch, digest }: Renewal,
  root: Buffer,
): ReturnType<RenewingDeps['stamp']> {
  const { database, stamp, wait, now, signal } = deps
  const newest = database.prepare(
    `SELECT max(at) AS at FROM (
       SELECT gen_time AS at FROM batch WHERE number > ? AND number <= ? UNION ALL SELECT gen_time FROM renewal)`,
  )
  const after = secondOf(Number(newest.get(lastBatch - NEWEST_BATCHES, lastBatch)?.['at'] ?? 0)) + 1000
  for (let asked = 0; asked < STAMPS_MAX; asked++) {
    signal?.throwIfAborted()
    if (now() < after) await wait(after - now())
    const stamped = await stamp(root, digest)
    if (stamped.genTime >= after) return stamped
    await wait(after - stamped.genTime)
  }
  throw new Error('The authorities give times that are not after those of the tokens to renew')
}

function secondOf(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

function transactor(database: DatabaseSync): (octets: number, work: () => void) => void {
  let written = 0
  return (octets, work) => {
    database.exec('BEGIN IMMEDIATE')
    try {
      work()
      database.exec('COMMIT')
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
    written += octets
    if (written < CHECKPOINT_BYTES) return
    written = 0
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
  }
}
