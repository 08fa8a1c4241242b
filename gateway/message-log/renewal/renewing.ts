/**
 * Renews the evidence of a log as a whole: one new tree and one token for everything it covers. RFC 4998 §5.2 and §5.3.
 *
 * Works beside the gateway with a connection of its own, in transactions of a few milliseconds that wait for no disk: a
 * stop at any point costs the last of them, and the next run goes on from there. Only the token at the end is synced.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { DigestName } from '../../protocol/signed-data.ts'
import type { Contents } from '../reading/contents.ts'
import { BLOCK_LEAVES, openTreeWriter } from '../reading/renewal-tree.ts'
import type { Renewal } from '../reading/renewals.ts'
import { openRenewals } from '../reading/renewals.ts'
import type { Turn } from '../store/sqlite/turns.ts'
import { openTurns } from '../store/sqlite/turns.ts'
import { openRenewedLeaves } from './renewal-leaves.ts'
import type { RenewalPlan, RenewalWish } from './renewal-plan.ts'
import { planRenewal } from './renewal-plan.ts'

export interface RenewingDeps {
  /** Open for writing. */
  readonly database: DatabaseSync
  readonly contents: Contents
  /** When it begins: milliseconds since the Unix epoch. */
  readonly at: number
  readonly stamp: RenewalStamp
  readonly report?: (progress: RenewalProgress) => void
  /** Waits between two blocks, so that others get their turn. @param workedMs what the last one took */
  readonly rest?: (workedMs: number) => Promise<void>
  readonly signal?: AbortSignal
}

/** @param after the token's time must not be before: time-stamps ascend, RFC 4998 §5.3 */
export type RenewalStamp = (root: Buffer, digest: DigestName, after: number) => Promise<RenewalToken>

export interface RenewalToken {
  readonly token: Uint8Array
  readonly genTime: number
  readonly until: number
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

interface Renewing extends RenewingDeps {
  readonly turn: Turn
}

/** Folded into the database after this much, so that the WAL stays small while nobody else writes. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024
/** Of a row with the hash of a body. */
const BODY_BYTES = 100
/** Batches stamped last, among which is the one with the latest time: authorities take turns. */
const NEWEST_BATCHES = 64

/**
 * Ends what was begun before, then renews the rest.
 *
 * @throws {Error} when it has to stop; nothing is lost, it can go on later
 */
export async function renewLog(given: RenewingDeps, wanted: RenewalWish = {}): Promise<Renewed[]> {
  const { database } = given
  const deps = { ...given, turn: openTurns(given) }
  const renewals = openRenewals(database)
  const renewed: Renewed[] = []
  const begun = renewals.unfinished()
  if (begun !== undefined) renewed.push(await carryOut(deps, begun))
  for (const plan of planRenewal(database, wanted)) {
    if (begun !== undefined && isCovered(plan, begun, wanted)) continue
    renewed.push(await carryOut(deps, await begin(deps, plan)))
  }
  return renewed
}

/** What was just ended need not be done again. */
function isCovered(plan: RenewalPlan, begun: Renewal, { hash }: RenewalWish): boolean {
  const isSame = hash === undefined ? begun.digest === plan.digest : begun.digest === hash
  return isSame && plan.firstBatch >= begun.firstBatch && plan.firstBatch <= begun.lastBatch
}

async function begin({ database, at, turn }: Renewing, plan: RenewalPlan): Promise<Renewal> {
  const { kind, digest, firstBatch, lastBatch, leaves } = plan
  const values = [kind, digest, firstBatch, lastBatch, leaves, at]
  const insert = database.prepare(
    `INSERT INTO renewal (kind, digest, first_batch, last_batch, leaves, began_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
  )
  const { lastInsertRowid } = await turn(() => insert.run(...values))
  return { number: Number(lastInsertRowid), kind, digest, firstBatch, lastBatch, leaves }
}

async function carryOut(deps: Renewing, renewal: Renewal): Promise<Renewed> {
  const { database, contents, stamp, signal, report = () => {}, rest = async () => {} } = deps
  const { number, kind, digest, leaves } = renewal
  const tree = openTreeWriter(database, { renewal: number, digest })
  const insertBody = database.prepare(
    'INSERT INTO renewal_body SELECT seq, ?, ? FROM content WHERE seq = ? ON CONFLICT DO NOTHING',
  )
  const transact = folding(deps)
  const source = openRenewedLeaves(database, contents, renewal)
  // Not synced: what a crash takes away is made again.
  database.exec('PRAGMA synchronous = NORMAL')
  report({ kind, digest, done: tree.written, of: leaves })
  while (tree.written < leaves) {
    signal?.throwIfAborted()
    const began = performance.now()
    const block = await source.read(tree.written, Math.min(BLOCK_LEAVES, leaves - tree.written))
    const store = tree.block(block.leaves)
    await transact(block.leaves.length + block.bodies.length * BODY_BYTES, () => {
      store()
      for (const { seq, hash } of block.bodies) insertBody.run(number, hash, seq)
    })
    report({ kind, digest, done: tree.written, of: leaves })
    await rest(performance.now() - began)
  }
  const root = await tree.finish((work) => transact(BLOCK_LEAVES, work))
  const { token, genTime, until } = await stamp(root, digest, newestSecond(database, renewal) + 1000)
  database.exec('PRAGMA synchronous = FULL')
  const update = database.prepare(
    'UPDATE renewal SET root = ?, token = ?, gen_time = ?, token_until = ? WHERE number = ?',
  )
  await deps.turn(() => update.run(root, token, genTime, until, number))
  return { ...renewal, genTime, until, ...source.flaws() }
}

/** Of the tokens it covers. Whole seconds, since not every authority gives more. */
function newestSecond(database: DatabaseSync, { lastBatch }: Renewal): number {
  const row = database
    .prepare(
      `SELECT max(at) AS at FROM (
         SELECT gen_time AS at FROM batch WHERE number > ? AND number <= ? UNION ALL SELECT gen_time FROM renewal)`,
    )
    .get(lastBatch - NEWEST_BATCHES, lastBatch)
  return Math.floor(Number(row?.['at'] ?? 0) / 1000) * 1000
}

/** Every so often what was written is folded into the database. */
function folding({ database, turn }: Renewing): (octets: number, work: () => void) => Promise<void> {
  let written = 0
  return async (octets, work) => {
    await turn(work)
    written += octets
    if (written < CHECKPOINT_BYTES) return
    written = 0
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
  }
}
