/** What an operator sees: one gateway's message log, over its admin port with the agency's operator certificate. */

import type { Agent } from 'undici'
import { request } from 'undici'
import type { RecordSummary } from '../message-log/message-log.ts'
import type { Verification } from '../message-log/verification/verify.ts'
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
  /** Exact octets of a part of a record. */
  part(seq: number, part: 'head' | 'signature' | 'record'): Promise<Buffer>
  verify(): Promise<Verdict>
  close(): Promise<void>
}

/** `GET /log/verify`. */
export type Verdict = Omit<Verification, 'isWhole'> & { readonly ok: boolean }

const TIMEOUT_MS = 60_000

export async function openOperator(federation: Federation, gateway: FederationGateway): Promise<Operator> {
  const dispatcher = await openAgent(federation, gateway.operator)
  const octets = (path: string): Promise<Buffer> => getOctets(dispatcher, new URL(path, gateway.admin), gateway.name)
  const get = async (path: string): Promise<unknown> => JSON.parse((await octets(path)).toString())
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
    part: (seq, part) => octets(`/log/${seq}/${part}`),
    verify: () => get('/log/verify') as Promise<Verdict>,
    close: () => dispatcher.close(),
  }
}

interface Records {
  readonly records: readonly RecordSummary[]
}

async function getOctets(dispatcher: Agent, url: URL, name: string): Promise<Buffer> {
  const { statusCode, body } = await request(url, {
    dispatcher,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  })
  const octets = Buffer.from(await body.arrayBuffer())
  if (statusCode !== 200) throw new Error(`${name}: GET ${url.pathname} answered ${statusCode}`)
  return octets
}
