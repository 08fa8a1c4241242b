/** The port other gateways call: `POST /owl/v1/exchange`. Source: architecture, "Between gateways". */

import type { TLSSocket } from 'node:tls'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { InFlight } from '../access/budgets.ts'
import { asGatewayError, GatewayError } from '../errors.ts'
import { faultOfError, renderFault } from '../http/fault-reply.ts'
import { peerOf } from '../http/mutual-tls.ts'
import type { Observed } from '../trace.ts'
import { Trace } from '../trace.ts'
import { FRAME_TYPE, HEAD_ADDED_BYTES_MAX, openFrame, packFrame } from '../transport/frame.ts'
import type { Spool } from '../transport/spool.ts'
import type { Incoming, Outgoing, ProviderDeps } from './exchange.ts'
import { exchange } from './exchange.ts'
import type { Answering } from './reconcile.ts'
import { reconcileRoute } from './reconcile-route.ts'

export interface ProviderOptions {
  readonly deps: ProviderDeps
  readonly spool: Spool
  readonly inFlight: InFlight
  readonly headBytesMax: number
  /** Is this certificate registered for some gateway of the region? Strangers are sent away before anything is read. */
  readonly isRegistered: (certificateSha256: string) => boolean
  readonly requestId: () => string
  readonly log: FastifyBaseLogger
  readonly observe: (exchange: Observed) => void
  /** Of partners who compare logs. */
  readonly reconciling: Answering
}

export async function providerPlugin(app: FastifyInstance, options: ProviderOptions): Promise<void> {
  const { deps, spool, inFlight, headBytesMax, log } = options
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))

  app.addHook('onRequest', (request, reply, done) => {
    const peer = peerOf(request)
    if (peer !== undefined && options.isRegistered(peer.sha256)) return done()
    // Before the first configuration nobody is known: a partner must not take that for a broken answer.
    if (deps.configuration.current() === undefined) {
      sendUnsigned(reply, noConfiguration(deps), new Trace(options.requestId()))
      return
    }
    log.warn({ certificate: peer?.sha256 ?? null }, 'a stranger called the provider port')
    reply.code(403).headers(STRANGER).send()
  })

  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    // A turn later a message that came in one piece is there, and needs no listening.
    await undefined
    const trace = new Trace(options.requestId())
    let leave: (() => void) | undefined
    try {
      const peer = peerOf(request)?.sha256 as string
      leave = inFlight.enter(peer)
      const outgoing = await exchange(deps, await incomingOf(request, peer, spool, headBytesMax), trace)
      send(reply, outgoing)
      const code = outgoing.head.error
      const outcome = code === undefined ? 'reply' : 'refusal'
      options.observe({ outcome, code: code ?? 'none', trace, cause: outgoing.cause })
    } catch (error) {
      const failure = asGatewayError(error)
      sendUnsigned(reply, failure, trace)
      options.observe({ outcome: 'failure', code: failure.code, trace, cause: failure.cause })
    } finally {
      leave?.()
    }
  }
  // Answered before Fastify looks at the body: the pipeline reads it in two steps.
  app.post('/owl/v1/exchange', { onRequest: serve }, async () => {})

  const { requestId } = options
  await app.register(reconcileRoute, { answer: options.reconciling, inFlight, requestId, log })

  // Nothing else answers here, but a stranger gets the same answer wherever he knocks.
  app.all('/*', (_request, reply) => reply.callNotFound())
}

/** Why there is none, as far as that is known. */
function noConfiguration({ configuration, now }: ProviderDeps): GatewayError {
  try {
    configuration.usable(now())
  } catch (error) {
    return asGatewayError(error)
  }
  return new GatewayError('OutdatedGlobalConf')
}

const STRANGER = { connection: 'close', 'content-length': '0' }

/** @throws {GatewayError} `InvalidMessage`, `MissingSignature`, `MissingBody` */
async function incomingOf(
  request: FastifyRequest,
  certificate: string,
  spool: Spool,
  headBytesMax: number,
): Promise<Incoming> {
  const { raw } = request
  const { 'content-type': type, 'content-length': announced, 'owl-signature': signature } = raw.headers
  if (type !== FRAME_TYPE || announced === undefined)
    throw new GatewayError('InvalidMessage', { reason: 'content type or length is not as agreed' })
  if (typeof signature !== 'string') throw new GatewayError('MissingSignature')
  const frame = await openFrame(raw, Number(announced), headBytesMax + HEAD_ADDED_BYTES_MAX)
  return {
    certificate,
    tlsVersion: (raw.socket as TLSSocket).getProtocol(),
    head: frame.head,
    signature,
    bodyBytes: frame.bodyBytes,
    receive: (bytesMax) =>
      spool.receive(raw, { bytesMax, tooLarge: 'BadRequest', begun: frame.begun, expected: frame.bodyBytes }),
  }
}

function send(reply: FastifyReply, { head, body, signature }: Outgoing): void {
  const { length, octets } = packFrame(head.octets, body)
  const { raw } = reply.hijack()
  raw.writeHead(
    200,
    closing(reply, ['content-type', FRAME_TYPE, 'content-length', String(length), 'owl-signature', signature]),
  )
  if (Buffer.isBuffer(octets)) {
    raw.end(octets)
    return
  }
  const done = (): void => {
    octets.destroy()
    body?.dispose().catch(() => {})
  }
  // A gateway that has hung up meanwhile closes nothing any more.
  if (raw.destroyed) done()
  else octets.on('error', () => raw.destroy()).pipe(raw.on('close', done))
}

function sendUnsigned(reply: FastifyReply, error: GatewayError, trace: Trace): void {
  const fault = faultOfError(error, 'ServerProxy', trace.requestId, trace.last)
  const { contentType, octets } = renderFault(fault.body, fault.status, undefined)
  const status = error.code === 'TooManyRequests' ? 429 : fault.status
  const { raw } = reply.hijack()
  raw.writeHead(
    status,
    closing(reply, [
      'content-type',
      contentType,
      'content-length',
      String(octets.length),
      'x-road-error',
      fault.body.type,
    ]),
  )
  raw.end(octets)
}

/** A body that nobody wants any more is not read to its end: the connection goes instead. */
function closing({ request }: FastifyReply, headers: string[]): string[] {
  return request.raw.complete ? headers : [...headers, 'connection', 'close']
}
