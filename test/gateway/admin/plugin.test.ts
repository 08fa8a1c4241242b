import { createPrivateKey, hash, randomBytes, X509Certificate } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import { Agent, request } from 'undici'
import { openGatewaySealing } from '../../../gateway/admin/evidence/sealing.ts'
import type { Health } from '../../../gateway/admin/health/health.ts'
import { makeMetrics } from '../../../gateway/admin/health/metrics.ts'
import { adminPlugin } from '../../../gateway/admin/plugin.ts'
import { mutualTls } from '../../../gateway/http/mutual-tls.ts'
import { createServer } from '../../../gateway/http/server.ts'
import { makeLogger } from '../../../gateway/logging.ts'
import { openLogReader } from '../../../gateway/message-log/reading/reader.ts'
import { verifyLog } from '../../../gateway/message-log/verification/verify.ts'
import { subjectLookUp } from '../../../gateway/subjects.ts'
import { openSpool } from '../../../gateway/transport/spool.ts'
import { makeSigner } from '../../../gateway/trust/keys.ts'
import { openLocalCertificates } from '../../../gateway/trust/local-certificates.ts'
import { openRevocation } from '../../../gateway/trust/revocation.ts'
import { openRevocationSources } from '../../../gateway/trust/revocation-sources.ts'
import { NEVER_ASKED } from '../../../gateway/trust/revocation-status.ts'
import { makeLogRig } from '../message-log/log-rig.ts'
import { CLIENT, endRecord, requestRecord, SERVICE } from '../message-log/messages.ts'
import { badRequest } from '../server-rig.ts'
import type { Material } from '../tls-material.ts'
import { makeAuthority } from '../tls-material.ts'
import { healthyAt, LIMITS } from './healthy.ts'

const ca = await makeAuthority('region')
const [server, operator, other] = [await ca.issue('gateway'), await ca.issue('operator'), await ca.issue('other')]
/** Signed by nobody that the server knows: the fingerprint is the trust. */
const foreign = await (await makeAuthority('elsewhere')).issue('operator')
const REQUEST_ID = 'x-request-id-of-the-port'

const PARTNER = { partner: 'OWL/GOV/05774/gw1', heads: [], reconciled: null, missing: 0, contradictions: [] }

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly octets: Buffer
}

async function rig(t: Test, changes: { readonly health?: Health; readonly now?: number } = {}) {
  const logRig = await makeLogRig()
  const messageLog = await logRig.open()
  const { file, keyStore, masterKey } = logRig.options
  const reader = openLogReader({ file, keyStore, masterKey })
  let operators = [fingerprintOf(operator), fingerprintOf(foreign)]
  let lines = ''
  const log = makeLogger({ level: 'info', destination: { write: (line: string) => void (lines += line) } })
  const now = (): number => changes.now ?? Date.now()
  let verifications = 0

  const app = createServer({
    tls: { ...server, ca: ca.cert, minVersion: 'TLSv1.2', requestCert: true, rejectUnauthorized: false },
    badRequest,
    logger: log,
  })
  await app.register(mutualTls, {})
  // No configuration: nothing can be sealed.
  const signer = makeSigner(createPrivateKey(operator.key), new X509Certificate(operator.cert))
  const asked = { refreshNow: async () => {}, statusOf: () => NEVER_ASKED }
  const sealing = openGatewaySealing(signer, () => undefined, asked, now)
  const revocation = await openRevocation({
    ...{ sources: openRevocationSources(), directory: join(logRig.directory, 'revocation'), log, now },
    random: Math.random,
  })
  const kept = join(logRig.directory, 'local-certificates')
  const certificates = await openLocalCertificates({ directory: kept, revocation, now, log })
  await app.register(adminPlugin, {
    reader,
    verify: async () => {
      verifications++
      // As long as a large log takes.
      await sleep(200)
      return verifyLog(reader, { anchors: [] })
    },
    health: async () => changes.health ?? healthyAt(now()),
    readinessLimits: LIMITS,
    erasing: messageLog,
    archiving: messageLog,
    subjects: subjectLookUp({ masterKey }, messageLog, `${logRig.options.gateway}/n1`),
    partners: () => [PARTNER],
    sealing,
    stampIntervalMs: 60_000,
    metrics: makeMetrics({ processMetrics: false }),
    configuration: () => ({ configurationVersion: 7, services: [SERVICE], clients: [CLIENT] }),
    operators: () => operators,
    certificates,
    host: 'configured.example',
    requestId: () => REQUEST_ID,
    now,
    log,
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const agents: Agent[] = []
  t.teardown(async () => {
    for (const agent of agents) await agent.destroy()
    await app.close()
    await sealing.close()
    await certificates.close()
    await revocation.close()
    reader.close()
    await logRig.close()
  })

  function as(who: Material | undefined) {
    const shown = who === undefined ? {} : { cert: who.cert, key: who.key }
    // undici takes the name that a certificate has to have from Host, which is foreign here at times.
    const agent = new Agent({
      connections: 1,
      connect: { ca: ca.cert, checkServerIdentity: () => undefined, ...shown },
    })
    agents.push(agent)
    return async (
      path: string,
      method: 'GET' | 'HEAD' | 'POST' | 'DELETE' = 'GET',
      body?: string,
      type?: string,
      more: Readonly<Record<string, string>> = {},
    ): Promise<Answer> => {
      const headers = type === undefined ? more : { ...more, 'content-type': type }
      const answer = await request(`https://127.0.0.1:${port}${path}`, { dispatcher: agent, method, body, headers })
      return {
        status: answer.statusCode,
        headers: answer.headers,
        octets: Buffer.from(await answer.body.arrayBuffer()),
      }
    }
  }
  return {
    app,
    get: as(operator),
    as,
    messageLog,
    directory: logRig.directory,
    setOperators: (list: string[]) => {
      operators = list
    },
    lines: () =>
      lines
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    verifications: () => verifications,
  }
}

type Rig = Awaited<ReturnType<typeof rig>>

/** Two exchanges: one answered, one refused. */
async function fill({ messageLog }: Rig) {
  const answered = requestRecord()
  const reply = endRecord(answered, await messageLog.append(answered))
  await messageLog.append(reply)
  const asked = requestRecord({ client: 'OWL/GOV/05774020/PORTAL', purpose: 'refusal' })
  const refusal = endRecord(asked, await messageLog.append(asked), { outcome: 'refusal' })
  await messageLog.append(refusal)
  return { answered, reply, refusal }
}

function fingerprintOf({ cert }: Material): string {
  return new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()
}

function json<T = Record<string, unknown>>({ octets }: Answer): T {
  return JSON.parse(octets.toString()) as T
}

interface Listed {
  readonly records: readonly { readonly seq: number; readonly outcome: string }[]
  readonly next: number | null
}

const OPEN = ['/livez', '/readyz', '/metrics']
const CLOSED = [
  ...['/health', '/configuration', '/log', '/log/1', '/log/1/head', '/log/1/body', '/log/1/signature'],
  ...[
    '/log/1/record',
    '/log/1/evidence',
    '/log/verify',
    '/log/exchanges/x',
    '/log/exchanges/x/evidence',
    '/',
    '/nothing',
    '/log/',
    '/livez/x',
    '/%6cog',
  ],
]

t.test('an operator gets in, whoever signed the certificate', async (t) => {
  const port = await rig(t)

  for (const who of [operator, foreign]) {
    const get = port.as(who)
    for (const path of [...OPEN, '/health', '/configuration', '/log', '/log/verify']) {
      t.equal((await get(path)).status, 200, path)
    }
  }
  t.same(json(await port.get('/configuration')), { configurationVersion: 7, services: [SERVICE], clients: [CLIENT] })
})

t.test('nobody else gets in, and nobody else learns what there is', async (t) => {
  const port = await rig(t)
  await fill(port)

  for (const who of [undefined, other]) {
    const get = port.as(who)
    for (const path of CLOSED) {
      const { status, headers, octets } = await get(path)
      t.equal(status, 403, path)
      t.equal(octets.length, 0, `${path} says nothing`)
      t.same(Object.keys(headers).sort(), ['connection', 'content-length', 'date'], `${path} shows nothing`)
    }
    t.equal((await get('/livez', 'POST', '{}')).status, 403)
    t.equal((await get('/log/1', 'DELETE')).status, 403)
    for (const path of OPEN) t.equal((await get(path)).status, 200, `${path} is open on loopback`)
  }
  const strangers = port.lines().filter(({ msg }) => msg === 'a stranger called the admin port')
  t.ok(strangers.some(({ certificate }) => certificate === fingerprintOf(other)))
  t.ok(strangers.some(({ certificate }) => certificate === null))
})

t.test('probes come from the machine itself, however its address is written', async (t) => {
  const { app } = await rig(t)

  for (const path of OPEN) {
    for (const [remoteAddress, status] of [
      ['127.0.0.1', 200],
      ['127.8.8.8', 200],
      ['::1', 200],
      ['::ffff:127.0.0.1', 200],
      ['192.0.2.1', 403],
      ['::ffff:192.0.2.1', 403],
      ['2001:db8::1', 403],
    ] as const) {
      t.equal(
        (await app.inject({ url: path, remoteAddress, headers: { host: '127.0.0.1' } })).statusCode,
        status,
        `${path} from ${remoteAddress}`,
      )
    }
  }
  t.equal(
    (await app.inject({ url: '/log', remoteAddress: '127.0.0.1', headers: { host: 'configured.example' } })).statusCode,
    403,
  )
})

t.test('an operator who is taken off the list is out at the next request', async (t) => {
  const port = await rig(t)
  t.equal((await port.get('/log')).status, 200)

  port.setOperators([fingerprintOf(other)])

  t.equal((await port.get('/log')).status, 403)
  t.equal((await port.as(other)('/log')).status, 200)
})

t.test('a certificate whose time is over opens nothing', async (t) => {
  const port = await rig(t, { now: Date.now() + 48 * 3600_000 })

  t.equal((await port.get('/log')).status, 403)
  t.equal((await port.get('/livez')).status, 200)
})

t.test('readiness is a status, its reasons are in the body', async (t) => {
  const ready = await rig(t)
  const sick = await rig(t, { health: { ...healthyAt(Date.now()), seal: 'revoked' } })

  t.match(json(await ready.as(undefined)('/readyz')), { ready: true, checks: { seal: { state: 'ok' } } })
  const answer = await sick.as(undefined)('/readyz')
  t.equal(answer.status, 503)
  t.match(json(answer), { ready: false, checks: { seal: { state: 'fail' }, registry: { state: 'ok' } } })
  t.equal((await sick.as(undefined)('/livez')).status, 200, 'alive all the same')
})

t.test('health and metrics say the same', async (t) => {
  const port = await rig(t, { health: healthyAt(Date.now()) })

  const health = json<{ unstampedSince: string; log: { unstamped: number } }>(await port.get('/health'))
  const metrics = await port.get('/metrics')

  t.match(metrics.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(metrics.octets.toString(), new RegExp(`^owl_log_unstamped ${health.log.unstamped}$`, 'm'))
  t.match(
    metrics.octets.toString(),
    new RegExp(`^owl_log_unstamped_since_timestamp_seconds ${Date.parse(health.unstampedSince) / 1000}$`, 'm'),
  )
})

t.test('lists newest first, page by page, filtered', async (t) => {
  const port = await rig(t)
  const { answered } = await fill(port)
  const list = async (query: string): Promise<Listed> => json<Listed>(await port.get(`/log${query}`))
  const seqs = ({ records }: Listed): number[] => records.map(({ seq }) => seq)

  t.same(seqs(await list('')), [4, 3, 2, 1])
  const first = await list('?limit=3')
  t.same([seqs(first), first.next], [[4, 3, 2], 2])
  const second = await list(`?limit=3&after=${first.next}`)
  t.same([seqs(second), second.next], [[1], null])
  t.same(seqs(await list('?outcome=refusal')), [4])
  t.same(seqs(await list(`?client=${encodeURIComponent(CLIENT)}`)), [2, 1])
  t.same(seqs(await list(`?client=${CLIENT}&outcome=reply`)), [2])
  t.same(seqs(await list(`?service=${SERVICE}`)), [4, 3, 2, 1])
  t.same(seqs(await list('?purpose=UMZUG')), [2, 1])
  t.same(seqs(await list(`?requestId=${answered.requestId}`)), [2, 1])
  t.same(seqs(await list('?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z')), [])
  const exchange = await port.get(`/log/exchanges/${answered.requestId}`)
  t.match(json<Listed>(exchange).records, [
    { seq: 1, outcome: 'request', client: CLIENT, service: SERVICE, method: 'POST', stamped: false },
    { seq: 2, outcome: 'reply' },
  ])
  t.same(json(await port.get('/log/exchanges/nobody-knows-it')), { records: [] })
  t.match(json(await port.get('/log/2')), { seq: 2, requestId: answered.requestId, outcome: 'reply' })
})

t.test('gives the octets as they were hashed, for a browser to save and not to show', async (t) => {
  const port = await rig(t)
  const { answered, reply } = await fill(port)

  const parts = { head: reply.head, body: reply.body?.bytes }
  for (const [part, octets] of Object.entries(parts)) {
    const answer = await port.get(`/log/2/${part}`)
    t.equal(answer.status, 200)
    t.ok(octets !== undefined && answer.octets.equals(octets), `${part} is exact`)
    t.match(answer.headers, {
      'content-type': 'application/octet-stream',
      'content-disposition': /^attachment; filename="2-message-/,
      'x-content-type-options': 'nosniff',
      'content-security-policy': /default-src 'none'/,
      'cache-control': 'no-store',
    })
  }
  const record = await port.get('/log/1/record')
  const objects = json<{ objects: { name: string; sha256: string }[] }>(record).objects
  const digestOf = (name: string): string | undefined => objects.find((object) => object.name === name)?.sha256
  t.equal(digestOf('message-head.txt'), hash('sha256', answered.head, 'hex'))
  const signature = await port.get('/log/1/signature')
  t.equal(digestOf('signature.jades.json'), hash('sha256', signature.octets, 'hex'))
  t.equal((await port.get('/log/1/body', 'HEAD')).status, 404, 'nothing is read for a HEAD')
})

t.test('streams a large body', async (t) => {
  const port = await rig(t)
  const spool = await openSpool({ directory: join(port.directory, 'log', 'spool'), spoolAboveBytes: 1024 })
  await mkdir(join(port.directory, 'log', 'bodies'), { recursive: true })
  const octets = randomBytes(3 * 1024 * 1024 + 17)
  const body = await spool.receive(Readable.from([octets]), { bytesMax: 2 ** 30, tooLarge: 'BadRequest' })
  await port.messageLog.append(requestRecord({ body }))

  const answer = await port.get('/log/1/body')

  t.equal(answer.status, 200)
  t.ok(answer.octets.equals(octets))
})

t.test('puts on record who looked at a message, and nothing of the message', async (t) => {
  const port = await rig(t)
  const { reply } = await fill(port)
  const before = port.lines().length

  for (const part of ['head', 'body', 'signature', 'record']) await port.get(`/log/2/${part}`)
  await port.get('/log/2')
  await port.get('/log/77/body')

  const looked = port.lines().slice(before)
  const certificate = fingerprintOf(operator)
  t.match(looked, [
    { certificate, seq: 2, part: 'head', msg: 'an operator looked into messages' },
    { certificate, seq: 2, part: 'body', msg: 'an operator looked into messages' },
  ])
  t.equal(looked.length, 2)
  const text = reply.body?.bytes?.toString() ?? ''
  t.notOk(JSON.stringify(looked).includes(text.slice(10, 40)))
  const { records } = json(await port.get('/log?outcome=access')) as unknown as { records: { seq: number }[] }
  const events = await Promise.all(records.toReversed().map(({ seq }) => port.get(`/log/${seq}/body`)))
  const by = `operator:${certificate}`
  t.strictSame(events.map(json), [
    { v: 1, event: 'access', by, part: 'head', seq: 2 },
    { v: 1, event: 'access', by, part: 'body', seq: 2 },
  ])
  t.equal(
    (json(await port.get('/log?outcome=access')) as unknown as { records: unknown[] }).records.length,
    2,
    'what the log says of itself is read without a trace',
  )
})

t.test('shows nothing of a message while that cannot be put on record', async (t) => {
  const port = await rig(t)
  const { reply } = await fill(port)
  await port.messageLog.close()

  for (const path of ['/log/2/body', '/log/2/head']) {
    const answer = await port.get(path)
    t.equal(answer.status, 500)
    t.match(json(answer), { type: 'Server.ClientProxy.LoggingFailed' })
    t.notOk(answer.octets.includes(String(reply.body?.bytes).slice(0, 20)))
  }
  t.equal((await port.get('/log/2')).status, 200, 'who talked to whom is')
})

t.test('verifies, once for all who ask', async (t) => {
  const port = await rig(t)
  await fill(port)

  const askers = [port.as(operator), port.as(operator), port.as(operator)]
  await Promise.all(askers.map((get) => get('/livez')))
  const verdicts = await Promise.all(askers.map((get) => get('/log/verify')))

  for (const verdict of verdicts) t.match(json(verdict), { ok: true, records: 4, damage: null })
  t.equal(port.verifications(), 1)
  const asked = port.verifications()
  await port.get('/log/verify')
  t.equal(port.verifications(), asked + 1, 'a later question is a new one')
})

t.test('shows what is known of the logs of partners', async (t) => {
  const { get, as } = await rig(t)

  t.strictSame(json(await get('/log/partners')), { partners: [PARTNER] })
  t.equal((await as(other)('/log/partners')).status, 403)
})

t.test('erases, holds and releases in the name of the operator', async (t) => {
  const port = await rig(t)
  const { answered } = await fill(port)
  const certificate = fingerprintOf(operator)
  const by = `operator:${certificate}`
  const post = (path: string, body: object) => port.get(path, 'POST', JSON.stringify(body), 'application/json')

  const held = await post('/log/holds', { exchange: answered.requestId, reason: 'Klage' })
  t.match([held.status, json(held)], [200, { records: 2 }])
  t.match(json(await port.get('/log/holds')), { holds: [{ seq: 1, by, reason: 'Klage' }, { seq: 2 }] })
  const refused = await post('/log/erasures', { seq: 1, what: 'body', reason: 'x' })
  t.match([refused.status, json(refused)], [409, { type: 'Client.BadRequest', message: /record 1: it is held/ }])
  t.match(json(await post('/log/releases', { seq: 1, reason: 'Urteil' })), { records: 1 })
  const erased = await post('/log/erasures', { seq: 1, what: 'body', reason: 'Widerruf' })
  t.match([erased.status, json(erased)], [200, { records: 1 }])
  t.match(json(await port.get('/log/1')), { erased: 'body', erasure: { by, reason: 'Widerruf' } })
  t.equal((await port.get('/log/1/body')).status, 404)
  t.equal((await port.get('/log/2/body')).status, 200)
  t.match(json(await port.get('/log?outcome=erasure')), { records: [{ outcome: 'erasure' }] })
  t.equal((await post('/log/erasures', { seq: 99, what: 'body', reason: 'x' })).status, 404)
  t.match(json(await post('/log/erasures', { due: true })), { bodies: 0, records: 0 })
  const told = port.lines().filter(({ msg }) => msg === 'an operator decided about erasing')
  t.match(told, [
    { certificate, event: 'hold', records: 2 },
    { certificate, event: 'release' },
    { certificate, event: 'erasure' },
  ])
})

t.test('takes no order about erasing that it does not understand, nor from a stranger', async (t) => {
  const port = await rig(t)
  await fill(port)
  const order = JSON.stringify({ seq: 1, what: 'body', reason: 'x' })

  for (const body of [
    ...['', '{', '[]', 'null', '"canary"', '{"__proto__":{},"seq":1}', '{}', '{"due":false}', '{"due":true,"seq":1}'],
    ...['{"seq":1,"what":"body"}', '{"seq":1,"what":"canary","reason":"x"}', '{"seq":0,"what":"body","reason":"x"}'],
    ...['{"seq":1,"exchange":"a","what":"body","reason":"x"}', '{"exchange":"a/b","what":"body","reason":"x"}'],
    ...['{"seq":1,"what":"body","reason":"x","canary":1}', '{"seq":1,"what":"body","reason":"a\\u0007"}'],
    `{"seq":1,"what":"body","reason":"${'x'.repeat(501)}"}`,
    `{"seq":1,"what":"body","reason":"${'x'.repeat(5000)}"}`,
  ]) {
    const answer = await port.get('/log/erasures', 'POST', body, 'application/json')
    t.equal(answer.status, 400, body.slice(0, 60))
    t.notMatch(answer.octets.toString(), /canary/)
  }
  for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded']) {
    t.equal((await port.get('/log/erasures', 'POST', order, type)).status, 400, `${type}`)
  }
  t.equal((await port.get('/log', 'POST', order, 'application/json')).status, 400, 'elsewhere no body is read')
  for (const who of [undefined, other]) {
    for (const path of ['/log/erasures', '/log/holds', '/log/releases', '/log/archives']) {
      t.equal((await port.as(who)(path, 'POST', order, 'application/json')).status, 403)
    }
  }
  t.equal(json<Record<string, unknown>>(await port.get('/log/1'))['erased'], undefined)
})

t.test('no page of another site acts in the name of an operator', async (t) => {
  const port = await rig(t)
  await fill(port)
  const order = JSON.stringify({ seq: 1, what: 'body', reason: 'x' })
  for (const site of ['cross-site', 'same-site', 'anything']) {
    const by = { 'sec-fetch-site': site }
    t.equal((await port.get('/log/erasures', 'POST', order, 'application/json', by)).status, 403, site)
    t.equal((await port.get('/log/1/body', 'GET', undefined, undefined, by)).status, 403, site)
    t.equal((await port.get('/livez', 'GET', undefined, undefined, by)).status, 403, site)
  }
  for (const site of ['none', 'same-origin']) {
    t.equal((await port.get('/log/1', 'GET', undefined, undefined, { 'sec-fetch-site': site })).status, 200, site)
  }
  t.equal(json<Record<string, unknown>>(await port.get('/log/1'))['erased'], undefined)
  t.equal(port.lines().filter(({ msg }) => msg === 'a page of another site called the admin port').length, 9)
})

t.test('answers by its own names alone: a name that was made to point here is none', async (t) => {
  const port = await rig(t)
  const stranger = port.as(undefined)
  const asked = async (host: string, path: string, who = port.get) =>
    (await who(path, 'GET', undefined, undefined, { host })).status
  const own = ['localhost', 'LOCALHOST:7140', 'localhost.', '127.0.0.1', '127.0.0.1:1', 'configured.example:443']
  for (const host of own) t.equal(await asked(host, '/log'), 200, host)
  const foreign = [
    'rebound.example',
    'localhost.rebound.example',
    'xlocalhost',
    '127.0.0.1.rebound.example',
    '192.0.2.7',
  ]
  for (const host of [...foreign, '[::1]', '[2001:db8::7]:7140', 'configured.example.org']) {
    const { status, octets, headers } = await port.get('/log/1/body', 'GET', undefined, undefined, { host })
    t.same([status, octets.length, headers['connection']], [421, 0, 'close'], host)
  }
  for (const path of OPEN) {
    t.equal(await asked('192.0.2.7:7140', path, stranger), 200, `${path} by an address that is forwarded`)
    t.equal(await asked('rebound.example', path, stranger), 421, `${path} by a foreign name`)
  }
  t.equal(await asked('192.0.2.7', '/log', stranger), 421)
})

t.test('what a page sends has to come from a page of its own', async (t) => {
  const port = await rig(t)
  await fill(port)
  const host = 'localhost:7140'
  const order = JSON.stringify({ seq: 1, what: 'body', reason: 'x' })
  const foreign = [
    'https://rebound.example',
    'null',
    'http://localhost:7140',
    'https://localhost',
    'https://localhost:7141',
  ]
  for (const origin of [...foreign, 'https://localhost:7140.rebound.example', 'nonsense', 'https://127.0.0.1:7140']) {
    const sent = await port.get('/log/erasures', 'POST', order, 'application/json', { host, origin })
    t.same([sent.status, sent.octets.length], [403, 0], origin)
  }
  t.equal(json<Record<string, unknown>>(await port.get('/log/1'))['erased'], undefined, 'nothing was erased')
  for (const origin of ['https://localhost:7140', 'HTTPS://LOCALHOST:7140']) {
    t.equal((await port.get('/log/1', 'GET', undefined, undefined, { host, origin })).status, 200, origin)
  }
})

t.test('refuses what it does not understand, in the shape of every fault', async (t) => {
  const port = await rig(t)
  await fill(port)
  const cases: [string, number][] = [
    ['/log?limit=0', 400],
    ['/log?limit=1001', 400],
    ['/log?limit=1&limit=2', 400],
    ['/log?limit=%31%30x', 400],
    ['/log?canary=1', 400],
    ['/log?client=canary', 400],
    ['/log?outcome=', 400],
    ['/log/abc', 400],
    ['/log/0', 400],
    ['/log/1.0', 400],
    ['/log/%31', 400],
    ['/log/exchanges/a%2Fb', 400],
    ['/log/99', 404],
    ['/log/99/body', 404],
    ['/log/1/bodies', 404],
    ['/nothing', 404],
  ]

  for (const [path, status] of cases) {
    const answer = await port.get(path)
    t.equal(answer.status, status, path)
    const fault = json<{ message: string }>(answer)
    t.match(fault, { type: 'Client.BadRequest', detail: REQUEST_ID, stage: 'received', side: 'consumer-system' })
    t.notMatch(fault.message, /canary/)
  }
  t.equal((await port.get('/log', 'POST', 'x')).status, 400)
  t.equal((await port.get('/log', 'DELETE')).status, 404)
})
