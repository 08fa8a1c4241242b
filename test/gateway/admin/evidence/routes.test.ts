/** Evidence at the admin port, streamed. Who is let in there is the plugin's test. */

import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import t from 'tap'
import { request as ask } from 'undici'
import { evidenceRoutes } from '../../../../gateway/admin/evidence/routes.ts'
import { createServer } from '../../../../gateway/http/server.ts'
import { makeLogger } from '../../../../gateway/logging.ts'
import type { Looked } from '../../../../gateway/message-log/record/access-event.ts'
import { openSpool } from '../../../../gateway/transport/spool.ts'
import type { EvidenceRig } from '../../evidence/evidence-rig.ts'
import { openEvidenceRig } from '../../evidence/evidence-rig.ts'
import { archiveVerified, cmsVerified, erVerified, unzipped } from '../../evidence/outside-tools.ts'
import { nextRequestId } from '../../message-log/messages.ts'
import { badRequest } from '../../server-rig.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly octets: Buffer
}

async function openPort(t: Test, rig: EvidenceRig) {
  const looks: Looked[] = []
  const log = makeLogger({ level: 'silent' })
  const app = createServer({ badRequest, logger: log })
  const { reader, sealing } = rig
  evidenceRoutes(app, {
    ...{ reader, sealing, stampIntervalMs: 10_000, now: Date.now },
    looking: async (_request, looked) => void looks.push(looked),
    refuse: (reply, status, reason) => reply.code(status).send(reason),
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const get = async (path: string, method: 'GET' | 'HEAD' = 'GET'): Promise<Answer> => {
    const { statusCode: status, headers, body } = await ask(`http://127.0.0.1:${port}${path}`, { method })
    return { status, headers, octets: Buffer.from(await body.arrayBuffer()) }
  }
  return { get, looks }
}

t.test('a record and an exchange, with a seal and without', async (t) => {
  const rig = await openEvidenceRig(t)
  const { get, looks } = await openPort(t, rig)
  const requestId = nextRequestId()
  const [{ seq }] = await rig.exchange({ requestId })
  await rig.log.stampNow()

  const plain = await get(`/log/${seq}/evidence`)
  t.equal(plain.status, 200)
  t.match(plain.headers, {
    'content-type': 'application/vnd.etsi.asic-e+zip',
    'content-length': String(plain.octets.length),
    'content-disposition': `attachment; filename="record-${seq}.asice"`,
    'owl-seal': undefined,
  })
  t.equal(await erVerified(rig.caFile, await unzipped(rig.directory, plain.octets)), 'VALID')

  const sealed = await get(`/log/${seq}/evidence?seal`)
  t.equal(sealed.headers['owl-seal'], 'long-lived')
  const folder = await unzipped(rig.directory, sealed.octets)
  t.match(await cmsVerified(rig.caFile, folder), 'CMS Verification successful')
  t.match(await archiveVerified(rig.caFile, folder), 'Verification: OK')

  const exchange = await get(`/log/exchanges/${requestId}/evidence`)
  t.match(exchange.headers, {
    'content-type': 'application/zip',
    'content-length': String(exchange.octets.length),
    'content-disposition': `attachment; filename="exchange-${requestId}.zip"`,
  })
  await unzipped(rig.directory, exchange.octets)
  const one = { part: 'evidence', seq }
  t.strictSame(looks, [one, one, { part: 'evidence', exchange: requestId }], 'each is told before it is sent')
})

t.test('refuses what there is none of, and says when to come again', async (t) => {
  const rig = await openEvidenceRig(t)
  const { get } = await openPort(t, rig)
  const requestId = nextRequestId()
  const [{ seq }] = await rig.exchange({ requestId })

  t.equal((await get(`/log/${seq + 100}/evidence`)).status, 404)
  t.equal((await get('/log/exchanges/none/evidence')).status, 404)
  for (const path of [`/log/${seq}/evidence`, `/log/exchanges/${requestId}/evidence`]) {
    const { status, headers } = await get(path)
    t.equal(status, 409)
    t.equal(headers['retry-after'], '10')
  }
  for (const path of ['/log/0/evidence', '/log/x/evidence', `/log/${seq}/evidence?seal=1`]) {
    t.ok((await get(path)).status >= 400, path)
  }
  for (const query of ['?sea', '?seal&seal', '?seal&x', '?seal=']) {
    const { status } = await get(`/log/${seq}/evidence${query}`)
    t.equal(status === 409, query === '?seal=', query)
  }
  t.not((await get(`/log/${seq}/evidence`, 'HEAD')).status, 200, 'nothing is made to be measured')
})

t.test('a body in a file streams; once erased it is left out', async (t) => {
  const rig = await openEvidenceRig(t)
  const { get } = await openPort(t, rig)
  const home = join(rig.directory, 'log')
  await mkdir(join(home, 'bodies'), { recursive: true })
  const spool = await openSpool({ directory: join(home, 'spool'), spoolAboveBytes: 1024 })
  const octets = randomBytes(8 * 1024 * 1024)
  const body = await spool.receive(Readable.from([octets]), { bytesMax: 2 ** 30, tooLarge: 'BadRequest' })
  const [{ seq }] = await rig.exchange({ body })
  await rig.log.stampNow()

  const answer = await get(`/log/${seq}/evidence`)

  t.equal(answer.status, 200)
  t.equal(await erVerified(rig.caFile, await unzipped(rig.directory, answer.octets)), 'VALID')
  const asked = { id: randomUUID(), by: 'console', reason: 'Test', records: { seq } } as const
  t.match(await rig.log.decide({ ...asked, event: 'erasure', what: 'body' }), { records: 1 })
  t.ok((await get(`/log/${seq}/evidence`)).octets.length < 100_000)
})
