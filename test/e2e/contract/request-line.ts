/** Request line and identifiers: contract §2.1. */

import type { Test } from 'tap'
import type { Rig } from '../rig.ts'
import { CLIENT, CLIENT_UMLAUT, DOPPEL, ECHO, OST, WEST } from '../rig-region.ts'
import { isFault, isRefused } from './fault.ts'

export async function requestLine(t: Test, rig: Rig): Promise<void> {
  t.test('1 the provider receives exactly method, path and query of the service', async (t) => {
    const { response, seen } = await rig.exchange({ path: '/v1/bar/zyggy?quu=1' })

    t.equal(response.status, 200)
    t.same([seen?.method, seen?.target], ['GET', '/v1/bar/zyggy?quu=1'])
  })

  t.test('2 bodies are identical at the provider and at the consumer', async (t) => {
    const body = Buffer.from('{"ä" : 1.0,\r\n "data":"random" }')
    const headers = [['Content-Type', 'application/json']] as const

    const { response, seen } = await rig.exchange({ method: 'POST', path: '/v1', headers, body }, { headers, body })

    t.ok(seen?.body.equals(body))
    t.ok(response.body.equals(body))
    t.same([seen?.method, response.status], ['POST', 200])
  })

  t.test('3 every method is preserved, with and without a body', async (t) => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      for (const body of [undefined, 'body of a request']) {
        const headers = [['Connection', 'close']] as const
        const call = { method, path: '/v1?x', headers, untilEnd: true, ...(body !== undefined && { body }) }

        const { response, seen } = await rig.exchange(call, { body: 'answer' })

        const about = `${method} ${body === undefined ? 'without' : 'with'} a body`
        t.equal(response.status, 200, about)
        t.same([seen?.method, seen?.target, seen?.body.toString()], [method, '/v1?x', body ?? ''], about)
        t.equal(response.body.toString(), method === 'HEAD' ? '' : 'answer', about)
      }
    }
  })

  t.test('3 other methods are refused', async (t) => {
    for (const method of ['CONNECT', 'PROPFIND', 'FOO', 'get', 'QUERY']) {
      isRefused(t, await rig.exchange({ method }), 'Client.BadRequest', method)
    }
  })

  t.test('10 too few segments, or not r1', async (t) => {
    const targets = [
      ...['/r1/OWL/GOV/05000002', '/r1/OWL/GOV/05000002/TEST', '/r1/OWL/GOV/05000002/TEST/', '/r1', '/r1/', '/'],
      ...[`/r2/${ECHO}`, `/R1/${ECHO}`, `/${ECHO}`, `//r1/${ECHO}`, `/r1//${ECHO}`, '/r1/OWL//05000002/TEST/echo'],
      ...[`/r1/${ECHO.replaceAll('/', '%2F')}`, `/r1%2F${ECHO}`, `/%72%31/${ECHO}`],
    ]
    for (const target of targets) isRefused(t, await rig.exchange({ target }), 'Client.BadRequest', target)
  })

  t.test('without a provider subsystem the grammar is ambiguous: what follows is read as one', async (t) => {
    isRefused(t, await rig.exchange({ target: '/r1/OWL/GOV/05000002/echo/v1' }), 'Server.ClientProxy.UnknownMember')
  })

  t.test('12 a service code with an encoded slash', async (t) => {
    const service = `${WEST}/DIENSTE/BAR%2FSERVICE`
    for (const given of [service, service.replace('%2F', '%2f')]) {
      const { response, seen } = await rig.exchange({ service: given, path: '/x%2Fy' })

      t.equal(seen?.target, '/bar/x%2Fy')
      t.equal(response.header('x-road-service'), service)
    }
    const { response } = await rig.exchange({ target: `/r1/${WEST}/DIENSTE/BAR/SERVICE/x` })
    isFault(t, response, 'Server.ServerProxy.UnknownService', 'a literal slash is a separator:')
  })

  t.test('13 identifiers beyond ASCII are decoded, matched and echoed encoded', async (t) => {
    const service = `${WEST}/B%C3%BCro/gr%C3%BC%C3%9Fe`
    for (const given of [service, service.toLowerCase().replace('owl/gov', 'OWL/GOV').replace('b%c3%bc', 'B%c3%bc')]) {
      for (const client of [CLIENT_UMLAUT, CLIENT_UMLAUT.replaceAll('%C3%9F', '%c3%9f')]) {
        const { response, seen } = await rig.exchange({ service: given, client, path: '/x' })

        t.equal(seen?.target, '/umlaut/x')
        t.same([response.header('x-road-service'), response.header('x-road-client')], [service, CLIENT_UMLAUT])
      }
    }
    const plain = await rig.exchange({ target: '/r1/OWL/%47%4F%56/05000002/T%45ST/ech%6F' })
    t.equal(plain.response.header('x-road-service'), ECHO, 'an escape that was not needed is one all the same')

    const member = await rig.exchange({ service: 'OWL/GOV/H%C3%B6xter/TEST/echo' })
    isRefused(t, member, 'Server.ClientProxy.UnknownMember', 'a member code beyond ASCII is well-formed')
  })

  t.test('identifiers that are not percent-encoded UTF-8 are refused', async (t) => {
    for (const part of ['%', '%4', '%GG', '%C3', '%C3%28', '%00', '%0A', '%5C', '\\', '"', '{', '%ED%A0%80', 'bü']) {
      const target = `/r1/${WEST}/TEST/${part}/x`
      isRefused(t, await rig.exchange({ target }), 'Client.BadRequest', target)
    }
    for (const part of ['%', '%00', '%C3', 'a b', '..', '%2E%2e', '', 'ü', '<']) {
      isRefused(t, await rig.exchange({ client: `${OST}/${part}` }), 'Client.BadRequest', part)
    }
  })

  t.test('15 the whole target counts up to the limit of 2000 characters, and is never truncated', async (t) => {
    const start = `/r1/${ECHO}/v1?q=`
    const fits = start + 'x'.repeat(2000 - start.length)

    const whole = await rig.exchange({ target: fits })
    const tooLong = await rig.exchange({ target: `${fits}x` })
    const farTooLong = await rig.exchange({ target: start + 'x'.repeat(10_000) })
    const headSize = await rig.exchange({ target: start + 'x'.repeat(40_000) })

    t.equal(whole.response.status, 200)
    t.equal(whole.seen?.target, fits.slice(`/r1/${ECHO}`.length))
    for (const refused of [tooLong, farTooLong, headSize]) isRefused(t, refused, 'Client.BadRequest')
  })

  t.test('16 the query is byte-identical at the provider', async (t) => {
    for (const query of [
      '?a=1&a=2&b=%20%2F&c',
      '?',
      '??',
      '?a=/../x',
      '?&&=',
      '?b=%2e%2E&B=+%2B',
      '?a[]=1&{x}|"\'=`^',
    ]) {
      const { seen } = await rig.exchange({ path: `/v1${query}` })
      t.equal(seen?.target, `/v1${query}`)
    }
  })

  t.test('18 without a path the provider gets the base URL; one slash at the join', async (t) => {
    const cases = [
      ['echo', '', '/'],
      ['echo', '/', '/'],
      ['echo', '?a=1', '/?a=1'],
      ['echo', '//x', '//x'],
      ['base', '', '/base'],
      ['base', '/', '/base/'],
      ['base', '?a=1', '/base?a=1'],
      ['base', '/v1/', '/base/v1/'],
      ['slash', '', '/slash/'],
      ['slash', '/', '/slash/'],
      ['slash', '/v1', '/slash/v1'],
      ['slash', '/v1//x', '/slash/v1//x'],
    ] as const
    for (const [code, path, target] of cases) {
      const { seen } = await rig.exchange({ service: `${WEST}/TEST/${code}`, path })
      t.equal(seen?.target, target, `${code} ${path}`)
    }
  })

  t.test('the absolute form is the same request, when it names the host it was sent to', async (t) => {
    const own = await rig.exchange({ target: `http://gateway.example/r1/${ECHO}/v1?a=1` })
    const other = await rig.exchange({ target: `http://elsewhere.example/r1/${ECHO}/v1` })

    t.equal(own.seen?.target, '/v1?a=1')
    isRefused(t, other, 'Client.BadRequest')
  })

  t.test('an agency may call itself, and nobody who is not there', async (t) => {
    const own = await rig.exchange({ service: `${OST}/TEST/own`, path: '/v1' })

    t.equal(own.seen?.target, '/own/v1')
    t.equal(own.response.header('x-road-client'), CLIENT)
    for (const service of ['OWL/GOV/05000009/TEST/x', 'OWL/COM/05000002/TEST/echo', 'EE/GOV/05000002/TEST/echo']) {
      isRefused(t, await rig.exchange({ service }), 'Server.ClientProxy.UnknownMember', service)
    }
    isRefused(t, await rig.exchange({ service: `${DOPPEL}/NICHTS/x` }), 'Server.ClientProxy.UnknownMember')
  })
}
