/** How a gateway is doing: what its parts say, what follows from it for traffic, and how an operator reads it. */

import type { MessageLogHealth } from '../../message-log/open-log.ts'
import type { RenewalHealth } from '../../message-log/renewal/renewal-schedule.ts'
import { ANNOUNCED_DAYS } from '../../message-log/renewal/renewal-schedule.ts'
import type { Identifier } from '../../protocol/identifiers.ts'
import type { Clock } from '../../trust/basis.ts'
import { NOT_READY_OFFSET_MS, WARN_OFFSET_MS } from '../../trust/clock.ts'
import type { ConfigurationHealth } from '../../trust/global-configuration.ts'
import type { ShownCertificate } from '../../trust/local-certificates.ts'
import type { RevocationHealth, RevocationStatus } from '../../trust/revocation.ts'
import { localCertificates } from './local-certificates.ts'

/** Times are milliseconds since the Unix epoch; what is absent is not known. */
export interface Health {
  readonly gateway: Identifier
  readonly startedAt: number
  readonly configuration: ConfigurationHealth
  readonly revocation: RevocationHealth & {
    /** When the oldest answer that is relied on was given: `thisUpdate`. */
    readonly oldestAt?: number
  }
  /** What the others are told about our seal. */
  readonly seal: RevocationStatus['status']
  /** End of validity by use: `seal`, `consumer`, `provider`, `client`, `admin`. */
  readonly certificates: Readonly<Record<string, number>>
  /** Of local systems and operators, as far as they were shown. */
  readonly local: readonly ShownCertificate[]
  readonly log: MessageLogHealth
  readonly partners: PartnersHealth
  /** Until when evidence holds without being renewed. */
  readonly renewal: RenewalHealth
  readonly clock: Clock
  readonly inFlight: { readonly consumer: number; readonly provider: number }
  /** What of the configuration file, as it was read last, is not in use. */
  readonly faults: readonly string[]
  /** Where the log lies. */
  readonly disk?: { readonly freeBytes: number; readonly totalBytes: number }
}

/** What comparing the log with those of partners has shown. */
export interface PartnersHealth {
  /** Compared with at least once; and those of them with whom the last time failed. */
  readonly known: number
  readonly failing: number
  /** Exchanges of which the two logs do not say the same, for no honest reason. */
  readonly alarms: number
  /** Heads of logs that cannot both be true. */
  readonly conflicts: number
  /** Those of them about this gateway's own log: batches that a partner holds and the log does not have. */
  readonly ownConflicts: readonly { readonly partner: Identifier; readonly batch: number }[]
  /** With every partner up to here. */
  readonly comparedTo?: number
}

/** `warn`: an operator should look; `fail`: exchanges are being refused, or soon will be. */
export type CheckState = 'ok' | 'warn' | 'fail'

export interface Check {
  readonly state: CheckState
  readonly detail?: string
}

export interface Readiness {
  readonly ready: boolean
  readonly checks: Readonly<Record<CheckName, Check>>
}

export type CheckName =
  | 'registry'
  | 'seal'
  | 'certificates'
  | 'localCertificates'
  | 'log'
  | 'disk'
  | 'clock'
  | 'timestamps'
  | 'evidence'
  | 'revocation'
  | 'partners'
  | 'archive'
  | 'file'

export interface ReadinessLimits {
  readonly stampIntervalMs: number
  readonly stampFailureLimitMs: number
  readonly diskWarnBytes?: number
  readonly diskFailBytes?: number
  readonly expiryWarnMs?: number
}

export const DISK_WARN_BYTES = 1024 ** 3
export const DISK_FAIL_BYTES = 64 * 1024 ** 2
const DAY_MS = 86_400_000
export const EXPIRY_WARN_MS = 30 * DAY_MS
/** A time-stamp authority may miss two batches before anybody is told. */
const STAMPS_MISSED_MAX = 3

const OK: Check = { state: 'ok' }

export function readiness(health: Health, limits: ReadinessLimits, now: number): Readiness {
  const checks = {
    registry: registry(health),
    seal: seal(health),
    certificates: certificates(health, limits, now),
    localCertificates: localCertificates(health.local, now),
    log: log(health),
    disk: disk(health, limits),
    clock: clock(health),
    timestamps: timestamps(health, limits, now),
    evidence: evidence(health, now),
    revocation: revocation(health),
    partners: partners(health, now),
    archive: archive(health),
    file: file(health),
  }
  return { ready: Object.values(checks).every(({ state }) => state !== 'fail'), checks }
}

function log({ log: { isWritable, fault } }: Health): Check {
  if (fault !== undefined) return fail(`${fault.message}: ${fault.next}`)
  return isWritable ? OK : fail('the message log cannot be written')
}

function registry({ configuration: { state, alarms, failure } }: Health): Check {
  const [alarm] = alarms
  const why = failure === undefined ? '' : `: ${failure}`
  if (state === 'none') return fail(`there is no global configuration yet${why}`)
  if (state === 'expired') return fail(`the global configuration has expired${why}`)
  if (alarm !== undefined) return warn(`alarm ${alarm.alarm}`)
  return state === 'late' ? warn(`no news from the registry${why}`) : OK
}

/** What was in use before stays in use, but for services whose entry does not hold: the next start would fail. */
function file({ faults }: Health): Check {
  return faults.length === 0 ? OK : warn(`the configuration file is not all in use: ${faults.join('; ')}`)
}

function seal({ seal: status }: Health): Check {
  if (status === 'good') return OK
  return fail(status === 'revoked' ? 'our seal is revoked' : 'the revocation status of our seal is not known')
}

function certificates(
  { certificates }: Health,
  { expiryWarnMs = EXPIRY_WARN_MS }: ReadinessLimits,
  now: number,
): Check {
  const expiring = Object.entries(certificates).filter(([, at]) => at - now < expiryWarnMs)
  const expired = expiring.filter(([, at]) => at <= now)
  const names = (list: typeof expiring): string => list.map(([use]) => use).join(', ')
  if (expired.length > 0) return fail(`expired: ${names(expired)}`)
  return expiring.length > 0 ? warn(`expiring soon: ${names(expiring)}`) : OK
}

function disk({ disk }: Health, limits: ReadinessLimits): Check {
  const { diskWarnBytes = DISK_WARN_BYTES, diskFailBytes = DISK_FAIL_BYTES } = limits
  if (disk === undefined || disk.freeBytes >= diskWarnBytes) return OK
  const detail = `${Math.floor(disk.freeBytes / 1024 ** 2)} MiB are free`
  return disk.freeBytes < diskFailBytes ? fail(detail) : warn(detail)
}

function clock({ clock: { offsetMs, source }, configuration: { clockDoubt } }: Health): Check {
  if (clockDoubt !== undefined) {
    const seconds = Math.round(clockDoubt.byMs / 1000)
    if (clockDoubt.direction === 'behind') return fail(`the clock is behind: the registry signed ${seconds} s later`)
    return warn(`the clock is ahead, or the registry stands still: its latest word ended ${seconds} s ago`)
  }
  if (source === 'none') return { state: 'ok', detail: 'not compared with another clock yet' }
  const apart = Math.abs(offsetMs)
  if (apart <= WARN_OFFSET_MS) return OK
  const detail = `the clock is off by ${(apart / 1000).toFixed(1)} s`
  return apart > NOT_READY_OFFSET_MS ? fail(detail) : warn(detail)
}

function timestamps({ log: { unstampedSince } }: Health, limits: ReadinessLimits, now: number): Check {
  if (unstampedSince === undefined) return OK
  const waitingMs = now - unstampedSince
  const detail = `records wait for a time-stamp since ${iso(unstampedSince)}`
  if (waitingMs > limits.stampFailureLimitMs) return fail(detail)
  return waitingMs > STAMPS_MISSED_MAX * limits.stampIntervalMs ? warn(detail) : OK
}

/** Never a reason to refuse exchanges: it is about what was, not about what is. */
function evidence({ renewal }: Health, now: number): Check {
  const { certificateEndsAt, algorithmEndsAt, problem } = renewal
  if (problem !== undefined) return warn(`evidence could not be renewed: ${problem}`)
  const ends = [
    ['a certificate', certificateEndsAt],
    ['an algorithm', algorithmEndsAt],
  ] as const
  for (const [what, at] of ends) {
    if (at === undefined || at - now > ANNOUNCED_DAYS[0] * DAY_MS) continue
    return warn(`${what} that evidence rests on ${at <= now ? 'ended' : 'ends'} on ${iso(at)?.slice(0, 10)}`)
  }
  return OK
}

function revocation({ revocation: { watched, good, stale, unknown, failing } }: Health): Check {
  if (watched > 0 && good === 0) return fail('no certificate has a fresh revocation status')
  if (stale + unknown > 0) return warn(`${stale + unknown} of ${watched} certificates have no fresh status`)
  return failing > 0 ? warn(`${failing} of ${watched} last questions got no answer`) : OK
}

/** Exchanges need no archive: only who looks at old records. */
function archive({ log: { archive } }: Health): Check {
  const [name] = archive.missing
  if (name === undefined) return archive.problem === undefined ? OK : warn(`archiving stopped: ${archive.problem}`)
  const others = archive.missing.length === 1 ? '' : ` and ${archive.missing.length - 1} others`
  return warn(`archive file ${name}${others} missing or damaged: owl log archive list`)
}

/** A contradiction never goes away; an operator has seen it by then. */
const CONTRADICTION_WARN_MS = 30 * 86_400_000

/** Blocks nothing: whoever could bring traffic to a halt by contradicting himself would. */
function partners({ partners: { alarms, conflicts, ownConflicts, failing }, log }: Health, now: number): Check {
  const [own] = ownConflicts
  if (own !== undefined) {
    const others = ownConflicts.length === 1 ? '' : `, and ${ownConflicts.length - 1} more`
    const what = `${own.partner} holds another batch ${own.batch}${others}`
    return warn(`this gateway’s own log is not the one that partners know: ${what}: owl log contradictions`)
  }
  const { contradictedAt = Number.NEGATIVE_INFINITY } = log
  if (conflicts > 0 || now - contradictedAt < CONTRADICTION_WARN_MS) {
    return warn('what partners say of logs is contradictory: owl log contradictions')
  }
  if (alarms > 0) return warn(`${alarms} exchanges differ from those in the logs of partners: owl log partners`)
  return failing > 0 ? warn(`the log could not be compared with those of ${failing} partners`) : OK
}

function warn(detail: string): Check {
  return { state: 'warn', detail }
}

function fail(detail: string): Check {
  return { state: 'fail', detail }
}

/** What `GET /health` shows: ISO 8601 and null where nothing is known, ages in whole seconds. */
export function formatHealth(health: Health, limits: ReadinessLimits, now: number): Readonly<Record<string, unknown>> {
  const { gateway, startedAt, configuration, revocation, certificates, log, clock, renewal, inFlight, disk } = health
  const {
    issuedAt,
    expiresAt,
    alarms,
    version = null,
    sha256 = null,
    state,
    failure = null,
    clockDoubt = null,
  } = configuration
  const { oldestAt, ...counts } = revocation
  const { unstampedSince, stampedAt, contradictedAt, ...counted } = log
  const { comparedTo, ...compared } = health.partners
  const { ready, checks } = readiness(health, limits, now)
  return {
    gateway,
    ready,
    checks,
    startedAt: iso(startedAt),
    uptimeS: seconds(now - startedAt),
    unstampedSince: iso(unstampedSince),
    lastStampedAt: iso(stampedAt),
    configuration: {
      state,
      version,
      sha256,
      issuedAt: iso(issuedAt),
      ageS: issuedAt === undefined ? null : seconds(now - issuedAt),
      expiresAt: iso(expiresAt),
      failure,
      clockDoubt,
      alarms: alarms.map(({ alarm, at, count }) => ({ alarm, at: iso(at), count })),
    },
    revocation: {
      ...counts,
      oldestAt: iso(oldestAt),
      oldestAgeS: oldestAt === undefined ? null : seconds(now - oldestAt),
    },
    seal: { revocation: health.seal },
    certificates: Object.fromEntries(Object.entries(certificates).map(([use, at]) => [use, iso(at)])),
    localCertificates: health.local.map(({ validTo, ...shown }) => ({ ...shown, validTo: iso(validTo) })),
    log: { ...counted, contradictedAt: iso(contradictedAt) },
    partners: { ...compared, comparedTo: iso(comparedTo) },
    evidence: {
      certificateEndsAt: iso(renewal.certificateEndsAt),
      algorithmEndsAt: iso(renewal.algorithmEndsAt),
      renewal: renewal.progress ?? null,
    },
    clock: clock.source === 'none' ? { offsetMs: null, source: null } : clock,
    inFlight,
    disk: disk ?? null,
  }
}

function iso(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString()
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 1000))
}
