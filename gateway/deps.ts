/** The composition root: makes one gateway out of its configuration. Nothing imports this but `main.ts`. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { inFlight, tokenBuckets } from './access/budgets.ts'
import { idnrGuard } from './access/idnr-guard.ts'
import { RETENTION, retentionRules } from './admin/erasure/retention-rules.ts'
import { openGatewaySealing } from './admin/evidence/sealing.ts'
import { reporter } from './admin/health/gathering.ts'
import { makeMetrics } from './admin/health/metrics.ts'
import { verifyOwnLog } from './admin/log/verification.ts'
import { openRunningPartners } from './admin/partners/nightly.ts'
import { adminPlugin } from './admin/plugin.ts'
import { openRenewal } from './admin/renewal.ts'
import type { Config } from './config.ts'
import { logPlace } from './config.ts'
import type { ConfigFault } from './config-faults.ts'
import { ConfigError, configFaults, faultText } from './config-faults.ts'
import type { ConsumerDeps } from './consumer/exchange.ts'
import { consumerPlugin } from './consumer/plugin.ts'
import { helpPages } from './http/help-pages.ts'
import { openLocal } from './local.ts'
import { limited, logEvents } from './logging.ts'
import type { Side } from './message-log/message-log.ts'
import type { MessageLogHealth, SqliteLog } from './message-log/open-log.ts'
import { openMessageLog } from './message-log/open-log.ts'
import { openLogReader } from './message-log/reading/reader.ts'
import type { RegisteredAuthority } from './message-log/stamping/time-stamp-client.ts'
import type { OpenPorts } from './ports.ts'
import { openPorts } from './ports.ts'
import { requestIds } from './protocol/request-id.ts'
import type { ProviderDeps } from './provider/exchange.ts'
import { metaservices } from './provider/metaservices.ts'
import { providerPlugin } from './provider/plugin.ts'
import { answering } from './provider/reconcile.ts'
import { subjectFinder, subjectLookUp } from './subjects.ts'
import type { Observed } from './trace.ts'
import { HEAD_ADDED_BYTES_MAX } from './transport/frame.ts'
import { openPeers } from './transport/peers.ts'
import { openSpool } from './transport/spool.ts'
import { authoritiesPem } from './trust/basis.ts'
import { clockEstimate } from './trust/clock.ts'
import type { GlobalConfiguration } from './trust/global-configuration.ts'
import { openGlobalConfiguration } from './trust/global-configuration.ts'
import { loadSigner } from './trust/keys.ts'
import { openLocalCertificates } from './trust/local-certificates.ts'
import { ownSeal } from './trust/own-seal.ts'
import { openRegistryClient } from './trust/registry-client.ts'
import { openRevocation, RETRY_MS } from './trust/revocation.ts'
import { openRevocationSources } from './trust/revocation-sources.ts'
import { loadAnchor } from './trust/signed-document.ts'
import type { Judging } from './trust/verifying.ts'
import { acceptsClient, acceptsServer } from './trust/verifying.ts'

export interface Gateway {
  readonly ports: OpenPorts['ports']
  /** Why every exchange is refused until an operator has seen to the message log. */
  fault(): MessageLogHealth['fault']
  /**
   * Takes services, clients and operators of the configuration anew. What is wrong with one service leaves out that one.
   *
   * @throws {Error} when the configuration as a whole does not hold; then nothing changes
   */
  reload(read: () => Promise<Config>): Promise<readonly ConfigFault[]>
  close(): Promise<void>
}

/** Of one text: what strangers can bring about must not fill the disk. */
const LINES_PER_MINUTE_MAX = 600
/** Without statuses of certificates nothing is exchanged; longer than this their first round is not waited for. */
const FIRST_STATUS_WAIT_MS = 5000

/** @throws {Error} naming what keeps the gateway from starting */
export async function openGateway(config: Config, log: Logger): Promise<Gateway> {
  const closing: (() => Promise<unknown>)[] = []
  const opened = <T extends { close(): Promise<unknown> }>(part: T): T => {
    closing.unshift(() => part.close())
    return part
  }
  const close = async (): Promise<void> => {
    for (const part of closing.splice(0)) await part()
  }
  const faults = await configFaults(config)
  if (faults.length > 0) throw new ConfigError(faults)
  try {
    return await compose(config, log, opened, close)
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}

async function compose(
  config: Config,
  log: Logger,
  opened: <T extends { close(): Promise<unknown> }>(part: T) => T,
  close: () => Promise<void>,
): Promise<Gateway> {
  const { limits, directory } = config
  const now = (): number => Date.now()
  const requestId = requestIds(now)
  const metrics = makeMetrics()
  const limitedLog = limited(log, LINES_PER_MINUTE_MAX)
  const observe =
    (side: Side) =>
    (exchange: Observed): void => {
      metrics.observe({ side, ...exchange })
      const { outcome, code, cause, trace } = exchange
      const { requestId, traceId, last: stage, stages } = trace
      if (outcome === 'reply') log.debug({ side, requestId, traceId, stages }, 'exchange')
      else limitedLog.warn({ side, requestId, traceId, outcome, code, stage, err: cause }, 'exchange not as asked for')
    }
  const clock = clockEstimate(({ source, offsetMs }) => log.warn({ source, offsetMs }, 'the clock is off'))
  const seal = ownSeal(await loadSigner(config.seal, (reason) => log.warn({ reason }, 'a key should be better kept')))

  const place = logPlace(config)
  let configuration: GlobalConfiguration | undefined
  const messageLog: SqliteLog = opened(
    await openMessageLog({
      ...config.log,
      ...place,
      standsBy: true,
      watched: [place.spool],
      gateway: config.gateway,
      retention: (code) => configuration?.current()?.purpose(code) ?? RETENTION,
      retentionRules: () => retentionRules(configuration?.current()?.configuration.purposes ?? []),
      authorities: () => configuration?.current()?.configuration.authorities.tsa ?? [],
      now,
      replayWindowMs: limits.replayWindowMs,
      timeStamps: { observed: (offsetMs) => clock.observe('tsa', now() + offsetMs, now()) },
      report: logEvents(log),
    }),
  )
  configuration = opened(
    await openGlobalConfiguration({
      registry: openRegistryClient({ url: config.registry.url, ca: await readFile(config.registry.ca) }),
      anchor: await loadAnchor(config.registry.anchor, config.registry.anchorSha256),
      directory: join(directory, 'configuration'),
      log,
      now,
      pollIntervalMs: config.registry.pollIntervalMs,
      warnMs: limits.configurationWarnMs,
      beforeUse: async ({ version, sha256, jws }) => {
        const octets = Buffer.from(jws.split('.')[1] as string, 'base64url')
        // A closed log takes no exchange either.
        if (messageLog.health().fault === undefined) await messageLog.appendConfiguration({ version, sha256, octets })
      },
    }),
  )
  const inUse = configuration
  if (inUse.current() === undefined) await inUse.refreshNow()

  const revocation = opened(
    await openRevocation({
      sources: openRevocationSources(),
      directory: join(directory, 'revocation'),
      log,
      now,
      random: Math.random,
      intervalMs: limits.revocationIntervalMs,
      retryMs: Math.min(RETRY_MS, limits.revocationIntervalMs),
      ageMsMax: limits.revocationAgeMsMax,
    }),
  )
  /** Judges what is not an exchange: connections. A status that is merely old does not cut them. */
  const judging = (): Judging | undefined => {
    const snapshot = inUse.current()
    return snapshot === undefined ? undefined : { snapshot, revocation, now: now(), softFail: true }
  }
  const peers = opened(
    openPeers({
      key: await readFile(config.provider.client.key),
      certificate: await readFile(config.provider.client.certificate),
      connectionsMax: limits.peerConnectionsMax,
      connectTimeoutMs: limits.connectTimeoutMs,
      answerTimeoutMs: limits.peerTimeoutMs,
      progressTimeoutMs: limits.progressTimeoutMs,
      answerBytesPerSecondMin: limits.bodyBytesPerSecondMin,
      headBytesMax: limits.headBytesMax + HEAD_ADDED_BYTES_MAX,
      authorities: () => authoritiesPem(inUse.current()?.issuing ?? []),
      accepts: (gateway, certificate) => {
        const current = judging()
        return current !== undefined && acceptsServer(current, gateway, certificate)
      },
    }),
  )

  const spool = await openSpool({ directory: place.spool, spoolAboveBytes: limits.spoolAboveBytes })
  const certificates = opened(
    await openLocalCertificates({ directory: join(directory, 'local-certificates'), revocation, now, log: limitedLog }),
  )
  const local = opened(await openLocal(config, spool, certificates))
  const shared = {
    gateway: config.gateway,
    configuration: inUse,
    revocation,
    seal,
    log: messageLog,
    now,
    clock,
    clockSkewMsMax: limits.clockSkewMsMax,
    idnrGuard: idnrGuard({ testNumbers: config.idnrTestNumbers }),
    subjects: subjectFinder(local.services.subjects),
  }
  const consumer: ConsumerDeps = { ...shared, clients: local.clients, peers, spool, bodyBytesMax: limits.bodyBytesMax }
  const refusals = tokenBuckets({ perSecond: limits.refusalsPerSecond, burst: limits.refusalsBurst })
  const provider: ProviderDeps = {
    ...shared,
    services: local.services,
    metaservices: metaservices(config.gateway, local.services.describe),
    mayRefuse: refusals.take,
  }
  const room = { max: limits.inFlightMax, perPartyMax: limits.inFlightPerClientMax }
  const [consumerInFlight, providerInFlight] = [inFlight(room), inFlight(room)]

  const reader = openLogReader({ ...place, gone: { name: `${config.gateway}/n1`, epoch: 1 } })
  opened({ close: async () => reader.close() })
  const partners = opened(
    openRunningPartners({
      ...{ config, place, reader, messageLog, configuration: inUse, revocation, seal, peers, requestId, now, log },
    }),
  )
  const questions = tokenBuckets({ perSecond: limits.reconcilesPerSecond, burst: limits.reconcilesBurst })
  const authorities = (): readonly RegisteredAuthority[] => inUse.current()?.configuration.authorities.tsa ?? []
  const renewal = opened(openRenewal({ config, place, reader, authorities, log, now }))
  const health = await reporter({
    renewal,
    ...{ config, messageLog, configuration: inUse, revocation, seal, certificates, clock, now },
    partners: partners.health,
    inFlight: { consumer: consumerInFlight, provider: providerInFlight },
    faults: () => local.faults().map(faultText),
  })
  const sealing = opened(openGatewaySealing(seal.signer, () => inUse.current(), revocation, now))

  // Before anybody can connect: what was revoked before the last stop is not let in while others are asked about.
  inUse.onChange((snapshot) => void revocation.watch(snapshot))
  const first = inUse.current()
  if (first !== undefined)
    await Promise.race([revocation.watch(first), sleep(FIRST_STATUS_WAIT_MS, undefined, { ref: false })])

  const isPeer = (certificate: string): boolean => inUse.current()?.gatewayByTls(certificate, 'client') !== undefined
  const ports = opened(
    await openPorts({
      config,
      log,
      requestId,
      isPeer,
      consumer: (app) =>
        consumerPlugin(app, {
          ...{ deps: consumer, inFlight: consumerInFlight, requestId, observe: observe('consumer') },
        }),
      provider: (app) =>
        providerPlugin(app, {
          deps: provider,
          spool,
          inFlight: providerInFlight,
          headBytesMax: limits.headBytesMax,
          isRegistered: isPeer,
          requestId,
          log: limitedLog,
          observe: observe('provider'),
          reconciling: answering({
            ...{ ...shared, comparison: partners.comparison },
            ...{ mayAsk: questions.take, report: limitedLog },
          }),
        }),
      admin: async (app) => {
        await adminPlugin(app, {
          reader,
          verify: (wish) => verifyOwnLog(config, place, wish),
          erasing: messageLog,
          archiving: messageLog,
          partners: partners.list,
          health,
          readinessLimits: config.log,
          sealing,
          stampIntervalMs: config.log.stampIntervalMs,
          subjects: subjectLookUp(place, messageLog, reader.identity.name),
          metrics,
          configuration: () => ({
            configurationVersion: inUse.current()?.version ?? null,
            services: local.services.ids(),
            clients: local.clients.ids(),
          }),
          operators: local.operators,
          host: config.admin.host,
          ...{ certificates, requestId, now, log },
        })
        // Behind the admission of operators, like everything at this port.
        await app.register(helpPages)
      },
    }),
  )

  /** After every change of the configuration or of a certificate's status: who may not stay connected, goes. */
  const recheck = (): void => {
    peers.recheck()
    ports.cut(({ sha256 }) => {
      const current = judging()
      return current === undefined || !acceptsClient(current, sha256)
    })
  }
  revocation.onChange(recheck)
  inUse.onChange(recheck)
  log.info({ gateway: config.gateway, ...ports.ports }, 'the gateway answers')
  return { ports: ports.ports, fault: () => messageLog.health().fault, reload: local.reload, close }
}
