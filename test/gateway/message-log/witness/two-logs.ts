/** Two logs that share exchanges, as the pipelines of two gateways write them, and one comparing itself with the other. */

import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { NewRecord } from '../../../../gateway/message-log/message-log.ts'
import type { SqliteLog } from '../../../../gateway/message-log/open-log.ts'
import type { LogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { logId } from '../../../../gateway/message-log/record/log-place.ts'
import { openComparison } from '../../../../gateway/message-log/witness/comparison.ts'
import type { Before, ReconcileDeps, Reconciliation } from '../../../../gateway/message-log/witness/reconcile.ts'
import { reconcile } from '../../../../gateway/message-log/witness/reconcile.ts'
import type { Span } from '../../../../gateway/message-log/witness/shared-exchanges.ts'
import { idAt } from '../../../../gateway/message-log/witness/shared-exchanges.ts'
import { readCall } from '../../../../gateway/protocol/call.ts'
import { formatReplyHead, formatRequestHead } from '../../../../gateway/protocol/head.ts'
import type { Ask } from '../../../../gateway/protocol/reconciling.ts'
import { bodyOf } from '../../../../gateway/transport/spool.ts'
import type { LogRig } from '../log-rig.ts'
import { makeLogRig } from '../log-rig.ts'
import { basis, CLIENT, ETSI_U, SERVICE } from '../messages.ts'

export const ASKING = 'OWL/GOV/05774032/SS1'
export const ASKED = 'OWL/GOV/05711000/SS1'

export interface OneLog {
  readonly gateway: string
  readonly rig: LogRig
  readonly log: SqliteLog
  readonly reader: LogReader
}

export interface ExchangeOptions {
  /** Milliseconds since the Unix epoch: when the id was made. */
  readonly at?: number
  /** What becomes of it; all goes well when absent. */
  readonly fate?: 'never-arrived' | 'reply-lost' | 'lost-at-provider' | 'lost-at-consumer' | 'other-reply'
  readonly logHead?: string
}

export interface TwoLogs {
  readonly asking: OneLog
  readonly asked: OneLog
  /** @returns its request id */
  exchange(options?: ExchangeOptions): Promise<string>
  /** How many questions the last comparison took. */
  readonly questions: () => number
  compare(
    own: OneLog,
    partner: OneLog,
    more?: Partial<Span> & Partial<ReconcileDeps> & Partial<Before>,
  ): Promise<Reconciliation>
}

export type LogOptions = Parameters<LogRig['open']>[0]

export async function openOneLog(t: Test, gateway: string, more: LogOptions = {}): Promise<OneLog> {
  const rig = await makeLogRig()
  const archive = join(rig.directory, 'archive')
  const log = await rig.open({ gateway, archive, stampIntervalMs: 3_600_000, ...more })
  const reader = openLogReader({ ...rig.options, archive })
  t.teardown(async () => {
    reader.close()
    await rig.close()
  })
  return { gateway, rig, log, reader }
}

const CONFIG = { version: 7, sha256: randomBytes(32).toString('base64url') }
const SIGNATURE = `${'a'.repeat(200)}..${'b'.repeat(86)}`

export async function openTwoLogs(t: Test, more: LogOptions = {}): Promise<TwoLogs> {
  const [asking, asked] = [await openOneLog(t, ASKING, more), await openOneLog(t, ASKED, more)]
  let questions = 0

  async function exchange({ at = Date.now(), fate, logHead = 'none' }: ExchangeOptions = {}): Promise<string> {
    const requestId = `${idAt(at)}7${randomUUID().slice(15)}`
    const issuedAt = new Date().toISOString()
    const call = readCall('POST', `/r1/${SERVICE}/v1`, [
      ['X-Road-Client', CLIENT],
      ['Content-Type', 'application/json'],
    ])
    const block = { sender: ASKING, audience: ASKED, issuedAt, config: CONFIG, agreement: 'none', purpose: 'UMZUG' }
    const head = formatRequestHead(call, requestId, { ...block, logHead: 'none' }, `OWL-${requestId}`)
    const { xRoadId } = head
    const ids = { requestId, xRoadId, client: CLIENT, service: SERVICE, method: 'POST', purpose: 'UMZUG' }
    const rest = { extension: 'json', signature: SIGNATURE, etsiU: ETSI_U, basis: basis('UMZUG') }
    const request = {
      ...ids,
      ...rest,
      outcome: 'request',
      head: head.octets,
      body: bodyOf(Buffer.from(randomUUID())),
    } as const

    const sent =
      fate === 'lost-at-consumer'
        ? undefined
        : await asking.log.append({ ...request, side: 'consumer', direction: 'out' })
    const isThere = fate !== 'never-arrived' && fate !== 'lost-at-provider'
    const taken = isThere
      ? await asked.log.append({ ...request, side: 'provider', direction: 'in', replaySender: ASKING })
      : undefined
    const leaf = taken?.leaf ?? randomBytes(32)
    const reply = (body: string): NewRecord => {
      const made = formatReplyHead({
        ...{ status: 200, reason: 'OK', headers: [['content-type', 'application/json']] },
        ids: { xRoadId, client: CLIENT, service: SERVICE, requestId, requestHash: randomBytes(64).toString('base64') },
        block: {
          ...{ kind: 'reply', sender: ASKED, audience: ASKING, issuedAt, config: CONFIG, logHead },
          ...{ requestDigest: 'x'.repeat(43), receipt: `${ASKED}/n1/1;${leaf.toString('base64url')}` },
        },
      })
      const octets = { head: made.octets, body: bodyOf(Buffer.from(body)) }
      return { ...ids, ...rest, ...octets, outcome: 'reply', side: 'provider', direction: 'out' }
    }
    const answer = reply('{"found":1}')
    if (taken !== undefined) await asked.log.append({ ...answer, request: taken })
    if (sent === undefined) return requestId
    const received = {
      ...(fate === 'other-reply' ? reply('{"found":2}') : answer),
      side: 'consumer',
      direction: 'in',
    } as const
    const failure = { ...answer, side: 'consumer', direction: 'out', outcome: 'failure' } as const
    const saying = { sender: ASKED, logHead, issuedAt }
    if (fate === 'never-arrived') {
      await asking.log.append({ ...failure, code: 'Server.ClientProxy.NetworkError', stage: 'recorded', request: sent })
    } else if (fate === 'reply-lost') {
      await asking.log.append({ ...failure, code: 'Server.ClientProxy.OutcomeUnknown', stage: 'sent', request: sent })
    } else await asking.log.append({ ...received, saying, request: sent })
    return requestId
  }

  async function compare(
    own: OneLog,
    partner: OneLog,
    {
      from = Date.now() - 3_600_000,
      to = Date.now() + 1000,
      compared = {},
      ...more
    }: Parameters<TwoLogs['compare']>[2] = {},
  ): Promise<Reconciliation> {
    const [ours, theirs] = [openComparison(own.reader), openComparison(partner.reader)]
    questions = 0
    const deps: ReconcileDeps = {
      parties: { own: own.gateway, partner: partner.gateway },
      ownLog: logId(own.reader.identity),
      own: {
        find: async (parties, ask) => ours.find(parties, ask),
        page: async (parties, span, after) => ours.page(parties, span, after),
      },
      async ask<A extends Ask>(ask: A) {
        questions += 1
        // As over the wire.
        const found = theirs.find({ own: partner.gateway, partner: own.gateway }, JSON.parse(JSON.stringify(ask)) as A)
        return JSON.parse(JSON.stringify(found))
      },
      heads: own.reader.store.heads,
      ownHeader: (batch) => own.reader.store.batches.numbered(batch)?.headerSha256.toString('base64url'),
      erasedAround: () => false,
      isDue: () => false,
      proved: () => {},
      ...more,
    }
    return reconcile(deps, { from, to }, { compared })
  }

  return { asking, asked, exchange, compare, questions: () => questions }
}
