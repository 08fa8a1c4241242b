/** Calls as a local system makes them over loopback, and what came of them. */

import type { Dispatcher } from 'undici'
import { request } from 'undici'
import { SERVICE } from './region.ts'

export interface CallOptions {
  readonly service?: string
  readonly path?: string
  readonly method?: string
  readonly client?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** With the certificate to show. */
  readonly dispatcher?: Dispatcher
}

export interface LocalAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly octets: Buffer
  readonly text: string
  /** `X-Road-Error`. */
  readonly error: string | undefined
  readonly requestId: string
  readonly fault: { readonly type?: string; readonly stage?: string; readonly side?: string; retryable?: boolean }
}

/** @param url of the consumer port @param from the client that calls, where the options name none */
export async function callLocally(url: string, from: string, call: CallOptions): Promise<LocalAnswer> {
  const { service = SERVICE, path = '/v1', client = from, body = '{"frage":1}' } = call
  const { method = 'POST', headers = { 'content-type': 'application/json' } } = call
  const answer = await request(`${url}/r1/${service}${path}`, {
    method,
    headers: { 'x-road-client': client, ...headers },
    body: method === 'GET' ? null : body,
    ...(call.dispatcher !== undefined && { dispatcher: call.dispatcher }),
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
  })
  const octets = Buffer.from(await answer.body.arrayBuffer())
  const text = octets.toString()
  return {
    status: answer.statusCode,
    headers: answer.headers,
    octets,
    text,
    error: answer.headers['x-road-error']?.toString(),
    requestId: answer.headers['x-road-request-id']?.toString() ?? '',
    fault: parseObject(text),
  }
}

export function parseObject(text: string): Record<string, never> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, never>) : {}
  } catch {
    return {}
  }
}
