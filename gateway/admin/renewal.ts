/** Keeps a running gateway's evidence renewed: its configuration, its log and the authorities of the region put together. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from '../config/config.ts'
import type { LogReader, LogReaderOptions } from '../message-log/reading/reader.ts'
import { renewalEnds } from '../message-log/renewal/renewal-plan.ts'
import { ascendingStamp, lastingAuthorities } from '../message-log/renewal/renewal-run.ts'
import type { RenewalEvent, RenewalSchedule } from '../message-log/renewal/renewal-schedule.ts'
import { openRenewalSchedule } from '../message-log/renewal/renewal-schedule.ts'
import { renewApart } from '../message-log/renewal/renewal-thread.ts'
import type { RegisteredAuthority } from '../message-log/stamping/time-stamp-client.ts'
import { openTimeStampClient, readCertificateEnds } from '../message-log/stamping/time-stamp-client.ts'

export interface RenewalDeps {
  readonly config: Config
  /** Where its log lies. */
  readonly place: LogReaderOptions
  readonly reader: Pick<LogReader, 'store'>
  /** Of the current configuration. */
  readonly authorities: () => readonly RegisteredAuthority[]
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly now: () => number
  /** After the start; a minute when absent. */
  readonly firstCheckMs?: number
}

const DAY_MS = 86_400_000

export function openRenewal(deps: RenewalDeps): RenewalSchedule {
  const { config, place, reader, authorities, log, now, firstCheckMs } = deps
  const { renewDaysBefore, algorithmEnds } = config.log
  const { sha256, sha512 } = algorithmEnds
  return openRenewalSchedule({
    now,
    ...(firstCheckMs !== undefined && { firstCheckMs }),
    renewDaysBefore,
    digestEnds: {
      ...(sha256 !== null && { sha256: endOfDay(sha256) }),
      ...(sha512 !== null && { sha512: endOfDay(sha512) }),
    },
    ends: () => renewalEnds(reader.store),
    authorityEnds: () => authorities().map(readCertificateEnds),
    async renew(wanted, report, signal) {
      const client = openTimeStampClient({
        authorities: () => lastingAuthorities(authorities(), wanted.endingBefore),
        now,
      })
      const wait = async (ms: number): Promise<void> => void (await sleep(ms, undefined, { signal }))
      const stamp = ascendingStamp(client, { now, wait })
      try {
        return await renewApart(place, { at: now(), stamp, report, signal }, wanted)
      } finally {
        await client.close()
      }
    },
    report: (event) => tell(log, event),
  })
}

function tell(log: RenewalDeps['log'], event: RenewalEvent): void {
  if (event.event === 'renewed' && event.damaged === 0) log.info(event, 'evidence was renewed')
  else if (event.event === 'renewed') log.warn(event, 'evidence was renewed, but for damaged records')
  else if (event.event === 'renewal-ahead') log.warn(event, 'what evidence rests on will end')
  else log.warn(event, 'evidence could not be renewed')
}

function endOfDay(day: string): number {
  return Date.parse(day) + DAY_MS
}
