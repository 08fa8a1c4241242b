/** Who may use the admin port: operators by the certificate they hold the key of; the machine itself for its probes. */

import { BlockList, isIPv6 } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Peer } from '../http/mutual-tls.ts'
import { peerOf, sameFingerprint } from '../http/mutual-tls.ts'

/** Open to whoever is on the machine: what probes and collectors ask. They hold nothing of an exchange. */
const OPEN: ReadonlySet<string | undefined> = new Set(['/livez', '/readyz', '/metrics'])

/** Fetch Metadata: absent where nobody browses, `none` from the address bar. */
const OWN_SITES: ReadonlySet<unknown> = new Set([undefined, 'none', 'same-origin'])

export interface AdmissionOptions {
  /** SHA-256 of certificates, lower-case hex; asked for every request, so that an operator can be taken off at once. */
  readonly operators: () => readonly string[]
  readonly now: () => number
  readonly log: { warn(line: object, text: string): void }
}

/** A hook for `onRequest`. Who is not admitted learns nothing, not even what there is. */
export function admission({ operators, now, log }: AdmissionOptions) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const peer = peerOf(request)
    // A browser shows the operator's certificate to us also when another page makes it call.
    const isOtherPage = !OWN_SITES.has(request.headers['sec-fetch-site'])
    if (isOtherPage) {
      log.warn({ certificate: peer?.sha256 ?? null }, 'a page of another site called the admin port')
      await reply.code(403).headers({ connection: 'close', 'content-length': '0' }).send()
      return
    }
    if (isOperator(peer, operators(), now())) return
    if (OPEN.has(request.routeOptions.url) && isLoopback(request.raw.socket.remoteAddress)) return
    log.warn({ certificate: peer?.sha256 ?? null }, 'a stranger called the admin port')
    await reply.code(403).headers({ connection: 'close', 'content-length': '0' }).send()
  }
}

/** The fingerprint is the trust; a CA is not asked. What a certificate says about itself still has to hold. */
function isOperator(peer: Peer | undefined, operators: readonly string[], now: number): boolean {
  if (peer === undefined) return false
  let known = false
  // All of them, so that the time does not tell which one it was.
  for (const operator of operators) known = sameFingerprint(operator, peer.sha256) || known
  const { validFromDate, validToDate } = peer.certificate
  return known && validFromDate.getTime() <= now && now < validToDate.getTime()
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** IPv4 addresses written as IPv6 are told as what they are. */
function isLoopback(address: string | undefined): boolean {
  return address !== undefined && loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
