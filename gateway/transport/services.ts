/**
 * Octets to the agency's own services: an adapter in this process, or an HTTP(S) service by URL.
 *
 * Source: X-Road PR-REST §4.1 (URL join), §4.4 (status, reason and headers as they are), §4.7 (no redirects).
 */

import type { Adapter, AdapterInstance, AdapterSubjects } from '../../adapters/adapter.ts'
import type { LocalService } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Body } from '../protocol/body.ts'
import type { RequestHead } from '../protocol/head.ts'
import type { Header } from '../protocol/headers.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { adapterService } from './adapter-service.ts'
import { httpService } from './http-service.ts'
import type { Spool } from './spool.ts'

export interface Services {
  ids(): readonly Identifier[]
  /** @throws {GatewayError} `ServiceMissingUrl` */
  at(service: Identifier): OpenService
  /** Whom messages of a service are about, as its adapter says. */
  subjects(service: Identifier): AdapterSubjects | undefined
  /** The OpenAPI document of a service. @throws {GatewayError} `ServiceMissingUrl`, every `ServiceFailed.…` */
  describe(service: Identifier, title: string): Promise<Description>
  close(): Promise<void>
}

export interface ServiceRequest {
  readonly head: RequestHead
  readonly body: Body | undefined
  /** Purpose code, or `none`. */
  readonly purpose: string
}

/** What a service answered; a 4xx or 5xx of its own is an answer like any other. */
export interface ServiceReply {
  readonly status: number
  readonly reason: string
  readonly headers: readonly Header[]
  readonly body: Body | undefined
}

export interface ServicesOptions {
  readonly services: readonly LocalService[]
  /** Services whose entry in the configuration does not hold. */
  readonly refused?: ReadonlySet<Identifier>
  readonly adapters: Readonly<Record<string, Adapter>>
  /** CIDR blocks in which services by URL may be. */
  readonly networksAllowed: readonly string[]
  /** Of a service's answer, too. */
  readonly headBytesMax: number
  readonly connectTimeoutMs: number
  readonly progressTimeoutMs: number
  readonly spool: Spool
}

export interface Description {
  readonly type: string
  readonly octets: Buffer
}

/** One service, whatever is behind it. */
export interface OpenService {
  /** Largest body of its requests and replies. */
  readonly bodyBytesMax: number
  readonly subjects?: AdapterSubjects | undefined
  /**
   * Checks a request without delivering it, so that one that breaks the schema is refused before it is on record.
   *
   * @returns what delivers it; throws every `ServiceFailed.…`
   * @throws {GatewayError} `UnknownService`, `InvalidBody`, `InvalidContentType`
   */
  prepare(request: ServiceRequest): () => Promise<ServiceReply>
  /** @param title of the service, as registered */
  describe(title: string): Promise<Description>
  close(): Promise<void>
}

/** @throws {Error} naming the service whose adapter, URL or options do not hold */
export async function openServices(options: ServicesOptions): Promise<Services> {
  const open = new Map<Identifier, OpenService>()
  try {
    for (const service of options.services) open.set(service.id, await openService(service, options))
  } catch (error) {
    await Promise.all([...open.values()].map((service) => service.close()))
    throw error
  }

  function serviceAt(id: Identifier): OpenService {
    const service = open.get(id)
    if (service !== undefined) return service
    const isRefused = options.refused?.has(id) === true
    throw new GatewayError('ServiceMissingUrl', isRefused ? { reason: 'its entry in services[] does not hold' } : {})
  }

  return {
    ids: () => [...open.keys()],
    at: serviceAt,
    subjects: (id) => open.get(id)?.subjects,
    describe: async (id, title) => serviceAt(id).describe(title),
    close: async () => {
      await Promise.all([...open.values()].map((service) => service.close()))
    },
  }
}

async function openService(service: LocalService, options: ServicesOptions): Promise<OpenService> {
  const { id, adapter: name, url } = service
  if (url !== undefined) return httpService({ ...service, url }, options)
  const adapter = name === undefined || !Object.hasOwn(options.adapters, name) ? undefined : options.adapters[name]
  if (adapter === undefined) throw new Error(`services: ${id} names an adapter that does not exist`)
  const instance: AdapterInstance = await adapter.open(service.options ?? {})
  return adapterService(service, adapter, instance)
}
