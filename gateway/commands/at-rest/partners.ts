/** Comparing logs without a running gateway, or beside one: its keys, and the configuration and statuses it used last. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPartners } from '../../admin/partners/partners.ts'
import type { Config } from '../../config/config.ts'
import { openComparison } from '../../message-log/witness/comparison.ts'
import { openPartnerStates, partnersDirectory } from '../../message-log/witness/partner-states.ts'
import { NO_HEAD } from '../../protocol/log-head.ts'
import { requestIds } from '../../protocol/request-id.ts'
import { HEAD_ADDED_BYTES_MAX } from '../../transport/frame.ts'
import { openPeers } from '../../transport/peers.ts'
import { authoritiesPem } from '../../trust/basis.ts'
import { loadSigner } from '../../trust/keys.ts'
import { formatOcspRequest } from '../../trust/ocsp.ts'
import { ownSeal } from '../../trust/own-seal.ts'
import { AGE_MS_MAX, RETRY_MS } from '../../trust/revocation.ts'
import { openAuthority } from '../../trust/revocation-authority.ts'
import { openRevocationCache } from '../../trust/revocation-cache.ts'
import { openRevocationSources } from '../../trust/revocation-sources.ts'
import type { RevocationStatus } from '../../trust/revocation-status.ts'
import { known, NEVER_ASKED } from '../../trust/revocation-status.ts'
import type { Snapshot } from '../../trust/snapshot.ts'
import type { Judging, Revocation } from '../../trust/verifying.ts'
import { acceptsServer } from '../../trust/verifying.ts'
import type { LogCommandDeps } from '../log/read.ts'
import type { PartnerCommandDeps } from '../log/reconcile.ts'
import { lastSnapshot } from './sealing.ts'

/** @throws {Error} when there is no configuration, or a key cannot be used */
export async function withPartners<T>(
  config: Config,
  { reader, looking, terminal, json }: Omit<LogCommandDeps, 'verify'>,
  work: (deps: PartnerCommandDeps) => Promise<T>,
): Promise<T> {
  const now = (): number => Date.now()
  const { limits, provider } = config
  const snapshot = await lastSnapshot(config)
  const revocation = await rememberedStatuses(config, snapshot, now)
  // A status that is old does not stop an operator: one that says revoked does.
  const judging = (): Judging => ({ snapshot, revocation, now: now(), softFail: true })
  const peers = openPeers({
    key: await readFile(provider.client.key),
    certificate: await readFile(provider.client.certificate),
    connectionsMax: 1,
    connectTimeoutMs: limits.connectTimeoutMs,
    answerTimeoutMs: limits.peerTimeoutMs,
    progressTimeoutMs: limits.progressTimeoutMs,
    answerBytesPerSecondMin: limits.bodyBytesPerSecondMin,
    headBytesMax: limits.headBytesMax + HEAD_ADDED_BYTES_MAX,
    authorities: () => authoritiesPem(snapshot.issuing),
    accepts: (gateway, certificate) => acceptsServer(judging(), gateway, certificate),
  })
  const { find, page } = openComparison(reader)
  const comparison = {
    find: async (...asked: Parameters<typeof find>) => find(...asked),
    page: async (...asked: Parameters<typeof page>) => page(...asked),
  }
  const states = openPartnerStates(partnersDirectory(config))
  const partners = openPartners({
    ...{ gateway: config.gateway, judging, peers, now, reader, comparison },
    seal: ownSeal(await loadSigner(config.seal, () => {})),
    states,
    clockSkewMsMax: limits.clockSkewMsMax,
    requestId: requestIds(now),
    // Whoever only reads a log does not speak for it.
    logHead: () => NO_HEAD,
    sleep: (ms) => sleep(ms),
    report: () => {},
  })
  try {
    return await work({
      partners,
      reader,
      looking,
      statements: states.kept,
      snapshot,
      gateway: config.gateway,
      now,
      terminal,
      json,
    })
  } finally {
    await peers.close()
  }
}

/** As the gateway has them on disk; nobody is asked. */
async function rememberedStatuses(config: Config, snapshot: Snapshot, now: () => number): Promise<Revocation> {
  const cache = await openRevocationCache(join(config.directory, 'revocation'))
  const sources = openRevocationSources()
  const authorities = new Map(
    snapshot.issuing.map((issuing) => {
      const deps = { sources, cache, now, ageMsMax: AGE_MS_MAX, retryMs: RETRY_MS, listMs: RETRY_MS }
      return [issuing.certificate.sha256, { issuing, authority: openAuthority(issuing, deps) }] as const
    }),
  )
  const statuses = new Map<string, RevocationStatus>()
  for (const registered of snapshot.certificates) {
    const by = authorities.get(registered.verdict.issuer?.sha256 ?? '')
    if (by === undefined) continue
    const question = formatOcspRequest(registered, by.issuing.certificate)
    const [answer] = (await by.authority.recall(registered.sha256, question)).answers
    if (answer !== undefined) statuses.set(registered.sha256, known(answer, AGE_MS_MAX).status)
  }
  await sources.close()
  return { statusOf: (sha256) => statuses.get(sha256) ?? NEVER_ASKED }
}
