/**
 * Octets to other gateways: HTTPS with TLS 1.3 and mutual authentication over kept-alive connections.
 *
 * The peer's certificate must be one that the configuration registers for that gateway; connections are dropped when
 * that changes. Source: architecture, "Between gateways".
 */

import { hash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { createSecureContext } from 'node:tls'
import { buildConnector, Pool } from 'undici'
import { GatewayError } from '../errors.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { AnswerPace } from './answer-pace.ts'
import { AnswerReader, failureOf, NotSent, refuseInterim } from './answer-reader.ts'
import type { Frame, Packed } from './frame.ts'
import { FRAME_TYPE } from './frame.ts'

export interface PeersOptions {
  /** PEM: what this gateway shows, and the CAs that issue what it accepts. */
  readonly key: Buffer
  readonly certificate: Buffer
  readonly connectionsMax: number
  readonly connectTimeoutMs: number
  /** Until the other gateway begins to answer. */
  readonly answerTimeoutMs: number
  /** Between two octets of its answer. */
  readonly progressTimeoutMs: number
  /** Slowest rate at which its answer may come. */
  readonly answerBytesPerSecondMin: number
  readonly headBytesMax: number
  /** PEM of the issuing CAs in force. */
  authorities(): readonly string[]
  /** May this certificate stand for this gateway now? Registered, in its validity, not revoked. */
  accepts(gateway: Identifier, certificateSha256: string): boolean
}

export interface PeerAddress {
  readonly gateway: Identifier
  /** `https://host:port` */
  readonly address: string
}

/** How the connection that carried a message was protected; for the record. */
export interface Connection {
  /** SHA-256 of the peer's certificate, hex. */
  readonly peer: string
  readonly version: string | null
  /** Key agreement, e.g. `X25519MLKEM768`; only the side that opened the connection can tell. */
  readonly group: string | null
}

export interface Answer {
  readonly status: number
  /** `OWL-Signature`, when the answer is a message. */
  readonly signature?: string
  readonly frame?: Frame
  /** An unsigned answer, at most `UNSIGNED_BYTES_MAX` of it. */
  readonly unsigned?: Buffer
  readonly connection: Connection
}

export interface Asking {
  readonly path: string
  readonly type: string
  readonly octets: Buffer
  /** Longer answers are given up. */
  readonly answerBytesMax: number
}

export interface PlainAnswer {
  readonly status: number
  readonly octets: Buffer
}

export interface Peers {
  /**
   * Picks the gateway to ask: the first that is connected or can be. Nothing of a request has left by then.
   *
   * @param candidates at least one; the first where none can be reached
   */
  reach(candidates: readonly PeerAddress[]): Promise<PeerAddress>
  /**
   * Sends once, never again: what a broken connection did is unknown.
   *
   * @param answerTimeoutMs until the other gateway begins to answer; the option of that name where it is longer
   * @throws {GatewayError} `NetworkError` (nothing was sent), `OutcomeUnknown` (something was), `SslAuthenticationFailed`
   */
  send(peer: PeerAddress, message: Packed, signature: string, answerTimeoutMs?: number): Promise<Answer>
  /**
   * Asks something that is no exchange, and reads the whole answer.
   *
   * @throws {GatewayError} as `send`
   */
  ask(peer: PeerAddress, question: Asking): Promise<PlainAnswer>
  /** Drops connections whose certificate is not accepted any more. */
  recheck(): void
  close(): Promise<void>
}

export function openPeers(options: PeersOptions): Peers {
  const peers = new Map<Identifier, Peer>()

  function peerAt({ gateway, address }: PeerAddress): Peer {
    const known = peers.get(gateway)
    if (known?.address === address) return known
    known?.drop()
    const opened = openPeer(options, gateway, address)
    peers.set(gateway, opened)
    return opened
  }

  return {
    async reach(candidates) {
      const [first, ...others] = candidates as readonly [PeerAddress, ...PeerAddress[]]
      if (others.length === 0) return first
      for (const candidate of candidates) if (await peerAt(candidate).isReachable()) return candidate
      return first
    },
    send: (peer, message, signature, answerTimeoutMs) => peerAt(peer).send(message, signature, answerTimeoutMs),
    ask: (peer, question) => peerAt(peer).ask(question),
    recheck() {
      for (const [gateway, peer] of peers) {
        if (peer.certificates().every((certificate) => options.accepts(gateway, certificate))) continue
        peers.delete(gateway)
        peer.drop()
      }
    },
    async close() {
      await Promise.all([...peers.values()].map((peer) => peer.close()))
      peers.clear()
    },
  }
}

interface Peer {
  readonly address: string
  send(message: Packed, signature: string, answerTimeoutMs: number | undefined): Promise<Answer>
  ask(question: Asking): Promise<PlainAnswer>
  isReachable(): Promise<boolean>
  certificates(): readonly string[]
  drop(): void
  close(): Promise<void>
}

/** A gateway that could not be reached is passed over this long. */
const UNREACHABLE_MS = 10_000

function openPeer(options: PeersOptions, gateway: Identifier, address: string): Peer {
  const pace = { bytesPerSecondMin: options.answerBytesPerSecondMin, progressTimeoutMs: options.progressTimeoutMs }
  let unreachableUntil = 0
  /** Certificate → connection, of every socket this pool opened; one entry a certificate. */
  const connections = new Map<string, Connection>()
  let latest: Connection | undefined
  let trusted = ''
  let connector: ReturnType<typeof buildConnector> | undefined
  /** Made anew when the issuing CAs change. */
  function connectTls(...args: Parameters<ReturnType<typeof buildConnector>>): void {
    const authorities = options.authorities()
    if (connector === undefined || authorities.join() !== trusted) {
      trusted = authorities.join()
      connector = connectorFor(options, authorities)
    }
    connector(...args)
  }
  const pool = new Pool(address, {
    connections: options.connectionsMax,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    headersTimeout: options.answerTimeoutMs,
    bodyTimeout: options.progressTimeoutMs,
    connect(connectOptions, callback) {
      connectTls(connectOptions, (...[error, socket]) => {
        if (error !== null) return callback(new NotSent(error), null)
        const certificate = (socket as TLSSocket).getPeerX509Certificate()
        const peer = certificate === undefined ? '' : hash('sha256', certificate.raw, 'hex')
        if (!options.accepts(gateway, peer)) {
          socket.destroy()
          return callback(
            new NotSent(
              new GatewayError('SslAuthenticationFailed', {
                reason: 'the provider gateway shows a certificate that is not registered for it, or not in force',
              }),
            ),
            null,
          )
        }
        latest = connectionOf(socket as TLSSocket, peer)
        connections.set(peer, latest)
        return callback(null, socket)
      })
    },
  })

  return {
    address,
    send: ({ length, octets }, signature, answerTimeoutMs = 0) =>
      new Promise((resolve, reject) => {
        pool.dispatch(
          {
            method: 'POST',
            path: '/owl/v1/exchange',
            headers: ['content-type', FRAME_TYPE, 'content-length', String(length), 'owl-signature', signature],
            body: octets,
            headersTimeout: Math.max(answerTimeoutMs, options.answerTimeoutMs),
          },
          new AnswerReader({
            headBytesMax: options.headBytesMax,
            pace,
            connection: () => latest as Connection,
            resolve,
            reject,
          }),
        )
      }),
    async ask({ path, type, octets, answerBytesMax }) {
      try {
        const headers = { 'content-type': type, 'content-length': String(octets.length) }
        const { statusCode, body } = await pool.request({
          ...{ method: 'POST', path, headers, body: octets },
          onInfo: ({ statusCode }) => refuseInterim(statusCode),
        })
        const came = new AnswerPace(pace)
        const chunks: Buffer[] = []
        let length = 0
        for await (const chunk of body as AsyncIterable<Buffer>) {
          came.came(chunk.length)
          length += chunk.length
          if (length > answerBytesMax) throw new Error('The answer is too long')
          chunks.push(chunk)
        }
        return { status: statusCode, octets: Buffer.concat(chunks) }
      } catch (error) {
        throw failureOf(error)
      }
    },
    async isReachable() {
      if (pool.stats.connected > 0) return true
      if (performance.now() < unreachableUntil) return false
      const isReachable = await probe(connectTls, address)
      if (!isReachable) unreachableUntil = performance.now() + UNREACHABLE_MS
      return isReachable
    },
    certificates: () => [...connections.keys()],
    drop() {
      pool.destroy().catch(() => {})
    },
    close: () => pool.close(),
  }
}

function connectorFor(options: PeersOptions, authorities: readonly string[]): ReturnType<typeof buildConnector> {
  // One context for all connections: OpenSSL's is large.
  const secureContext = createSecureContext({
    key: options.key,
    cert: options.certificate,
    ca: [...authorities],
    // The issuing CAs are listed themselves: the chain ends there.
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.3',
    ecdhCurve: 'X25519MLKEM768:X25519:prime256v1',
  })
  return buildConnector({
    secureContext,
    // The certificate itself is registered for this gateway: its names add nothing.
    checkServerIdentity: () => undefined,
    // No session is ever resumed: a resumed one proves no key.
    maxCachedSessions: 0,
    timeout: options.connectTimeoutMs,
    keepAlive: true,
  })
}

/** Opens a connection like those of the pool, and closes it. */
function probe(connectTls: ReturnType<typeof buildConnector>, address: string): Promise<boolean> {
  const { hostname, protocol, port } = new URL(address)
  return new Promise((resolve) => {
    connectTls({ hostname, protocol, port }, (...[error, socket]) => {
      socket?.destroy()
      resolve(error === null)
    })
  })
}

function connectionOf(socket: TLSSocket, peer: string): Connection {
  const key = socket.getEphemeralKeyInfo() as { name?: string; type?: string } | null
  return { peer, version: socket.getProtocol(), group: key?.name ?? key?.type ?? null }
}
