/** `GET /log…`: the message log as an operator sees it. Who looks at a message is put on record first. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../../errors.ts'
import type { LogReader, Part } from '../../message-log/reading/reader.ts'
import type { Looked } from '../../message-log/record/access-event.ts'
import type { Verification } from '../../message-log/verification/verify.ts'
import type { PartnerView } from '../partners/partners.ts'
import { parseLogQuery, parseRequestId, parseSeq } from './query.ts'
import type { VerificationWish } from './verification.ts'
import { formatVerdict } from './verification.ts'

export interface LogRoutesOptions {
  readonly reader: LogReader
  /** The whole log: chain, batches, time-stamps. */
  readonly verify: (wish: VerificationWish) => Promise<Verification>
  /** What is known of each partner's log, and came of comparing it with ours. */
  readonly partners: () => readonly PartnerView[]
  /** Puts on record who looks. @throws {GatewayError} `LoggingFailed` */
  readonly looking: (request: FastifyRequest, looked: Looked) => Promise<void>
  readonly notFound: (reply: FastifyReply, reason: string) => FastifyReply
}

/** Name of the download and its type; a message's own type is not believed, since a browser would act on it. */
const PARTS: Readonly<Record<Part, { readonly file: string; readonly type: string }>> = {
  head: { file: 'message-head.txt', type: 'application/octet-stream' },
  body: { file: 'message-body.bin', type: 'application/octet-stream' },
  signature: { file: 'signature.jades.json', type: 'application/json' },
  record: { file: 'log-record.json', type: 'application/json' },
}

const isPersonal = (part: Part): part is 'head' | 'body' => part === 'head' || part === 'body'

export function logRoutes(
  app: FastifyInstance,
  { reader, verify, partners, looking, notFound }: LogRoutesOptions,
): void {
  const verifying = new Map<boolean, Promise<Verification>>()

  app.get('/log', async (request) => reader.list(parseLogQuery(request.query as Record<string, unknown>)))

  app.get<{ Params: { requestId: string } }>('/log/exchanges/:requestId', async ({ params }) => ({
    records: await reader.exchange(parseRequestId(params.requestId)),
  }))

  // However many ask: reading a log of years through takes its time once.
  app.get<{ Querystring: { since?: unknown } }>('/log/verify', async ({ query: { since } }) => {
    if (since !== undefined && since !== 'last') throw new GatewayError('BadRequest', { reason: 'since is last' })
    const sinceLast = since === 'last'
    const found = verifying.get(sinceLast) ?? verify({ sinceLast }).finally(() => verifying.delete(sinceLast))
    verifying.set(sinceLast, found)
    return formatVerdict(await found)
  })

  app.get('/log/partners', async () => ({ partners: partners() }))

  app.get<{ Params: { seq: string } }>('/log/:seq', async ({ params }, reply) => {
    const record = await reader.get(parseSeq(params.seq))
    return record ?? notFound(reply, 'there is no such record')
  })

  for (const [part, { file, type }] of Object.entries(PARTS) as [Part, (typeof PARTS)[Part]][]) {
    // A HEAD request would be answered by reading all of it.
    app.get<{ Params: { seq: string } }>(`/log/:seq/${part}`, { exposeHeadRoute: false }, async (request, reply) => {
      const seq = parseSeq(request.params.seq)
      const octets = await reader.object(seq, part)
      if (octets === undefined) return notFound(reply, `the record has no ${part}, or it was erased`)
      // What the log says of itself is about nobody.
      if (isPersonal(part) && (await reader.get(seq))?.side !== null) await looking(request, { part, seq })
      return reply
        .headers({ 'content-type': type, 'content-disposition': `attachment; filename="${seq}-${file}"` })
        .send(octets)
    })
  }
}
