/**
 * Is the admin port called by a name of its own? A page elsewhere whose name was made to point here calls it by that one
 * (DNS rebinding), with the certificate of the operator who has the page open. RFC 9110 §7.2, RFC 6454.
 */

import { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'

/**
 * Its own are the names and addresses in its certificate, the configured one, the address that the connection came to, and
 * `localhost` where that one is of the machine itself. A port is not looked at: one may be forwarded.
 *
 * @param configured `admin.host`
 */
export function isOwnName({ headers, raw }: FastifyRequest, configured: string | undefined): boolean {
  const host = hostOf(headers.host)
  if (host === undefined) return false
  const local = raw.socket.localAddress?.replace(/^::ffff:/, '')
  if (host === local || host === configured?.toLowerCase()) return true
  if (host === 'localhost' && local !== undefined && LOOPBACK.test(local)) return true
  const certificate = raw.socket instanceof TLSSocket ? raw.socket.getX509Certificate() : undefined
  if (certificate === undefined) return false
  return isAddress(host)
    ? certificate.checkIP(host) !== undefined
    : certificate.checkHost(host, { subject: 'never' }) !== undefined
}

/** No name of anybody's: nothing on the way to it can be made to point here. */
export function isCalledByAddress({ headers }: FastifyRequest): boolean {
  const host = hostOf(headers.host)
  return host !== undefined && isAddress(host)
}

/** What a browser names as the page's own origin has to be ours; who is no browser names none. */
export function isOwnOrigin({ headers }: FastifyRequest): boolean {
  const { origin, host } = headers
  if (origin === undefined) return true
  return host !== undefined && URL.parse(origin)?.origin === URL.parse(`https://${host}`)?.origin
}

const LOOPBACK = /^127\.|^::1$/

function isAddress(host: string): boolean {
  return /^[0-9.]+$|:/.test(host)
}

/** Without port, brackets and the dot that may end a full name. */
function hostOf(header: string | undefined): string | undefined {
  const url = header === undefined ? null : URL.parse(`https://${header}`)
  return url?.hostname.replace(/^\[|\]$|\.$/g, '')
}
