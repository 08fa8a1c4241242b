/** Signs what the registry says: the configuration when it changes, its freshness once a minute. Architecture, "Trust". */

import type { CryptoKey } from 'jose'
import type { FreshnessDocument } from '../trust/freshness.ts'
import { CONFIGURATION, FRESHNESS, signDocument } from '../trust/signed-document.ts'
import type { Published, RegistryStore } from './store.ts'

export interface PublishingOptions {
  readonly store: RegistryStore
  /** Private, P-256. */
  readonly key: CryptoKey
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  /** How often freshness is signed again. */
  readonly signIntervalMs?: number
  /** How long gateways may work without hearing from the registry. */
  readonly lifetimeMs?: number
  /** How often the store is looked at for changes made by commands. */
  readonly watchIntervalMs?: number
  /** Told when publishing begins to fail; what was signed before stays until it expires. */
  readonly onError: (error: unknown) => void
}

export interface Publication {
  readonly version: number
  /** Of the configuration's octets, hex. */
  readonly sha256: string
  /** Signed documents, JWS compact. */
  readonly configuration: string
  readonly freshness: string
}

export interface Publishing {
  current(): Publication
  /**
   * Resolves when a version other than `version` is published, when the time is up or when the signal aborts; at once
   * when it already is.
   */
  changed(version: number, waitMs: number, signal: AbortSignal): Promise<void>
  close(): void
}

export const SIGN_INTERVAL_MS = 60_000
export const LIFETIME_MS = 4 * 3_600_000
export const WATCH_INTERVAL_MS = 100

/** Resolves when there is something to publish. */
export async function openPublishing(options: PublishingOptions): Promise<Publishing> {
  const { store, key, now, onError } = options
  const { signIntervalMs = SIGN_INTERVAL_MS, lifetimeMs = LIFETIME_MS, watchIntervalMs = WATCH_INTERVAL_MS } = options
  const waiters = new Set<() => void>()
  let publication = await sign(store.current())
  let signing: Promise<void> = Promise.resolve()
  let failing = false

  function fail(error: unknown): void {
    if (!failing) onError(error)
    failing = true
  }

  async function sign(published: Published, before?: Publication): Promise<Publication> {
    const { version, sha256, octets } = published
    // The same document again for the same version: ECDSA would make another text of it each time.
    const configuration =
      before?.version === version ? before.configuration : await signDocument(CONFIGURATION, octets, key)
    const at = now()
    const document: FreshnessDocument = {
      version,
      sha256,
      issued: new Date(at).toISOString(),
      expires: new Date(at + lifetimeMs).toISOString(),
    }
    const freshness = await signDocument(FRESHNESS, Buffer.from(JSON.stringify(document)), key)
    return { version, sha256, configuration, freshness }
  }

  /** One at a time, in order: two answers of a slow signer must not overtake each other. */
  function republish(): void {
    signing = signing
      .then(async () => {
        const before = publication
        publication = await sign(store.current(), before)
        failing = false
        if (publication.version !== before.version) for (const wake of [...waiters]) wake()
      })
      .catch(fail)
  }

  const signer = setInterval(republish, signIntervalMs)
  const watcher = setInterval(() => {
    try {
      if (store.hasChanged()) republish()
    } catch (error) {
      fail(error)
    }
  }, watchIntervalMs)

  return {
    current: () => publication,
    async changed(version, waitMs, signal) {
      if (publication.version !== version || signal.aborted) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, waitMs)
      waiters.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      await promise
      waiters.delete(resolve)
      clearTimeout(timer)
    },
    close() {
      clearInterval(signer)
      clearInterval(watcher)
      for (const wake of [...waiters]) wake()
    },
  }
}
