/** Sealing without a running gateway: its key, the configuration it used last, and the authorities named there. */

import { join } from 'node:path'
import type { GatewaySealing } from '../../admin/evidence/sealing.ts'
import { registeredSeal } from '../../admin/evidence/sealing.ts'
import type { Config } from '../../config/config.ts'
import { openTimeStampClient } from '../../message-log/stamping/time-stamp-client.ts'
import { checkConfiguration } from '../../trust/configuration-check.ts'
import { openConfigurationStore } from '../../trust/configuration-store.ts'
import { loadSigner } from '../../trust/keys.ts'
import { formatOcspRequest } from '../../trust/ocsp.ts'
import { AGE_MS_MAX, RETRY_MS } from '../../trust/revocation.ts'
import { openAuthority } from '../../trust/revocation-authority.ts'
import { openRevocationCache } from '../../trust/revocation-cache.ts'
import { openRevocationSources } from '../../trust/revocation-sources.ts'
import type { RevocationStatus } from '../../trust/revocation-status.ts'
import { known, NEVER_ASKED } from '../../trust/revocation-status.ts'
import { CONFIGURATION, loadAnchor, openDocument } from '../../trust/signed-document.ts'
import type { RegisteredSeal, Snapshot } from '../../trust/snapshot.ts'
import { makeSnapshot } from '../../trust/snapshot.ts'

/** @throws {Error} when there is no configuration, or the key cannot be used */
export async function openSealingAlone(config: Config, now: () => number): Promise<GatewaySealing> {
  const snapshot = await lastSnapshot(config)
  const signer = await loadSigner(config.seal, () => {})
  const sources = openRevocationSources()
  const cache = await openRevocationCache(join(config.directory, 'revocation'))
  const timeStamps = openTimeStampClient({ authorities: () => snapshot.configuration.authorities.tsa, now })

  async function status(registered: RegisteredSeal): Promise<RevocationStatus> {
    const issuing = snapshot.issuing.find(({ certificate }) => certificate.sha256 === registered.verdict.issuer?.sha256)
    if (issuing === undefined) return NEVER_ASKED
    const limits = { ageMsMax: AGE_MS_MAX, retryMs: RETRY_MS, listMs: RETRY_MS }
    const authority = openAuthority(issuing, { sources, cache, now, ...limits })
    const question = formatOcspRequest(registered, issuing.certificate)
    const [answer] = (await authority.ask(registered.sha256, question)).answers
    return answer === undefined ? NEVER_ASKED : known(answer, AGE_MS_MAX).status
  }

  return {
    timeStamps,
    now,
    status,
    seal: () => ({ signer, registered: registeredSeal(signer, snapshot) }),
    async close() {
      await Promise.all([timeStamps.close(), sources.close()])
    },
  }
}

/** The signature of the registry counts, as it does when a gateway starts; whether it is fresh does not matter here. */
export async function lastSnapshot({ directory, registry }: Config): Promise<Snapshot> {
  const store = await openConfigurationStore(join(directory, 'configuration'))
  const mark = await store.highest()
  const jws = mark === undefined ? undefined : await store.configuration(mark.version)
  if (mark === undefined || jws === undefined) throw new Error('This gateway has no global configuration yet')
  const payload = await openDocument(jws, CONFIGURATION, await loadAnchor(registry.anchor, registry.anchorSha256))
  return makeSnapshot(checkConfiguration(JSON.parse(payload.toString()), 'open'), mark.sha256)
}
