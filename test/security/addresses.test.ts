/** Security rows 20 and 21: where a gateway connects to is what its operator and the registry say, never what a URL hides or a certificate asks for. */

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import t from 'tap'
import { parseRequestHead } from '../../gateway/protocol/head-parser.ts'
import { openServices } from '../../gateway/transport/services.ts'
import { openSpool } from '../../gateway/transport/spool.ts'
import { openRevocationSources } from '../../gateway/trust/revocation-sources.ts'
import type { TlsIdentity } from './attacker.ts'
import { makeHead, makeMessage, sealOf, sendMessage } from './attacker.ts'
import { issueWithAddresses, PADERBORN, registered } from './certificates.ts'
import type { Rig } from './rig.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

interface Canary {
  readonly port: number
  connections: number
}

/** Somebody who must not be called. */
async function openCanary(t: Test): Promise<Canary> {
  const canary = { port: 0, connections: 0 }
  const server: Server = createServer((_request, response) => response.end('gezwitschert'))
  server.on('connection', () => canary.connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return Object.assign(canary, { port: (server.address() as AddressInfo).port })
}

/** What leads to this machine, or inside, one way or another. Security row 20. */
const SPELLINGS = [
  ...[
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '①②⑦.0.0.1',
    '127.0.0.1.',
    '0.0.0.0',
    '0',
  ],
  ...['[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[64:ff9b::7f00:1]', '[::127.0.0.1]'],
  ...['localhost', 'localhost.', 'LOCALHOST', '169.254.169.254', '[fe80::1]'],
]

let carrying: TlsIdentity
let asked: Canary

const rig: Rig = await openRig(t, {
  start: ['bielefeld'],
  limits: { revocationIntervalMs: 1000 },
  async content(content, pki) {
    asked = await openCanary(t)
    carrying = await issueWithAddresses(pki, PADERBORN, `http://127.0.0.1:${asked.port}`)
    const entry = { ...registered(carrying), use: 'client' as const }
    const gateways = content.gateways.map((gateway) =>
      gateway.id.startsWith(`${PADERBORN.id}/`) ? { ...gateway, tls: [...gateway.tls, entry] } : gateway,
    )
    return { ...content, gateways }
  },
})

t.test('a service outside the allowed networks is not called, however it is spelled', async (t) => {
  const canary = await openCanary(t)
  const spool = await openSpool({ directory: t.testdir(), spoolAboveBytes: 1000 })
  const head = parseRequestHead(makeHead(rig).octets)
  for (const host of SPELLINGS) {
    const id = 'OWL/GOV/05711000/TEST/echo'
    const outcome = await openServices({
      services: [{ id, url: `http://${host}:${canary.port}`, timeoutMs: 1000, bodyBytesMax: 1000 }],
      adapters: {},
      networksAllowed: ['10.0.0.0/8', 'fd00::/8'],
      headBytesMax: 32_768,
      connectTimeoutMs: 1000,
      progressTimeoutMs: 1000,
      spool,
    }).then(
      async (services) => {
        t.teardown(() => services.close())
        const deliver = services.at(id).prepare({ head, body: undefined, purpose: 'TEST' })
        return deliver().then(
          () => 'was called',
          ({ code }: { code?: string }) => code,
        )
      },
      () => 'does not start',
    )
    t.match(outcome, /^(?:does not start|ServiceFailed\.NetworkError)$/, host)
  }
  t.equal(canary.connections, 0)
})

t.test('what a certificate says about responders, lists and issuers is not asked', async (t) => {
  const { infoAccess = '' } = new X509Certificate(carrying.cert)
  t.match(infoAccess, `:${asked.port}`, 'it does say so')

  const answer = await sendMessage(rig, makeMessage(rig, sealOf(rig, 'paderborn')), { tls: carrying })

  t.equal(answer.signed?.head.status, 200, 'registered, and good by the responder that the registry names')
  t.equal(asked.connections, 0)
})

t.test('a responder that sends elsewhere is not followed', async (t) => {
  const canary = await openCanary(t)
  const server = createServer((_request, response) =>
    response.writeHead(307, { location: `http://127.0.0.1:${canary.port}/` }).end(),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sources = openRevocationSources({ timeoutMs: 2000 })
  t.teardown(async () => {
    await sources.close()
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

  await t.rejects(sources.askOcsp(url, Buffer.from('x')), /307/)
  await t.rejects(sources.fetchCrl(url), /307/)
  t.equal(canary.connections, 0)
})
