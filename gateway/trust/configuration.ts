/** The global configuration's content: who belongs to the region. Signed by the registry, read by every gateway. */

import type { Identifier } from '../protocol/identifiers.ts'

/** What the registry publishes. Times are ISO 8601 UTC; certificates are base64 of their DER; `sha256` is lower-case hex. */
export interface Configuration {
  readonly instance: string
  /** Grows with every change: max(last + 1, unix seconds). */
  readonly version: number
  readonly issued: string
  readonly authorities: Authorities
  readonly members: readonly Member[]
  readonly gateways: readonly Gateway[]
  readonly services: readonly Service[]
  readonly purposes: readonly Purpose[]
  readonly agreements: readonly Agreement[]
}

export interface Authorities {
  /** The CAs that may issue seal, TLS and responder certificates. `ocsp` and `crl` are where to ask; never taken from a certificate. */
  readonly issuing: readonly { readonly certificate: string; readonly ocsp: string; readonly crl: string }[]
  readonly tsa: readonly {
    readonly url: string
    readonly certificate: string
    readonly ca: string
    readonly crl: string
  }[]
}

export interface Member {
  readonly id: Identifier
  readonly name: string
  /** DVDV key, e.g. `ags:05774032`. domain 0.1 */
  readonly dvdv?: string
  readonly seals: readonly RegisteredCertificate[]
  readonly subsystems: readonly { readonly code: string; readonly name: string }[]
}

export interface RegisteredCertificate {
  readonly sha256: string
  readonly certificate: string
}

export interface Gateway {
  /** `INSTANCE/CLASS/MEMBER/SERVERCODE`: X-Road's security server identifier. */
  readonly id: Identifier
  /** Provider port, `https://host:port`. */
  readonly address: string
  /** `server` is what its provider port shows, `client` what it shows when it calls. */
  readonly tls: readonly (RegisteredCertificate & { readonly use: 'server' | 'client' })[]
  /** The subsystems it speaks for. */
  readonly subsystems: readonly Identifier[]
  /** Message logs it writes, `gateway/node`. */
  readonly logs: readonly string[]
}

export interface Service {
  /** Five parts. */
  readonly id: Identifier
  readonly title: string
  readonly type: 'REST' | 'OPENAPI'
  readonly endpoints: readonly { readonly method: string; readonly path: string }[]
  readonly disabledNotice?: string
  /** Largest request or reply body; each gateway's own limit when absent. */
  readonly bodyBytesMax?: number
  /** How long its provider lets it take to answer; the provider's own limit when absent. */
  readonly timeoutMs?: number
}

export interface Purpose {
  readonly code: string
  readonly title: string
  readonly legalBasis: string
  readonly dataCategories: readonly string[]
  readonly bodyRetentionDays: number
  readonly recordRetentionDays: number
  /** What the two are taken from. */
  readonly retentionBasis?: string
  /** X-Road headers without which the purpose may not be used: `issue` is the Aktenzeichen, `userId` the clerk. */
  readonly requires: readonly ('issue' | 'userId')[]
  /** How old the configuration may be; the gateway's own limit when absent. */
  readonly maxStalenessS?: number
  /** Go on with a stale revocation status and say so in the record. */
  readonly revocationSoftFail?: boolean
}

export interface Agreement {
  readonly id: string
  /** A subsystem, or a member (then every subsystem of it and itself). */
  readonly client: Identifier
  readonly service: Identifier
  readonly validFrom: string
  readonly validUntil?: string
  /** Messages that may carry an identification number (§ 139b AO), because a law lets them; none when absent. */
  readonly idnr?: readonly ('request' | 'reply')[]
  /** Rights: method or `*`, path glob (contract §2.7). Empty `purposes`: no purpose is required. */
  readonly endpoints: readonly {
    readonly method: string
    readonly path: string
    readonly purposes: readonly string[]
  }[]
}
