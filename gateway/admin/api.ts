/** The admin port's JSON routes: how the gateway is doing, and what its message log holds. Source: architecture, "Commands". */

import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { asGatewayError, GatewayError } from '../errors.ts'
import { faultOfError, renderFault } from '../http/fault-reply.ts'
import type { Looked } from '../message-log/record/access-event.ts'
import { ArchiveError } from '../message-log/record/archive-error.ts'
import type { ArchiveRoutesOptions } from './archive/routes.ts'
import { archiveRoutes } from './archive/routes.ts'
import type { ErasureRoutesOptions } from './erasure/routes.ts'
import { erasureRoutes } from './erasure/routes.ts'
import type { EvidenceRoutesOptions } from './evidence/routes.ts'
import { evidenceRoutes } from './evidence/routes.ts'
import type { Health, ReadinessLimits } from './health/health.ts'
import { formatHealth, readiness } from './health/health.ts'
import type { Metrics } from './health/metrics.ts'
import type { LogRoutesOptions } from './log/routes.ts'
import { logRoutes } from './log/routes.ts'
import { fingerprintOf } from './operators.ts'
import type { SubjectLookUp } from './subject/routes.ts'
import { subjectRoutes } from './subject/routes.ts'

export interface ApiOptions
  extends Omit<LogRoutesOptions, 'looking' | 'notFound'>,
    Pick<EvidenceRoutesOptions, 'sealing' | 'stampIntervalMs'>,
    Pick<ErasureRoutesOptions, 'erasing'>,
    Pick<ArchiveRoutesOptions, 'archiving'> {
  readonly health: () => Health | Promise<Health>
  readonly readinessLimits: ReadinessLimits
  readonly metrics: Metrics
  readonly subjects: SubjectLookUp
  /** What is in use now, so that a command can wait for it. */
  readonly configuration: () => ConfigurationInUse
  readonly requestId: () => string
  readonly now: () => number
  readonly log: FastifyBaseLogger
}

export interface ConfigurationInUse {
  /** Of the global configuration; null before the first. */
  readonly configurationVersion: number | null
  /** Answered here, and who may call through here. */
  readonly services: readonly string[]
  readonly clients: readonly string[]
}

/** Nothing here is a page: no script, no frame, no guess at content types, no copy in a cache. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

export async function apiPlugin(app: FastifyInstance, options: ApiOptions): Promise<void> {
  const { health, readinessLimits, metrics, configuration, requestId, now, log } = options
  // Nothing is posted but a few orders, each a plugin with a parser of its own.
  app.removeAllContentTypeParsers()
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(HEADERS)
  })

  function sendFault(reply: FastifyReply, error: GatewayError, status?: number): FastifyReply {
    const fault = faultOfError(error, 'ClientProxy', requestId(), 'received')
    const { contentType, octets } = renderFault(fault.body, fault.status, reply.request.headers.accept)
    return reply
      .code(status ?? fault.status)
      .headers({ 'content-type': contentType })
      .send(octets)
  }
  const refuse = (reply: FastifyReply, status: number, reason: string): FastifyReply =>
    sendFault(reply, new GatewayError('BadRequest', { reason }), status)
  const notFound = (reply: FastifyReply, reason: string): FastifyReply => refuse(reply, 404, reason)

  app.setErrorHandler((error: FastifyError, _request, reply) => {
    // Fastify's own: there is a body that nobody reads here, or not in this form.
    if (error.statusCode !== undefined && error.statusCode < 500) {
      const reason =
        'the admin port takes no body, or a small one of JSON: what to erase or archive, or whom to look up'
      return sendFault(reply, new GatewayError('BadRequest', { reason }))
    }
    const failure =
      error instanceof ArchiveError
        ? new GatewayError('ArchiveUnavailable', { reason: error.message, cause: error })
        : asGatewayError(error)
    if (failure.code === 'InternalError') log.error({ err: error }, 'a request of an operator failed')
    return sendFault(reply, failure)
  })

  app.get('/livez', async () => ({ live: true }))
  app.get('/readyz', async (_request, reply) => {
    const verdict = readiness(await health(), readinessLimits, now())
    return reply.code(verdict.ready ? 200 : 503).send(verdict)
  })
  app.get('/metrics', async (_request, reply) => {
    const text = await metrics.text(await health(), now())
    return reply.header('content-type', metrics.contentType).send(text)
  })
  app.get('/health', async () => formatHealth(await health(), readinessLimits, now()))
  app.get('/configuration', async () => configuration())
  const { reader, verify, partners, sealing, stampIntervalMs } = options
  const looking = async (request: FastifyRequest, looked: Looked): Promise<void> => {
    const certificate = fingerprintOf(request)
    await options.subjects.appendAccess({ by: `operator:${certificate}`, looked })
    log.info({ certificate, ...looked }, 'an operator looked into messages')
  }
  logRoutes(app, { reader, verify, partners, looking, notFound })
  evidenceRoutes(app, { reader, sealing, stampIntervalMs, now, looking, refuse })
  app.register(erasureRoutes, { reader, erasing: options.erasing, log, refuse })
  app.register(archiveRoutes, { archiving: options.archiving, log, refuse })
  app.register(subjectRoutes, { ...options.subjects, reader, now, log })
  // Also what exists with another method: a stranger must not tell one from the other, an operator need not.
  app.all('/*', async (_request, reply) => notFound(reply, 'nothing answers at this path'))
}
