/** The registry's port: two signed documents, and the anchor for display. Whoever can reach it may read it all. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { JWK } from 'jose'
import type { Publication, Publishing } from './publishing.ts'

export interface RegistryOptions {
  readonly publishing: Publishing
  /** Public JWK of the signing key, and its RFC 7638 thumbprint. Shown only: gateways got theirs by another way. */
  readonly anchor: JWK
  readonly thumbprint: string
  readonly waitMsMax?: number
  /** Questions that may wait for news at a time; more are answered at once. */
  readonly waitingMax?: number
}

export const WAIT_MS_MAX = 30_000
export const WAITING_MAX = 1000
/** RFC 7515 §9.2.1. */
const JOSE = 'application/jose'

interface NewsQuery {
  readonly after?: string
  readonly waitMs?: string
}

/** Routes of the registry. */
export async function registryPlugin(app: FastifyInstance, options: RegistryOptions): Promise<void> {
  const { publishing, anchor, thumbprint, waitMsMax = WAIT_MS_MAX, waitingMax = WAITING_MAX } = options
  const closing = new AbortController()
  let waiting = 0
  app.addHook('preClose', async () => closing.abort())

  /** Waits for another version than the caller has, if it asks for that. */
  async function news(request: FastifyRequest): Promise<Publication> {
    const { after, waitMs } = request.query as NewsQuery
    const [version, ms] = [Number(after), Math.min(Number(waitMs), waitMsMax)]
    if (Number.isSafeInteger(version) && ms > 0 && waiting < waitingMax) {
      const gone = new AbortController()
      const leave = () => gone.abort()
      request.raw.socket.once('close', leave)
      waiting++
      try {
        await publishing.changed(version, ms, AbortSignal.any([gone.signal, closing.signal]))
      } finally {
        waiting--
        request.raw.socket.off('close', leave)
      }
    }
    return publishing.current()
  }

  app.get('/configuration', async (request, reply) => {
    const { version, sha256, configuration } = await news(request)
    return answer(request, reply, `"${version}-${sha256}"`, configuration)
  })

  app.get('/freshness', async (request, reply) => {
    const { freshness } = await news(request)
    return reply.header('cache-control', 'no-store').type(JOSE).send(freshness)
  })

  app.get('/anchor', async (_request, reply) => reply.send({ ...anchor, thumbprint }))

  app.get('/livez', async (_request, reply) => reply.send({ version: publishing.current().version }))
}

function answer(request: FastifyRequest, reply: FastifyReply, etag: string, document: string): FastifyReply {
  void reply.header('etag', etag).header('cache-control', 'no-cache')
  // RFC 9110 §13.1.2: a list or `*`, compared weakly.
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  if (known.includes(etag) || known.includes('*')) return reply.code(304).send()
  return reply.type(JOSE).send(document)
}
