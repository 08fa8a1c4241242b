/**
 * Time limits that run from progress: a slow line may take as long as it needs, a peer that only pretends to send or
 * to read goes within seconds.
 *
 * A total limit (Node's `requestTimeout`) cannot tell 1 GiB over a slow line from a slow-body attack, and Node's
 * socket time-out sees an octet every few seconds as life.
 */

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

export interface PaceLimits {
  /** Slowest rate, averaged, at which the body of a request may come. Every octet buys time, a second per this many. */
  readonly bodyBytesPerSecondMin: number
  /** Time a body has before that rate counts. */
  readonly bodyGraceMs: number
  /** Most time that octets can have bought: the longest a body may stand still. */
  readonly bodyStallMsMax: number
  /**
   * Longest that a reply may wait without any octet of it leaving. Long, because the kernel takes and gives back its
   * send buffer in pieces of a megabyte or so: a slow reader shows nothing in between.
   */
  readonly replyStallMsMax: number
}

export const PACE_LIMITS: PaceLimits = {
  bodyBytesPerSecondMin: 1024,
  bodyGraceMs: 5_000,
  bodyStallMsMax: 10_000,
  replyStallMsMax: 60_000,
}

/** How one connection has been doing. */
export interface Pace {
  /** Whose body the credit is for. */
  request: IncomingMessage | undefined
  creditMs: number
  bytesRead: number
  octetsUnsent: number
  replyStalledMs: number
}

export function startPace(): Pace {
  return { request: undefined, creditMs: 0, bytesRead: 0, octetsUnsent: 0, replyStalledMs: 0 }
}

export interface PaceStep {
  readonly socket: Socket
  /** Latest request of the connection. */
  readonly request: IncomingMessage | undefined
  /** Since the last call for this connection. */
  readonly elapsedMs: number
}

/** @returns what has come to stand still for too long; called at short intervals */
export function judgePace(pace: Pace, step: PaceStep, limits: PaceLimits): 'body' | 'reply' | undefined {
  if (bodyTooSlow(pace, step, limits)) return 'body'
  return replyStalled(pace, step, limits) ? 'reply' : undefined
}

function bodyTooSlow(pace: Pace, { socket, request, elapsedMs }: PaceStep, limits: PaceLimits): boolean {
  const octets = socket.bytesRead - pace.bytesRead
  pace.bytesRead = socket.bytesRead
  if (request === undefined || request.complete) {
    pace.request = undefined
    return false
  }
  const begins = pace.request !== request
  if (begins) {
    pace.request = request
    pace.creditMs = limits.bodyGraceMs
  }
  const bought = (octets * 1000) / limits.bodyBytesPerSecondMin
  pace.creditMs = Math.min(pace.creditMs + bought, Math.max(limits.bodyGraceMs, limits.bodyStallMsMax))
  // A full buffer means that we are not reading: the time is ours.
  const ours = begins || request.readableLength >= request.readableHighWaterMark
  if (!ours) pace.creditMs -= elapsedMs
  return pace.creditMs < 0
}

function replyStalled(pace: Pace, { socket, elapsedMs }: PaceStep, limits: PaceLimits): boolean {
  const unsent = octetsUnsent(socket)
  pace.replyStalledMs = unsent > 0 && unsent === pace.octetsUnsent ? pace.replyStalledMs + elapsedMs : 0
  pace.octetsUnsent = unsent
  return pace.replyStalledMs > limits.replyStallMsMax
}

interface Handled {
  readonly _handle?: { readonly writeQueueSize?: number } | null
  readonly _parent?: Handled | null
}

/**
 * What has been written and has not left the process. `writableLength` alone moves only when a whole write is done,
 * however large; libuv's queue, which Node shows on the handle of the TCP socket beneath, moves with every segment.
 */
function octetsUnsent(socket: Socket): number {
  if (socket.writableLength === 0) return 0
  const { _handle, _parent } = socket as unknown as Handled
  return socket.writableLength + ((_parent?._handle ?? _handle)?.writeQueueSize ?? 0)
}
