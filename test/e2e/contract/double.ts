/** A provider's gateway that is not ours: what its replies may and may not say. Contract §2.3, §2.5, §4.1 rows 15 to 18. */

import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { messageDigest, requestHash } from '../../../gateway/protocol/digests.ts'
import type { ReplyIds, RequestHead } from '../../../gateway/protocol/head.ts'
import { formatReplyHead } from '../../../gateway/protocol/head.ts'
import { parseRequestHead } from '../../../gateway/protocol/head-parser.ts'
import { seal } from '../../../gateway/protocol/sealing.ts'
import { packFrame } from '../../../gateway/transport/frame.ts'
import { bodyOf } from '../../../gateway/transport/spool.ts'
import { loadSigner } from '../../../gateway/trust/keys.ts'
import type { Rig } from '../rig.ts'
import { pemOf } from '../rig.ts'
import { DOPPEL } from '../rig-region.ts'
import { isFault } from './fault.ts'

const SERVICE = `${DOPPEL}/TEST/echo`
const CANARY = 'canary4711'

/** Where a reply departs from an honest one. */
interface Lie {
  readonly ids?: Partial<ReplyIds>
  /** A refusal of this type, in these words. */
  readonly error?: string
  /** The same unsigned, or whatever else: status and body of the HTTP answer. */
  readonly unsigned?: { readonly status: number; readonly body: string }
  /** No answer: the connection is cut. */
  readonly cut?: true
}

interface Double {
  lie: Lie
}

/** Takes the place of DOPPEL's gateway, with its keys and on its port. */
async function openDouble(t: Test, rig: Rig): Promise<Double> {
  const { federation } = rig
  const { pid, provider } = federation.gateways.find(({ member }) => member === DOPPEL) ?? {}
  process.kill(pid ?? 0, 'SIGKILL')
  const home = join(federation.trust.directory, 'members/doppel')
  const signer = await loadSigner({ key: join(home, 'seal.key'), certificate: join(home, 'seal.pem') }, () => {})
  const tls = await pemOf(federation, 'members/doppel/gw1/peer-server')
  const double: Double = { lie: {} }

  function replyTo(request: RequestHead, asked: Buffer) {
    const { ids, error } = double.lie
    const fault = { type: error, message: 'Nein', detail: request.requestId }
    const body = bodyOf(Buffer.from(error === undefined ? CANARY : JSON.stringify(fault)))
    const requestBody = asked.length === 0 ? undefined : bodyOf(asked)
    const issuedAt = Date.now()
    const head = formatReplyHead({
      status: error === undefined ? 200 : 500,
      reason: '',
      headers: [],
      ids: {
        xRoadId: request.xRoadId,
        client: request.call.client,
        service: request.call.service,
        requestId: request.requestId,
        requestHash: requestHash(request.hx, error === undefined ? requestBody : undefined),
        ...ids,
      },
      ...(error !== undefined && { error }),
      block: {
        kind: error === undefined ? 'reply' : 'refusal',
        sender: `${DOPPEL}/gw1`,
        audience: request.block.sender,
        issuedAt: new Date(issuedAt).toISOString(),
        config: request.block.config,
        requestDigest: messageDigest(request.sha256, requestBody?.sha256),
        receipt: `${DOPPEL}/gw1/n1/1;${'A'.repeat(43)}`,
        logHead: 'none',
        ...(error !== undefined && { stage: 'verified' }),
      },
    })
    const { octets } = packFrame(head.octets, body)
    return { octets: octets as Buffer, signature: seal(signer, head, body.sha256, Math.floor(issuedAt / 1000)) }
  }

  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, async (request, response) => {
    const frame = await buffer(request)
    const headEnd = 4 + frame.readUInt32BE(0)
    if (double.lie.cut) request.socket.destroy()
    else if (double.lie.unsigned !== undefined) {
      response.writeHead(double.lie.unsigned.status, { 'content-type': 'application/json' })
      response.end(double.lie.unsigned.body)
    } else {
      const { octets, signature } = replyTo(parseRequestHead(frame.subarray(4, headEnd)), frame.subarray(headEnd))
      response.setHeader('content-length', octets.length)
      response.writeHead(200, { 'content-type': 'application/owl-message', 'owl-signature': signature })
      response.end(octets)
    }
  })
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  for (;;) {
    server.listen(Number(new URL(provider ?? '').port), '127.0.0.1')
    const failed = await Promise.race([
      once(server, 'listening').then(() => false),
      once(server, 'error').then(() => true),
    ]).catch(() => true)
    if (!failed) break
    await sleep(20)
  }
  t.ok((server.address() as AddressInfo).port)
  return double
}

export async function double(t: Test, rig: Rig): Promise<void> {
  t.test('31 32 what a reply says of its request is checked, and what it brings is withheld', async (t) => {
    const double = await openDouble(t, rig)
    const post = { service: SERVICE, method: 'POST', body: 'x' }

    const honest = await rig.exchange(post)
    t.same([honest.response.status, honest.response.body.toString()], [200, CANARY])

    for (const ids of [
      { requestHash: honest.response.header('x-road-request-hash') ?? '' },
      { requestHash: 'QUFB' },
      { client: `${DOPPEL}/TEST` },
      { service: `${DOPPEL}/TEST/ech` },
      { service: SERVICE.replace('echo', '%65cho') },
      { xRoadId: honest.response.header('x-road-id') ?? '' },
      { requestId: honest.response.header('x-road-request-id') ?? '' },
    ]) {
      double.lie = { ids }
      const { response } = await rig.exchange(post)

      isFault(t, response, 'Server.ClientProxy.InconsistentResponse', JSON.stringify(ids))
      t.notMatch(response.body.toString() + response.headers.join(), CANARY)
      const records = await rig.ost.records(response.header('x-road-request-id') ?? '')
      t.same(
        records.map(({ outcome }) => outcome),
        ['request', 'failure'],
      )
    }

    for (const type of [
      'Server.ServerProxy.AccessDenied',
      'server.serverproxy.access_denied',
      'Server.ServerProxy.ServiceFailed.NetworkError',
      'server.server_proxy.service_failed.network_error',
    ]) {
      const documented = /denied/i.test(type) ? 'AccessDenied' : 'ServiceFailed.NetworkError'
      double.lie = { error: type }
      isFault(t, (await rig.exchange(post)).response, `Server.ServerProxy.${documented}`, `signed ${type}:`)
      double.lie = { unsigned: { status: 500, body: JSON.stringify({ type, message: 'Nein', detail: 'x' }) } }
      isFault(t, (await rig.exchange(post)).response, `Server.ServerProxy.${documented}`, `unsigned ${type}:`)
    }

    for (const unsigned of [
      { status: 403, body: '' },
      { status: 502, body: '<html>' },
      { status: 200, body: CANARY },
    ]) {
      double.lie = { unsigned }
      const { response } = await rig.exchange(post)
      isFault(t, response, 'Server.ClientProxy.InvalidMessage', `${unsigned.status}`)
      t.notMatch(response.body.toString(), CANARY)
    }
    double.lie = { cut: true }
    t.equal(isFault(t, (await rig.exchange(post)).response, 'Server.ClientProxy.OutcomeUnknown').side, 'network')
  })

  t.test('a gateway that is not there has got nothing', async (t) => {
    const { response } = await rig.exchange({ service: SERVICE })

    const fault = isFault(t, response, 'Server.ClientProxy.NetworkError')
    t.match(fault, { side: 'network', retryable: true })
  })
}
