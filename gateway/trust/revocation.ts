/** Revocation. */
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
