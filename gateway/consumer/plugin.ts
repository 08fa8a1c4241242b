/** The port local systems call: X-Road's REST protocol, whole. Source: X-Road PR-REST; contract §2. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { InFlight } from '../access/budgets.ts'
import { asGatewayError, GatewayError } from '../errors.ts'
import type { FaultBody } from '../http/fault-reply.ts'
import { faultOfError, renderFault } from '../http/fault-reply.ts'
import { peerOf } from '../http/mutual-tls.ts'
import { parseCall } from '../protocol/call.ts'
import { headerOf } from '../protocol/headers.ts'
import { findIdnr } from '../protocol/idnr.ts'
import type { Observed } from '../trace.ts'
import { Trace, traceIdOf } from '../trace.ts'
import type { ConsumerDeps, LocalReply, LocalRequest } from './exchange.ts'
import { exchange } from './exchange.ts'
import { listClients } from './list-clients.ts'

export interface ConsumerOptions {
  readonly deps: ConsumerDeps
  readonly inFlight: InFlight
  readonly requestId: () => string
  readonly observe: (exchange: Observed) => void
}

export async function consumerPlugin(app: FastifyInstance, options: ConsumerOptions): Promise<void> {
  const { deps, inFlight, observe } = options

  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    // A turn later a request that came in one piece is known to be complete: refusing it needs no end of its connection.
    await undefined
    const trace = new Trace(options.requestId())
    let leave: (() => void) | undefined
    try {
      const local = localRequest(request, deps)
      trace.traceId = traceIdOf(headerOf(local.call.headers, 'traceparent'))
      leave = inFlight.enter(local.call.client)
      const answer = await exchange(deps, local, trace)
      await send(reply, answer)
      trace.at('replied')
      const { fault } = answer
      observe({ outcome: fault === undefined ? 'reply' : 'refusal', code: fault?.type ?? 'none', trace })
    } catch (error) {
      fail(reply, error, trace)
    } finally {
      leave?.()
    }
  }

  const list = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    // As above.
    await undefined
    try {
      const { type, octets } = listClients(deps.configuration.usable(deps.now()), request.url, request.headers.accept)
      reply.header('content-type', type).send(octets)
    } catch (error) {
      fail(reply, error, new Trace(options.requestId()))
    }
  }

  function fail(reply: FastifyReply, error: unknown, trace: Trace): void {
    const failure = asGatewayError(error)
    const fault = faultOfError(failure, 'ClientProxy', trace.requestId, trace.last)
    sendFault(reply, fault.body, fault.status)
    observe({ outcome: 'failure', code: fault.body.type, trace, cause: failure.cause })
  }

  // Answered before Fastify looks at the body: any content type passes, well-formed or not (contract §2.2), and signed
  // octets are received octets.
  app.all('/r1/*', { onRequest: serve }, unreached)
  app.get('/listClients', { onRequest: list }, unreached)
}

/** Fastify asks for a handler all the same. */
async function unreached(): Promise<void> {}

/** @throws {GatewayError} `BadRequest` */
function localRequest(request: FastifyRequest, deps: ConsumerDeps): LocalRequest {
  const { raw } = request
  const peer = peerOf(request)
  const call = parseCall({ method: raw.method as string, target: request.originalUrl, rawHeaders: raw.rawHeaders })
  const purpose = raw.headers['owl-purpose']
  if (purpose !== undefined && (typeof purpose !== 'string' || !/^[A-Za-z0-9_.-]{1,64}$/.test(purpose)))
    throw new GatewayError('BadRequest', { reason: 'OWL-Purpose is not one purpose code' })
  // It stands in lists of records.
  if (purpose !== undefined && findIdnr(Buffer.from(purpose)) !== 'none')
    throw new GatewayError('BadRequest', { reason: 'OWL-Purpose contains an identification number' })
  return {
    call,
    connection: { secure: 'encrypted' in raw.socket, ...(peer === undefined ? {} : { peer }) },
    purpose,
    receive: (bytesMax) => {
      const length = raw.headers['content-length']
      const chunked = raw.headers['transfer-encoding'] !== undefined
      if (!chunked && (length === undefined || length === '0')) return Promise.resolve(undefined)
      return deps.spool.receive(raw, {
        bytesMax,
        tooLarge: 'BadRequest',
        ...(chunked ? {} : { expected: Number(length) }),
      })
    },
  }
}

/** Status, reason, headers and body as the provider sent them, with the five headers that X-Road sets. PR-REST §4.3, §4.4. */
async function send(reply: FastifyReply, answer: LocalReply): Promise<void> {
  const { ids, body, fault } = answer
  if (fault !== undefined) {
    await body?.dispose()
    sendFault(reply, fault, answer.status)
    return
  }
  const { raw } = reply.hijack()
  const headers: string[] = []
  for (const [name, value] of answer.headers) {
    if (name.length === 4 && name.toLowerCase() === 'date') raw.sendDate = false
    headers.push(name, value)
  }
  headers.push('x-road-id', ids.xRoadId, 'x-road-client', ids.client, 'x-road-service', ids.service)
  headers.push('x-road-request-id', ids.requestId, 'x-road-request-hash', ids.requestHash)
  if (body !== undefined) headers.push('content-length', String(body.size))
  else if (reply.request.raw.method !== 'HEAD' && answer.status !== 204 && answer.status !== 304)
    headers.push('content-length', '0')
  raw.writeHead(answer.status, answer.reason, closing(reply, headers))
  if (body === undefined || body.bytes !== undefined) {
    raw.end(body?.bytes)
    return
  }
  const octets = body.stream()
  await new Promise<void>((resolve) => {
    // A local system that has hung up meanwhile closes nothing any more.
    if (raw.destroyed) return resolve()
    raw.on('close', resolve)
    octets.on('error', () => raw.destroy()).pipe(raw)
  })
  octets.destroy()
  await body.dispose()
}

function sendFault(reply: FastifyReply, fault: FaultBody, status: number): void {
  const { raw: request } = reply.request
  const { contentType, octets } = renderFault(fault, status, request.headers.accept)
  const { raw } = reply.hijack()
  if (raw.headersSent) {
    raw.destroy()
    return
  }
  const headers = [
    'content-type',
    contentType,
    'content-length',
    String(octets.length),
    'x-road-error',
    fault.type,
    'x-road-request-id',
    fault.detail,
  ]
  raw.writeHead(status, closing(reply, headers))
  raw.end(octets)
}

/** A body that nobody wants any more is not read to its end: the connection goes instead. */
function closing({ request }: FastifyReply, headers: string[]): string[] {
  return request.raw.complete ? headers : [...headers, 'connection', 'close']
}
