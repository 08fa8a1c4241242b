/** A small region as data: who is in it, what it offers, who may ask what, and how its gateways know. */

import type { LocalClient, LocalService } from '../../gateway/config/config.ts'
import { memberOf, subsystemOf } from '../../gateway/protocol/identifiers.ts'
import type { Agency, Region } from '../../gateway/region/owl-region.ts'
import type { Content } from '../../gateway/registry/store.ts'
import type { Agreement, Purpose, Service } from '../../gateway/trust/configuration.ts'

export const OST = 'OWL/GOV/05000001'
export const WEST = 'OWL/GOV/05000002'
/** Its gateway is the test itself: it says what no gateway of ours would. */
export const DOPPEL = 'OWL/GOV/05000003'

/** Local systems of OST, by how they have to prove themselves: plain HTTP, HTTPS, HTTPS with a certificate. */
export const CLIENT = `${OST}/TEST`
export const CLIENT_HTTPS = `${OST}/BUERO`
export const CLIENT_MTLS = `${OST}/AMT`
/** `Straße`; needs no certificate. */
export const CLIENT_UMLAUT = `${OST}/Stra%C3%9Fe`

export const ECHO = `${WEST}/TEST/echo`

function agency(
  id: string,
  name: string,
  slug: string,
  subsystems: Readonly<Record<string, LocalClient['auth']>>,
): Agency {
  const code = id.split('/').at(-1) ?? ''
  return {
    id,
    code,
    name,
    slug,
    dvdv: `ags:${code}`,
    subsystems: Object.entries(subsystems).map(([own, auth]) => ({ code: own, name: `${name} ${own}`, auth })),
    services: [],
    systems: [],
  }
}

const purpose = (code: string, more: Partial<Purpose> = {}): Purpose => ({
  code,
  title: code,
  legalBasis: 'keine: erfundene Daten',
  dataCategories: ['erfundene Daten'],
  bodyRetentionDays: 1,
  recordRetentionDays: 1,
  requires: [],
  ...more,
})

export const REGION: Region = {
  instance: 'OWL',
  agencies: [
    agency(OST, 'Stadt Ost', 'ost', { TEST: 'http', BUERO: 'https', AMT: 'mtls' }),
    agency(WEST, 'Stadt West', 'west', { TEST: 'http', DIENSTE: 'mtls' }),
    agency(DOPPEL, 'Stadt Doppel', 'doppel', { TEST: 'http' }),
  ],
  purposes: [
    purpose('ZWECK_A'),
    purpose('ZWECK_B'),
    purpose('ZWECK_STRENG', { requires: ['issue', 'userId'] }),
    purpose('ZWECK_FRISCH', { maxStalenessS: 1 }),
  ],
  agreements: [],
}

type Right = Agreement['endpoints'][number]

/** One service: what the registry says of it, what its own gateway does, and what OST may do with it. */
export interface Offer {
  /** Below the URL of the local system of the test; `null`: its gateway knows nothing of it. */
  readonly path: string | null
  readonly registered?: Partial<Service>
  readonly local?: Partial<LocalService>
  /** Of every subsystem of OST; everything without a purpose when absent. */
  readonly rights?: readonly Right[]
  readonly agreement?: Partial<Agreement>
}

const TWO_GIB = 2 * 1024 ** 3
const right = (method: string, path: string, ...purposes: string[]): Right => ({ method, path, purposes })

/** By the service's identifier. */
export type Offers = Readonly<Record<string, Offer>>

export const OFFERS: Offers = {
  [ECHO]: { path: '/', registered: { bodyBytesMax: TWO_GIB }, local: { bodyBytesMax: TWO_GIB } },
  [`${WEST}/TEST/base`]: { path: '/base' },
  [`${WEST}/TEST/slash`]: { path: '/slash/' },
  [`${WEST}/DIENSTE/BAR%2FSERVICE`]: { path: '/bar' },
  [`${WEST}/B%C3%BCro/gr%C3%BC%C3%9Fe`]: { path: '/umlaut' },
  [`${WEST}/DIENSTE/openapi`]: {
    path: '/secret-place',
    registered: {
      type: 'OPENAPI',
      endpoints: [
        { method: 'GET', path: '/v1/pets' },
        { method: 'GET', path: '/v1/pets/*' },
        { method: 'POST', path: '/v1/pets' },
        { method: '*', path: '/v2/**' },
      ],
    },
    local: { openapi: '/openapi.json' },
    rights: [right('GET', '/v1/**'), right('PUT', '/v2/shop/*')],
  },
  [`${WEST}/DIENSTE/rights`]: {
    path: '/rights',
    rights: [
      right('GET', '/v1/public/*'),
      right('GET', '/v1/files/**'),
      right('POST', '/v1/public'),
      right('*', '/v1/any'),
      right('GET', '/v1/star\\*'),
    ],
  },
  [`${WEST}/DIENSTE/one`]: { path: '/one', rights: [right('*', '**', 'ZWECK_A')] },
  [`${WEST}/DIENSTE/two`]: { path: '/two', rights: [right('*', '**', 'ZWECK_A', 'ZWECK_B')] },
  [`${WEST}/DIENSTE/strict`]: { path: '/strict', rights: [right('*', '**', 'ZWECK_STRENG')] },
  [`${WEST}/DIENSTE/fresh`]: { path: '/fresh', rights: [right('*', '**', 'ZWECK_FRISCH')] },
  [`${WEST}/DIENSTE/forbidden`]: { path: '/forbidden', rights: [] },
  [`${WEST}/DIENSTE/expired`]: { path: '/expired', agreement: { validUntil: '2026-01-02T00:00:00.000Z' } },
  [`${WEST}/DIENSTE/future`]: { path: '/future', agreement: { validFrom: '2199-01-01T00:00:00.000Z' } },
  [`${WEST}/DIENSTE/disabled`]: { path: '/disabled', registered: { disabledNotice: 'Wartung bis Montag' } },
  [`${WEST}/DIENSTE/nourl`]: { path: null },
  [`${WEST}/DIENSTE/slow`]: { path: '/slow', local: { timeoutMs: 200 } },
  /** Nobody listens there: ports below 1024 are not for tests. */
  [`${WEST}/DIENSTE/down`]: { path: '', local: { url: 'http://127.0.0.1:9/down' } },
  /** Both gateways take 1000 octets, or only the provider's does. */
  [`${WEST}/DIENSTE/small`]: { path: '/small', registered: { bodyBytesMax: 1000 }, local: { bodyBytesMax: 1000 } },
  [`${WEST}/DIENSTE/small-there`]: { path: '/small', local: { bodyBytesMax: 1000 } },
  [`${WEST}/DIENSTE/small-here`]: { path: '/small', registered: { bodyBytesMax: 1000 } },
  [`${OST}/TEST/own`]: { path: '/own' },
  [`${DOPPEL}/TEST/echo`]: { path: null },
}

/** What the registry gets to know beside the members. */
export function withOffers(content: Content, added: Offers): Content {
  const offers = Object.entries(added)
  const registered = (id: string, { registered: own }: Offer): Service => ({
    id,
    title: id,
    type: 'REST',
    endpoints: [{ method: '*', path: '**' }],
    ...own,
  })
  const agreement = (
    service: string,
    { rights = [right('*', '**')], agreement: own }: Offer,
    index: number,
  ): Agreement[] =>
    rights.length === 0
      ? []
      : [
          {
            id: `E2E-${content.services.length + index}`,
            client: OST,
            service,
            validFrom: '2026-01-01T00:00:00.000Z',
            ...own,
            endpoints: rights,
          },
        ]
  const subsystems = [...new Set([CLIENT_UMLAUT, ...offers.map(([id]) => subsystemOf(id))])]
  return {
    ...content,
    members: content.members.map((member) => ({
      ...member,
      subsystems: [
        ...member.subsystems,
        ...subsystems
          .filter((id) => memberOf(id) === member.id && !member.subsystems.some(({ code }) => id.endsWith(`/${code}`)))
          .map((id) => ({ code: id.slice(member.id.length + 1), name: decodeURIComponent(id) })),
      ],
    })),
    gateways: content.gateways.map((gateway) => ({
      ...gateway,
      subsystems: [
        ...new Set([...gateway.subsystems, ...subsystems.filter((id) => memberOf(id) === memberOf(gateway.id))]),
      ],
    })),
    services: [...content.services, ...offers.map(([id, offer]) => registered(id, offer))],
    agreements: [...content.agreements, ...offers.flatMap(([id, offer], index) => agreement(id, offer, index))],
  }
}

/** What the gateway of a member gets to know of its services. @param url of the local system */
export function localServices(member: string, url: string, added: Offers): readonly Partial<LocalService>[] {
  return Object.entries(added)
    .filter(([id, { path }]) => memberOf(id) === member && path !== null)
    .map(([id, { path, local }]) => ({ id, url: `${url}${path}`, ...local }))
}
