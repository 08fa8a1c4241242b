/** What a local system may ask for, and how: the request line and headers of X-Road's protocol. Contract §2.1–2.2. */

import fc from 'fast-check'
import t from 'tap'
import { GatewayError } from '../../../gateway/errors.ts'
import { parseCall } from '../../../gateway/protocol/call.ts'

const CLIENT = ['X-Road-Client', 'OWL/GOV/05774032/BUERGERBUERO']
const TARGET = '/r1/OWL/GOV/05711000/MELDEWESEN/vams/v1'

function call(target: string, rawHeaders: readonly string[] = CLIENT, method = 'GET') {
  return parseCall({ method, target, rawHeaders })
}

t.test('reads the identifiers, the path and the raw query', async (t) => {
  const read = call(`${TARGET}/bar/zyggy?a=1&a=2&b=%20%2F&c`)

  t.match(read, {
    client: 'OWL/GOV/05774032/BUERGERBUERO',
    clientMember: 'OWL/GOV/05774032',
    service: 'OWL/GOV/05711000/MELDEWESEN/vams',
    provider: 'OWL/GOV/05711000/MELDEWESEN',
    providerMember: 'OWL/GOV/05711000',
    path: '/v1/bar/zyggy',
    query: '?a=1&a=2&b=%20%2F&c',
  })
})

t.test('keeps the difference between no path and an empty one', async (t) => {
  t.equal(call('/r1/OWL/GOV/1/S/svc').path, '')
  t.equal(call('/r1/OWL/GOV/1/S/svc/').path, '/')
  t.equal(call('/r1/OWL/GOV/1/S/svc?x').path, '')
})

t.test('a %2F belongs to its part', async (t) => {
  const read = call('/r1/I/C/M/S/BAR%2FSERVICE/x')

  t.equal(read.service, 'I/C/M/S/BAR%2FSERVICE')
  t.equal(read.path, '/x')
})

t.test('identifiers are matched decoded and written in one form', async (t) => {
  t.equal(call('/r1/I/C/M%c3%b6/S/svc').providerMember, 'I/C/M%C3%B6')
  t.equal(call('/r1/I/C/%4D/S/s%2bvc').service, 'I/C/M/S/s+vc')
})

t.test('a client may be a member', async (t) => {
  t.match(call(TARGET, ['x-road-client', 'OWL/GOV/05774032']), {
    client: 'OWL/GOV/05774032',
    clientMember: 'OWL/GOV/05774032',
  })
})

t.test('clerk and file reference are read as they are meant, and their octets stay', async (t) => {
  const [userId, issue] = [Buffer.from('Jörg').toString('latin1'), Buffer.from('Straße 1', 'latin1').toString('latin1')]
  const headers = [...CLIENT, 'X-Road-UserId', userId, 'X-Road-Issue', issue]
  t.match(call(TARGET, headers), { userId: 'Jörg', issue: 'Straße 1' })
  t.same(call(TARGET, headers).headers.flat(), headers)
})

t.test('of several clients the last one counts, and only it is signed', async (t) => {
  const read = call(TARGET, ['X-Road-Client', 'A/B/C/D', ...CLIENT])

  t.equal(read.client, 'OWL/GOV/05774032/BUERGERBUERO')
  t.same(read.headers, [CLIENT])
})

t.test('takes the optional headers', async (t) => {
  const read = call(TARGET, [
    ...CLIENT,
    ...['X-Road-Id', 'abc', 'X-Road-UserId', 'DE123', 'X-Road-Issue', '32-2026/17'],
    ...['X-Road-Security-Server', 'OWL/GOV/05711000/gw1', 'X-Road-Represented-Party', 'COM/123'],
  ])

  t.match(read, { xRoadId: 'abc', userId: 'DE123', issue: '32-2026/17', securityServer: 'OWL/GOV/05711000/gw1' })
})

t.test('an empty X-Road-Id is none', async (t) => {
  t.equal(call(TARGET, [...CLIENT, 'X-Road-Id', '']).xRoadId, undefined)
})

const refused: Record<string, { target?: string; headers?: string[]; method?: string }> = {
  'no client': { headers: [] },
  'a client of two parts': { headers: ['X-Road-Client', 'OWL/GOV'] },
  'a client of five parts': { headers: ['X-Road-Client', 'OWL/GOV/1/S/T'] },
  'a client with an empty part': { headers: ['X-Road-Client', 'OWL//1/S'] },
  'a client encoded as one part': { headers: ['X-Road-Client', 'OWL%2FGOV%2F1%2FS'] },
  'too few parts in the path': { target: '/r1/I/C/M' },
  'a service without its subsystem': { target: '/r1/I/C/M/SVC' },
  'another protocol version': { target: '/r2/I/C/M/S/svc' },
  'an empty identifier': { target: '/r1/I/C//S/svc' },
  'an invalid escape': { target: '/r1/I/C/M%2/S/svc' },
  'an escape that is not UTF-8': { target: '/r1/I/C/M%ff/S/svc' },
  'a control character in an identifier': { target: '/r1/I/C/M%0a/S/svc' },
  'a dot segment as an identifier': { target: '/r1/I/C/%2e%2e/S/svc' },
  'a backslash in an identifier': { target: '/r1/I/C/M%5c/S/svc' },
  'a security server of three parts': { headers: [...CLIENT, 'X-Road-Security-Server', 'OWL/GOV/1'] },
  'a represented party of three parts': { headers: [...CLIENT, 'X-Road-Represented-Party', 'A/B/C'] },
  'a method that X-Road does not know': { method: 'PROPFIND' },
}

for (const [name, { target = TARGET, headers = CLIENT, method = 'GET' }] of Object.entries(refused)) {
  t.test(`refuses ${name}`, async (t) => {
    t.throws(() => call(target, headers, method), { code: 'BadRequest' })
  })
}

t.test('whatever the target, it is refused or its parts put together are the target', async (t) => {
  const part = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 6 })
    .map((text) => encodeURIComponent(text.toWellFormed()))
  fc.assert(
    fc.property(fc.array(part, { minLength: 3, maxLength: 8 }), fc.constantFrom('', '?', '?a=%2F'), (parts, query) => {
      const target = `/r1/${parts.join('/')}${query}`
      try {
        const read = call(target)
        const raw = target.split('/').slice(2, 7).join('/').split('?')[0] as string
        t.equal(`/r1/${raw}${read.path}${read.query}`, target)
        t.equal(read.service.split('/').length, 5)
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
      }
    }),
    { numRuns: 500 },
  )
})
