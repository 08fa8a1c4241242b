/** The bodies of operators' orders: a little JSON, read strictly. */

import type { FastifyInstance } from 'fastify'
import { GatewayError } from '../errors.ts'
import { parseStrictJson } from '../protocol/json.ts'

/**
 * The routes of this plugin take a JSON body of at most so many octets; `request.body` is its value.
 *
 * @throws {GatewayError} `BadRequest` when a request comes with anything else
 */
export function takeOrders(app: FastifyInstance, bytesMax: number): void {
  const options = { parseAs: 'buffer', bodyLimit: bytesMax } as const
  app.addContentTypeParser('application/json', options, async (_request: unknown, body: Buffer) => {
    try {
      return parseStrictJson(body)
    } catch {
      throw badOrder('the body is not JSON')
    }
  })
}

/** @param reason names the form, never what was given */
export function badOrder(reason: string): GatewayError {
  return new GatewayError('BadRequest', { reason })
}
