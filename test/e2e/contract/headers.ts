/** Which headers cross, in both directions: contract §2.2. */

import type { Test } from 'tap'
import type { Rig } from '../rig.ts'
import { CLIENT, ECHO, OST } from '../rig-region.ts'
import type { Header } from '../wire.ts'
import { isRefused } from './fault.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Never crosses, as PR-REST §4.3 lists it, with a value that would be believed. */
const STRIPPED: readonly Header[] = [
  ['Keep-Alive', 'timeout=5'],
  ['Proxy-Authenticate', 'Basic'],
  ['Proxy-Authorization', 'Basic eDp5'],
  ['TE', 'trailers'],
  ['User-Agent', 'curl/8'],
  ['Server', 'secret-host/1.0'],
]

/** Crosses unchanged, both ways. */
const USER: readonly Header[] = [
  ['X-Road-Foo', 'any  two  spaces'],
  ['X-Powered-By', 'PHP/5.2.17'],
  ['x-pingback', 'https://example.com/xmlrpc.php?a=1&b'],
  ['Authorization', 'Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.MEUCIQ'],
  ['Cache-Control', 'no-cache, no-store, must-revalidate'],
  ['Pragma', 'no-cache'],
  ['Cookie', 'a=1; b="2"'],
  ['Origin', 'https://portal.example'],
  ['Access-Control-Request-Method', 'PUT'],
  ['Forwarded', 'for=192.0.2.60;proto=http'],
  ['X-Many', 'one'],
  ['X-MANY', 'two, three'],
  ['X-Many', ''],
  ['ETag', 'W/"x"'],
  ['If-None-Match', '*'],
  ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['X-Tab', 'a\tb'],
  ['X-Latin', '\xe4\xf6\xfc'],
  ['X-Utf-8', Buffer.from('Łódź, Straße').toString('latin1')],
  ["!#$%&'*+.^`|~", 'a name of every other character'],
]

const namesOf = (headers: readonly Header[] = []): string[] => headers.map(([name]) => name.toLowerCase())
const without = (headers: readonly Header[] = [], ...names: string[]): Header[] =>
  headers.filter(([name]) => !names.includes(name.toLowerCase()))

export async function headers(t: Test, rig: Rig): Promise<void> {
  t.test('43 user headers arrive with case, order, number and octets as they were, both ways', async (t) => {
    const { response, seen } = await rig.exchange({ headers: USER }, { headers: USER })

    t.same(without(seen?.headers, 'host', 'connection', 'x-road-client', 'x-road-id', 'x-road-request-id'), USER)
    const own = ['date', 'content-length', 'connection', 'keep-alive', ...ALWAYS]
    t.same(without(response.headers, ...own), USER)
  })

  t.test('hop-by-hop headers and those that tell of a host never cross, in either direction', async (t) => {
    const { response, seen } = await rig.exchange({ headers: STRIPPED }, { headers: STRIPPED })

    for (const [name, value] of STRIPPED) {
      t.notOk(
        seen?.headers.some(([own]) => own.toLowerCase() === name.toLowerCase()),
        `${name} to the service`,
      )
      t.notOk(
        response.headers.some(([, own]) => own === value),
        `${name} to the local system`,
      )
    }
    t.equal(seen?.headers.find(([name]) => name.toLowerCase() === 'host')?.[1], `127.0.0.1:${rig.service.port}`)
  })

  t.test('what Connection names is for the next hop only, but never what X-Road defines', async (t) => {
    const headers: Header[] = [
      ['Connection', 'close, X-Hop , X-Road-Id, content-type'],
      ['X-Hop', '1'],
      ['X-Road-Id', 'kept'],
      ['Content-Type', 'a/b'],
    ]
    const { response, seen } = await rig.exchange({ headers }, { headers })

    t.same(without(seen?.headers, 'host', 'connection', 'x-road-client', 'x-road-request-id'), headers.slice(2))
    t.equal(response.header('x-hop'), undefined)
    t.equal(response.header('content-type'), 'a/b')
  })

  t.test('20 without X-Road-Id one is made, and service and local system get the same', async (t) => {
    const { response, seen } = await rig.exchange({})

    const id = response.header('x-road-id')
    t.match(id, new RegExp(`^OWL-${UUID.source.slice(1)}`))
    t.same(
      seen?.headers.filter(([name]) => name.toLowerCase() === 'x-road-id'),
      [['x-road-id', id]],
    )
  })

  t.test('20 an empty X-Road-Id is none: the service gets the one that is made, and no other', async (t) => {
    const { response, seen } = await rig.exchange({ headers: [['X-Road-Id', '']] })

    const ids = seen?.headers.filter(([name]) => name.toLowerCase() === 'x-road-id')
    t.same(ids, [['x-road-id', response.header('x-road-id')]])
    t.match(response.header('x-road-id'), /^OWL-/)
  })

  t.test('21 X-Road-Id is kept, any form of it, and may come again', async (t) => {
    for (const id of ['fa2e18a5-c2cb-4d09-b994-f57727f7c3fb', 'EE-1 2/3', 'x'.repeat(500), 'EE-1 2/3']) {
      const { response, seen } = await rig.exchange({ headers: [['X-Road-ID', id]] })

      t.equal(response.header('x-road-id'), id)
      t.same(
        seen?.headers.filter(([name]) => name.toLowerCase() === 'x-road-id'),
        [['X-Road-ID', id]],
      )
    }
  })

  t.test('23 the request id and hash of a client are not believed', async (t) => {
    const headers: Header[] = [
      ['X-Road-Request-Id', '01a20709-8eb9-7000-81bb-b21d6df0728c'],
      ['x-road-request-hash', 'forged'],
    ]
    const { response, seen } = await rig.exchange({ headers })

    const id = response.header('x-road-request-id')
    t.match(id, UUID)
    t.not(id, headers[0]?.[1])
    t.same(
      seen?.headers.filter(([name]) => name.toLowerCase() === 'x-road-request-id'),
      [['x-road-request-id', id]],
    )
    t.notOk(namesOf(seen?.headers).includes('x-road-request-hash'))
  })

  t.test('24 a reply carries the five headers of X-Road, each once, whatever the service says of them', async (t) => {
    const forged = [...ALWAYS, 'X-Road-Service', 'X-ROAD-CLIENT', 'X-Road-Error'].map(
      (name): Header => [name, 'forged'],
    )

    const { response } = await rig.exchange({}, { headers: forged })

    for (const name of ALWAYS) t.not(response.header(name), 'forged', name)
    t.same([response.header('x-road-client'), response.header('x-road-service')], [CLIENT, ECHO])
    t.equal(response.header('x-road-error'), undefined, 'only a gateway says that a gateway failed')
  })

  t.test('33 Content-Type crosses unmodified, and missing ones stay missing', async (t) => {
    for (const type of TYPES) {
      const headers: Header[] = type === undefined ? [] : [['Content-Type', type]]

      const { response, seen } = await rig.exchange({ method: 'POST', headers, body: 'x' }, { headers, body: 'y' })

      t.equal(response.header('content-type'), type)
      t.same(
        seen?.headers.filter(([name]) => name.toLowerCase() === 'content-type'),
        headers,
        String(type),
      )
      t.same([seen?.body.toString(), response.body.toString()], ['x', 'y'])
    }
  })

  t.test('35 Accept and its kin reach the service verbatim', async (t) => {
    const headers: Header[] = [
      ['Accept', 'application/xml;q=0.9, */*;q=0.1'],
      ['Accept-Encoding', 'gzip, br'],
      ['Accept-Language', 'de, nds;q=0.8'],
    ]
    const { seen } = await rig.exchange({ headers })

    t.same(without(seen?.headers, 'host', 'connection', 'x-road-client', 'x-road-id', 'x-road-request-id'), headers)
  })

  t.test('41 a represented party has a class and a code, or a code', async (t) => {
    for (const party of ['COM/123', '123', 'COM/a%2Fb', 'B%C3%BCro']) {
      const { seen } = await rig.exchange({ headers: [['X-Road-Represented-Party', party]] })
      t.ok(
        seen?.headers.some(([name, value]) => name === 'X-Road-Represented-Party' && value === party),
        party,
      )
    }
    const twice = ['A/B/C', '123'].map((party): Header => ['X-Road-Represented-Party', party])
    const { seen } = await rig.exchange({ headers: twice })
    t.same(
      seen?.headers.filter(([name]) => name === 'X-Road-Represented-Party'),
      twice.slice(1),
      'the one that was checked',
    )
    for (const party of ['A/B/C', '', '/', 'COM/', '/123', 'a b', '%', 'COM/%2E%2E']) {
      isRefused(t, await rig.exchange({ headers: [['X-Road-Represented-Party', party]] }), 'Client.BadRequest', party)
    }
  })

  t.test('42 user and issue reach the service verbatim', async (t) => {
    const headers: Header[] = [
      ['X-Road-UserId', 'DE12345678901'],
      ['X-Road-Issue', 'Az. 33.1/2026-17 (\xfc)'],
      ['X-Name', 'J\xc3\xb6rg'],
    ]
    const { seen } = await rig.exchange({ headers })

    t.same(without(seen?.headers, 'host', 'connection', 'x-road-client', 'x-road-id', 'x-road-request-id'), headers)
  })

  t.test('46 Expect: 100-continue is answered here, and the service need not see it', async (t) => {
    const call = { method: 'POST', headers: [['Expect', '100-continue']], body: 'after that' } as const

    const { response, seen } = await rig.exchange({ ...call, awaitContinue: true })
    const other = await rig.exchange({ ...call, headers: [['Expect', '200-maybe']] })

    t.ok(response.continued)
    t.equal(seen?.body.toString(), 'after that')
    t.notOk(namesOf(seen?.headers).includes('expect'))
    t.equal(other.seen, undefined, 'any other expectation')
    t.match(other.response, { status: 417 })
    t.match(other.response.json(), { type: 'Client.BadRequest', side: 'consumer-system' })
  })

  t.test('47 a chunked request arrives complete', async (t) => {
    const body = Buffer.alloc(100_000, 'chunk')

    const { response, seen } = await rig.exchange({ method: 'PUT', body, framing: 'chunked' })
    const empty = await rig.exchange({ method: 'PUT', body: '', framing: 'chunked' })

    t.equal(response.status, 200)
    t.ok(seen?.body.equals(body))
    t.notOk(namesOf(seen?.headers).includes('transfer-encoding'))
    t.equal(empty.seen?.body.length, 0, 'no octets are no body')
  })

  t.test('no header of ours crosses', async (t) => {
    const forged: Header[] = [
      ['OWL-Foo', '1'],
      ['owl-sender', `${OST}/gw1`],
      ['Owl-Signature', 'x'],
      ['OWL-V', '1'],
    ]
    const { response, seen } = await rig.exchange({ headers: forged }, { headers: [...forged, ['OWL-Purpose', 'x']] })

    t.same(
      namesOf(seen?.headers).filter((name) => name.startsWith('owl-')),
      [],
    )
    t.same(
      namesOf(response.headers).filter((name) => name.startsWith('owl-')),
      [],
    )
  })

  t.test('one Date: of the service, or of the gateway when the service says none', async (t) => {
    const date = 'Thu, 21 Mar 2019 12:36:39 GMT'

    const theirs = await rig.exchange({}, { headers: [['dAtE', date]] })
    const none = await rig.exchange({}, octets('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))

    t.same(
      theirs.response.headers.filter(([name]) => name.toLowerCase() === 'date'),
      [['dAtE', date]],
    )
    t.ok(Date.parse(none.response.header('date') ?? '') > Date.parse(date))
  })
}

const ALWAYS = ['x-road-id', 'x-road-client', 'x-road-service', 'x-road-request-id', 'x-road-request-hash']

const TYPES = [
  undefined,
  'application/json; charset=utf-8',
  'multipart/form-data; boundary=something',
  'text/plain;charset="ISO-8859-1" ; x=y',
  'Application/PDF',
  'text',
  '/',
  'a b c; ;;',
  '*/*',
  'application/owl-message',
  'application/x-www-form-urlencoded',
]

function octets(text: string): { readonly octets: Buffer } {
  return { octets: Buffer.from(text, 'latin1') }
}
