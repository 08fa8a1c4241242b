/**
 * What the region looks like now, as far as this gateway knows: polled, verified, remembered, never rolled back.
 *
 * Source: architecture, "Trust"; security rows 22–24. After The Update Framework: `configuration` is its targets,
 * `freshness` its timestamp role. `OutdatedGlobalConf` is all an exchange ever hears of it.
 */

import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { GatewayError } from '../errors.ts'
import type { Alarm, ClockDoubt, RaisedAlarm } from './configuration-failure.ts'
import { clockDoubt, Expired, failureText, openAlarms, readConfiguration } from './configuration-failure.ts'
import type { HighWater } from './configuration-store.ts'
import { openConfigurationStore } from './configuration-store.ts'
import type { Freshness } from './freshness.ts'
import { parseFreshness } from './freshness.ts'
import type { RegistryClient } from './registry-client.ts'
import type { Anchor } from './signed-document.ts'
import { CONFIGURATION, FRESHNESS, openDocument } from './signed-document.ts'
import type { Snapshot } from './snapshot.ts'
import { makeSnapshot } from './snapshot.ts'

export interface GlobalConfigurationOptions {
  readonly registry: RegistryClient
  readonly anchor: Anchor
  /** Of this gateway's copies; made when it is missing. */
  readonly directory: string
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  readonly pollIntervalMs?: number
  /** Between two questions, however often a newer version is heard of. */
  readonly pollGapMs?: number
  /** Without news for this long, an operator should look. */
  readonly warnMs?: number
  /**
   * Awaited before a configuration is used, after it is on disk: here the message log takes note of it. Rejecting keeps
   * the old one.
   */
  readonly beforeUse?: (adopted: Adopted) => Promise<void>
}

export interface Adopted extends HighWater {
  /** The signed document as received. */
  readonly jws: string
}

export interface GlobalConfiguration {
  /** The configuration in use, even one that has expired; nothing before the first. */
  current(): Snapshot | undefined
  /** @throws {GatewayError} `OutdatedGlobalConf` */
  usable(now: number): Snapshot
  /** Age of the registry's last word; a purpose can ask for a small one. */
  stalenessMs(now: number): number
  health(now: number): ConfigurationHealth
  /** @returns stops listening */
  onChange(listener: ChangeListener): () => void
  /** What a verified message says it was made under: newer is asked for at once, another of the same version is alarming. */
  heard(reference: Snapshot['reference']): void
  /** Resolves when the registry has been asked once more, whatever came of it. */
  refreshNow(): Promise<void>
  /** A signed configuration this gateway used, as received. */
  document(version: number): Promise<string | undefined>
  close(): Promise<void>
}

export type ChangeListener = (snapshot: Snapshot, previous: Snapshot | undefined) => void

export interface ConfigurationHealth {
  /** `late`: no news for longer than `warnMs`; `expired`: no exchange is possible; `none`: there never was one. */
  readonly state: 'fresh' | 'late' | 'expired' | 'none'
  readonly version?: number
  readonly sha256?: string
  readonly issuedAt?: number
  readonly expiresAt?: number
  /** Why the last question to the registry failed. */
  readonly failure?: string
  /** What the registry's latest word says of this gateway's clock, where that cannot be right. */
  readonly clockDoubt?: ClockDoubt
  readonly alarms: readonly RaisedAlarm[]
}

export const POLL_INTERVAL_MS = 10_000
export const WARN_MS = 600_000
export const POLL_GAP_MS = 200
const RETRY_MS = 1000
/** version = max(last + 1, unix seconds): one a day ahead was made to lock us out of all that follow. */
const VERSION_AHEAD_S_MAX = 86_400

/** Resolves with what the disk had, before the registry is heard; polls until closed. */
export async function openGlobalConfiguration(options: GlobalConfigurationOptions): Promise<GlobalConfiguration> {
  const { registry, anchor, log, now, beforeUse, warnMs = WARN_MS } = options
  const { pollIntervalMs = POLL_INTERVAL_MS, pollGapMs = POLL_GAP_MS } = options
  const store = await openConfigurationStore(options.directory)
  const listeners = new Set<ChangeListener>()
  const alarms = openAlarms({ now, log })
  const { raise, distrust } = alarms
  const closing = new AbortController()
  let snapshot: Snapshot | undefined
  let freshness: Freshness | undefined
  let highest: HighWater | undefined
  let failure: string | undefined
  let doubt: ClockDoubt | undefined
  let late = false
  let hasStarted = false
  let waiting: (() => void)[] = []
  let poke = new AbortController()

  /** What contradicts on this disk the registry has not said: `start` finds the name for it. */
  function accuse(alarm: Alarm, detail: object): Error {
    return hasStarted ? raise(alarm, detail) : new Error(`The copies on this disk contradict each other: ${alarm}`)
  }

  /** Everything that is decided without the configuration itself. */
  function judge(candidate: Freshness): void {
    const { version, sha256, issuedAt, expiresAt } = candidate
    if (expiresAt <= now()) throw new Expired(now() - expiresAt)
    if (highest !== undefined && version < highest.version) throw accuse('registry-rollback', { version })
    if (version === highest?.version && sha256 !== highest.sha256) throw accuse('registry-split-view', { version })
    if (version > now() / 1000 + VERSION_AHEAD_S_MAX) throw accuse('registry-fast-forward', { version })
    if (freshness !== undefined && issuedAt < freshness.issuedAt) throw new Error('The freshness is an older one')
  }

  /** @returns whether another configuration is in use now */
  async function adopt(jws: string, fetch: (version: number) => Promise<string>): Promise<boolean> {
    const candidate = parseFreshness(await openDocument(jws, FRESHNESS, anchor), now())
    judge(candidate)
    doubt = undefined
    const { version, sha256 } = candidate
    if (version === snapshot?.version) {
      if (candidate.issuedAt !== freshness?.issuedAt) await store.keepFreshness(jws)
      freshness = candidate
      return false
    }

    const document = await fetch(version)
    const payload = await openDocument(document, CONFIGURATION, anchor)
    if (hash('sha256', payload, 'hex') !== sha256) throw new Error('The configuration is not the one of the freshness')
    const configuration = readConfiguration(payload)
    if (configuration.version !== version) throw new Error('The configuration is of another version than its freshness')
    const next = makeSnapshot(configuration, sha256, snapshot)

    // On disk before it is used: what was judged by it must never be undercut, not even after a crash.
    await store.keep({ version, sha256 }, document, jws)
    highest = { version, sha256 }
    await beforeUse?.({ version, sha256, jws: document })
    const previous = snapshot
    snapshot = next
    freshness = candidate
    log.info({ version, sha256, problems: next.problems }, 'global configuration in use')
    for (const listener of listeners) tell(listener, next, previous)
    return true
  }

  function tell(listener: ChangeListener, next: Snapshot, previous: Snapshot | undefined): void {
    try {
      listener(next, previous)
    } catch (err) {
      log.error({ err }, 'a part of the gateway did not take the new configuration')
    }
  }

  async function start(): Promise<void> {
    try {
      highest = await store.highest()
    } catch (error) {
      distrust(error, 'highest.json')
    }
    // Without a readable mark, the newest copy that verifies is the mark.
    for (const version of highest === undefined ? (await store.versions()).toReversed() : []) {
      const mark = await verifiedMark(version)
      if (mark !== undefined) {
        highest = mark
        break
      }
    }
    try {
      const jws = await store.freshness()
      if (jws !== undefined) await adopt(jws, async (version) => (await store.configuration(version)) ?? '')
    } catch (error) {
      // A copy that has ended says nothing of the clock: this gateway may have been off for long.
      if (!(error instanceof Expired)) doubt = clockDoubt(error)
      failure = failureText(error)
      distrust(error, 'freshness.jws')
      log.warn({ reason: failure }, 'the copy of the global configuration cannot be used')
    }
  }

  async function verifiedMark(version: number): Promise<HighWater | undefined> {
    try {
      const payload = await openDocument((await store.configuration(version)) ?? '', CONFIGURATION, anchor)
      const configuration = JSON.parse(payload.toString()) as { version: unknown }
      return configuration.version === version ? { version, sha256: hash('sha256', payload, 'hex') } : undefined
    } catch {
      return undefined
    }
  }

  async function poll(waitMs: number, signal: AbortSignal): Promise<boolean> {
    try {
      const jws = await registry.freshness(snapshot?.version, waitMs, signal)
      const changed = await adopt(jws, () => registry.configuration(closing.signal))
      failure = undefined
      doubt = undefined
      return changed
    } catch (error) {
      if (signal.aborted) return true
      doubt = clockDoubt(error) ?? doubt
      const reason = failureText(error)
      if (reason !== failure) log.warn({ reason }, 'no news from the registry')
      failure = reason
      return false
    } finally {
      warnWhenLate()
    }
  }

  function warnWhenLate(): void {
    const wasLate = late
    late = stalenessMs(now()) > warnMs
    if (late && !wasLate) log.warn({ warnMs, failure }, 'the global configuration is getting old')
  }

  function stalenessMs(at: number): number {
    return freshness === undefined ? Number.POSITIVE_INFINITY : Math.max(0, at - freshness.issuedAt)
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      const started = performance.now()
      const answered = waiting
      waiting = []
      poke = new AbortController()
      const signal = AbortSignal.any([closing.signal, poke.signal])
      const again = await poll(answered.length > 0 ? 0 : pollIntervalMs, signal)
      for (const resolve of answered) resolve()

      const pause = again ? pollGapMs : failure === undefined ? pollIntervalMs : Math.min(RETRY_MS, pollIntervalMs)
      await rest(started + pollGapMs - performance.now(), closing.signal)
      await rest(started + pause - performance.now(), signal)
    }
    for (const resolve of waiting) resolve()
  }

  await start()
  hasStarted = true
  const running = run()

  return {
    current: () => snapshot,
    usable(at) {
      if (snapshot === undefined || freshness === undefined || at >= freshness.expiresAt) {
        const reason = doubt === undefined ? undefined : `this gateway’s clock seems to be ${doubt.direction}`
        throw new GatewayError('OutdatedGlobalConf', reason === undefined ? {} : { reason })
      }
      return snapshot
    },
    stalenessMs,
    health(at) {
      const expired = freshness === undefined || at >= freshness.expiresAt
      const state = snapshot === undefined ? 'none' : expired ? 'expired' : stalenessMs(at) > warnMs ? 'late' : 'fresh'
      return {
        state,
        ...(snapshot !== undefined && { version: snapshot.version, sha256: snapshot.sha256 }),
        ...(freshness !== undefined && { issuedAt: freshness.issuedAt, expiresAt: freshness.expiresAt }),
        ...(failure !== undefined && { failure }),
        ...(doubt !== undefined && { clockDoubt: doubt }),
        alarms: alarms.list(),
      }
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    heard({ version, sha256 }) {
      if (snapshot === undefined) return
      const { reference } = snapshot
      if (version === reference.version && sha256 !== reference.sha256) raise('registry-split-view', { version })
      if (version > reference.version) poke.abort()
    },
    async refreshNow() {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push(resolve)
      poke.abort()
      await promise
    },
    document: (version) => store.configuration(version),
    async close() {
      closing.abort()
      await running
      await registry.close()
    },
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0 && !signal.aborted) await sleep(ms, undefined, { signal }).catch(() => {})
}
