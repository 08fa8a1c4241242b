/** Which local systems may speak for a subsystem, and how they prove it. Source: X-Road UG-SS 9.1; contract §4.1 rows 6–7. */

import type { X509Certificate } from 'node:crypto'
import { timingSafeEqual } from 'node:crypto'
import type { LocalClient } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Identifier } from '../protocol/identifiers.ts'

/** How a local system reached us. */
export interface LocalConnection {
  readonly secure: boolean
  /** Its TLS certificate, when it showed one and proved the key. */
  readonly peer?: LocalPeer
}

export interface LocalPeer {
  /** Of the certificate, lower-case hex. */
  readonly sha256: string
  readonly certificate: X509Certificate
}

/** Whether a listed certificate may be used now. */
export interface CertificateCheck {
  /** @returns why not, as it follows “the TLS certificate is” */
  flawOf(peer: LocalPeer): string | undefined
}

export interface LocalClients {
  /**
   * @throws {GatewayError} `UnknownMember` (no such subsystem here), `SslAuthenticationFailed`
   */
  admit(client: Identifier, connection: LocalConnection): void
  ids(): readonly Identifier[]
}

/** @param certificates are asked about a listed certificate, for every request */
export function localClients(clients: readonly LocalClient[], certificates: CertificateCheck): LocalClients {
  const byId = new Map(
    clients.map(({ id, auth, certificates }) => [
      id,
      { auth, certificates: certificates.map((hex) => Buffer.from(hex, 'hex')) },
    ]),
  )
  return {
    admit(client, { secure, peer }) {
      const registered = byId.get(client)
      if (registered === undefined)
        throw new GatewayError('UnknownMember', { reason: 'X-Road-Client names no client of this gateway' })
      if (registered.auth === 'http' || (registered.auth === 'https' && secure)) return
      if (registered.auth === 'https')
        throw new GatewayError('SslAuthenticationFailed', { reason: 'this client must use HTTPS' })
      if (!secure || peer === undefined)
        throw new GatewayError('SslAuthenticationFailed', { reason: 'this client must show its TLS certificate' })
      const shown = Buffer.from(peer.sha256, 'hex')
      if (!registered.certificates.some((known) => known.length === shown.length && timingSafeEqual(known, shown))) {
        throw new GatewayError('SslAuthenticationFailed', {
          reason: 'the TLS certificate is not listed for this client',
        })
      }
      const flaw = certificates.flawOf(peer)
      if (flaw !== undefined)
        throw new GatewayError('SslAuthenticationFailed', { reason: `the TLS certificate is ${flaw}` })
    },
    ids: () => [...byId.keys()],
  }
}
