/** What the region and a provider say about themselves: contract §2.6. */

import { XMLParser, XMLValidator } from 'fast-xml-parser'
import type { Test } from 'tap'
import type { Rig } from '../rig.ts'
import { CLIENT, ECHO, OST, WEST } from '../rig-region.ts'
import type { Response } from '../wire.ts'
import { isFault, isRefused } from './fault.ts'

interface Listing {
  readonly service: readonly {
    readonly service_code: string
    readonly service_type: string
    readonly endpoint_list: readonly { readonly method: string; readonly path: string }[]
  }[]
}

const codesOf = (response: Response) => (response.json() as Listing).service.map((it) => it.service_code)
const endpointsOf = (response: Response, code: string) =>
  (response.json() as Listing).service
    .find((it) => it.service_code === code)
    ?.endpoint_list.map(({ method, path }) => `${method} ${path}`)

const OPENAPI = {
  openapi: '3.0.0',
  info: { title: 'Ä', version: '1' },
  servers: [{ url: 'http://secret.internal/v1' }, { url: 'https://other.internal' }],
  paths: {
    '/pets': {
      servers: [{ url: 'http://secret.internal/pets' }],
      get: { servers: [{ url: 'http://secret.internal/get' }], responses: {} },
    },
  },
  components: { schemas: { List: { properties: { servers: { type: 'array', items: { type: 'string' } } } } } },
}

export async function metaservices(t: Test, rig: Rig): Promise<void> {
  t.test('67 listClients as JSON: members, then their subsystems, without any X-Road header', async (t) => {
    const headers = [['Accept', 'application/json']] as const
    const { response } = await rig.exchange({ client: null, target: '/listClients', headers })

    t.match(response.header('content-type'), /^application\/json; ?charset=utf-8$/i)
    const { member } = response.json() as { readonly member: readonly { readonly id: object; readonly name: string }[] }
    const own = { xroad_instance: 'OWL', member_class: 'GOV', member_code: '05000002' }
    t.same(
      member.filter(({ name }) => name === 'Stadt West'),
      [
        { id: { object_type: 'MEMBER', ...own }, name: 'Stadt West' },
        ...[
          ['TEST', 'Stadt West TEST'],
          ['DIENSTE', 'Stadt West DIENSTE'],
          ['Büro', `${WEST}/Büro`],
        ].map(([code, name]) => ({
          id: { object_type: 'SUBSYSTEM', ...own, subsystem_code: code },
          name: 'Stadt West',
          subsystem_name: name,
        })),
      ],
    )
    t.equal(member.filter(({ id }) => (id as { object_type: string }).object_type === 'MEMBER').length, 3)
  })

  t.test('67 listClients as XML, whatever else is accepted', async (t) => {
    for (const accept of [undefined, 'text/xml', '*/*', 'text/html, application/xml']) {
      const headers = accept === undefined ? [] : [['Accept', accept] as const]
      const { response } = await rig.exchange({ client: null, target: '/listClients', headers })

      t.match(response.header('content-type'), /^text\/xml; ?charset=utf-8$/i)
      const xml = response.body.toString()
      t.equal(XMLValidator.validate(xml), true)
      const { 'xroad:clientList': list } = new XMLParser({ ignoreAttributes: false, parseTagValue: false }).parse(xml)
      t.equal(list['@_xmlns:xroad'], 'http://x-road.eu/xsd/xroad.xsd')
      t.equal(list['@_xmlns:id'], 'http://x-road.eu/xsd/identifiers')
      t.match(list['xroad:member'], [
        { 'xroad:id': { '@_id:objectType': 'MEMBER', 'id:memberCode': '05000001' }, 'xroad:name': 'Stadt Ost' },
        {
          'xroad:id': {
            '@_id:objectType': 'SUBSYSTEM',
            'id:xRoadInstance': 'OWL',
            'id:memberClass': 'GOV',
            'id:memberCode': '05000001',
            'id:subsystemCode': 'TEST',
          },
          'xroad:name': 'Stadt Ost',
          'xroad:subsystemName': 'Stadt Ost TEST',
        },
      ])
    }
  })

  t.test('67 listClients of this instance, and of none that is unknown', async (t) => {
    const own = await rig.exchange({ client: null, target: '/listClients?xRoadInstance=OWL' })
    const other = await rig.exchange({ client: null, target: '/listClients?xRoadInstance=EE' })
    const posted = await rig.exchange({ client: null, method: 'POST', target: '/listClients', body: 'x' })

    t.equal(own.response.status, 200)
    isFault(t, other.response, 'Client.BadRequest')
    isFault(t, posted.response, 'Client.BadRequest', 'only GET')
  })

  t.test('66 listMethods lists everything to anybody of the region, but no metaservices', async (t) => {
    const service = `${WEST}/DIENSTE/listMethods`
    const { response, seen } = await rig.exchange({ service })

    t.equal(response.status, 200)
    t.match(response.header('content-type'), /^application\/json; ?charset=utf-8$/i)
    t.equal(response.header('x-road-service'), service)
    const codes = codesOf(response)
    for (const code of ['openapi', 'rights', 'forbidden', 'disabled', 'nourl', 'BAR/SERVICE'])
      t.ok(codes.includes(code))
    t.notOk(codes.some((code) => ['listMethods', 'allowedMethods', 'getOpenAPI'].includes(code)))
    t.notOk(codes.includes('echo'), 'nothing of another subsystem')
    t.match((response.json() as Listing).service[0], {
      object_type: 'SERVICE',
      xroad_instance: 'OWL',
      member_class: 'GOV',
      member_code: '05000002',
      subsystem_code: 'DIENSTE',
      service_type: /^(?:REST|OPENAPI)$/,
    })
    t.same(endpointsOf(response, 'openapi'), ['GET /v1/pets', 'GET /v1/pets/*', 'POST /v1/pets', '* /v2/**'])
    t.equal(seen, undefined, 'the service is not asked')
  })

  t.test('66 allowedMethods lists what this client may call now', async (t) => {
    const { response } = await rig.exchange({ service: `${WEST}/DIENSTE/allowedMethods` })

    const codes = codesOf(response)
    for (const code of ['openapi', 'rights', 'one', 'disabled']) t.ok(codes.includes(code), code)
    for (const code of ['forbidden', 'expired', 'future']) t.notOk(codes.includes(code), code)
    t.same(endpointsOf(response, 'openapi'), ['GET /v1/pets', 'GET /v1/pets/*', 'PUT /v2/shop/*'])
    t.same(endpointsOf(response, 'rights'), [
      ...['GET /v1/public/*', 'GET /v1/files/**', 'POST /v1/public', '* /v1/any', 'GET /v1/star\\*'],
    ])
    t.same(endpointsOf(response, 'one'), ['* **'])

    const umlaut = await rig.exchange({ service: `${WEST}/B%C3%BCro/allowedMethods` })
    t.match(umlaut.response.json(), { service: [{ subsystem_code: 'Büro', service_code: 'grüße' }] })
  })

  t.test('68 getOpenAPI gives the description and hides where the service is', async (t) => {
    const call = { service: `${WEST}/DIENSTE/getOpenAPI`, path: '?serviceCode=openapi' }
    const { response, seen } = await rig.exchange(call, { body: JSON.stringify(OPENAPI) })

    t.equal(seen?.target, '/secret-place/openapi.json')
    t.match(response.header('content-type'), /^application\/json; ?charset=utf-8$/i)
    t.notMatch(response.body.toString(), /internal|127\.0\.0\.1/)
    const anonymous = [{ url: 'http://example.org/xroad-endpoint' }]
    t.match(response.json(), { ...OPENAPI, servers: anonymous, paths: { '/pets': { get: { servers: anonymous } } } })
    t.same((response.json() as typeof OPENAPI).components, OPENAPI.components, 'what is only called servers stays')
  })

  t.test('68 getOpenAPI without serviceCode, of another type, of nothing, of a broken one', async (t) => {
    const get = (path: string, answer = {}) => rig.exchange({ service: `${WEST}/DIENSTE/getOpenAPI`, path }, answer)

    for (const path of ['', '?', '?serviceCode=', '?servicecode=openapi', '/openapi']) {
      isRefused(t, await get(path), 'Client.BadRequest', path)
    }
    const type = isRefused(t, await get('?serviceCode=rights'), 'Server.ServerProxy.ServiceType')
    t.match(type.message, /: Invalid service type: REST$/, 'X-Road’s own sentence')
    isRefused(t, await get('?serviceCode=nothing'), 'Server.ServerProxy.UnknownService')
    isRefused(t, await get('?serviceCode=echo'), 'Server.ServerProxy.UnknownService', 'of another subsystem')
    const path = '?serviceCode=openapi'
    const failed = 'Server.ServerProxy.ServiceFailed'
    const missing = isFault(t, (await get(path, { status: 404 })).response, `${failed}.InvalidResponse`)
    t.match(missing.message, `Failed reading service description from ${WEST}/DIENSTE/openapi`)
    t.notMatch(missing.message, /http|secret-place|127/, 'and not where the service is')
    isFault(t, (await get(path, { body: '{"openapi":' })).response, `${failed}.InvalidContentType`)
    isFault(t, (await get(path, { body: 'openapi: 3.0.0' })).response, `${failed}.InvalidContentType`)
    isFault(t, (await get(path, { octets: Buffer.from('nonsense') })).response, `${failed}.InvalidResponse`)
  })

  t.test('a metaservice is asked with GET, and without a body', async (t) => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      isRefused(t, await rig.exchange({ method, service: `${WEST}/DIENSTE/listMethods` }), 'Client.BadRequest', method)
    }
    const body = await rig.exchange({ service: `${WEST}/DIENSTE/listMethods`, body: 'x' })
    isRefused(t, body, 'Client.BadRequest', 'a body')
  })

  t.test('metaservices are asked by clients of the gateway, of providers there are', async (t) => {
    const [service, unknown] = [`${WEST}/TEST/listMethods`, `${WEST}/NICHTS/listMethods`]

    t.same(codesOf((await rig.exchange({ service })).response), [ECHO.split('/').at(-1), 'base', 'slash'])
    isRefused(t, await rig.exchange({ service, client: null }), 'Client.BadRequest')
    isRefused(t, await rig.exchange({ service, client: `${WEST}/TEST` }), 'Server.ClientProxy.UnknownMember')
    isRefused(t, await rig.exchange({ service: unknown }), 'Server.ClientProxy.UnknownMember')
    t.same(codesOf((await rig.exchange({ service: `${OST}/TEST/allowedMethods`, client: CLIENT })).response), ['own'])
  })
}
