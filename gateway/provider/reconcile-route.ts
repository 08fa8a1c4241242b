/** `POST /owl/v1/reconcile`: where partners ask. Strangers have been sent away before. */

import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { InFlight } from '../access/budgets.ts'
import { asGatewayError } from '../errors.ts'
import { faultOfError, renderFault } from '../http/fault-reply.ts'
import { peerOf } from '../http/mutual-tls.ts'
import { QUESTION_BYTES_MAX } from '../protocol/reconciling.ts'
import { STATEMENT_TYPE } from '../protocol/statement.ts'
import type { Answering } from './reconcile.ts'

export interface ReconcileRouteOptions {
  readonly answer: Answering
  readonly inFlight: InFlight
  readonly requestId: () => string
  readonly log: FastifyBaseLogger
}

export const RECONCILE_PATH = '/owl/v1/reconcile'

export async function reconcileRoute(app: FastifyInstance, options: ReconcileRouteOptions): Promise<void> {
  const { answer, inFlight, log } = options
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    STATEMENT_TYPE,
    { parseAs: 'buffer', bodyLimit: QUESTION_BYTES_MAX },
    (_request, body, done) => done(null, body),
  )
  app.post(RECONCILE_PATH, async (request, reply) => {
    const partner = peerOf(request)?.sha256 as string
    let leave: (() => void) | undefined
    try {
      leave = inFlight.enter(partner)
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
      const text = await answer(partner, body)
      return await reply.header('content-type', STATEMENT_TYPE).send(text)
    } catch (error) {
      const failure = asGatewayError(error)
      log.warn(
        { certificate: partner, code: failure.code, err: failure.cause },
        'a partner got no answer about the log',
      )
      const fault = faultOfError(failure, 'ServerProxy', options.requestId(), 'received')
      const { contentType, octets } = renderFault(fault.body, fault.status, undefined)
      const status = failure.code === 'TooManyRequests' ? 429 : fault.status
      return await reply
        .code(status)
        .headers({ 'content-type': contentType, 'x-road-error': fault.body.type })
        .send(octets)
    } finally {
      leave?.()
    }
  })
}
