/** How failures are told, and where they are found again: contract §2.5. */

import { XMLParser } from 'fast-xml-parser'
import type { Test } from 'tap'
import type { FaultCode } from '../../../gateway/errors.ts'
import { FAULTS } from '../../../gateway/errors.ts'
import type { Call, Rig } from '../rig.ts'
import { CLIENT_MTLS, DOPPEL, ECHO, OST, WEST } from '../rig-region.ts'
import type { Header } from '../wire.ts'
import type { Fault } from './fault.ts'
import { isFault, isRefused } from './fault.ts'

/** One fault of each kind: by the form of the request, by the consumer's gateway, by the provider's. */
const KINDS: readonly (readonly [type: string, call: Call])[] = [
  ['Client.BadRequest', { client: null }],
  ['Client.BadRequest', { target: '/nowhere' }],
  ['Client.BadRequest', { path: '/a/../b' }],
  ['Client.BadRequest', { target: '/listClients?xRoadInstance=EE', client: null }],
  ['Server.ClientProxy.UnknownMember', { service: `${DOPPEL}/NICHTS/x` }],
  ['Server.ClientProxy.SslAuthenticationFailed', { client: CLIENT_MTLS }],
  ['Server.ClientProxy.InvalidSecurityServer', { headers: [['X-Road-Security-Server', `${OST}/gw1`]] }],
  ['Server.ServerProxy.AccessDenied', { service: `${WEST}/DIENSTE/forbidden` }],
  ['Server.ServerProxy.UnknownService', { service: `${WEST}/DIENSTE/nothing` }],
]

const SIDES: Readonly<Record<string, string>> = {
  Client: 'consumer-system',
  'Server.ClientProxy': 'consumer-gateway',
  'Server.ServerProxy': 'provider-gateway',
}

/** The gateway speaks, but the request has to change. */
const TURNS: Readonly<Record<string, string>> = {
  UnknownMember: 'consumer-system',
  InvalidSecurityServer: 'consumer-system',
  UnknownService: 'consumer-system',
}

const accept = (value: string): readonly Header[] => [['Accept', value]]

export async function faults(t: Test, rig: Rig): Promise<void> {
  t.test(
    '36 38 56 57 a fault is JSON with charset, its type in header and body, its prefix the failing side',
    async (t) => {
      for (const [type, call] of KINDS) {
        const fault = isRefused(t, await rig.exchange(call), type)

        const [code = '', prefix] = [type.split('.').at(-1), type.split('.').slice(0, -1).join('.')]
        t.equal(fault.side, TURNS[code] ?? SIDES[prefix], type)
        t.equal(fault.help, `/help/errors/${code}`)
      }
    },
  )

  t.test('56 detail is a UUID that is found in the log', async (t) => {
    for (const [type, call] of KINDS) {
      const { response } = await rig.exchange(call)
      const { detail } = response.json() as Fault

      const line = await rig.ost.logLine(detail)
      t.match(line, { level: 'warn', code: new RegExp(`${type.split('.').at(-1)}$`) }, `${type} at the consumer`)
      if (!type.startsWith('Server.ServerProxy')) continue
      t.match(await rig.west.logLine(detail), { level: 'warn', code: type }, `${type} at the provider`)
    }
  })

  t.test('refusals and failures are on record on both sides, but for those of nobody in particular', async (t) => {
    const outcomes = async (call: Call) => {
      const { response } = await rig.exchange(call)
      const { detail } = response.json() as Fault
      const [ost, west] = await Promise.all([rig.ost.records(detail), rig.west.records(detail)])
      return [ost, west].map((records) => records.map(({ outcome, code }) => `${outcome} ${code ?? ''}`.trim()))
    }
    const denied = 'Server.ServerProxy.AccessDenied'

    t.same(await outcomes({ client: null }), [[], []])
    t.same(await outcomes({ client: CLIENT_MTLS }), [[], []], 'not admitted')
    t.same(await outcomes({ service: `${DOPPEL}/NICHTS/x` }), [['refusal Server.ClientProxy.UnknownMember'], []])
    t.same(await outcomes({ service: `${WEST}/DIENSTE/forbidden` }), [
      ['request', `refusal ${denied}`],
      ['request', `refusal ${denied}`],
    ])
    const failed = 'Server.ServerProxy.ServiceFailed.NetworkError'
    t.same(await outcomes({ service: `${WEST}/DIENSTE/down` }), [
      ['request', `refusal ${failed}`],
      ['request', `failure ${failed}`],
    ])
  })

  t.test('why a local system gave no answer stands in its gateway’s log', async (t) => {
    const { response } = await rig.exchange({ service: `${WEST}/DIENSTE/down` })

    const { detail } = response.json() as Fault
    t.match(await rig.west.logLine(detail), { outcome: 'refusal', err: { code: 'ECONNREFUSED' } })
    t.notMatch(response.body.toString(), /ECONNREFUSED/, 'and nowhere else')
  })

  t.test('35 36 the form follows Accept: XML where XML comes first, JSON otherwise', async (t) => {
    for (const [value, contentType] of [
      ['application/xml', 'application/xml; charset=utf-8'],
      ['text/xml', 'text/xml; charset=utf-8'],
      ['text/*', 'text/xml; charset=utf-8'],
      ['application/json;q=0.9, text/xml;q=0.1', 'text/xml; charset=utf-8'],
      ['text/html, Application/XML', 'application/xml; charset=utf-8'],
    ] as const) {
      for (const [type, call] of KINDS) {
        const { response } = await rig.exchange({ ...call, headers: [...(call.headers ?? []), ...accept(value)] })

        t.same([response.header('content-type'), response.header('x-road-error')], [contentType, type], value)
        const { error } = new XMLParser({ parseTagValue: false }).parse(response.body.toString())
        t.match(error, { type, message: /^[A-Z]/, detail: response.header('x-road-request-id') })
      }
    }
    for (const value of [
      'application/json',
      '*/*',
      'text/plain',
      'application/*',
      'image/png',
      '',
      ';;,',
      'text/xmlx',
    ]) {
      const { response } = await rig.exchange({ client: null, headers: accept(value) })
      isFault(t, response, 'Client.BadRequest', value)
    }
  })

  t.test('application/problem+json gets the same after RFC 9457', async (t) => {
    for (const [type, call] of KINDS) {
      const headers = [...(call.headers ?? []), ...accept('application/problem+json')]
      const { response } = await rig.exchange({ ...call, headers })

      const status = type.startsWith('Client.') ? 400 : 500
      t.equal(response.header('content-type'), 'application/problem+json; charset=utf-8')
      t.same([response.status, response.header('x-road-error')], [status, type])
      t.match(response.json(), {
        type: /^\/help\/errors\/[A-Z][A-Za-z.]+$/,
        title: String,
        status,
        instance: `urn:uuid:${response.header('x-road-request-id')}`,
        code: type,
        side: String,
        stage: String,
        retryable: Boolean,
      })
    }
  })

  t.test('help leads to a page of the gateway that was called, without a certificate', async (t) => {
    for (const at of [rig.ost.http, await rig.ost.https()]) {
      for (const call of [{ client: null }, { service: `${WEST}/DIENSTE/forbidden` }] satisfies Call[]) {
        const { help, type } = (await rig.exchange(call)).response.json() as Fault
        const page = await rig.exchange({ target: help, client: null, at })
        const list = await rig.exchange({ target: '/help/errors', client: null, at })

        t.same([page.response.status, page.response.header('content-type')], [200, 'text/html; charset=utf-8'], type)
        t.match(page.response.body.toString(), FAULTS[help.split('/').at(-1) as FaultCode].message)
        t.match(list.response.body.toString(), help)
        t.notMatch(page.response.body.toString(), /OWL\/GOV|05000001|127\.0\.0\.1/, 'nothing about this gateway')
      }
    }
    const [operator, stranger] = [await rig.ost.operatorAt(), await rig.ost.https()]
    const page = await rig.exchange({ target: '/help/errors', client: null, at: operator })
    t.equal(page.response.status, 200, 'operators have it at their port as well')
    const at = { ...operator, ...(stranger.tls !== undefined && { tls: stranger.tls }) }
    const refused = await rig.exchange({ target: '/help/errors', client: null, at })
    t.same([refused.response.status, refused.response.body.length], [403, 0], 'and nobody else there')
  })

  t.test('a fault in answer to HEAD has a head alone', async (t) => {
    for (const [type, call] of KINDS) {
      const headers: Header[] = [...(call.headers ?? []), ['Connection', 'close']]
      const { response } = await rig.exchange({ ...call, method: 'HEAD', headers, untilEnd: true })

      t.same([response.header('x-road-error'), response.body.length], [type, 0])
      t.match(response.header('content-type'), /; charset=utf-8$/)
    }
  })

  t.test('60 a disabled service says why, in the words of its provider', async (t) => {
    const fault = isRefused(
      t,
      await rig.exchange({ service: `${WEST}/DIENSTE/disabled` }),
      'Server.ServerProxy.ServiceDisabled',
    )

    t.match(fault, { message: /Wartung bis Montag/, retryable: true })
  })

  t.test('a service that its gateway has no address for', async (t) => {
    isRefused(t, await rig.exchange({ service: `${WEST}/DIENSTE/nourl` }), 'Server.ServerProxy.ServiceMissingUrl')
  })

  t.test('a fault tells no value, and no octets of a request come back in it', async (t) => {
    const canary = 'canary4711'
    for (const call of [
      { headers: [['X-Road-Represented-Party', `${canary}/b/c`]] },
      { client: `${canary}/x` },
      { client: `${OST}/${canary}` },
      { service: `${WEST}/DIENSTE/${canary}` },
      { path: `/${canary}/../x` },
      { path: `/${canary}?${canary}=%00`, service: `${WEST}/DIENSTE/forbidden`, headers: [['X-A', canary]] },
      { service: ECHO, headers: [['OWL-Purpose', `${canary} ${canary}`]] },
      { service: `${WEST}/DIENSTE/one`, headers: [['OWL-Purpose', canary]] },
    ] as const satisfies readonly Call[]) {
      const { response } = await rig.exchange(call)

      t.ok(response.status >= 400, JSON.stringify(call))
      t.notMatch(response.body.toString() + response.headers.flat().join(), canary)
    }
    t.notMatch((await rig.ost.output()) + (await rig.west.output()), canary, 'nor in a log line')
  })
}
