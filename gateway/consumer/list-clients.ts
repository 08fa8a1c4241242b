/** `GET /listClients`: everybody in the region. Source: X-Road PR-META §3; contract §2.6. */

import { GatewayError } from '../errors.ts'
import { decodePart, parseIdentifier } from '../protocol/identifiers.ts'
import type { Snapshot } from '../trust/snapshot.ts'

interface Client {
  readonly instance: string
  readonly memberClass: string
  readonly member: string
  readonly name: string
  readonly subsystem?: { readonly code: string; readonly name: string }
}

/** @throws {GatewayError} `BadRequest` for an instance that is not this region's */
export function listClients(
  snapshot: Snapshot,
  url: string,
  accept: string | undefined,
): { readonly type: string; readonly octets: Buffer } {
  const { configuration } = snapshot
  const queryAt = url.indexOf('?')
  const instance = queryAt === -1 ? null : new URLSearchParams(url.slice(queryAt)).get('xRoadInstance')
  if (instance !== null && instance !== configuration.instance)
    throw new GatewayError('BadRequest', { reason: 'xRoadInstance is unknown' })
  const clients = configuration.members.flatMap(({ id, name, subsystems }): Client[] => {
    const [instance = '', memberClass = '', member = ''] = parseIdentifier(id)
    const owner = { instance, memberClass, member, name }
    return [owner, ...subsystems.map(({ code, name }) => ({ ...owner, subsystem: { code: decodePart(code), name } }))]
  })
  if (accept !== undefined && /application\/json/i.test(accept)) {
    return {
      type: 'application/json; charset=utf-8',
      octets: Buffer.from(JSON.stringify({ member: clients.map(asJson) })),
    }
  }
  const xml = `<?xml version="1.0" encoding="UTF-8"?><xroad:clientList xmlns:xroad="http://x-road.eu/xsd/xroad.xsd" xmlns:id="http://x-road.eu/xsd/identifiers">${clients.map(asXml).join('')}</xroad:clientList>`
  return { type: 'text/xml; charset=utf-8', octets: Buffer.from(xml) }
}

function asJson({ instance, memberClass, member, name, subsystem }: Client): object {
  return {
    id: {
      object_type: subsystem === undefined ? 'MEMBER' : 'SUBSYSTEM',
      xroad_instance: instance,
      member_class: memberClass,
      member_code: member,
      ...(subsystem === undefined ? {} : { subsystem_code: subsystem.code }),
    },
    name,
    ...(subsystem === undefined ? {} : { subsystem_name: subsystem.name }),
  }
}

function asXml({ instance, memberClass, member, name, subsystem }: Client): string {
  const type = subsystem === undefined ? 'MEMBER' : 'SUBSYSTEM'
  const code = (tag: string, text: string): string => `<${tag}>${escapeXml(text)}</${tag}>`
  return (
    `<xroad:member><xroad:id id:objectType="${type}">${code('id:xRoadInstance', instance)}${code('id:memberClass', memberClass)}${code('id:memberCode', member)}` +
    `${subsystem === undefined ? '' : code('id:subsystemCode', subsystem.code)}</xroad:id>${code('xroad:name', name)}` +
    `${subsystem === undefined ? '' : code('xroad:subsystemName', subsystem.name)}</xroad:member>`
  )
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`)
}
