/** Asks the parts of a running gateway how they are, for `health.ts` to judge and the admin port to show. */

import { X509Certificate } from 'node:crypto'
import { readFile, statfs } from 'node:fs/promises'
import type { InFlight } from '../../access/budgets.ts'
import type { Config } from '../../config/config.ts'
import type { SqliteLog } from '../../message-log/open-log.ts'
import type { RenewalSchedule } from '../../message-log/renewal/renewal-schedule.ts'
import type { ClockEstimate } from '../../trust/clock.ts'
import type { GlobalConfiguration } from '../../trust/global-configuration.ts'
import type { LocalCertificates } from '../../trust/local-certificates.ts'
import type { OwnSeal } from '../../trust/own-seal.ts'
import type { RevocationMemory } from '../../trust/revocation.ts'
import type { Health, PartnersHealth } from './health.ts'

export interface ReportDeps {
  readonly config: Config
  readonly messageLog: SqliteLog
  readonly configuration: GlobalConfiguration
  readonly revocation: RevocationMemory
  readonly seal: OwnSeal
  readonly certificates: LocalCertificates
  readonly clock: ClockEstimate
  readonly partners: () => PartnersHealth
  readonly renewal: Pick<RenewalSchedule, 'health'>
  readonly inFlight: { readonly consumer: InFlight; readonly provider: InFlight }
  readonly faults: () => readonly string[]
  readonly now: () => number
}

/** @returns what reports; the certificates' ends are read once */
export async function reporter(deps: ReportDeps): Promise<() => Promise<Health>> {
  const { config, messageLog, configuration, revocation, seal, clock, inFlight, now } = deps
  const startedAt = now()
  const certificates = await endsOf({
    seal: config.seal.certificate,
    consumer: config.consumer.certificate,
    provider: config.provider.certificate,
    client: config.provider.client.certificate,
    admin: config.admin.certificate,
  })
  return async () => {
    const at = now()
    const oldestAt = oldestAnswer(configuration, revocation, at)
    return {
      gateway: config.gateway,
      startedAt,
      configuration: configuration.health(at),
      revocation: { ...revocation.health(at), ...(oldestAt === undefined ? {} : { oldestAt }) },
      seal: revocation.statusOf(seal.signer.sha256, at).status,
      certificates,
      local: deps.certificates.shown(at),
      log: messageLog.health(),
      partners: deps.partners(),
      renewal: deps.renewal.health(),
      clock: clock.read(),
      inFlight: { consumer: inFlight.consumer.count, provider: inFlight.provider.count },
      faults: deps.faults(),
      disk: await diskOf(config.directory),
    }
  }
}

function oldestAnswer(
  configuration: GlobalConfiguration,
  revocation: RevocationMemory,
  now: number,
): number | undefined {
  let oldest: number | undefined
  for (const { sha256 } of configuration.current()?.certificates ?? []) {
    const { thisUpdate } = revocation.statusOf(sha256, now)
    if (thisUpdate !== undefined && (oldest === undefined || thisUpdate < oldest)) oldest = thisUpdate
  }
  return oldest
}

async function endsOf(files: Readonly<Record<string, string>>): Promise<Record<string, number>> {
  const ends = Object.entries(files).map(async ([use, file]) => {
    const certificate = new X509Certificate(await readFile(file))
    return [use, certificate.validToDate.getTime()] as const
  })
  return Object.fromEntries(await Promise.all(ends))
}

async function diskOf(directory: string): Promise<{ freeBytes: number; totalBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(directory)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}
