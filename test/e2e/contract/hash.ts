/** The hash that ties a reply to its request, computed as anybody would who knows what was sent: contract §2.3. */

import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import type { Call, Exchange, Rig } from '../rig.ts'
import { WEST } from '../rig-region.ts'
import type { Header } from '../wire.ts'
import { isFault } from './fault.ts'

/** What the gateways take out of a request, and what they add to what a service sees. */
const NOT_SIGNED = new Set([
  ...['host', 'connection', 'content-length', 'transfer-encoding', 'expect', 'user-agent', 'te', 'owl-purpose'],
  ...['x-road-request-id', 'x-road-request-hash'],
])

const sha512 = (octets: string | Uint8Array): Buffer =>
  createHash('sha512')
    .update(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets)
    .digest()

/** @param headers as sent or as seen by the service */
function hashOf(exchange: Exchange, headers: readonly Header[], body: Uint8Array | undefined): string {
  const { request, response } = exchange
  const signed = headers.filter(([name]) => !NOT_SIGNED.has(name.toLowerCase()))
  const given = signed.filter(([name, value]) => !(name === 'x-road-id' && value.startsWith('OWL-')))
  const h = [
    `${request.method ?? 'GET'}\r\n${request.target}\r\n`,
    ...given.map(([name, value]) => `${name}:${value}\r\n`),
  ]
  h.push(`x-road-request-id:${response.header('x-road-request-id')}\r\n`)
  if (given.length < signed.length) h.push(`x-road-id:${response.header('x-road-id')}\r\n`)
  const head = sha512(h.join(''))
  return (body === undefined ? head : sha512(Buffer.concat([head, sha512(body)]))).toString('base64')
}

/** By whom: the local system knows what it sent and learns the ids from the reply, the service what it saw. */
async function isHashed(t: Test, rig: Rig, call: Call, body: Uint8Array | undefined, about: string): Promise<void> {
  const exchange = await rig.exchange(call, { body: 'answer' })
  const { response, seen, request } = exchange
  const sent = [...(request.headers ?? [])]
  if (!sent.some(([name]) => name.toLowerCase() === 'x-road-id')) {
    sent.push(['x-road-id', response.header('x-road-id') ?? ''])
  }

  t.equal(response.header('x-road-request-hash'), hashOf(exchange, sent, body), `${about}, by what was sent`)
  t.equal(
    response.header('x-road-request-hash'),
    hashOf(exchange, seen?.headers ?? [], body),
    `${about}, by what was seen`,
  )
}

export async function hash(t: Test, rig: Rig): Promise<void> {
  const headers: Header[] = [
    ['Content-Type', 'application/json'],
    ['X-Road-Id', 'fa2e18a5-c2cb-4d09-b994-f57727f7c3fb'],
    ['x-b', ' \xfc '.trim()],
    ['User-Agent', 'left out'],
    ['X-a', 'a:b'],
    ['X-Road-Request-Hash', 'left out'],
    ['X-a', ''],
  ]

  t.test('26 without a body it is of the head', async (t) => {
    for (const method of ['GET', 'DELETE', 'HEAD', 'POST', 'OPTIONS']) {
      await isHashed(t, rig, { method, path: '/v1/x%20y?quu=1&a=%C3%A4' }, undefined, method)
    }
    await isHashed(t, rig, { headers, path: '' }, undefined, 'with headers')
    await isHashed(t, rig, { method: 'POST', body: '' }, undefined, 'a body of no octets')
    await isHashed(t, rig, { service: `${WEST}/DIENSTE/BAR%2fSERVICE` }, undefined, 'the target as it was sent')
  })

  t.test('27 with a body it is of both', async (t) => {
    const body = Buffer.from('{"data": 1.0, "service": "random"}')
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET']) {
      await isHashed(t, rig, { method, headers, body }, body, method)
    }
    await isHashed(t, rig, { method: 'POST', body, framing: 'chunked' }, body, 'chunked')
    const large = Buffer.alloc(3 * 1024 * 1024, 'spooled')
    await isHashed(t, rig, { method: 'POST', headers, body: large }, large, 'spooled to disk')
  })

  t.test('a purpose takes no part in it', async (t) => {
    await isHashed(
      t,
      rig,
      { service: `${WEST}/DIENSTE/two`, headers: [['OWL-Purpose', 'ZWECK_B']] },
      undefined,
      'named',
    )
    await isHashed(t, rig, { service: `${WEST}/DIENSTE/one` }, undefined, 'by agreement')
  })

  t.test('no two requests have the same', async (t) => {
    const hashes = new Set<string | undefined>()
    for (let i = 0; i < 3; i++) hashes.add((await rig.exchange({})).response.header('x-road-request-hash'))

    t.equal(hashes.size, 3)
  })

  t.test('a fault has none: the body of what was refused may never have been read', async (t) => {
    const { response } = await rig.exchange({
      service: `${WEST}/DIENSTE/forbidden`,
      method: 'POST',
      body: 'never read',
    })

    isFault(t, response, 'Server.ServerProxy.AccessDenied')
    t.equal(response.header('x-road-request-hash'), undefined)
  })
}
