/**
 * `100 Continue` that nobody asked for. RFC 2616 §8.2.3 let a server send it with any body, RFC 9110 §15.2 wants it
 * skipped like every interim answer. undici, which skips the others, takes it for a broken answer: it never sees one.
 */

import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'

type Connector = ReturnType<typeof buildConnector>

const CONTINUE = 'HTTP/1.1 100'
/** A longer one is left to undici. */
const CONTINUE_BYTES_MAX = 4096
const NOTHING = Buffer.alloc(0)

/** For connections on which one request is under way at a time. */
export function skippingContinue(connect: Connector): Connector {
  return (options, done) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) return done(error, null)
      skipContinue(socket)
      return done(null, socket)
    })
}

function skipContinue(socket: Socket): void {
  const read: (size?: number) => Buffer | null = socket.read.bind(socket)
  const write = socket.write.bind(socket) as (...written: unknown[]) => boolean
  /** A request has begun to leave, and its answer has not begun. */
  let isAwaited = false
  let begun: Buffer = NOTHING

  // Heads are written as text, bodies as octets.
  socket.write = (...written: unknown[]) => {
    if (typeof written[0] === 'string') isAwaited = true
    return write(...written)
  }
  socket.read = (size?: number) => {
    const piece = read(size)
    if (!isAwaited || piece === null) return piece
    begun = withoutContinue(begun.length === 0 ? piece : Buffer.concat([begun, piece]))
    if (isContinue(begun) && begun.length <= CONTINUE_BYTES_MAX) return null
    const answer = begun
    isAwaited = false
    begun = NOTHING
    return answer
  }
}

function withoutContinue(octets: Buffer): Buffer {
  let answer = octets
  while (isContinue(answer)) {
    const end = answer.indexOf('\r\n\r\n')
    if (end === -1) break
    answer = answer.subarray(end + 4)
  }
  return answer
}

/** Or may become one. */
function isContinue(octets: Buffer): boolean {
  return CONTINUE.startsWith(octets.toString('latin1', 0, CONTINUE.length))
}
