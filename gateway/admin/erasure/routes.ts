/** `POST /log/erasures|holds|releases`, `GET /log/holds`: what operators decide about erasing, on record under their name. */

import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { peerOf } from '../../http/mutual-tls.ts'
import type { SqliteLog } from '../../message-log/open-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Actor } from '../../message-log/record/erasure-event.ts'
import { parseOrder, refusalText } from './orders.ts'

export interface ErasureRoutesOptions {
  readonly reader: LogReader
  readonly erasing: Pick<SqliteLog, 'decide' | 'eraseDue'>
  readonly log: FastifyBaseLogger
  readonly refuse: (reply: FastifyReply, status: number, reason: string) => FastifyReply
}

const BODY_BYTES_MAX = 4096
const ROUTES = { '/log/erasures': 'erasure', '/log/holds': 'hold', '/log/releases': 'release' } as const

/** A plugin of its own: the one place of the admin port that reads a body. */
export async function erasureRoutes(app: FastifyInstance, options: ErasureRoutesOptions): Promise<void> {
  const { reader, erasing, log, refuse } = options
  const parser = { parseAs: 'string', bodyLimit: BODY_BYTES_MAX } as const
  app.addContentTypeParser('application/json', parser, app.getDefaultJsonParser('error', 'error'))

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

/** Whoever gets here has shown a certificate. */
function fingerprintOf(request: FastifyRequest): string {
  const peer = peerOf(request)
  if (peer === undefined) throw new TypeError('An operator has no certificate')
  return peer.sha256
}
