/**
 * The leanest honest HTTP/1.1 client: one request at a time on one kept-alive connection, every reply judged.
 *
 * It writes the same octets again and again and reads nothing of a reply but what proves it whole: status 200, one
 * Content-Length of the expected size, exactly so many octets. A real client costs as much as what it measures.
 */

import type { Socket } from 'node:net'
import { connect } from 'node:net'

export interface ConnectionOptions {
  readonly port: number
  readonly request: Buffer
  /** Octets a reply's body must have. */
  readonly replyBytes: number
  /** A reply came whole. @returns whether to send the next request */
  readonly onReply: () => boolean
}

/** Sends and reads until `onReply` says no. @throws {Error} on the first reply that is not as expected */
export function drive(options: ConnectionOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const { port, request, replyBytes, onReply } = options
    const socket: Socket = connect({ host: '127.0.0.1', port, noDelay: true })
    let pending: Buffer | undefined
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.on('connect', () => socket.write(request))
    socket.on('data', (chunk: Buffer) => {
      const reply = pending === undefined ? chunk : Buffer.concat([pending, chunk])
      const verdict = judgeReply(reply, replyBytes)
      if (verdict === 'incomplete') {
        pending = reply
        return
      }
      pending = undefined
      if (verdict !== 'whole') return fail(new Error(`${verdict}: ${reply.toString('latin1', 0, EXCERPT_CHARS)}`))
      if (onReply()) socket.write(request)
      else socket.end()
    })
    socket.on('error', fail)
    socket.on('close', () => (pending === undefined ? resolve() : reject(new Error('the connection broke in a reply'))))
  })
}

const EXCERPT_CHARS = 600
const HEAD_BYTES_MAX = 16 * 1024

/** @returns `whole`, `incomplete`, or what is wrong with it */
export function judgeReply(reply: Buffer, bodyBytes: number): string {
  const headEnd = reply.indexOf('\r\n\r\n')
  if (headEnd === -1) return reply.length > HEAD_BYTES_MAX ? 'the head has no end' : 'incomplete'
  const head = reply.toString('latin1', 0, headEnd + 2)
  if (!head.startsWith('HTTP/1.1 200 ')) return 'the status is not 200'
  const length = LENGTH.exec(head)
  if (length === null || Number(length[1]) !== bodyBytes) return 'the length is not as expected'
  const octets = headEnd + 4 + bodyBytes
  if (reply.length < octets) return 'incomplete'
  return reply.length === octets ? 'whole' : 'more octets follow than announced'
}

const LENGTH = /\r\ncontent-length: ?(\d+)\r\n/i
