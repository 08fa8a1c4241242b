/** Who may use the admin port: operators by the certificate they hold the key of; the machine itself for its probes. */

import { BlockList, isIPv6 } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Peer } from '../http/mutual-tls.ts'
import { peerOf, sameFingerprint } from '../http/mutual-tls.ts'
import type { LocalCertificates } from '../trust/local-certificates.ts'
import { isCalledByAddress, isOwnName, isOwnOrigin } from './own-names.ts'

/** Open to whoever is on the machine: what probes and collectors ask. They hold nothing of an exchange. */
const OPEN: ReadonlySet<string | undefined> = new Set(['/livez', '/readyz', '/metrics'])

/** Fetch Metadata: absent where nobody browses, `none` from the address bar. */
const OWN_SITES: ReadonlySet<unknown> = new Set([undefined, 'none', 'same-origin'])

export interface AdmissionOptions {
  /** SHA-256 of certificates, lower-case hex; asked for every request, so that an operator can be taken off at once. */
  readonly operators: () => readonly string[]
  /** Are asked about an operator's certificate, for every request. */
  readonly certificates: Pick<LocalCertificates, 'flawOf'>
  /** `admin.host`: a name of the port besides those in its certificate. */
  readonly host?: string
  readonly log: { warn(line: object, text: string): void }
}

/** A hook for `onRequest`. Who is not admitted learns nothing, not even what there is. */
export function admission({ operators, certificates, host, log }: AdmissionOptions) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const peer = peerOf(request)
    const isOpen = OPEN.has(request.routeOptions.url)
    const refuse = async (status: 403 | 421, what: string): Promise<void> => {
      log.warn({ certificate: peer?.sha256 ?? null }, what)
      await reply.code(status).headers({ connection: 'close', 'content-length': '0' }).send()
    }
    // Collectors come by an address that only they may know the port by, such as one that is forwarded.
    if (!isOwnName(request, host) && !(isOpen && isCalledByAddress(request)))
      return refuse(421, 'the admin port was called by a name that is not its own')
    // A browser shows the operator's certificate to us also when another page makes it call.
    if (!OWN_SITES.has(request.headers['sec-fetch-site']) || !isOwnOrigin(request))
      return refuse(403, 'a page of another site called the admin port')
    const flaw = isListed(peer, operators()) ? certificates.flawOf(peer) : 'not listed'
    if (flaw === undefined || (isOpen && isLoopback(request.raw.socket.remoteAddress))) return
    const who = flaw === 'not listed' ? 'a stranger' : `an operator whose certificate is ${flaw}`
    return refuse(403, `${who} called the admin port`)
  }
}

/** SHA-256 of the certificate that an admitted operator showed, hex. */
export function fingerprintOf(request: FastifyRequest): string {
  const peer = peerOf(request)
  if (peer === undefined) throw new TypeError('An operator has no certificate')
  return peer.sha256
}

function isListed(peer: Peer | undefined, operators: readonly string[]): peer is Peer {
  if (peer === undefined) return false
  let known = false
  // All of them, so that the time does not tell which one it was.
  for (const operator of operators) known = sameFingerprint(operator, peer.sha256) || known
  return known
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** IPv4 addresses written as IPv6 are told as what they are. */
function isLoopback(address: string | undefined): boolean {
  return address !== undefined && loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
