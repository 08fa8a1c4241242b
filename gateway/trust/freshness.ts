/** The registry's word that a configuration is still the current one. Short-lived, so that withholding news is noticed. */

/** As published; times are ISO 8601 UTC, `sha256` is hex over the configuration's octets. */
export interface FreshnessDocument {
  readonly version: number
  readonly sha256: string
  readonly issued: string
  readonly expires: string
}

export interface Freshness {
  readonly version: number
  readonly sha256: string
  /** Milliseconds since the Unix epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** Clocks of registry and gateway may differ by this much. */
const SKEW_MS_MAX = 60_000
/** A longer promise would make withholding news pay. Security row 23. */
const LIFETIME_MS_MAX = 86_400_000

/** Signed later than it is here by now: nobody else can make the registry's clock run ahead, so it is this one that is behind. */
export class ClockBehind extends Error {
  readonly byMs: number

  constructor(byMs: number) {
    super(`This gateway’s clock is behind: the registry’s word is from the future, by ${Math.round(byMs / 1000)} s`)
    this.byMs = byMs
  }
}

/** @throws {ClockBehind} when it is from the future @throws {Error} when it is not exactly such a document or promises too much */
export function parseFreshness(payload: Buffer, now: number): Freshness {
  const document: unknown = JSON.parse(payload.toString())
  if (!isFreshness(document)) throw new Error('It is not a freshness document')
  const { version, sha256, issued, expires } = document
  const [issuedAt, expiresAt] = [Date.parse(issued), Date.parse(expires)]
  if (issuedAt > now + SKEW_MS_MAX) throw new ClockBehind(issuedAt - now)
  if (!(expiresAt > issuedAt && expiresAt - issuedAt <= LIFETIME_MS_MAX)) {
    throw new Error('The freshness promises no possible time')
  }
  return { version, sha256, issuedAt, expiresAt }
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

function isFreshness(value: unknown): value is FreshnessDocument {
  if (typeof value !== 'object' || value === null) return false
  const { version, sha256, issued, expires, ...rest } = value as Record<string, unknown>
  return (
    Object.keys(rest).length === 0 &&
    Number.isSafeInteger(version) &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    [issued, expires].every((text) => typeof text === 'string' && INSTANT.test(text) && !Number.isNaN(Date.parse(text)))
  )
}
