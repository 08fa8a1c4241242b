/**
 * `GET /log/{seq}/evidence` and `/log/exchanges/{requestId}/evidence`: what anyone can check, streamed. Whoever takes a
 * message out of the log is put on record first. Source: architecture, "Commands"; design of the evidence, section 5.
 */

import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../../errors.ts'
import { formatContainer, formatSealedContainer, MIMETYPE } from '../../evidence/container.ts'
import type { Content } from '../../evidence/content.ts'
import { gathered } from '../../evidence/content.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Looked } from '../../message-log/record/access-event.ts'
import { parseRequestId, parseSeq } from '../log/query.ts'
import { exportExchange } from './exchange.ts'
import type { Lack } from './packages.ts'
import { NoEvidence, openPackages } from './packages.ts'
import type { SealingDeps, SealLife } from './sealing.ts'
import { openSealing } from './sealing.ts'

export interface EvidenceRoutesOptions {
  readonly reader: LogReader
  readonly sealing: SealingDeps
  /** How long a batch stays open at the most. */
  readonly stampIntervalMs: number
  readonly now: () => number
  /** Puts on record who looks. @throws {GatewayError} `LoggingFailed` */
  readonly looking: (request: FastifyRequest, looked: Looked) => Promise<void>
  readonly refuse: (reply: FastifyReply, status: number, reason: string) => FastifyReply
}

const STATUSES: Readonly<Record<Exclude<Lack, 'damaged'>, number>> = { missing: 404, unstamped: 409, erased: 410 }

interface Download {
  readonly content: Content
  readonly type: string
  /** Its name, up to the mark of a short-lived seal. */
  readonly name: string
  readonly end: string
  readonly life: SealLife | undefined
}

export function evidenceRoutes(app: FastifyInstance, options: EvidenceRoutesOptions): void {
  const { reader, sealing, stampIntervalMs, now, looking, refuse } = options
  const packages = openPackages(reader)
  // A HEAD request would be answered by making all of it.
  const route = { exposeHeadRoute: false }

  app.get<{ Params: { seq: string } }>('/log/:seq/evidence', route, async (request, reply) => {
    const seq = parseSeq(request.params.seq)
    const seal = isSealed(request) ? openSealing(sealing) : undefined
    return send(request, reply, { part: 'evidence', seq }, async () => {
      const from = await packages.read(seq)
      const content = seal === undefined ? formatContainer(from) : await formatSealedContainer(from, seal)
      return { content, type: MIMETYPE, name: `record-${seq}`, end: 'asice', life: seal?.life }
    })
  })

  app.get<{ Params: { requestId: string } }>('/log/exchanges/:requestId/evidence', route, async (request, reply) => {
    const requestId = parseRequestId(request.params.requestId)
    const given = { reader, packages, now, ...(isSealed(request) && { sealing }) }
    return send(request, reply, { part: 'evidence', exchange: requestId }, async () => {
      const { content, life } = await exportExchange(given, requestId)
      return { content, type: 'application/zip', name: `exchange-${requestId}`, end: 'zip', life }
    })
  })

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    looked: Looked,
    make: () => Promise<Download>,
  ): Promise<FastifyReply> {
    let download: Download
    try {
      download = await make()
    } catch (error) {
      if (!(error instanceof NoEvidence) || error.lack === 'damaged') throw error
      if (error.lack === 'unstamped') reply.header('retry-after', String(Math.ceil(stampIntervalMs / 1000)))
      return refuse(reply, STATUSES[error.lack], error.message)
    }
    const { content, type, name, end, life } = download
    await looking(request, looked)
    const mark = life === 'short-lived' ? '.short-lived' : ''
    return reply
      .headers({
        'content-type': type,
        'content-length': String(content.size),
        'content-disposition': `attachment; filename="${name}${mark}.${end}"`,
        ...(life !== undefined && { 'owl-seal': life }),
      })
      .send(Readable.from(gathered(content.read()), { objectMode: false }))
  }
}

/** @throws {GatewayError} `BadRequest` */
function isSealed({ query }: FastifyRequest): boolean {
  const entries = Object.entries(query as Record<string, unknown>)
  if (entries.length === 0) return false
  const [[name, value] = []] = entries
  if (entries.length > 1 || name !== 'seal' || value !== '') {
    throw new GatewayError('BadRequest', { reason: 'the query takes seal, without a value' })
  }
  return true
}
