/**
 * Both pipelines with ends in memory: a log that remembers the order of what happens, a network and a service that are
 * functions, a clock that stands. Certificates, seals, configuration and every rule are the real ones.
 */

import { createPrivateKey, hash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import { localClients } from '../../gateway/access/clients.ts'
import { idnrGuard } from '../../gateway/access/idnr-guard.ts'
import type { ConsumerDeps, LocalRequest } from '../../gateway/consumer/exchange.ts'
import type { FaultCode } from '../../gateway/errors.ts'
import { GatewayError } from '../../gateway/errors.ts'
import type { Appended, MessageLog, NewRecord } from '../../gateway/message-log/message-log.ts'
import { parseCall } from '../../gateway/protocol/call.ts'
import type { Incoming, Outgoing, ProviderDeps } from '../../gateway/provider/exchange.ts'
import { exchange as provide } from '../../gateway/provider/exchange.ts'
import { metaservices } from '../../gateway/provider/metaservices.ts'
import { Trace } from '../../gateway/trace.ts'
import { packFrame, sliceFrame } from '../../gateway/transport/frame.ts'
import type { Answer } from '../../gateway/transport/peers.ts'
import type { ServiceReply } from '../../gateway/transport/services.ts'
import type { Spool } from '../../gateway/transport/spool.ts'
import { bodyOf, openSpool } from '../../gateway/transport/spool.ts'
import { clockEstimate } from '../../gateway/trust/clock.ts'
import type { Signer } from '../../gateway/trust/keys.ts'
import { makeSigner } from '../../gateway/trust/keys.ts'
import { ownSeal } from '../../gateway/trust/own-seal.ts'
import type { RevocationStatus } from '../../gateway/trust/revocation.ts'
import type { Snapshot } from '../../gateway/trust/snapshot.ts'
import { makeSnapshot } from '../../gateway/trust/snapshot.ts'
import { makeRegion, removeRegion } from './registry/region.ts'

export const CLIENT = 'OWL/GOV/05774032/BUERGERBUERO'
export const SERVICE = 'OWL/GOV/05711000/MELDEWESEN/vams'
export const BODY_BYTES_MAX = 4096
const HEAD_BYTES_MAX = 65_536

export interface PipelineRig {
  /** What happened, in order: `recorded request` and its kin, `sent`, `delivered`. */
  readonly events: string[]
  readonly consumer: ConsumerDeps & { readonly log: MemoryLog }
  readonly provider: ProviderDeps & { readonly log: MemoryLog }
  /** The configuration that both judge by. */
  readonly snapshot: Snapshot
  readonly signers: Readonly<Record<'paderborn' | 'bielefeld', Signer>>
  /** SHA-256 of the certificates that may be revoked or old, hex. */
  readonly fingerprints: Readonly<Record<'seal' | 'server' | 'client' | 'providerSeal', string>>
  /** What the parts below do instead of their work, until the next test. */
  readonly faults: Faults
  request(options?: RequestOptions): LocalRequest
  /** The same as it arrives at the provider's gateway. */
  incoming(options?: RequestOptions): Promise<Incoming>
}

export interface Faults {
  /** Certificate → what is known of it. */
  status: Map<string, RevocationStatus['status']>
  configuration?: FaultCode
  reach?: FaultCode
  send?: FaultCode
  /** What the provider's gateway answered, changed on its way. */
  answer?: (answer: Answer) => Answer | Promise<Answer>
  service?: () => Promise<ServiceReply>
  stalenessMs?: number
  mayRefuse?: boolean
}

export interface RequestOptions {
  readonly client?: string
  readonly service?: string
  readonly path?: string
  readonly method?: string
  readonly headers?: readonly string[]
  readonly purpose?: string
  readonly body?: string
  /** Fewer octets come than were announced. */
  readonly isCut?: boolean
  readonly secure?: boolean
}

/** A log that keeps what it is given, says when, and fails where a test wants it to. */
export class MemoryLog implements MessageLog {
  readonly id: string
  readonly records: NewRecord[] = []
  readonly abandoned: Appended[] = []
  /** Outcome → the code with which its record fails. */
  readonly failing = new Map<NewRecord['outcome'], FaultCode>()
  readonly #events: string[]

  constructor(id: string, events: string[]) {
    this.id = id
    this.#events = events
  }

  async append(record: NewRecord): Promise<Appended> {
    const code = this.failing.get(record.outcome)
    if (code !== undefined) throw new GatewayError(code)
    await record.body?.dispose()
    this.records.push(record)
    this.#events.push(`recorded ${record.outcome}`)
    const seq = this.records.length
    return { seq, leaf: hash('sha256', String(seq), 'buffer') }
  }

  abandon(request: Appended): void {
    this.abandoned.push(request)
  }

  seen(sender: string, requestId: string): boolean {
    return this.records.some((record) => record.replaySender === sender && record.requestId === requestId)
  }

  head(): string {
    return 'none'
  }

  async close(): Promise<void> {}
}

/** @param t the file's own: the region goes with it */
export async function openPipelines(t: Test): Promise<PipelineRig> {
  const region = await makeRegion()
  t.teardown(() => removeRegion(region))
  const now = Date.now()
  const content = { ...region.content, version: 7, issued: new Date(now).toISOString() }
  const snapshot = makeSnapshot(content, hash('sha256', 'configuration', 'hex'))
  const spool = await openSpool({ directory: region.path('spool'), spoolAboveBytes: BODY_BYTES_MAX })
  const signers = { paderborn: signerOf(region.pki, 'paderborn'), bielefeld: signerOf(region.pki, 'bielefeld') }
  const [paderborn, bielefeld] = content.gateways
  if (paderborn === undefined || bielefeld === undefined) throw new Error('the region has two gateways')
  const tls = (gateway: typeof paderborn, use: 'server' | 'client'): string =>
    gateway.tls.find((certificate) => certificate.use === use)?.sha256 ?? ''
  const events: string[] = []
  const faults: Faults = { status: new Map() }
  const shared = {
    configuration: {
      usable: () => {
        if (faults.configuration !== undefined) throw new GatewayError(faults.configuration)
        return snapshot
      },
      current: () => snapshot,
      stalenessMs: () => faults.stalenessMs ?? 0,
      refreshNow: async () => {},
      heard: () => {},
    },
    revocation: { statusOf: (sha256: string) => STATUSES[faults.status.get(sha256) ?? 'good'] },
    idnrGuard: idnrGuard({ testNumbers: true }),
    subjects: () => [],
    spool,
    now: () => now,
    clock: clockEstimate(() => {}),
    clockSkewMsMax: 60_000,
  }
  const provider: PipelineRig['provider'] = {
    ...shared,
    gateway: bielefeld.id,
    seal: ownSeal(signers.bielefeld),
    log: new MemoryLog(`${bielefeld.id}/n1/1`, events),
    metaservices: metaservices(bielefeld.id, async () => ({ type: 'application/json', octets: Buffer.from('{}') })),
    mayRefuse: () => faults.mayRefuse ?? true,
    services: {
      ids: () => [SERVICE],
      at: () => ({
        bodyBytesMax: BODY_BYTES_MAX,
        describe: () => Promise.reject(new GatewayError('ServiceType')),
        prepare: () => () => {
          events.push('delivered')
          return faults.service?.() ?? Promise.resolve(OK)
        },
        close: async () => {},
      }),
      subjects: () => undefined,
      describe: () => Promise.reject(new GatewayError('ServiceType')),
      close: async () => {},
    },
  }
  const consumer: PipelineRig['consumer'] = {
    ...shared,
    gateway: paderborn.id,
    clients: localClients([{ id: CLIENT, auth: 'https', certificates: [] }], { flawOf: () => undefined }),
    seal: ownSeal(signers.paderborn),
    log: new MemoryLog(`${paderborn.id}/n1/1`, events),
    bodyBytesMax: BODY_BYTES_MAX,
    peers: {
      reach: async ([first]) => {
        if (faults.reach !== undefined) throw new GatewayError(faults.reach)
        return first ?? Promise.reject(new Error('nobody to reach'))
      },
      send: async (_peer, packed, signature) => {
        events.push('sent')
        if (faults.send !== undefined) throw new GatewayError(faults.send)
        const octets = await octetsOf(packed.octets)
        const outgoing = await provide(
          provider,
          incomingOf(octets, signature, tls(paderborn, 'client'), spool),
          trace(),
        )
        const answer = await answerOf(outgoing, tls(bielefeld, 'server'))
        return faults.answer === undefined ? answer : faults.answer(answer)
      },
      ask: () => Promise.reject(new Error('nothing is asked here')),
      recheck: () => {},
      close: async () => {},
    },
  }
  t.beforeEach(() => {
    for (const log of [consumer.log, provider.log]) {
      log.records.length = 0
      log.abandoned.length = 0
      log.failing.clear()
    }
    events.length = 0
    for (const name of Object.keys(faults)) Reflect.deleteProperty(faults, name)
    faults.status = new Map()
  })
  return {
    ...{ events, consumer, provider, snapshot, signers, faults },
    fingerprints: {
      seal: signers.paderborn.sha256,
      providerSeal: signers.bielefeld.sha256,
      server: tls(bielefeld, 'server'),
      client: tls(paderborn, 'client'),
    },
    request: (options = {}) => requestOf(options, spool),
    incoming: async (options = {}) => {
      let sent: Incoming | undefined
      const peers: ConsumerDeps['peers'] = {
        ...consumer.peers,
        send: async (_peer, packed, signature) => {
          sent = incomingOf(await octetsOf(packed.octets), signature, tls(paderborn, 'client'), spool)
          throw new GatewayError('NetworkError')
        },
      }
      const { exchange } = await import('../../gateway/consumer/exchange.ts')
      const log = new MemoryLog('aside', [])
      await exchange({ ...consumer, peers, log }, requestOf(options, spool), trace()).catch((error) => error)
      return sent ?? Promise.reject(new Error('nothing was sent'))
    },
  }
}

let requests = 0
/** One with a request id that nobody had before. */
export function trace(): Trace {
  requests += 1
  return new Trace(`01990000-0000-7000-8000-${String(requests).padStart(12, '0')}`)
}

const OK: ServiceReply = {
  status: 200,
  reason: 'OK',
  headers: [['content-type', 'application/json']],
  body: bodyOf(Buffer.from('{"antwort":1}')),
}

const STATUSES: Readonly<Record<RevocationStatus['status'], RevocationStatus>> = {
  good: { status: 'good', source: 'ocsp', response: Buffer.from('good') },
  revoked: { status: 'revoked', source: 'ocsp', response: Buffer.from('revoked') },
  stale: { status: 'stale' },
  unknown: { status: 'unknown' },
}

function signerOf(pki: string, slug: string): Signer {
  const path = `${pki}/members/${slug}/seal`
  return makeSigner(createPrivateKey(readFileSync(`${path}.key`)), new X509Certificate(readFileSync(`${path}.pem`)))
}

function requestOf(options: RequestOptions, spool: Spool): LocalRequest {
  const { client = CLIENT, service = SERVICE, path = '/v1', method = 'POST', purpose, secure = true } = options
  const { headers = ['X-Road-Issue', '33-2026'], body = '{"frage":1}', isCut = false } = options
  const rawHeaders = ['X-Road-Client', client, 'Content-Type', 'application/json', ...headers]
  const octets = Buffer.from(body)
  return {
    call: parseCall({ method, target: `/r1/${service}${path}`, rawHeaders }),
    connection: { secure },
    purpose,
    receive: (bytesMax) =>
      spool.receive(Readable.from([octets], { objectMode: false }), {
        ...{ bytesMax, tooLarge: 'BadRequest' },
        expected: octets.length + (isCut ? 1 : 0),
      }),
  }
}

async function octetsOf(octets: Buffer | Readable): Promise<Buffer> {
  if (Buffer.isBuffer(octets)) return octets
  return Buffer.concat(await Array.fromAsync(octets as AsyncIterable<Buffer>))
}

function incomingOf(octets: Buffer, signature: string, certificate: string, spool: Spool): Incoming {
  const { head, bodyBytes, begun } = sliceFrame(octets, octets.length, HEAD_BYTES_MAX)
  return {
    ...{ certificate, tlsVersion: 'TLSv1.3', head, signature, bodyBytes },
    receive: (bytesMax) =>
      spool.receive(Readable.from([]), { ...{ bytesMax, begun }, tooLarge: 'BadRequest', expected: bodyBytes }),
  }
}

async function answerOf({ head, body, signature }: Outgoing, certificate: string): Promise<Answer> {
  const octets = await octetsOf(packFrame(head.octets, body).octets)
  return {
    status: 200,
    signature,
    frame: sliceFrame(octets, octets.length, HEAD_BYTES_MAX),
    connection: { peer: certificate, version: 'TLSv1.3', group: null },
  }
}
