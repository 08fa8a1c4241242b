/** The head: what is written is read back, and nothing else is read. */

import fc from 'fast-check'
import t from 'tap'
import { parseCall } from '../../../gateway/protocol/call.ts'
import type { ReplyBlock, RequestBlock } from '../../../gateway/protocol/head.ts'
import { formatReplyHead, formatRequestHead } from '../../../gateway/protocol/head.ts'
import { parseReplyHead, parseRequestHead } from '../../../gateway/protocol/head-parser.ts'
import type { Header } from '../../../gateway/protocol/headers.ts'
import { requestIds } from '../../../gateway/protocol/request-id.ts'

const requestId = '01a206ec-68a3-7977-af25-8e363f45622e'
const block: RequestBlock = {
  sender: 'OWL/GOV/05774032/gw1',
  audience: 'OWL/GOV/05711000/gw1',
  issuedAt: '2026-11-23T05:00:00.123Z',
  config: { version: 1795344138, sha256: 'bJtKE6sfO0Z76HPpJhHod364UTmQzFUXzMGnz8mbhb8' },
  agreement: 'none',
  purpose: 'UMZUG_VAMS',
  logHead: 'none',
}
const call = parseCall({
  method: 'POST',
  target: '/r1/OWL/GOV/05711000/MELDEWESEN/vams/v1?a=%2F',
  rawHeaders: [
    'Content-Type',
    'application/json',
    'X-Road-Client',
    'OWL/GOV/05774032/BUERGERBUERO',
    'X-Name',
    'J\u00f6rg',
  ],
})
const request = formatRequestHead(call, requestId, block, `OWL-${requestId}`)
const replyBlock: ReplyBlock = {
  kind: 'reply',
  sender: block.audience,
  audience: block.sender,
  issuedAt: block.issuedAt,
  config: block.config,
  requestDigest: 'KsQX2XCwT7lixVHQpz-hMDITidBdbvYadBhPgaAn1MU',
  receipt: 'OWL/GOV/05711000/gw1/0/1;KsQX2XCwT7lixVHQpz-hMDITidBdbvYadBhPgaAn1MU',
  logHead: 'none',
}
const ids = { xRoadId: request.xRoadId, client: call.client, service: call.service, requestId, requestHash: 'aGFzaA==' }
const reply = formatReplyHead({
  status: 200,
  reason: 'OK',
  headers: [
    ['Content-Type', 'application/json'],
    ['Set-Cookie', 'theirs'],
  ],
  ids,
  block: replyBlock,
})

t.test('a request head is X-Road’s H and the block, octet for octet', async (t) => {
  t.equal(
    request.octets.toString('latin1'),
    'POST\r\n/r1/OWL/GOV/05711000/MELDEWESEN/vams/v1?a=%2F\r\nContent-Type:application/json\r\nX-Road-Client:OWL/GOV/05774032/BUERGERBUERO\r\nX-Name:J\u00f6rg\r\n' +
      `x-road-request-id:${requestId}\r\nx-road-id:OWL-${requestId}\r\n` +
      'owl-v:1\r\nowl-kind:request\r\nowl-sender:OWL/GOV/05774032/gw1\r\nowl-audience:OWL/GOV/05711000/gw1\r\nowl-issued-at:2026-11-23T05:00:00.123Z\r\n' +
      'owl-config:1795344138;bJtKE6sfO0Z76HPpJhHod364UTmQzFUXzMGnz8mbhb8\r\nowl-agreement:none\r\nowl-purpose:UMZUG_VAMS\r\nowl-log-head:none\r\n',
  )
  t.ok(request.octets.subarray(0, request.hx.length).equals(request.hx))
  t.equal(request.hx.toString('latin1').split('\r\n').at(-2), `x-road-id:OWL-${requestId}`)
})

t.test('a request head is read as it was written', async (t) => {
  const read = parseRequestHead(request.octets)

  t.same(read.block, block)
  t.same(read.call.client, call.client)
  t.same([read.requestId, read.xRoadId, read.media], [request.requestId, request.xRoadId, request.media])
  t.ok(read.hx.equals(request.hx))
  t.ok(read.sha256.equals(request.sha256))
})

t.test('an id that the local system gave is kept and not written twice', async (t) => {
  const named = parseCall({ ...call, rawHeaders: ['X-Road-Client', 'a/b/c', 'X-Road-Id', 'mine'] })
  const head = formatRequestHead(named, requestId, block, 'generated')

  t.equal(head.xRoadId, 'mine')
  t.equal(head.octets.toString().match(/x-road-id/gi)?.length, 1)
  t.equal(parseRequestHead(head.octets).xRoadId, 'mine')
})

t.test('a head that names its user twice is evidence from before only the last went on, and is read', async (t) => {
  const twice = [...call.headers, ['X-Road-UserId', 'a'], ['X-Road-UserId', 'b']] as const
  const head = formatRequestHead({ ...call, headers: twice }, requestId, block, 'generated')

  t.equal(parseRequestHead(head.octets).call.userId, 'b')
})

t.test('a reply head is read as it was written', async (t) => {
  const read = parseReplyHead(reply.octets)

  t.same(read.block, { ...replyBlock, stage: undefined })
  t.same(read.ids, ids)
  t.same(read.headers, [
    ['Content-Type', 'application/json'],
    ['Set-Cookie', 'theirs'],
  ])
  t.equal(read.error, undefined)
})

/** What an honest gateway takes out: it frames a message anew, or speaks in two voices. */
const FRAMING = ['Content-Length', 'Transfer-Encoding', 'connection', 'Host', 'Upgrade', 'Expect', 'Trailer', 'TE']
for (const name of [...FRAMING, 'X-Road-Request-Hash', 'a name', 'n\u00e4me', 'Keep-Alive']) {
  t.test(`a head that lets ${name} cross is refused, signed or not`, async (t) => {
    const line = `${name}:chunked\r\n`
    const bentRequest = request.octets.toString('latin1').replace('Content-Type', `${line}Content-Type`)
    const bentReply = reply.octets.toString('latin1').replace('Content-Type', `${line}Content-Type`)

    t.throws(() => parseRequestHead(Buffer.from(bentRequest, 'latin1')), { code: 'InvalidMessage' })
    t.throws(() => parseReplyHead(Buffer.from(bentReply, 'latin1')), { code: 'InvalidMessage' })
  })
}

for (const [name, from, to] of [
  ['a status that is no end', '200\r\n', '101\r\n'],
  ['a status beyond HTTP', '200\r\n', '600\r\n'],
  ['an id of the service', 'Set-Cookie', 'X-Road-Id'],
  ['an error in a reply that is none', 'Set-Cookie', 'X-Road-Error'],
] as const) {
  t.test(`a reply head with ${name} is refused`, async (t) => {
    const octets = Buffer.from(reply.octets.toString('latin1').replace(from, to), 'latin1')

    t.throws(() => parseReplyHead(octets), { code: 'InvalidMessage' })
  })
}

const refusal = formatReplyHead({
  ...reply,
  status: 500,
  headers: [],
  error: 'Server.ServerProxy.AccessDenied',
  block: { ...replyBlock, kind: 'refusal', stage: 'fresh' },
})

t.test('a refusal carries its error and its stage', async (t) => {
  const read = parseReplyHead(refusal.octets)

  t.equal(read.error, 'Server.ServerProxy.AccessDenied')
  t.equal(read.block.stage, 'fresh')
  t.equal(read.block.kind, 'refusal')
})

const text = request.octets.toString('latin1')
const bent: Record<string, string> = {
  'a bare line feed': text.replace('\r\n', '\n'),
  'no last line end': text.slice(0, -2),
  'an octet behind it': `${text}x`,
  'another version': text.replace('owl-v:1', 'owl-v:2'),
  'a block in another order': text.replace(/(owl-sender:.*\r\n)(owl-audience:.*\r\n)/, '$2$1'),
  'a line of the block twice': text.replace(/(owl-sender:.*\r\n)/, '$1$1'),
  'a line of the block missing': text.replace(/owl-purpose:.*\r\n/, ''),
  'an empty line in the block': text.replace(/owl-purpose:.*\r\n/, 'owl-purpose:\r\n'),
  'a block name in upper case': text.replace('owl-sender', 'OWL-Sender'),
  'an owl header before the block': text.replace('X-Name', 'OWL-Kind'),
  'a second block': text + text.slice(text.indexOf('owl-v')),
  'a header behind the block': `${text}X-A:b\r\n`,
  'a reply as a request': text.replace('owl-kind:request', 'owl-kind:reply'),
  'no request id': text.replace(/x-road-request-id:.*\r\n/, ''),
  'a request id that is no UUIDv7': text.replace('-7977-', '-4977-'),
  'a moment without a zone': text.replace('05:00:00.123Z', '05:00:00.123'),
  'a moment that does not exist': text.replace('2026-11-23T', '2026-13-23T'),
  'a configuration without digest': text.replace(/owl-config:.*\r\n/, 'owl-config:1\r\n'),
  'a control character': text.replace('J\u00f6rg', 'J\u0000rg'),
  'a header without a name': text.replace('X-Name:', ':'),
  'two clients': text.replace('X-Name:J\u00f6rg', 'x-road-client:OWL/GOV/057/EAKTE'),
  'a request id among the headers': text.replace('X-Name:', 'X-Road-Request-Id:'),
  'a block where the method is': `owl-v:1\r\n${text}`.replace('\r\nPOST', ''),
  'a request id that is not last': text.replace(/(x-road-request-id:.*\r\n)/, '$1X-A:b\r\n'),
}
for (const [name, octets] of Object.entries(bent)) {
  t.test(`refuses ${name}`, async (t) => {
    t.throws(() => parseRequestHead(Buffer.from(octets, 'latin1')), { code: 'InvalidMessage' })
  })
}

t.test('a head without the client that X-Road asks for is refused', async (t) => {
  t.throws(() => parseRequestHead(Buffer.from(text.replace(/X-Road-Client:.*\r\n/, ''), 'latin1')), {
    code: 'BadRequest',
  })
})

t.test('a target that our own port would not take is refused, though a gateway signed it', async (t) => {
  for (const path of [
    '/v1/../v2',
    '/v1/%2e%2e/v2',
    '/v1/%252e%252e/v2',
    '/v1/..;/v2',
    '/v1\\v2',
    '/v1/%00',
    '/v1/%zz',
  ]) {
    t.throws(
      () => parseRequestHead(Buffer.from(text.replace('/v1?', `${path}?`), 'latin1')),
      { code: 'BadRequest' },
      path,
    )
  }
})

/** Lines put in, left out, said twice or bent: what a head could be confused with. */
function heads(text: string) {
  const octet = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
  const lines = ['owl-v:1', 'owl-stage:x', 'OWL-V:1', 'owl-kind:reply', 'x-road-error:x', 'x-road-id:y', ':x', 'x', '']
  const piece = fc.oneof(octet, fc.constantFrom(...lines.map((line) => `${line}\r\n`), '\r\n', '\r', '\n', ':', ''))
  const at = fc.integer({ min: 0, max: text.length })
  const starts = [...text.matchAll(/^/gm)].map(({ index }) => index)
  const cut = fc.oneof(at, fc.constantFrom(...starts))
  const change = fc.tuple(cut, fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(60)), piece)
  return fc.array(change, { minLength: 1, maxLength: 2 }).map((changes) => {
    let bent = text
    for (const [from, length, put] of changes) bent = bent.slice(0, from) + put + bent.slice(from + length)
    return Buffer.from(bent, 'latin1')
  })
}

function linesOf(headers: readonly Header[]): string {
  return headers.map(([name, value]) => `${name}:${value}\r\n`).join('')
}

/** The head without its block, and the block that is written for what was read. */
function rewritten(octets: Buffer, kind: 'request' | 'reply'): string {
  if (kind === 'request') {
    const { call, requestId, xRoadId, block } = parseRequestHead(octets)
    const again = formatRequestHead(call, requestId, block, xRoadId)
    const hx = `${call.method}\r\n${call.target}\r\n${linesOf(call.headers)}`
    return hx + again.octets.toString('latin1', again.hx.length)
  }
  return formatReplyHead(parseReplyHead(octets)).octets.toString('latin1')
}

for (const [name, kind, octets] of [
  ['a request', 'request', request.octets],
  ['a reply', 'reply', reply.octets],
  ['a refusal', 'reply', refusal.octets],
] as const) {
  t.test(`whatever becomes of ${name}, it is refused or written back the same`, async (t) => {
    t.equal(rewritten(octets, kind), octets.toString('latin1'))
    fc.assert(
      fc.property(heads(octets.toString('latin1')), (bent) => {
        try {
          t.equal(rewritten(bent, kind), bent.toString('latin1'))
        } catch (error) {
          t.match(error, { name: 'GatewayError' })
        }
      }),
      { numRuns: 2000 },
    )
  })
}

t.test('request ids are UUIDv7 and grow', async (t) => {
  let now = 1_795_344_138_000
  const next = requestIds(() => now)
  const made = Array.from({ length: 5000 }, () => next())
  now -= 5000
  made.push(next())

  t.ok(made.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)))
  t.same(made.toSorted(), made)
  t.equal(new Set(made).size, made.length)
})
