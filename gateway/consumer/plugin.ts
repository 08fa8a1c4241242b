/** The port local systems call: X-Road's REST protocol, whole. Source: X-Road PR-REST; contract §2. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { InFlight } from '../access/budgets.ts'
import { asGatewayError, GatewayError } from '../errors.ts'
import type { FaultBody } from '../fault-reply.ts'
import { faultOfError, renderFault } from '../fault-reply.ts'
import { peerOf } from '../mutual-tls.ts'
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
  const { deps, inFlight } = options
  // Signed octets are received octets: nothing is parsed, coerced or serialised again.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))

  // Any content type passes, well-formed or not (contract §2.2): the pipeline reads raw headers, Fastify need not judge.
  app.addHook('onRequest', async (request) => {
    delete request.raw.headers['content-type']
  })

  app.all('/r1/*', async (request, reply) => {
    const trace = new Trace(options.requestId())
    let leave: (() => void) | undefined
    try {
      const local = localRequest(request, deps)
      trace.traceId = traceIdOf(headerOf(local.call.headers, 'traceparent'))
      leave = inFlight.enter(local.call.client)
      const answer = await exchange(deps, local, trace)
      await send(reply, answer)
      trace.at('replied')
      options.observe({
        outcome: answer.fault === undefined ? 'reply' : 'refusal',
        code: answer.fault?.type ?? 'none',
        trace,
      })
    } catch (error) {
      const failure = asGatewayError(error)
      const fault = faultOfError(failure, 'ClientProxy', trace.requestId, trace.last)
      sendFault(reply, fault.body, fault.status)
      options.observe({ outcome: 'failure', code: fault.body.type, trace, cause: failure.cause })
    } finally {
      leave?.()
    }
    return reply
  })

  app.get('/listClients', async (request, reply) => {
    try {
      const { type, octets } = listClients(deps.configuration.usable(deps.now()), request.url, request.headers.accept)
      return reply.header('content-type', type).send(octets)
    } catch (error) {
      const trace = new Trace(options.requestId())
      const failure = asGatewayError(error)
      const fault = faultOfError(failure, 'ClientProxy', trace.requestId, trace.last)
      sendFault(reply, fault.body, fault.status)
      options.observe({ outcome: 'failure', code: fault.body.type, trace, cause: failure.cause })
      return reply
    }
  })
}

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
    connection: { secure: 'encrypted' in raw.socket, ...(peer === undefined ? {} : { certificate: peer.sha256 }) },
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
  const headers = answer.headers.flat()
  headers.push('x-road-id', ids.xRoadId, 'x-road-client', ids.client, 'x-road-service', ids.service)
  headers.push('x-road-request-id', ids.requestId, 'x-road-request-hash', ids.requestHash)
  if (body !== undefined) headers.push('content-length', String(body.size))
  else if (reply.request.raw.method !== 'HEAD' && answer.status !== 204 && answer.status !== 304)
    headers.push('content-length', '0')
  if (answer.headers.some(([name]) => name.toLowerCase() === 'date')) raw.sendDate = false
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
