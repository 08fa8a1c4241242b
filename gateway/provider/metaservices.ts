/** What a provider's gateway answers about its services. Source: X-Road PR-MREST; contract §2.6. */

import { permittedEndpoints } from '../access/agreements.ts'
import { asGatewayError, faultOf, GatewayError } from '../errors.ts'
import type { Call } from '../protocol/call.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import { parseIdentifier } from '../protocol/identifiers.ts'
import type { Description, OpenService, ServiceReply } from '../transport/services.ts'
import { bodyOf } from '../transport/spool.ts'
import type { Service } from '../trust/configuration.ts'
import type { Snapshot } from '../trust/snapshot.ts'
import type { Judging } from '../trust/verifying.ts'

export interface Metaservices {
  /** @returns the metaservice that this call names, if it names one @throws {GatewayError} `UnknownMember` */
  find(call: Call, judging: Pick<Judging, 'snapshot' | 'now'>): OpenService | undefined
}

/** Description document of a service of type OPENAPI. @throws {GatewayError} `ServiceFailed.…` */
export type DescriptionOf = (service: Identifier, title: string) => Promise<Description>

export function metaservices(gateway: Identifier, descriptionOf: DescriptionOf): Metaservices {
  const answers: Readonly<Record<string, (call: Call, snapshot: Snapshot, now: number) => Promise<ServiceReply>>> = {
    listMethods: async ({ provider }, snapshot) => json(listing(snapshot.servicesOf(provider))),
    allowedMethods: async (call, snapshot, now) => json(listing(allowedServices(call, snapshot, now))),
    getOpenAPI: async (call, snapshot) => {
      const code = new URLSearchParams(call.query).get('serviceCode')
      if (code === null || code === '')
        throw new GatewayError('BadRequest', { reason: 'the query parameter serviceCode is missing' })
      const service = snapshot.servicesOf(call.provider).find(({ id }) => codeOf(id) === code)
      if (service === undefined) throw new GatewayError('UnknownService')
      if (service.type !== 'OPENAPI')
        throw new GatewayError('ServiceType', { reason: `Invalid service type: ${service.type}` })
      const { type, octets } = await descriptionOf(service.id, service.title).catch((error: unknown) => {
        throw unreadable(service.id, error)
      })
      return { status: 200, reason: 'OK', headers: [['content-type', type]], body: bodyOf(octets) }
    },
  }
  return {
    find(call, { snapshot, now }) {
      const code = codeOf(call.service)
      const answer = Object.hasOwn(answers, code) ? answers[code] : undefined
      if (answer === undefined) return undefined
      if (snapshot.gateway(gateway)?.subsystems.includes(call.provider) !== true)
        throw new GatewayError('UnknownMember')
      return {
        bodyBytesMax: 0,
        describe: () => Promise.reject(new GatewayError('ServiceType')),
        prepare: ({ head }) => {
          if (head.call.method !== 'GET')
            throw new GatewayError('BadRequest', { reason: 'a metaservice is asked with GET' })
          return () => answer(head.call, snapshot, now)
        },
        close: async () => {},
      }
    },
  }
}

/**
 * Catalogues look for X-Road's own sentence. Behind "from" X-Road has the address, which is the provider's own; here it
 * is the service.
 */
function unreadable(service: Identifier, error: unknown): GatewayError {
  const { code, message, undelivered, cause } = asGatewayError(error)
  const reason = message.slice(faultOf(code).message.length + 2)
  const sentence = `Failed reading service description from ${service}`
  return new GatewayError(code, {
    reason: reason === '' ? sentence : `${sentence}: ${reason}`,
    ...(undelivered && { undelivered }),
    cause,
  })
}

function codeOf(service: Identifier): string {
  return parseIdentifier(service).at(-1) as string
}

/** Services of which the client may call an endpoint, with just those endpoints. */
function allowedServices(call: Call, snapshot: Snapshot, now: number): Service[] {
  return snapshot.servicesOf(call.provider).flatMap((service) => {
    const endpoints = permittedEndpoints(snapshot, { ...call, service: service.id }, service.endpoints, now)
    return endpoints.length === 0 ? [] : [{ ...service, endpoints }]
  })
}

function listing(services: readonly Service[]): unknown {
  return {
    service: services.map(({ id, type, endpoints }) => {
      const [xroad_instance, member_class, member_code, subsystem_code, service_code] = parseIdentifier(id)
      return {
        object_type: 'SERVICE',
        xroad_instance,
        member_class,
        member_code,
        subsystem_code,
        service_code,
        service_type: type,
        endpoint_list: endpoints.map(({ method, path }) => ({ method, path })),
      }
    }),
  }
}

function json(value: unknown): ServiceReply {
  return {
    status: 200,
    reason: 'OK',
    headers: [['content-type', 'application/json; charset=utf-8']],
    body: bodyOf(Buffer.from(JSON.stringify(value))),
  }
}
