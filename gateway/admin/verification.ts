/**
 * What a message log is verified against, from what a gateway keeps apart from it: authorities it knew, its high-water
 * mark, and the heads that partners have confirmed to hold.
 */

import { join } from 'node:path'
import type { Config } from '../config.ts'
import { readHighWater } from '../message-log/high-water.ts'
import { openPartnerStates, partnersDirectory } from '../message-log/partner-states.ts'
import type { Verification, VerifyOptions } from '../message-log/verify.ts'
import { checkConfiguration } from '../trust/configuration-check.ts'
import { openConfigurationStore } from '../trust/configuration-store.ts'
import type { Anchor } from '../trust/signed-document.ts'
import { CONFIGURATION, loadAnchor, openDocument } from '../trust/signed-document.ts'

/**
 * Every configuration that was ever used here counts, since a token outlives the authority's place in the registry.
 *
 * @param keyStore where the log's high-water mark lies as well
 */
export async function readWitnesses(config: Config, keyStore: string): Promise<VerifyOptions> {
  const { directory, registry } = config
  // Before the log is read: a running gateway moves both on.
  const mark = readHighWater(join(keyStore, 'high-water.json'))
  const anchor = await loadAnchor(registry.anchor, registry.anchorSha256)
  return {
    anchors: await authoritiesKnown(join(directory, 'configuration'), anchor),
    witnesses: mark === undefined || mark.seq === 0 ? [] : [mark],
    heads: mark === undefined ? [] : headsHeld(config, mark.log),
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

/** As the admin port and `owl log verify --json` say it. */
export function formatVerdict(verified: Verification): object {
  return { ok: verified.isWhole, ...verified }
}
