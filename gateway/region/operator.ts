/** What an operator sees: one gateway's message log, over its admin port with the agency's operator certificate. */

import type { Agent } from 'undici'
import { request } from 'undici'
import type { RecordSummary } from '../message-log/message-log.ts'
import { openAgent } from './calls.ts'
import type { Federation, FederationGateway } from './federation.ts'

export interface Operator {
  readonly name: string
  /** All records of one exchange in this log, oldest first. */
  exchange(requestId: string): Promise<readonly RecordSummary[]>
  /** Newest first. */
  list(query: Readonly<Record<string, string>>): Promise<readonly RecordSummary[]>
  /** The body as it was received or sent. */
  body(seq: number): Promise<unknown>
  verify(): Promise<unknown>
  close(): Promise<void>
}

const TIMEOUT_MS = 60_000

export async function openOperator(federation: Federation, gateway: FederationGateway): Promise<Operator> {
  const dispatcher = await openAgent(federation, gateway.operator)
  const get = (path: string): Promise<unknown> => getJson(dispatcher, new URL(path, gateway.admin), gateway.name)
  return {
    name: gateway.name,
    async exchange(requestId) {
      const { records } = (await get(`/log/exchanges/${requestId}`)) as Records
      return records.toSorted((a, b) => a.seq - b.seq)
    },
    async list(query) {
      const { records } = (await get(`/log?${new URLSearchParams(query)}`)) as Records
      return records
    },
    body: (seq) => get(`/log/${seq}/body`),
    verify: () => get('/log/verify'),
    close: () => dispatcher.close(),
  }
}

interface Records {
  readonly records: readonly RecordSummary[]
}

async function getJson(dispatcher: Agent, url: URL, name: string): Promise<unknown> {
  const { statusCode, body } = await request(url, {
    dispatcher,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`${name}: GET ${url.pathname} answered ${statusCode}`)
  return JSON.parse(text)
}
