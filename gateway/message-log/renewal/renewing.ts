/**
 * Renews the evidence of a log as a whole: one new tree and one token for everything it covers. RFC 4998 §5.2 and §5.3.
 *
 * Works beside the gateway with a connection of its own, in transactions of a few milliseconds that wait for no disk: a
 * stop at any point costs the last of them, and the next run goes on from there. Only the token at the end is synced.
 */

import type { DigestName } from '../../protocol/signed-data.ts'
import type { Contents } from '../reading/contents.ts'
import { BLOCK_LEAVES } from '../reading/renewal-tree.ts'
import type { Renewal } from '../record/stored-renewal.ts'
import type { LogStore, RenewalWriter } from '../store/log-store.ts'
import { openRenewedLeaves } from './renewal-leaves.ts'
import type { RenewalPlan, RenewalWish } from './renewal-plan.ts'
import { planRenewal } from './renewal-plan.ts'
import { openTreeWriter } from './tree-writing.ts'

export interface RenewingDeps {
  readonly writer: RenewalWriter
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

/** Batches stamped last, among which is the one with the latest time: authorities take turns. */
const NEWEST_BATCHES = 64

/**
 * Ends what was begun before, then renews the rest.
 *
 * @throws {Error} when it has to stop; nothing is lost, it can go on later
 */
export async function renewLog(deps: RenewingDeps, wanted: RenewalWish = {}): Promise<Renewed[]> {
  const { writer, at } = deps
  const renewed: Renewed[] = []
  const begun = writer.store.renewals.unfinished()
  if (begun !== undefined) renewed.push(await carryOut(deps, begun))
  for (const plan of planRenewal(writer.store, wanted)) {
    if (begun !== undefined && isCovered(plan, begun, wanted)) continue
    renewed.push(await carryOut(deps, await writer.begin(plan, at)))
  }
  return renewed
}

/** What was just ended need not be done again. */
function isCovered(plan: RenewalPlan, begun: Renewal, { hash }: RenewalWish): boolean {
  const isSame = hash === undefined ? begun.digest === plan.digest : begun.digest === hash
  return isSame && plan.firstBatch >= begun.firstBatch && plan.firstBatch <= begun.lastBatch
}

async function carryOut(deps: RenewingDeps, renewal: Renewal): Promise<Renewed> {
  const { writer, contents, stamp, signal, report = () => {}, rest = async () => {} } = deps
  const { number, kind, digest, leaves } = renewal
  const tree = openTreeWriter(writer, { renewal: number, digest })
  const source = openRenewedLeaves(writer.store, contents, renewal)
  report({ kind, digest, done: tree.written, of: leaves })
  while (tree.written < leaves) {
    signal?.throwIfAborted()
    const began = performance.now()
    const block = await source.read(tree.written, Math.min(BLOCK_LEAVES, leaves - tree.written))
    await tree.block(block.leaves, block.bodies)
    report({ kind, digest, done: tree.written, of: leaves })
    await rest(performance.now() - began)
  }
  const root = await tree.finish()
  const { token, genTime, until } = await stamp(root, digest, newestSecond(writer.store, renewal) + 1000)
  await writer.finish(number, { root, token, genTime, until })
  return { ...renewal, genTime, until, ...source.flaws() }
}

/** Of the tokens it covers. Whole seconds, since not every authority gives more. */
function newestSecond({ batches, renewals }: LogStore, { lastBatch }: Renewal): number {
  let newest = 0
  for (const { number, genTime } of batches.after(lastBatch - NEWEST_BATCHES)) {
    if (number > lastBatch) break
    newest = Math.max(newest, genTime ?? 0)
  }
  for (const { genTime } of renewals.all()) newest = Math.max(newest, genTime ?? 0)
  return Math.floor(newest / 1000) * 1000
}
