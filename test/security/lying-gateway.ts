/**
 * A provider's gateway that lies: it has the real keys and the real port, reads what it is sent honestly, and answers
 * whatever the test wants.
 */

import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { createServer } from 'node:tls'
import type { Test } from 'tap'
import { messageDigest, requestHash, sha256 } from '../../gateway/protocol/digests.ts'
import type { ReplyBlock, ReplyHead, ReplyIds, RequestHead } from '../../gateway/protocol/head.ts'
import { formatReplyHead } from '../../gateway/protocol/head.ts'
import { parseRequestHead } from '../../gateway/protocol/head-parser.ts'
import type { Header } from '../../gateway/protocol/headers.ts'
import { bodyOf } from '../../gateway/transport/spool.ts'
import type { Signer } from '../../gateway/trust/keys.ts'
import type { TlsIdentity } from './attacker.ts'
import { frameOf, sealed, sealOf, tlsOf } from './attacker.ts'
import type { Rig } from './rig.ts'

/** What a consumer's gateway has sent. */
export interface Asked {
  readonly head: RequestHead
  readonly body: Buffer | undefined
  readonly signature: string
}

/** Octets of an HTTP answer, or nothing: the connection is cut; or the test does what it likes with the socket. */
export type Lie = (asked: Asked, socket: Socket) => Buffer | undefined | 'handled' | Promise<Buffer | undefined>

export interface LyingGateway {
  readonly asked: Asked[]
  /** How many connections are open. */
  readonly connections: () => number
  lie: Lie
}

/** Takes the place of Bielefeld's gateway, which must not have been started. */
export async function openLyingGateway(t: Test, rig: Rig, tls: TlsIdentity = tlsOf(rig, 'bielefeld', 'peer-server')) {
  const sockets = new Set<TLSSocket>()
  const gateway = { asked: [] as Asked[], connections: () => sockets.size, lie: (() => undefined) as Lie }
  const server = createServer(
    { ...tls, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3', ALPNProtocols: ['http/1.1'] },
    (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => {})
      readRequests(socket, async (asked) => {
        gateway.asked.push(asked)
        const answer = await gateway.lie(asked, socket)
        if (answer === undefined) socket.destroy()
        else if (answer !== 'handled') socket.write(answer)
      })
    },
  )
  server.listen(rig.gateways.bielefeld.ports.provider, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return gateway as LyingGateway
}

/** One after the other: the gateways pipeline nothing. */
function readRequests(socket: Socket, take: (asked: Asked) => Promise<void>): void {
  let octets: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    octets = Buffer.concat([octets, chunk])
    const end = octets.indexOf('\r\n\r\n')
    if (end === -1) return
    const headers = octets.toString('latin1', 0, end)
    const length = Number(/^content-length: (\d+)$/im.exec(headers)?.[1])
    if (octets.length < end + 4 + length) return
    const frame = octets.subarray(end + 4, end + 4 + length)
    octets = octets.subarray(end + 4 + length)
    const headBytes = frame.readUInt32BE(0)
    const body = frame.subarray(4 + headBytes)
    void take({
      head: parseRequestHead(frame.subarray(4, 4 + headBytes)),
      body: body.length === 0 ? undefined : body,
      signature: /^owl-signature: (\S+)$/im.exec(headers)?.[1] ?? '',
    })
  })
}

/** A reply, and where it departs from an honest one. */
export interface ReplyOptions {
  readonly status?: number
  readonly reason?: string
  readonly headers?: readonly Header[]
  readonly body?: Buffer | undefined
  readonly ids?: Partial<ReplyIds>
  readonly block?: Partial<ReplyBlock>
  readonly error?: string
  readonly issuedAt?: number
  /** Who signs; Bielefeld's seal when absent. */
  readonly signer?: Signer
  /** The head once more, before it is signed. */
  readonly forge?: (text: string) => string
}

export interface SealedReply {
  readonly head: ReplyHead
  readonly body: Buffer | undefined
  readonly signature: string
}

export function sealReply(rig: Rig, asked: Asked, options: ReplyOptions = {}): SealedReply {
  const { head: request, body: requestBody } = asked
  const { status = 200, reason = 'OK', headers = [['content-type', 'application/json']], error } = options
  const { issuedAt = Date.now(), signer = sealOf(rig, 'bielefeld') } = options
  const body = 'body' in options ? options.body : Buffer.from('{"antwort":1}')
  const digest = requestBody === undefined ? undefined : sha256(requestBody)
  const covered = requestBody === undefined || error !== undefined ? undefined : bodyOf(requestBody)
  let head = formatReplyHead({
    status,
    reason,
    headers,
    ...(error === undefined ? {} : { error }),
    ids: {
      xRoadId: request.xRoadId,
      client: request.call.client,
      service: request.call.service,
      requestId: request.requestId,
      requestHash: requestHash(request.hx, covered),
      ...options.ids,
    },
    block: {
      kind: error === undefined ? 'reply' : 'refusal',
      sender: rig.gateways.bielefeld.id,
      audience: request.block.sender,
      issuedAt: new Date(issuedAt).toISOString(),
      config: request.block.config,
      requestDigest: messageDigest(request.sha256, digest),
      receipt: `${rig.gateways.bielefeld.id}/n1/1;${'A'.repeat(43)}`,
      logHead: 'none',
      ...(error === undefined ? {} : { stage: 'verified' }),
      ...options.block,
    },
  })
  if (options.forge !== undefined) {
    const octets = Buffer.from(options.forge(head.octets.toString('latin1')), 'latin1')
    head = { ...head, octets, sha256: sha256(octets) }
  }
  return { head, body, signature: sealed(signer, head, body).signature }
}

/** As it goes over the wire. @param body other octets than the signed ones */
export function answerOf(
  reply: SealedReply,
  body: Buffer | undefined = reply.body,
  signature = reply.signature,
): Buffer {
  return httpAnswer(frameOf({ head: reply.head, body }), { 'owl-signature': signature })
}

export function httpAnswer(body: Buffer, headers: Readonly<Record<string, string>> = {}, status = 200): Buffer {
  const all = { 'content-type': 'application/owl-message', 'content-length': String(body.length), ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} OK\r\n${lines.join('')}\r\n`, 'latin1'), body])
}
