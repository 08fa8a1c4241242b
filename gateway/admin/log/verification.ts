/**
 * What a message log is verified against, from what a gateway keeps apart from it: authorities it knew, its high-water
 * mark, and the heads that partners hold of it, those that contradict it first.
 */

import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { markPlaceOf, readHighWater } from '../../message-log/keys/high-water.ts'
import type { LogReaderOptions } from '../../message-log/reading/reader.ts'
import { logId } from '../../message-log/record/log-place.ts'
import { openStore } from '../../message-log/store/engine.ts'
import {
  readVerifiedPoint,
  removeVerifiedPoint,
  writeVerifiedPoint,
} from '../../message-log/verification/verified-point.ts'
import type { Verification, VerifyOptions } from '../../message-log/verification/verify.ts'
import { verifyLogApart } from '../../message-log/verification/verify-thread.ts'
import type { OwnConflict } from '../../message-log/witness/partner-states.ts'
import { openPartnerStates, ownConflicts, partnersDirectory } from '../../message-log/witness/partner-states.ts'
import { checkConfiguration } from '../../trust/configuration-check.ts'
import { openConfigurationStore } from '../../trust/configuration-store.ts'
import type { Anchor } from '../../trust/signed-document.ts'
import { CONFIGURATION, loadAnchor, openDocument } from '../../trust/signed-document.ts'

/**
 * Every configuration that was ever used here counts, since a token outlives the authority's place in the registry.
 *
 * @param place beside whose keys the log's high-water mark lies
 */
export async function readWitnesses(config: Config, place: LogReaderOptions, log: string): Promise<VerifyOptions> {
  const { directory, registry } = config
  // Before the log is read: a running gateway moves both on.
  const mark = readHighWater(markPlaceOf(place))
  const anchor = await loadAnchor(registry.anchor, registry.anchorSha256)
  return {
    anchors: await authoritiesKnown(join(directory, 'configuration'), anchor),
    witnesses: mark === undefined || mark.seq === 0 ? [] : [mark],
    heads: headsHeld(config, log),
  }
}

/** Of this log as it is now: one that was begun anew after a loss is another. */
function headsHeld(config: Config, log: string): NonNullable<VerifyOptions['heads']> {
  const anchors = openPartnerStates(partnersDirectory(config))
    .list()
    .flatMap((state) => state.anchors)
  return anchors
    .filter(({ head }) => head[0] === log)
    .map(({ head: [, batch, sha256] }) => ({ batch, sha256: Buffer.from(sha256, 'base64url').toString('hex') }))
}

async function authoritiesKnown(directory: string, anchor: Anchor): Promise<VerifyOptions['anchors']> {
  const store = await openConfigurationStore(directory)
  const known = new Map<string, VerifyOptions['anchors'][number]>()
  for (const version of await store.versions()) {
    const jws = await store.configuration(version)
    if (jws === undefined) continue
    const payload = await openDocument(jws, CONFIGURATION, anchor)
    const { authorities } = checkConfiguration(JSON.parse(payload.toString()), 'open')
    for (const { certificate, ca } of authorities.tsa) known.set(certificate, { certificate, ca })
  }
  return [...known.values()]
}

export interface VerificationWish {
  /** Only what came since it was verified last, where that is known. */
  readonly sinceLast?: boolean
  /** Signatures of messages too. */
  readonly signatures?: boolean
  /** How many ranges are verified at a time. */
  readonly threads?: number
}

export interface Verdict extends Verification {
  /** The file that says how far the log was verified is not as it was written: the whole was verified. */
  readonly isPointChanged: boolean
  /** What partners hold of this log that it does not say of itself; the log does not hold then, whatever else is found. */
  readonly conflicts: readonly OwnConflict[]
}

/** Against all that the gateway keeps apart from the log; how far it holds is kept for the next time. */
export async function verifyOwnLog(
  config: Config,
  place: LogReaderOptions,
  { sinceLast = false, signatures = false, threads = 1 }: VerificationWish = {},
): Promise<Verdict> {
  const log = logOf(place)
  const witnesses = await readWitnesses(config, place, log)
  const found = conflictsWith(config, place, log)
  const kept = sinceLast ? readVerifiedPoint(place) : undefined
  const since = kept === 'changed' || kept?.log !== log ? undefined : kept
  const verified = await verifyLogApart(place, { ...witnesses, signatures, since }, { threads })
  const { conflicts, damage } = found
  const judged = { ...verified, isWhole: verified.isWhole && conflicts.length === 0, damage: verified.damage ?? damage }
  keepPoint(place, judged)
  return { ...judged, isPointChanged: kept === 'changed', conflicts }
}

/** What was found to contradict this log earlier, and does so still. */
function conflictsWith(config: Config, { file }: LogReaderOptions, log: string): Pick<Verdict, 'conflicts' | 'damage'> {
  const store = openStore(file)
  try {
    const headerOf = (batch: number) => store.batches.numbered(batch)?.headerSha256.toString('base64url')
    const conflicts = ownConflicts(openPartnerStates(partnersDirectory(config)).list(), log, headerOf)
    const [first] = conflicts
    if (first === undefined) return { conflicts, damage: null }
    const found = store.batches.numbered(first.batch)
    const kind = found === undefined ? 'cut-off' : 'forked'
    const message = `${first.partner} holds another batch ${first.batch} of this log`
    return { conflicts, damage: { seq: found?.own ?? store.records.tip().seq + 1, kind, message } }
  } finally {
    store.close()
  }
}

function logOf({ file }: LogReaderOptions): string {
  const store = openStore(file)
  try {
    return logId(store.identity)
  } finally {
    store.close()
  }
}

function keepPoint(place: LogReaderOptions, { isWhole, point }: Verification): void {
  try {
    if (!isWhole) removeVerifiedPoint(place)
    else if (point !== undefined) writeVerifiedPoint(place, point)
  } catch {
    // Who may only read the log verifies all of it each time.
  }
}

/** As the admin port and `owl log verify --json` say it. */
export function formatVerdict({ point: _, end: __, ...verified }: Verification): object {
  return { ok: verified.isWhole, ...verified }
}
