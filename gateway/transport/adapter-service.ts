/** A service by adapter: JSON checked against its schema both ways, in this process. */

import { STATUS_CODES } from 'node:http'
import type { Adapter, AdapterInstance } from '../../adapters/adapter.ts'
import { AdapterError, placeOf } from '../../adapters/adapter-error.ts'
import type { LocalService } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Body } from '../protocol/body.ts'
import type { RequestHead } from '../protocol/head.ts'
import { headerOf } from '../protocol/headers.ts'
import { parseStrictJson } from '../protocol/json.ts'
import { openApiOf } from './open-api.ts'
import type { OpenService } from './services.ts'
import { bodyOf } from './spool.ts'

export function adapterService(
  { timeoutMs, bodyBytesMax }: LocalService,
  adapter: Adapter,
  instance: AdapterInstance,
): OpenService {
  const path = `/v${adapter.version}`
  return {
    bodyBytesMax,
    subjects: adapter.subjects,
    prepare({ head, body, purpose }) {
      const { call } = head
      if (call.method !== 'POST' || call.path !== path)
        throw new GatewayError('UnknownService', { reason: `the service answers POST ${path}` })
      checkContentType(head)
      const payload = parsePayload(body)
      const problems = adapter.requestSchema.check(payload)
      if (problems.length > 0) throw new GatewayError('InvalidBody', placesOf(problems))
      return async () => {
        const signal = AbortSignal.timeout(timeoutMs)
        const caller = {
          client: call.client,
          requestId: head.requestId,
          purpose,
          userId: call.userId,
          issue: call.issue,
          signal,
        }
        try {
          const {
            status,
            contentType,
            body: answer,
          } = await Promise.race([instance.answer(payload, caller), expiry(signal)])
          return {
            status,
            reason: STATUS_CODES[status] ?? '',
            headers: [['content-type', contentType]],
            body: bodyOf(Buffer.from(JSON.stringify(answer))),
          }
        } catch (error) {
          throw asFault(error, signal)
        }
      }
    },
    describe: async (title) => ({
      type: 'application/json; charset=utf-8',
      octets: Buffer.from(JSON.stringify(openApiOf(adapter, title))),
    }),
    close: () => instance.close(),
  }
}

/** A schema'd body is JSON in UTF-8 without content encoding. */
function checkContentType({ call, media }: RequestHead): void {
  const encoding = headerOf(call.headers, 'content-encoding')
  if (media.type !== 'application/json' || (encoding !== undefined && encoding.toLowerCase() !== 'identity'))
    throw new GatewayError('InvalidContentType')
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(headerOf(call.headers, 'content-type') ?? '')?.[1]
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') throw new GatewayError('InvalidContentType')
}

function parsePayload(body: Body | undefined): unknown {
  if (body?.bytes === undefined)
    throw new GatewayError('InvalidBody', {
      reason: body === undefined ? 'there is none' : 'it is too large for a schema',
    })
  try {
    return parseStrictJson(body.bytes)
  } catch (error) {
    throw new GatewayError('InvalidBody', { reason: (error as Error).message })
  }
}

function expiry(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

function asFault(error: unknown, timeout: AbortSignal): GatewayError {
  if (error instanceof GatewayError) return error
  if (timeout.aborted) return new GatewayError('ServiceFailed.TimedOut', { cause: error })
  if (!(error instanceof AdapterError)) return new GatewayError('ServiceFailed.InternalError', { cause: error })
  if (error.kind === 'response')
    return new GatewayError('ServiceFailed.InvalidBody', {
      reason: error.reason,
      ...placesOf(error.problems),
      cause: error,
    })
  if (error.kind === 'failed') return new GatewayError('ServiceFailed.InternalError', { cause: error })
  return new GatewayError('ServiceFailed.NetworkError', { cause: error })
}

function placesOf(problems: AdapterError['problems']): { reason?: string; pointers: readonly string[] } {
  const pointers = problems.map(({ pointer }) => pointer)
  return problems.length === 0
    ? { pointers }
    : { pointers, reason: problems.slice(0, PLACES_MAX).map(placeOf).join(', ') }
}

/** As many as a person reads; `pointers` has all. */
const PLACES_MAX = 5
