/** What is known of one certificate's revocation, and for how long it may be relied on. Architecture, "Revocation". */

import { hash } from 'node:crypto'

export interface RevocationStatus {
  /** `stale`: the last answer is too old to rely on; `unknown`: there never was one, or the CA does not know the certificate. */
  readonly status: 'good' | 'revoked' | 'stale' | 'unknown'
  readonly source?: 'ocsp' | 'crl'
  /** The complete OCSPResponse, or the CRL, as DER. */
  readonly response?: Buffer
  /** Of `response`, hex. */
  readonly sha256?: string
  /** Milliseconds since the Unix epoch. */
  readonly thisUpdate?: number
  readonly nextUpdate?: number
}

/** A verified answer about one certificate. */
export interface Answer {
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly source: 'ocsp' | 'crl'
  readonly response: Buffer
  readonly thisUpdate: number
  readonly nextUpdate?: number
}

/** An answer as it is looked up: the same objects each time, since exchanges cache by them. */
export interface Known {
  readonly status: RevocationStatus
  readonly whenOld: RevocationStatus
  readonly freshUntil: number
}

export const NEVER_ASKED: RevocationStatus = Object.freeze({ status: 'unknown' })

export function known(answer: Answer, ageMsMax: number): Known {
  const { status, response, thisUpdate, nextUpdate = Number.POSITIVE_INFINITY } = answer
  const fresh = Object.freeze({ ...answer, sha256: hash('sha256', response, 'hex') })
  return {
    status: fresh,
    // Revoked stays revoked, however long ago that was heard.
    whenOld: status === 'good' ? Object.freeze({ ...fresh, status: 'stale' as const }) : fresh,
    freshUntil: Math.min(thisUpdate + ageMsMax, nextUpdate),
  }
}

export function statusAt({ status, whenOld, freshUntil }: Known, now: number): RevocationStatus {
  return now <= freshUntil ? status : whenOld
}

/**
 * Does a new answer take the place of the one at hand? Never an older one, so that nobody can play back a `good` from
 * before a revocation; only `revoked` is believed whenever it was said.
 */
export function supersedes(next: Answer, before: RevocationStatus | undefined): boolean {
  if (before?.thisUpdate === undefined || next.status === 'revoked') return true
  if (next.thisUpdate !== before.thisUpdate) return next.thisUpdate > before.thisUpdate
  // Times are whole seconds: within one, bad news is the later one.
  return before.status !== 'revoked' || next.status !== 'good'
}
