/**
 * Mutual TLS for Fastify: who is on the other end of the connection, bound to the socket once, at the end of its
 * handshake, and how to be rid of them when they are no longer welcome.
 *
 * ```ts
 * await app.register(mutualTls, { socketsPerPeerMax: 64 })
 * app.get('/', (request) => peerOf(request)?.sha256 ?? 'no certificate')
 * destroySockets(app, (peer) => revoked.has(peer.sha256))
 * ```
 *
 * The server asks for certificates by Node's own `requestCert`; whether one must be valid (`rejectUnauthorized`) is
 * its choice, and `authorized` tells. A certificate proves itself in the handshake alone and stays what it was for as
 * long as the connection lives: what it may do has to be looked up for every request, and sessions must not be
 * resumed, since a resumed one proves no key (RFC 8446 §2.2).
 *
 * This takes the place of `@fastify/mutual-tls`, which nobody has published.
 */

import type { X509Certificate } from 'node:crypto'
import { timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** The other end of a connection, by the certificate whose key it proved to hold. */
export interface Peer {
  /** SHA-256 of the certificate's DER, lower-case hex. */
  readonly sha256: string
  readonly certificate: X509Certificate
  /** The certificate leads to one of the server's CAs and is within its validity. */
  readonly authorized: boolean
  /** OpenSSL's word for why not, e.g. `CERT_HAS_EXPIRED`. */
  readonly authorizationError?: string
}

export interface MutualTlsOptions {
  /** Connections one certificate may hold at a time; one more is cut at once. */
  readonly socketsPerPeerMax?: number
  /** Connections of strangers at a time; for one more the oldest is cut, so that who proves himself finds room. */
  readonly strangersMax?: number
  /** Is this the certificate of somebody known? Nobody is before the end of his handshake, and everybody when absent. */
  readonly isKnown?: (sha256: string) => boolean
}

/** Generous: a pool of ours has 64 connections at most. */
export const SOCKETS_PER_PEER_MAX = 256

const peers = new WeakMap<object, Peer>()
const sockets = new WeakMap<object, Set<TLSSocket>>()

/** On a server without TLS it does nothing, so that a plain port can share its routes with a TLS one. */
export const mutualTls = Object.assign(
  async (app: FastifyInstance, options: MutualTlsOptions): Promise<void> => {
    const server: unknown = app.server
    if (!(server instanceof TlsServer)) return
    const { socketsPerPeerMax = SOCKETS_PER_PEER_MAX, strangersMax, isKnown } = options
    const open = new Set<TLSSocket>()
    const perPeer = new Map<string, number>()
    sockets.set(server, open)
    const welcome = strangersMax === undefined ? () => {} : capStrangers(server, strangersMax)

    // First of all listeners: whoever is cut here is never read from.
    server.prependListener('secureConnection', (socket) => {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
      const peer = bind(socket)
      if (peer === undefined) return
      const { sha256 } = peer
      if (isKnown?.(sha256) !== false) welcome(socket)
      const held = (perPeer.get(sha256) ?? 0) + 1
      perPeer.set(sha256, held)
      socket.once('close', () => release(perPeer, sha256))
      if (held > socketsPerPeerMax) socket.destroy()
    })
  },
  // What the package fastify-plugin does: the hook is for the whole server, not for one encapsulated part of it.
  { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: 'mutual-tls' },
)

/** @returns undefined without TLS or without a certificate */
export function peerOf(request: FastifyRequest): Peer | undefined {
  return peers.get(request.raw.socket)
}

/**
 * Cuts open connections, for instance after a certificate was revoked or taken from the register. What is under way on
 * them ends without an answer. Connections without a certificate stay.
 *
 * @param unwelcome asked once for every connection
 * @returns how many were cut
 */
export function destroySockets(app: FastifyInstance, unwelcome: (peer: Peer) => boolean): number {
  let cut = 0
  for (const socket of sockets.get(app.server) ?? []) {
    const peer = peers.get(socket)
    if (peer === undefined || !unwelcome(peer)) continue
    socket.destroy()
    cut++
  }
  return cut
}

/** Open TLS connections, with and without a certificate. */
export function openSockets(app: FastifyInstance): number {
  return sockets.get(app.server)?.size ?? 0
}

/**
 * Whether two fingerprints are one, in a time that does not tell how much of them agrees.
 *
 * @param a SHA-256, lower-case hex, as is `b`
 */
export function sameFingerprint(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')]
  return left.length === SHA256_HEX_CHARS && left.length === right.length && timingSafeEqual(left, right)
}

const SHA256_HEX_CHARS = 64

/** @returns to be called with the connection of somebody who is none any more */
function capStrangers(server: TlsServer, strangersMax: number): (socket: TLSSocket) => void {
  /** By the other end's address and port, the oldest first. */
  const strangers = new Map<string, Socket>()
  server.prependListener('connection', (socket: Socket) => {
    const end = otherEndOf(socket)
    strangers.set(end, socket)
    socket.once('close', () => {
      if (strangers.get(end) === socket) strangers.delete(end)
    })
    if (strangers.size <= strangersMax) return
    const [oldest] = strangers.values()
    oldest?.destroy()
  })
  return (socket) => strangers.delete(otherEndOf(socket))
}

function otherEndOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** Reading the certificate copies it out of OpenSSL: too dear for every request. */
function bind(socket: TLSSocket): Peer | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const { authorized, authorizationError } = socket
  const peer: Peer = {
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    certificate,
    authorized,
    ...(authorizationError ? { authorizationError: String(authorizationError) } : {}),
  }
  peers.set(socket, peer)
  return peer
}

function release(perPeer: Map<string, number>, sha256: string): void {
  const held = (perPeer.get(sha256) ?? 0) - 1
  if (held > 0) perPeer.set(sha256, held)
  else perPeer.delete(sha256)
}
