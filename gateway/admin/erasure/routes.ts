/** `POST /log/erasures|holds|releases`, `GET /log/holds`: what operators decide about erasing, on record under their name. */

import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply } from 'fastify'
import type { SqliteLog } from '../../message-log/open-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Actor } from '../../message-log/record/erasure-event.ts'
import { fingerprintOf } from '../operators.ts'
import { takeOrders } from '../order-body.ts'
import { parseOrder, refusalText } from './orders.ts'

export interface ErasureRoutesOptions {
  readonly reader: LogReader
  readonly erasing: Pick<SqliteLog, 'decide' | 'eraseDue'>
  readonly log: FastifyBaseLogger
  readonly refuse: (reply: FastifyReply, status: number, reason: string) => FastifyReply
}

const BODY_BYTES_MAX = 4096
const ROUTES = { '/log/erasures': 'erasure', '/log/holds': 'hold', '/log/releases': 'release' } as const

export async function erasureRoutes(app: FastifyInstance, options: ErasureRoutesOptions): Promise<void> {
  const { reader, erasing, log, refuse } = options
  takeOrders(app, BODY_BYTES_MAX)

  app.get('/log/holds', async () => ({ holds: reader.holds() }))

  for (const [path, event] of Object.entries(ROUTES)) {
    app.post(path, async (request, reply) => {
      const order = parseOrder(event, request.body)
      const certificate = fingerprintOf(request)
      const by: Actor = `operator:${certificate}`
      if (order.event === 'due') {
        log.info({ certificate }, 'an operator had erased what is due')
        return erasing.eraseDue()
      }
      const decided = await erasing.decide({ ...order, id: randomUUID(), by })
      if ('refused' in decided) return refuse(reply, decided.refused === 'none' ? 404 : 409, refusalText(decided))
      log.info({ certificate, event, ...decided }, 'an operator decided about erasing')
      return decided
    })
  }
}
