/**
 * Security rows 9, 10, 19 and 41: a registered gateway that seals, with its own real seal, what no honest one would
 * write. The service behind the provider's gateway must never see it.
 */

import { connect } from 'node:tls'
import type { Test } from 'tap'
import t from 'tap'
import type { MessageOptions } from './attacker.ts'
import {
  BODY,
  forge,
  makeHead,
  makeMessage,
  newRequestId,
  sealed,
  sealOf,
  sendMessage,
  tlsOf,
  withHeader,
} from './attacker.ts'
import { outline, refused } from './records.ts'
import { CLIENTS } from './region.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const rig = await openRig(t, {
  start: ['bielefeld'],
  content: (content) => ({
    ...content,
    // A right on one folder: what leaves it must not pass.
    agreements: content.agreements.map((agreement) => ({
      ...agreement,
      endpoints: [{ method: 'POST', path: '/offen/**', purposes: ['TEST'] }],
    })),
  }),
})
const { bielefeld } = rig.gateways
const { delivered } = rig.service
const signer = sealOf(rig, 'paderborn')
const tls = tlsOf(rig, 'paderborn')

async function send(edit: (text: string) => string, options: MessageOptions = {}, body: Buffer | undefined = BODY) {
  const head = forge(makeHead(rig, { path: '/offen/v1', ...options }), edit)
  return sendMessage(rig, { head, ...sealed(signer, head, body) }, { tls })
}

/** Refused before it was anybody's: unsigned, unrecorded, undelivered. */
async function refusesUnsigned(t: Test, edit: (text: string) => string, type: string): Promise<void> {
  const [records, deliveries] = [bielefeld.records().length, delivered.length]

  const answer = await send(edit)

  t.equal(answer.signed, undefined)
  t.equal(answer.status, type.startsWith('Client.') ? 400 : 500)
  t.match(answer.fault, { type, stage: 'received' })
  t.equal(bielefeld.records().length, records)
  t.equal(delivered.length, deliveries)
}

t.test('what the tests below spoil passes unspoiled', async (t) => {
  const answer = await send((text) => text)

  t.equal(answer.signed?.head.status, 200)
  t.equal(delivered.at(-1)?.url, '/offen/v1')
})

for (const path of [
  ...[
    '/offen/../geheim',
    '/offen/%2e%2e/geheim',
    '/offen/.%2E/geheim',
    '/offen/%252e%252e/geheim',
    '/offen/..;/geheim',
  ],
  ...[
    '/offen/..\\geheim',
    '/offen/%5c..%5cgeheim',
    '/offen/%00',
    '/offen/\u0000',
    '/offen/a b',
    '/offen/%zz',
    '/offen/%c0%ae',
  ],
  ...['/offen/./v1', '/offen/..', '/offen/#/geheim', '/offen/v1\u00e4', '/offen/%0d%0aX:y'],
]) {
  t.test(`the path ${JSON.stringify(path)}`, (t) => {
    const type = /[\u0000]/.test(path) ? 'Server.ServerProxy.InvalidMessage' : 'Client.BadRequest'
    return refusesUnsigned(t, (text) => text.replace('/offen/v1', path), type)
  })
}

for (const path of ['/geheim', '/offen%2Fv1', '/offen%2f..%2fgeheim', '/offen', '', '/Offen/v1', '//offen/v1']) {
  t.test(`the path ${JSON.stringify(path)} is not the one that was granted`, async (t) => {
    const deliveries = delivered.length

    const answer = await send((text) => text.replace('/offen/v1', path))

    t.match(answer.fault.type, /^(?:Server\.ServerProxy\.AccessDenied|Client\.BadRequest)$/)
    t.equal(delivered.length, deliveries)
  })
}

t.test('a slash that is escaped stays escaped', async (t) => {
  const answer = await send((text) => text.replace('/offen/v1', '/offen/a%2Fb?x=%2F..%2F&y=../'))

  t.equal(answer.signed?.head.status, 200)
  t.equal(delivered.at(-1)?.url, '/offen/a%2Fb?x=%2F..%2F&y=../', 'the query is data, the path as it was judged')
})

const LINES: Readonly<Record<string, string>> = {
  'another length': 'Content-Length:3',
  'another framing': 'Transfer-Encoding:chunked',
  'another host': 'Host:intern.example',
  'a connection of its own': 'Connection:upgrade',
  'an upgrade': 'Upgrade:websocket',
  'an expectation': 'Expect:100-continue',
  'a second client': `x-road-client:${CLIENTS.delbrueck}`,
  'a second client in other letters': `X-ROAD-CLIENT:${CLIENTS.paderborn}`,
  'a client in a name that CGI reads as that': `X_Road_Client:${CLIENTS.delbrueck}`,
  'a second content type': 'content-type:text/plain',
  'two authorizations': 'Authorization:Basic a\r\nauthorization:Basic b',
  'a second request id': `X-Road-Request-Id:${newRequestId()}`,
  'a request hash': 'X-Road-Request-Hash:x',
  'a purpose of its own': 'OWL-Purpose:ANDERES',
  'another owl header': 'owl-kind:reply',
  'a name with a space': 'X Y:z',
  'a name with a line end': 'X\rY:z',
  'no name': ':z',
  'no colon': 'XYZ',
}
for (const [name, line] of Object.entries(LINES)) {
  t.test(`a head with ${name}`, (t) =>
    refusesUnsigned(
      t,
      (text) => text.replace('Content-Type', `${line}\r\nContent-Type`),
      'Server.ServerProxy.InvalidMessage',
    ),
  )
}

const BENT: Readonly<Record<string, (text: string) => string>> = {
  'version 2': (text) => text.replace('owl-v:1', 'owl-v:2'),
  'no version': (text) => text.replace('owl-v:1\r\n', ''),
  'an older version before it': (text) => text.replace('owl-v:1', 'owl-v:0\r\nowl-v:1'),
  'another kind': (text) => text.replace('owl-kind:request', 'owl-kind:reply'),
  'two audiences': (text) => text.replace(/(owl-audience:.*\r\n)/, '$1$1'),
  'no audience': (text) => text.replace(/owl-audience:.*\r\n/, ''),
  'something behind the block': (text) => `${text}x-road-userid:EE1\r\n`,
  'a second block': (text) => text + text.slice(text.indexOf('owl-v:1')),
  'line feeds alone': (text) => text.replaceAll('\r\n', '\n'),
  'no end': (text) => text.slice(0, -2),
  'nothing in it': () => '\r\n',
}
for (const [name, edit] of Object.entries(BENT)) {
  t.test(`a head with ${name}`, (t) => refusesUnsigned(t, edit, 'Server.ServerProxy.InvalidMessage'))
}

for (const type of ['application/json', 'application/owl-message; charset=utf-8', 'owl-message', ';', 'a/b/c']) {
  t.test(`a message that comes as ${type}`, async (t) => {
    const records = bielefeld.records().length
    const message = { head: makeHead(rig, { path: '/offen/v1' }), body: BODY }
    const answer = await sendMessage(
      rig,
      { ...message, ...sealed(signer, message.head, BODY) },
      { tls, headers: { 'content-type': type } },
    )
    t.match(answer.fault, { type: 'Server.ServerProxy.InvalidMessage', stage: 'received' })
    t.equal(bielefeld.records().length, records)
  })
}

const HEADERS: Readonly<Record<string, (header: Record<string, unknown>) => Record<string, unknown> | string>> = {
  'a jku': (header) => ({ ...header, jku: 'https://127.0.0.1/keys' }),
  'a jwk': (header) => ({ ...header, jwk: signer.certificate.publicKey.export({ format: 'jwk' }) }),
  'an x5u': (header) => ({ ...header, x5u: 'https://127.0.0.1/cert' }),
  'an x5c': (header) => ({ ...header, x5c: [signer.certificateDer.toString('base64')] }),
  'a kid': (header) => ({ ...header, kid: '../../seal' }),
  'an unknown crit': (header) => ({ ...header, crit: ['b64', 'sigD', 'exp'], exp: 1 }),
  'no crit': ({ crit: _, ...header }) => header,
  'b64 left out': ({ b64: _, ...header }) => header,
  RS256: (header) => ({ ...header, alg: 'RS256' }),
  'ES384 with a key for ES256': (header) => JSON.stringify(header).replace('"ES256"', '"ES384"'),
  'white space': (header) => JSON.stringify(header, null, 1),
  'a member twice': (header) => JSON.stringify(header).replace('"iat"', '"alg":"none","iat"'),
}
for (const [name, edit] of Object.entries(HEADERS)) {
  t.test(`a signature whose header has ${name}, validly signed`, async (t) => {
    const [records, deliveries] = [bielefeld.records().length, delivered.length]
    const message = makeMessage(rig, signer, { path: '/offen/v1' })
    const header = withHeader(message.signature, edit, '').slice(0, -2)
    const signature = `${header}..${signer.sign(Buffer.from(`${header}.`)).toString('base64url')}`

    const answer = await sendMessage(rig, { ...message, signature }, { tls })

    t.equal(answer.signed, undefined)
    t.match(answer.fault.type, /^Server\.ServerProxy\.SignatureVerification\.(?:Malformed|InvalidSignatureValue)/)
    t.same([bielefeld.records().length, delivered.length], [records, deliveries])
  })
}

t.test('the same signature in other letters', async (t) => {
  const message = makeMessage(rig, signer, { path: '/offen/v1' })
  const [header, , value = ''] = message.signature.split('.')
  for (const signature of [
    `${message.signature}=`,
    `${header}..${value.slice(0, -1)}`,
    `${header}.e30.${value}`,
    `${message.signature},x`,
  ]) {
    const answer = await sendMessage(rig, { ...message, signature }, { tls })

    t.match(answer.fault.type, /SignatureVerification\.MalformedSignature$/)
  }
  t.equal((await sendMessage(rig, message, { tls })).signed?.head.status, 200)
})

t.test(
  'a body other than the signed one is refused after it was somebody’s: signed and on record, without the body',
  async (t) => {
    const seq = bielefeld.records().at(-1)?.seq ?? 0
    const deliveries = delivered.length
    const bodies = [Buffer.from('{"frage":2}'), Buffer.from('{"frage":1} '), Buffer.alloc(0)]
    for (const body of bodies) {
      const message = makeMessage(rig, signer, { path: '/offen/v1' })

      const answer = await sendMessage(rig, { ...message, body: { bytes: body } as never }, { tls })

      t.equal(answer.signed?.head.block.kind, 'refusal')
      t.equal(answer.fault.type, 'Server.ServerProxy.SignatureVerification.InvalidReference')
      t.equal(answer.fault.stage, 'permitted')
    }
    const code = 'Server.ServerProxy.SignatureVerification.InvalidReference'
    t.strictSame(
      bielefeld.records(seq).map(outline),
      bodies.flatMap(() => refused(code, 'permitted')),
    )
    const [request] = bielefeld.records(seq)
    t.strictSame(
      request?.objects,
      ['message-head.txt', 'message-body.json', 'signature.jades.json'],
      'its digest stays',
    )
    t.equal(delivered.length, deliveries)
  },
)

t.test('TLS 1.2 is not spoken between gateways, and no session is resumed', async (t) => {
  const { provider: port } = bielefeld.ports
  const shake = (options: object) =>
    new Promise<string>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...tls, ...options })
      socket.on('secureConnect', () => {
        resolve(`${socket.getProtocol()}${socket.isSessionReused() ? ' resumed' : ''}`)
        socket.destroy()
      })
      socket.on('error', ({ code = 'failed' }: NodeJS.ErrnoException) => resolve(code))
    })

  t.equal(await shake({}), 'TLSv1.3')
  for (const version of ['TLSv1.2', 'TLSv1.1', 'TLSv1']) {
    t.match(await shake({ maxVersion: version, minVersion: version }), /^(?:ERR_SSL|ECONNRESET)/, version)
  }
  const session = await new Promise<Buffer>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...tls })
    socket.on('session', resolve)
    t.teardown(() => socket.destroy())
  })
  t.notMatch(await shake({ session }), /resumed/, 'whoever comes back proves the key again')
})

t.test('a newer configuration than there is', async (t) => {
  const { version } = rig.configuration()
  const records = bielefeld.records().length
  const config = { version: version + 1_000_000, sha256: 'A'.repeat(43) }
  const message = makeMessage(rig, signer, { path: '/offen/v1', block: { config } })

  const answer = await sendMessage(rig, message, { tls })

  t.match(answer.fault, { type: 'Server.ServerProxy.OutdatedGlobalConf', stage: 'opened', retryable: true })
  t.equal(bielefeld.records().length, records)
})

t.test('another configuration of the same version raises an alarm', async (t) => {
  const { version } = rig.configuration()
  const message = makeMessage(rig, signer, {
    path: '/offen/v1',
    block: { config: { version, sha256: 'A'.repeat(43) } },
  })

  const answer = await sendMessage(rig, message, { tls })

  t.equal(answer.signed?.head.status, 200, 'our own is judged by')
  t.match(bielefeld.output(), /registry-split-view/)
})

t.test('nothing of all this reached the service', async (t) => {
  t.ok(delivered.length > 0)
  for (const { url, headers } of delivered) {
    t.match(url, /^\/offen\/(?!.*geheim)/)
    t.equal(headers['x-road-client'], CLIENTS.paderborn)
    t.equal(headers.host, `127.0.0.1:${rig.service.port}`)
    t.equal(headers['owl-purpose'], 'TEST')
  }
})
