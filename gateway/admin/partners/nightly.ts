/** Partners of a running gateway: compared every night, watched from the start, told of in health and log. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from '../../config/config.ts'
import { GatewayError } from '../../errors.ts'
import type { SqliteLog } from '../../message-log/open-log.ts'
import type { LogReader, LogReaderOptions } from '../../message-log/reading/reader.ts'
import type { ComparisonThread } from '../../message-log/witness/comparison-thread.ts'
import { openComparisonThread } from '../../message-log/witness/comparison-thread.ts'
import { openPartnerStates, partnersDirectory } from '../../message-log/witness/partner-states.ts'
import type { Peers } from '../../transport/peers.ts'
import type { GlobalConfiguration } from '../../trust/global-configuration.ts'
import type { OwnSeal } from '../../trust/own-seal.ts'
import type { Judging, Revocation } from '../../trust/verifying.ts'
import type { PartnersHealth } from '../health/health.ts'
import type { Partners } from './partners.ts'
import { openPartners } from './partners.ts'
import { openReconcileSchedule } from './schedule.ts'

export interface RunningPartnersOptions {
  readonly config: Config
  readonly place: LogReaderOptions
  readonly reader: LogReader
  readonly messageLog: SqliteLog
  readonly configuration: GlobalConfiguration
  readonly revocation: Revocation
  readonly seal: OwnSeal
  readonly peers: Peers
  readonly requestId: () => string
  readonly now: () => number
  readonly log: FastifyBaseLogger
}

export interface RunningPartners extends Partners {
  /** Of our log, for us and for partners who ask. */
  readonly comparison: ComparisonThread
  health(): PartnersHealth
  close(): Promise<void>
}

/** Health is asked for often, and comes from files that commands write as well. */
const HEALTH_MS = 1000

/** @throws {Error} when what is known of a partner cannot be read */
export function openRunningPartners(options: RunningPartnersOptions): RunningPartners {
  const { config, place, reader, messageLog, configuration, revocation, seal, peers, requestId, now, log } = options
  const states = openPartnerStates(partnersDirectory(config))
  const comparison = openComparisonThread(place)
  const stopping = new AbortController()
  const partners = openPartners({
    ...{ gateway: config.gateway, seal, peers, requestId, now, reader, comparison, states },
    clockSkewMsMax: config.limits.clockSkewMsMax,
    logHead: messageLog.head,
    judging: (): Judging => ({ snapshot: configuration.usable(now()), revocation, now: now(), softFail: false }),
    sleep: async (ms) => {
      await sleep(ms, undefined, { ref: false, signal: stopping.signal })
    },
    report: (event) => {
      measured = undefined
      if (event.problem === null && event.alarms + event.conflicts === 0) log.info(event, 'message log')
      else log.warn(event, 'message log')
    },
  })
  let measured: { readonly at: number; readonly health: PartnersHealth } | undefined

  // Before anything is added: a log that was restored, or written anew, does not have what partners hold of it.
  partners.checkAnchors()
  for (const conflict of partners.ownConflicts()) {
    log.error(
      { event: 'contradiction', ...conflict },
      'a partner holds another batch of this gateway’s own message log',
    )
  }

  function health(): PartnersHealth {
    const at = now()
    if (measured === undefined || at - measured.at > HEALTH_MS) measured = { at, health: measure() }
    return measured.health
  }

  function measure(): PartnersHealth {
    const all = states.list()
    const sum = (count: (state: (typeof all)[number]) => number): number =>
      all.reduce((total, state) => total + count(state), 0)
    const ends = all.flatMap(({ to }) => (to === null ? [] : [Date.parse(to)]))
    return {
      known: all.length,
      failing: sum(({ result }) => Number(result === 'failed')),
      alarms: sum(({ alarms }) => alarms.length),
      conflicts: sum(({ conflicts }) => conflicts.length),
      ownConflicts: partners.ownConflicts().map(({ partner, batch }) => ({ partner, batch })),
      ...(ends.length > 0 && { comparedTo: Math.min(...ends) }),
    }
  }

  async function compareAll(): Promise<boolean> {
    const snapshot = configuration.current()
    if (snapshot === undefined) throw new GatewayError('OutdatedGlobalConf')
    const all = await partners.reconcileAll(snapshot, stopping.signal)
    return all.every(({ state }) => state.result !== 'failed')
  }

  const schedule = openReconcileSchedule({
    hour: config.log.reconcileHour,
    now,
    random: Math.random,
    lastAt: () => {
      const times = states.list().map(({ at }) => Date.parse(at))
      return times.length === 0 ? undefined : Math.min(...times)
    },
    run: compareAll,
  })

  return {
    ...partners,
    comparison,
    health,
    async close() {
      schedule.close()
      stopping.abort()
      await comparison.close()
    },
  }
}
