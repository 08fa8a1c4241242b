/** The composition root: makes one gateway out of its configuration. Nothing imports this but `main.ts`. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { InFlight } from './access/budgets.ts'
import { inFlight, tokenBuckets } from './access/budgets.ts'
import { idnrGuard } from './access/idnr-guard.ts'
import { RETENTION, retentionRules } from './admin/erasure/retention-rules.ts'
import { openGatewaySealing } from './admin/evidence/sealing.ts'
import { reporter } from './admin/health/gathering.ts'
import { makeMetrics } from './admin/health/metrics.ts'
import { exchangeObserver } from './admin/health/observer.ts'
import { verifyOwnLog } from './admin/log/verification.ts'
import { openRunningPartners } from './admin/partners/nightly.ts'
import type { AdminOptions } from './admin/plugin.ts'
import { adminPlugin } from './admin/plugin.ts'
import { openRenewal } from './admin/renewal.ts'
import type { Config } from './config/config.ts'
import { logPlace } from './config/config.ts'
import type { ConfigFault } from './config/faults.ts'
import { ConfigError, configFaults, faultText } from './config/faults.ts'
import type { ConsumerDeps } from './consumer/exchange.ts'
import { consumerPlugin } from './consumer/plugin.ts'
import { helpPages } from './http/help-pages.ts'
import type { Local } from './local.ts'
import { openLocal } from './local.ts'
import { limited, logEvents } from './logging.ts'
import type { Side } from './message-log/message-log.ts'
import type { MessageLogHealth, SqliteLog } from './message-log/open-log.ts'
import { openMessageLog } from './message-log/open-log.ts'
import type { LogReader } from './message-log/reading/reader.ts'
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
import { HEAD_ADDED_BYTES_MAX } from './transport/frame.ts'
import type { Peers } from './transport/peers.ts'
import { openPeers } from './transport/peers.ts'
import type { Spool } from './transport/spool.ts'
import { openSpool } from './transport/spool.ts'
import { authoritiesPem } from './trust/basis.ts'
import type { ClockEstimate } from './trust/clock.ts'
import { clockEstimate } from './trust/clock.ts'
import type { GlobalConfiguration } from './trust/global-configuration.ts'
import { openGlobalConfiguration } from './trust/global-configuration.ts'
import { loadSigner } from './trust/keys.ts'
import { openLocalCertificates } from './trust/local-certificates.ts'
import type { OwnSeal } from './trust/own-seal.ts'
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
  const opened: Opened = (part) => {
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

type Opened = <T extends { close(): Promise<unknown> }>(part: T) => T

/** What every part of one gateway is made with. */
interface Site {
  readonly config: Config
  readonly log: Logger
  /** For what strangers can bring about. */
  readonly limitedLog: ReturnType<typeof limited>
  readonly now: () => number
  readonly requestId: () => string
  readonly place: ReturnType<typeof logPlace>
  /** Closes the part when the gateway is closed, the latest first. */
  readonly opened: Opened
}

async function compose(config: Config, log: Logger, opened: Opened, close: () => Promise<void>): Promise<Gateway> {
  const now = (): number => Date.now()
  const limitedLog = limited(log, LINES_PER_MINUTE_MAX)
  const site: Site = { config, log, limitedLog, now, requestId: requestIds(now), place: logPlace(config), opened }
  const recorded = await composeLog(site)
  const trust = await composeTrust(site, recorded)
  const { spool } = site.place
  const { spoolAboveBytes } = config.limits
  const transport: Transport = {
    spool: await openSpool({ directory: spool, spoolAboveBytes }),
    peers: opened(await composePeers(site, trust)),
  }
  const local = opened(await openLocal(config, transport.spool, trust.certificates))
  const operators = await composeOperators(site, recorded, trust, transport, local)
  const ports = await composePorts(site, recorded, trust, transport, local, operators)

  /** After every change of the configuration or of a certificate's status: who may not stay connected, goes. */
  const recheck = (): void => {
    transport.peers.recheck()
    ports.cut(({ sha256 }) => {
      const current = trust.judging()
      return current === undefined || !acceptsClient(current, sha256)
    })
  }
  trust.revocation.onChange(recheck)
  trust.configuration.onChange(recheck)
  log.info({ gateway: config.gateway, ...ports.ports }, 'the gateway answers')
  return { ports: ports.ports, fault: () => recorded.messageLog.health().fault, reload: local.reload, close }
}

interface Recorded {
  readonly messageLog: SqliteLog
  readonly clock: ClockEstimate
  /** The log takes rules of retention and time-stamp authorities from the configuration, once there is one. */
  follow(configuration: GlobalConfiguration): void
}

async function composeLog({ config, log, now, place, opened }: Site): Promise<Recorded> {
  const clock = clockEstimate(({ source, offsetMs }) => log.warn({ source, offsetMs }, 'the clock is off'))
  let configuration: GlobalConfiguration | undefined
  const messageLog = opened(
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
      replayWindowMs: config.limits.replayWindowMs,
      timeStamps: { observed: (offsetMs) => clock.observe('tsa', now() + offsetMs, now()) },
      report: logEvents(log),
    }),
  )
  return {
    messageLog,
    clock,
    follow: (followed) => {
      configuration = followed
    },
  }
}

interface Trust {
  readonly seal: OwnSeal
  readonly configuration: GlobalConfiguration
  readonly revocation: Awaited<ReturnType<typeof openRevocation>>
  readonly certificates: Awaited<ReturnType<typeof openLocalCertificates>>
  /** Judges what is not an exchange: connections. A status that is merely old does not cut them. */
  judging(): Judging | undefined
}

async function composeTrust(site: Site, { messageLog, follow }: Recorded): Promise<Trust> {
  const { config, log, limitedLog, now, opened } = site
  const { registry, limits, directory } = config
  const seal = ownSeal(await loadSigner(config.seal, (reason) => log.warn({ reason }, 'a key should be better kept')))
  const configuration = opened(
    await openGlobalConfiguration({
      registry: openRegistryClient({ url: registry.url, ca: await readFile(registry.ca) }),
      anchor: await loadAnchor(registry.anchor, registry.anchorSha256),
      directory: join(directory, 'configuration'),
      log,
      now,
      pollIntervalMs: registry.pollIntervalMs,
      warnMs: limits.configurationWarnMs,
      beforeUse: async ({ version, sha256, jws }) => {
        const [, payload = ''] = jws.split('.')
        const octets = Buffer.from(payload, 'base64url')
        // A closed log takes no exchange either.
        if (messageLog.health().fault === undefined) await messageLog.appendConfiguration({ version, sha256, octets })
      },
    }),
  )
  follow(configuration)
  if (configuration.current() === undefined) await configuration.refreshNow()
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
  const certificates = opened(
    await openLocalCertificates({ directory: join(directory, 'local-certificates'), revocation, now, log: limitedLog }),
  )
  return {
    ...{ seal, configuration, revocation, certificates },
    judging: () => {
      const snapshot = configuration.current()
      return snapshot === undefined ? undefined : { snapshot, revocation, now: now(), softFail: true }
    },
  }
}

interface Transport {
  readonly spool: Spool
  readonly peers: Peers
}

async function composePeers({ config }: Site, { configuration, judging }: Trust): Promise<Peers> {
  const { limits } = config
  const { key, certificate } = config.provider.client
  return openPeers({
    key: await readFile(key),
    certificate: await readFile(certificate),
    connectionsMax: limits.peerConnectionsMax,
    connectTimeoutMs: limits.connectTimeoutMs,
    answerTimeoutMs: limits.peerTimeoutMs,
    progressTimeoutMs: limits.progressTimeoutMs,
    answerBytesPerSecondMin: limits.bodyBytesPerSecondMin,
    headBytesMax: limits.headBytesMax + HEAD_ADDED_BYTES_MAX,
    authorities: () => authoritiesPem(configuration.current()?.issuing ?? []),
    accepts: (gateway, shown) => {
      const current = judging()
      return current !== undefined && acceptsServer(current, gateway, shown)
    },
  })
}

interface Operators {
  readonly reader: LogReader
  readonly partners: ReturnType<typeof openRunningPartners>
  readonly sealing: ReturnType<typeof openGatewaySealing>
  readonly health: AdminOptions['health']
  readonly inFlight: Readonly<Record<Side, InFlight>>
}

async function composeOperators(
  site: Site,
  { messageLog, clock }: Recorded,
  trust: Trust,
  { peers }: Transport,
  local: Local,
): Promise<Operators> {
  const { config, log, now, requestId, place, opened } = site
  const { limits } = config
  const { configuration, revocation, seal, certificates } = trust
  const reader = openLogReader({ ...place, gone: { name: `${config.gateway}/n1`, epoch: 1 } })
  opened({ close: async () => reader.close() })
  const partners = opened(
    openRunningPartners({
      ...{ config, place, reader, messageLog, configuration, revocation, seal, peers, requestId, now, log },
    }),
  )
  const authorities = (): readonly RegisteredAuthority[] => configuration.current()?.configuration.authorities.tsa ?? []
  const renewal = opened(openRenewal({ config, place, reader, authorities, log, now }))
  const sealing = opened(openGatewaySealing(seal.signer, () => configuration.current(), revocation, now))
  const room = { max: limits.inFlightMax, perPartyMax: limits.inFlightPerClientMax }
  const exchanges = { consumer: inFlight(room), provider: inFlight(room) }
  const health = await reporter({
    renewal,
    ...{ config, messageLog, configuration, revocation, seal, certificates, clock, now },
    partners: partners.health,
    inFlight: exchanges,
    faults: () => local.faults().map(faultText),
  })
  return { reader, partners, sealing, health, inFlight: exchanges }
}

async function composePorts(
  site: Site,
  recorded: Recorded,
  trust: Trust,
  transport: Transport,
  local: Local,
  operators: Operators,
): Promise<OpenPorts> {
  const { config, log, limitedLog, now, requestId, place, opened } = site
  const { limits } = config
  const { configuration, certificates } = trust
  const { messageLog } = recorded
  const { reader, partners, sealing, health } = operators
  const metrics = makeMetrics()
  const observe = exchangeObserver(metrics, log, limitedLog)
  const { consumer, provider } = exchangeDeps(site, recorded, trust, transport, local)
  const questions = tokenBuckets({ perSecond: limits.reconcilesPerSecond, burst: limits.reconcilesBurst })
  await watchStatuses(trust)

  const isPeer = (shown: string): boolean => configuration.current()?.gatewayByTls(shown, 'client') !== undefined
  return opened(
    await openPorts({
      ...{ config, log, requestId, isPeer },
      consumer: (app) =>
        consumerPlugin(app, {
          ...{ deps: consumer, inFlight: operators.inFlight.consumer, requestId, observe: observe('consumer') },
        }),
      provider: (app) =>
        providerPlugin(app, {
          ...{ deps: provider, spool: transport.spool, inFlight: operators.inFlight.provider, requestId },
          ...{ headBytesMax: limits.headBytesMax, isRegistered: isPeer, log: limitedLog, observe: observe('provider') },
          reconciling: answering({
            ...{ ...provider, comparison: partners.comparison },
            ...{ mayAsk: questions.take, report: limitedLog },
          }),
        }),
      admin: async (app) => {
        await adminPlugin(app, {
          ...{ reader, erasing: messageLog, archiving: messageLog, partners: partners.list, health, sealing, metrics },
          verify: (wish) => verifyOwnLog(config, place, wish),
          readinessLimits: config.log,
          stampIntervalMs: config.log.stampIntervalMs,
          subjects: subjectLookUp(place, messageLog, reader.identity.name),
          configuration: () => ({
            configurationVersion: configuration.current()?.version ?? null,
            services: local.services.ids(),
            clients: local.clients.ids(),
          }),
          ...{ operators: local.operators, host: config.admin.host, certificates, requestId, now, log },
        })
        // Behind the admission of operators, like everything at this port.
        await app.register(helpPages)
      },
    }),
  )
}

function exchangeDeps(
  { config, now }: Site,
  { messageLog, clock }: Recorded,
  { configuration, revocation, seal }: Trust,
  { peers, spool }: Transport,
  { clients, services }: Local,
): { readonly consumer: ConsumerDeps; readonly provider: ProviderDeps } {
  const { limits, gateway, idnrTestNumbers } = config
  const refusals = tokenBuckets({ perSecond: limits.refusalsPerSecond, burst: limits.refusalsBurst })
  const shared = {
    ...{ gateway, configuration, revocation, seal, log: messageLog, now, clock },
    clockSkewMsMax: limits.clockSkewMsMax,
    idnrGuard: idnrGuard({ testNumbers: idnrTestNumbers }),
    subjects: subjectFinder(services.subjects),
  }
  return {
    consumer: { ...shared, clients, peers, spool, bodyBytesMax: limits.bodyBytesMax },
    provider: {
      ...{ ...shared, services, mayRefuse: refusals.take },
      metaservices: metaservices(gateway, services.describe),
    },
  }
}

/** Before anybody can connect: what was revoked before the last stop is not let in while others are asked about. */
async function watchStatuses({ configuration, revocation }: Trust): Promise<void> {
  configuration.onChange((snapshot) => void revocation.watch(snapshot))
  const first = configuration.current()
  if (first === undefined) return
  await Promise.race([revocation.watch(first), sleep(FIRST_STATUS_WAIT_MS, undefined, { ref: false })])
}
