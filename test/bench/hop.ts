/**
 * One hop of the baselines, Fastify in front and undici behind, as lean as such a hop can be: it moves head and body.
 *
 * With `--sign` it is the floor: the consumer's hop signs the request and verifies the reply, the provider's hop
 * verifies the request and signs the reply, ES256 over head and body (RFC 7518 §3.4), nothing else.
 */

import type { KeyObject } from 'node:crypto'
import { createPrivateKey, sign, verify, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { fastify } from 'fastify'
import type { Dispatcher } from 'undici'
import { Pool } from 'undici'

const { values } = parseArgs({
  options: {
    side: { type: 'string' },
    to: { type: 'string' },
    /** Folder of a development PKI, and of this member and its partner in it. */
    pki: { type: 'string' },
    own: { type: 'string' },
    partner: { type: 'string' },
    sign: { type: 'boolean', default: false },
  },
})
const { side, to = '', pki = '', own = '', partner = '' } = values
const isConsumer = side === 'consumer'

const file = (path: string): Buffer => readFileSync(`${pki}/${path}`)
const pool = new Pool(to, {
  connections: 64,
  pipelining: 1,
  keepAliveTimeout: 600_000,
  connect: isConsumer
    ? {
        ca: file('ca.pem'),
        key: file(`members/${own}/gw1/peer-client.key`),
        cert: file(`members/${own}/gw1/peer-client.pem`),
        minVersion: 'TLSv1.3',
      }
    : {},
})
const sealing = values.sign
  ? {
      key: createPrivateKey(file(`members/${own}/seal.key`)),
      partnerKey: new X509Certificate(file(`members/${partner}/seal.pem`)).publicKey,
    }
  : undefined

const app = serverOf()
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.all('/*', async (request, reply) => {
  const { method, url, rawHeaders } = request.raw as { method: string; url: string; rawHeaders: string[] }
  const body = request.body as Buffer
  const asked = endToEnd(rawHeaders)
  if (sealing !== undefined) {
    const head = headOctets(`${method}\r\n${url}\r\n`, asked.headers)
    if (isConsumer) asked.headers.push('signature', signatureOf(sealing.key, head, body))
    else if (!holds(sealing.partnerKey, asked.signature, head, body)) return reply.code(400).send()
  }
  const answer = await pool.request({
    method: method as Dispatcher.HttpMethod,
    path: url,
    headers: asked.headers,
    body,
    responseHeaders: 'raw',
  })
  const octets = Buffer.from(await answer.body.arrayBuffer())
  const answered = endToEnd(answer.headers as unknown as string[])
  if (sealing !== undefined) {
    const head = headOctets(`${answer.statusCode}\r\n`, answered.headers)
    if (!isConsumer) answered.headers.push('signature', signatureOf(sealing.key, head, octets))
    else if (!holds(sealing.partnerKey, answered.signature, head, octets)) return reply.code(500).send()
  }
  reply.code(answer.statusCode)
  const { headers } = answered
  for (let i = 0; i + 1 < headers.length; i += 2) reply.header(headers[i] as string, headers[i + 1])
  return reply.send(octets)
})
await app.listen({ host: '127.0.0.1', port: 0 })
const { port } = app.server.address() as AddressInfo
process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`)
// The bench holds the other end: when it goes, so do we.
process.stdin.on('end', () => process.exit(0)).resume()

function serverOf(): FastifyInstance {
  if (isConsumer) return fastify({ keepAliveTimeout: 600_000 })
  return fastify({
    keepAliveTimeout: 600_000,
    https: {
      key: file(`members/${own}/gw1/peer-server.key`),
      cert: file(`members/${own}/gw1/peer-server.chain.pem`),
      ca: file('ca.pem'),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    },
  }) as unknown as FastifyInstance
}

interface EndToEnd {
  /** Name, value, name, value … */
  readonly headers: string[]
  readonly signature: string | undefined
}

/** What a proxy passes on (RFC 9110 §7.6.1), the signature taken out. */
function endToEnd(raw: readonly string[]): EndToEnd {
  const headers: string[] = []
  let signature: string | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    if (name === 'signature') signature = raw[i + 1]
    else if (!HOP_BY_HOP.has(name)) headers.push(raw[i] as string, raw[i + 1] as string)
  }
  return { headers, signature }
}

const HOP_BY_HOP = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date'])

function headOctets(start: string, headers: readonly string[]): Buffer {
  let text = start
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}:${headers[i + 1]}\r\n`
  return Buffer.from(text, 'latin1')
}

/** DER, as OpenSSL makes it: converting it or asking for `ieee-p1363` would cost what a floor must not. */
function signatureOf(key: KeyObject, head: Buffer, body: Buffer): string {
  return sign('sha256', Buffer.concat([head, body]), key).toString('base64')
}

function holds(key: KeyObject, signature: string | undefined, head: Buffer, body: Buffer): boolean {
  if (signature === undefined) return false
  return verify('sha256', Buffer.concat([head, body]), key, Buffer.from(signature, 'base64'))
}
