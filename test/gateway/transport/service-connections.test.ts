/** Connections to services: what is not to be had before anything was sent, certificates, names with several addresses. */

import { promises as dns } from 'node:dns'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import type { TlsOptions } from 'node:tls'
import type { Test } from 'tap'
import t from 'tap'
import { makeAuthority, makeSelfSigned } from '../tls-material.ts'
import { headOf, listen, openWire, serviceAt } from './service-rig.ts'

const X = Buffer.from('x')
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** What an error says when no octet of the request has left. */
function undelivered(code: string, message: RegExp = /nothing was delivered/) {
  return { code: `ServiceFailed.${code}`, undelivered: true, message }
}

t.test('refused connections, unknown names, silence: nothing was delivered', async (t) => {
  const closed = createTcpServer()
  const port = await listen(t, closed)
  closed.close()
  const mute = await openWire(t, () => {})
  const gone = await openWire(t, (socket) => socket.destroy())
  const places: [string, ReturnType<typeof undelivered>][] = [
    [`http://127.0.0.1:${port}`, undelivered('NetworkError', /refuses.*nothing was delivered/)],
    [`https://127.0.0.1:${port}`, undelivered('NetworkError', /refuses.*nothing was delivered/)],
    ['http://no-such-name.invalid', undelivered('NetworkError', /name.*nothing was delivered/)],
    [`https://127.0.0.1:${mute.port}`, undelivered('NetworkError', /in time.*nothing was delivered/)],
    [`https://127.0.0.1:${gone.port}`, undelivered('NetworkError')],
  ]
  for (const [url, error] of places) {
    const deliver = await serviceAt(t, url, { connectTimeoutMs: 500 })
    for (const content of [X, Buffer.alloc(3_000_000)]) await t.rejects(deliver(headOf('POST'), content), error, url)
  }
})

t.test('once an octet has left it is in doubt', async (t) => {
  const authority = await makeAuthority('CA')
  for (const tls of [undefined, await authority.issue('service')]) {
    const wire = await openWire(t, (socket) => socket.destroy(), tls)
    const deliver = await serviceAt(t, `${tls ? 'https' : 'http'}://127.0.0.1:${wire.port}`, { ca: authority.cert })

    await t.rejects(deliver(headOf('POST'), X), { code: 'ServiceFailed.NetworkError', undelivered: false })
    t.equal(wire.requests, 1)
  }
})

async function refusedTls(t: Test, tls: TlsOptions, ca: string | undefined, host = '127.0.0.1'): Promise<void> {
  const wire = await openWire(t, (socket) => socket.write(OK), tls, host)
  const deliver = await serviceAt(t, `https://${host}:${wire.port}`, ca === undefined ? {} : { ca })

  await t.rejects(deliver(headOf('POST'), X), undelivered('SslAuthenticationFailed'))
  t.equal(wire.requests, 0)
}

t.test('TLS that does not hold: nothing was delivered', async (t) => {
  const [authority, other] = [await makeAuthority('CA'), await makeAuthority('CA')]
  const served = await authority.issue('service')
  const weak = await makeSelfSigned('weak', { rsaBits: 1024 })
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
  await refusedTls(t, served, other.cert)
  await refusedTls(t, served, undefined)
  await refusedTls(t, served, authority.cert, '127.0.0.2')
  await refusedTls(t, { ...weak, ciphers: 'DEFAULT:@SECLEVEL=0' }, weak.cert)
  await refusedTls(t, { ...served, ...old }, authority.cert)
  await refusedTls(t, { ...served, ciphers: 'AES128-SHA', maxVersion: 'TLSv1.2', honorCipherOrder: true }, other.cert)
})

t.test('a service without TLS where TLS is expected', async (t) => {
  const wire = await openWire(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'))
  const deliver = await serviceAt(t, `https://127.0.0.1:${wire.port}`)

  await t.rejects(deliver(headOf('POST'), X), undelivered('SslAuthenticationFailed'))
})

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`a service that asks for a certificate, with ${maxVersion}`, async (t) => {
    const authority = await makeAuthority('CA')
    const served = await authority.issue('service')
    const tls = { ...served, requestCert: true, rejectUnauthorized: true, ca: authority.cert, maxVersion }
    const wire = await openWire(t, (socket) => socket.write(OK), tls)
    const deliver = await serviceAt(t, `https://127.0.0.1:${wire.port}`, { ca: authority.cert })

    await t.rejects(deliver(headOf('POST'), X), { code: 'ServiceFailed.SslAuthenticationFailed' })
    t.equal(wire.requests, 0)
  })
}

t.test('the certificate itself instead of its CA', async (t) => {
  const authority = await makeAuthority('CA')
  const issued = await authority.issue('service')
  const [leaf, root] = [await makeSelfSigned('kfz'), await makeSelfSigned('kfz', { isAuthority: true })]
  const bundle = [(await makeSelfSigned('other')).cert, leaf.cert].join('\n')
  for (const [shown, ca] of [
    [leaf, leaf.cert],
    [root, root.cert],
    [leaf, bundle],
    [issued, issued.cert],
    [issued, authority.cert],
  ] as const) {
    // None of the self-signed ones names this address.
    const wire = await openWire(t, (socket) => socket.write(OK), shown)
    const deliver = await serviceAt(t, `https://127.0.0.1:${wire.port}`, { ca })
    t.equal((await deliver(headOf('POST'), X)).status, 200)
  }
})

t.test('another certificate than the one that was named', async (t) => {
  const authority = await makeAuthority('CA')
  const named = await authority.issue('service')
  const yesterday = new Date(Date.now() - 24 * 3600_000)
  const expired = await makeSelfSigned('kfz', { notAfter: yesterday })
  await refusedTls(t, expired, expired.cert)
  await refusedTls(t, await authority.issue('service'), named.cert)
  await refusedTls(t, await makeSelfSigned('kfz'), (await makeSelfSigned('kfz')).cert)
  await refusedTls(t, await makeSelfSigned('CA'), authority.cert)
})

t.test('a file without a certificate is none', async (t) => {
  for (const ca of ['', 'x', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'])
    await t.rejects(serviceAt(t, 'https://127.0.0.1:1', { ca }), Error)
})

t.test('a name leads to those of its addresses that are allowed', async (t) => {
  const addresses = await dns.lookup('localhost', { all: true })
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(request.socket.remoteAddress)
    response.end()
  })
  const port = await listen(t, server, '::')
  const url = `http://localhost:${port}`

  t.equal((await (await serviceAt(t, url, { networksAllowed: ['127.0.0.0/8', '::1/128'] }))(headOf('GET'))).status, 200)
  if (addresses.some(({ family }) => family === 4)) {
    const deliver = await serviceAt(t, url, { networksAllowed: ['127.0.0.0/8'] })
    t.equal((await deliver(headOf('GET'))).status, 200)
    t.equal(seen.at(-1), '::ffff:127.0.0.1')
  }
  if (addresses.some(({ family }) => family === 6)) {
    const deliver = await serviceAt(t, url, { networksAllowed: ['::1/128'] })
    t.equal((await deliver(headOf('GET'))).status, 200)
    t.equal(seen.at(-1), '::1')
  }
  const count = seen.length
  const deliver = await serviceAt(t, url, { networksAllowed: ['10.0.0.0/8', 'fd00::/8'] })
  await t.rejects(deliver(headOf('GET')), undelivered('NetworkError', /networksAllowed; nothing was delivered/))
  t.equal(seen.length, count)
})
