/** Connections to one service: kept while they are used, and only to addresses that its operator allows. */

import { X509Certificate } from 'node:crypto'
import { Agent } from 'node:http'
import type { BlockList, Socket } from 'node:net'
import { connect, isIP } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import { checkServerIdentity, createSecureContext, connect as tlsConnect } from 'node:tls'
import { GatewayError } from '../errors.ts'
import { lookupIn } from './networks.ts'

export interface ServiceConnectionsOptions {
  readonly url: URL
  /** PEM: CAs that may issue the service's certificate, or that certificate itself. */
  readonly ca?: Buffer | undefined
  readonly networks: BlockList
  /** For TCP and TLS together. */
  readonly connectTimeoutMs: number
}

const CONNECTIONS_MAX = 64
/** Shorter than the 5 s after which many servers close: a request that crosses with the closing is lost. */
const IDLE_MS = 4000

/** For Node's HTTP client. */
export class ServiceConnections extends Agent {
  readonly #open: () => Socket
  readonly #connectTimeoutMs: number
  readonly #opening: 'connect' | 'secureConnect'

  /** @throws {Error} when `ca` holds no certificate */
  constructor({ url, ca, networks, connectTimeoutMs }: ServiceConnectionsOptions) {
    super({ keepAlive: true, maxSockets: CONNECTIONS_MAX, timeout: IDLE_MS })
    this.#connectTimeoutMs = connectTimeoutMs
    const isTls = url.protocol === 'https:'
    this.#opening = isTls ? 'secureConnect' : 'connect'
    const host = hostOf(url)
    const port = Number(url.port) || (isTls ? 443 : 80)
    const to = { host, port, noDelay: true, lookup: lookupIn(networks, outside) }
    const tls = isTls ? { ...to, ...tlsOptions(host, ca) } : undefined
    this.#open = tls === undefined ? () => connect(to) : () => tlsConnect(tls)
  }

  override createConnection(): Socket {
    const socket = this.#open()
    const timer = setTimeout(() => socket.destroy(tooSlow()), this.#connectTimeoutMs)
    socket.once(this.#opening, () => {
      clearTimeout(timer)
      connected.add(socket)
      readOnAfterFailedWrites(socket)
    })
    return socket.once('close', () => clearTimeout(timer))
  }

  /** Closes those that nobody uses: once the service has closed one, the others may be dead as well. */
  dropIdle(): void {
    for (const sockets of Object.values(this.freeSockets)) for (const socket of [...(sockets ?? [])]) socket.destroy()
  }
}

const connected = new WeakSet<Socket>()

/** Has this connection been there, over TLS where the service has it? Nothing of a request leaves before. */
export function hasConnected(socket: Socket): boolean {
  return connected.has(socket)
}

/** A URL has IPv6 addresses in brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function outside(): GatewayError {
  const reason = 'none of its addresses is in networksAllowed; nothing was delivered'
  return new GatewayError('ServiceFailed.NetworkError', { undelivered: true, reason })
}

function tooSlow(): Error {
  return Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' })
}

function tlsOptions(host: string, ca: Buffer | undefined): object {
  const own = certificatesIn(ca)
  return {
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // One context for all connections: OpenSSL's is large. The chain ends at whatever the operator trusts, a leaf too.
    secureContext: createSecureContext({ allowPartialTrustChain: true, ...(ca === undefined ? {} : { ca }) }),
    // The operator has named this very certificate as the service's: the names in it add nothing.
    checkServerIdentity: (name: string, shown: PeerCertificate) =>
      own.some((octets) => octets.equals(shown.raw)) ? undefined : checkServerIdentity(name, shown),
  }
}

function certificatesIn(pem: Buffer | undefined): Buffer[] {
  if (pem === undefined) return []
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  if (blocks === null) throw new Error('ca holds no certificate in PEM')
  return blocks.map((block) => new X509Certificate(block).raw)
}

/**
 * A service that refuses a body early answers and closes, so that writing on fails, mostly before its answer has been
 * read. Node destroys a socket whose write fails; here the write is left unfinished instead, until what the service
 * has sent, and the end of the connection after it, are read. RFC 9112 §9.6.
 */
function readOnAfterFailedWrites(socket: Socket): void {
  const ofSuccess = (done: (error?: Error | null) => void) => (error?: Error | null) => {
    if (error == null || socket.destroyed) done(error)
  }
  const write = socket._write.bind(socket)
  const writev = socket._writev?.bind(socket)
  socket._write = (chunk, encoding, done) => write(chunk, encoding, ofSuccess(done))
  if (writev !== undefined) socket._writev = (chunks, done) => writev(chunks, ofSuccess(done))
}
