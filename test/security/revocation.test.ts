/** Security rows 2, 4 and 5: a revoked certificate is refused within its interval, on open connections too. */

import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import t from 'tap'
import { Agent, request } from 'undici'
import { certify, EXTENSIONS, privateKeyPem } from '../gateway/trust/pki.ts'
import { makeMessage, readPair, sealOf, sendMessage, tlsOf } from './attacker.ts'
import { registered } from './certificates.ts'
import { callLocally } from './local-call.ts'
import { answerOf, openLyingGateway, sealReply } from './lying-gateway.ts'
import { outline } from './records.ts'
import type { Slug } from './region.ts'
import type { Rig } from './rig.ts'
import { openRig } from './rig.ts'
import { until } from './waiting.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const INTERVAL_MS = 1000
/** One interval and a tenth, the question itself, and a machine that has other things to do. */
const WITHIN_MS = 5 * INTERVAL_MS
const limits = { revocationIntervalMs: INTERVAL_MS, revocationAgeMsMax: 3000 }
const SERVER = 'Server.ServerProxy.'
const OWN = 'Server.ClientProxy.'

interface Basis {
  readonly revocation: readonly {
    readonly cert: string
    readonly status: string
    readonly source: string
    readonly sha256: string
    readonly thisUpdate: string
  }[]
}

async function order(rig: Rig, path: 'revoke' | 'behaviour', body: object): Promise<void> {
  const answer = await request(`${rig.trust().url}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  await answer.body.dump()
  if (answer.statusCode !== 200) throw new Error(`the trust service answers ${answer.statusCode}`)
}

function revoke(rig: Rig, slug: Slug, certificate: string): Promise<void> {
  return order(rig, 'revoke', { cert: join(rig.pki, 'members', slug, `${certificate}.pem`) })
}

t.test('one certificate after the other is revoked', { timeout: 60_000 }, async (t) => {
  const rig = await openRig(t, { limits })
  const { bielefeld, delbrueck, paderborn } = rig.gateways
  const { delivered } = rig.service

  await t.test('a seal', async (t) => {
    const tls = tlsOf(rig, 'delbrueck')
    const ask = () => sendMessage(rig, makeMessage(rig, sealOf(rig, 'delbrueck'), { from: 'delbrueck' }), { tls })
    t.equal((await ask()).fault.type, `${SERVER}AccessDenied`, 'it is known and good')

    await revoke(rig, 'delbrueck', 'seal')
    const tookMs = await until('refused', WITHIN_MS, async () => (await ask()).fault.type !== `${SERVER}AccessDenied`)

    t.comment(`${Math.round(tookMs)} ms`)
    const seq = bielefeld.records().at(-1)?.seq ?? 0
    const answer = await ask()
    t.equal(answer.signed, undefined)
    t.match(answer.fault, { type: `${SERVER}IncorrectCertificate`, stage: 'attested', retryable: false })
    t.strictSame(bielefeld.records(seq), [], 'whoever signs with it has no name any more')

    const own = delbrueck.records().length
    await until(
      'its own gateway knows',
      WITHIN_MS,
      async () => (await delbrueck.call()).error === `${OWN}CannotCreateSignature`,
    )
    t.ok(delbrueck.records().length >= own)
    const before = delbrueck.records().length
    t.equal((await delbrueck.call()).error, `${OWN}CannotCreateSignature`)
    t.equal(delbrueck.records().length, before, 'what cannot be signed cannot be put on record')
  })

  await t.test('the certificate of a provider port', async (t) => {
    t.equal((await paderborn.call()).status, 200)

    await revoke(rig, 'bielefeld', 'gw1/peer-server')
    await until('refused', WITHIN_MS, async () => (await paderborn.call()).status !== 200)

    const seq = paderborn.records().at(-1)?.seq ?? 0
    const count = delivered.length
    const answer = await paderborn.call()
    t.match(answer.fault, { type: `${OWN}SslAuthenticationFailed`, stage: 'admitted' })
    t.strictSame(paderborn.records(seq).map(outline), [
      {
        ...{ kind: 'refusal', side: 'consumer', direction: 'out', purpose: 'refusal', body: true },
        ...{ code: `${OWN}SslAuthenticationFailed`, stage: 'admitted' },
      },
    ])
    t.equal(delivered.length, count)
  })

  await t.test('the certificate of a gateway that calls', async (t) => {
    const tls = tlsOf(rig, 'paderborn')
    const ask = () => sendMessage(rig, makeMessage(rig, sealOf(rig, 'paderborn')), { tls })
    t.equal((await ask()).signed?.head.status, 200)
    const idle = connect({ port: bielefeld.ports.provider, host: '127.0.0.1', rejectUnauthorized: false, ...tls })
    const stranger = connect({ port: bielefeld.ports.provider, host: '127.0.0.1', rejectUnauthorized: false })
    t.teardown(() => stranger.destroy())
    await Promise.all([once(idle, 'secureConnect'), once(stranger, 'secureConnect')])
    idle.on('error', () => {})
    const closed = once(idle, 'close')

    await revoke(rig, 'paderborn', 'gw1/peer-client')
    await until('the open connection is cut', WITHIN_MS, () => idle.closed)
    await closed

    const seq = bielefeld.records().at(-1)?.seq ?? 0
    const answer = await ask()
    t.equal(answer.signed, undefined)
    t.match(answer.fault, { type: `${SERVER}SslAuthenticationFailed`, stage: 'opened' })
    t.strictSame(bielefeld.records(seq), [])
    t.notOk(stranger.closed, 'connections of others stay')
  })
})

/** Of a local system, and of no CA. */
async function makeShortLived(ms: number) {
  const endsAt = Math.floor((Date.now() + ms) / 1000) * 1000
  const issued = await certify({ extensions: EXTENSIONS.client, notAfter: new Date(endsAt) }, undefined)
  const { sha256, x509 } = issued.parsed
  return { sha256, endsAt, pair: { key: await privateKeyPem(issued), cert: x509.toString() } }
}

t.test('certificates of a local system and of an operator are revoked, and stay so', { timeout: 90_000 }, async (t) => {
  const withMtls = ({ clients, ...config }: Record<string, unknown>) => ({
    ...config,
    clients: (clients as object[]).map((client) => ({ ...client, auth: 'mtls' })),
  })
  const own = { revocationIntervalMs: INTERVAL_MS }
  const rig = await openRig(t, { start: ['paderborn', 'bielefeld'], limits: own, config: withMtls })
  const { paderborn } = rig.gateways
  const shown = readPair(join(rig.pki, 'members/paderborn/clients/BUERGERBUERO'))
  const agent = new Agent({ connections: 1, connect: { ...shown, rejectUnauthorized: false } })
  t.teardown(() => agent.destroy())
  const url = `https://127.0.0.1:${paderborn.ports.consumer}`
  const call = () => callLocally(url, paderborn.client, { dispatcher: agent })
  t.equal((await call()).status, 200)
  t.equal((await paderborn.admin('/health')).status, 200)
  const wellBefore = await paderborn.admin('/readyz')
  t.match(wellBefore.json, { ready: true, checks: { localCertificates: { state: 'ok' } } })

  await t.test('a local system', async (t) => {
    await revoke(rig, 'paderborn', 'clients/BUERGERBUERO')
    await until('refused', WITHIN_MS, async () => (await call()).status !== 200)
    const count = rig.service.delivered.length
    const seq = paderborn.records().at(-1)?.seq ?? 0
    const { fault } = await call()
    t.match(fault, { type: /SslAuthenticationFailed$/, retryable: false })
    t.strictSame(paderborn.records(seq), [], 'nobody is on record')
    t.equal(rig.service.delivered.length, count)
    const { json } = await paderborn.admin('/readyz')
    t.match(json, { ready: true, checks: { localCertificates: { state: 'warn', detail: /client .* is revoked/ } } })
    const { text } = await paderborn.admin('/metrics')
    t.match(text, 'owl_local_certificates{status="revoked"} 1')
  })

  await t.test('an operator', async (t) => {
    await revoke(rig, 'paderborn', 'operator')
    await until('refused', WITHIN_MS, async () => (await paderborn.admin('/health')).status === 403)
    t.equal((await paderborn.admin('/log')).octets.length, 0)
    t.equal((await paderborn.admin('/livez')).status, 200, 'as anybody on the machine')
  })

  await t.test('one that no CA has signed ends while its connection is open', async (t) => {
    const short = await makeShortLived(15_000)
    const config = JSON.parse(await readFile(paderborn.config, 'utf8'))
    config.clients[0].certificates.push(short.sha256)
    await writeFile(paderborn.config, JSON.stringify(config))
    process.kill(paderborn.process().pid, 'SIGHUP')
    const agent = new Agent({ connections: 1, connect: { ...short.pair, rejectUnauthorized: false } })
    t.teardown(() => agent.destroy())
    const call = () => callLocally(url, paderborn.client, { dispatcher: agent })
    await until('admitted', WITHIN_MS, async () => (await call()).status === 200)
    t.match((await paderborn.admin('/readyz')).text, /client [0-9a-f]{12}… ends within 3 days/)

    await until('refused', 30_000, async () => (await call()).status !== 200)
    t.ok(Date.now() > short.endsAt)
    const { fault, text } = await call()
    t.match(fault, { type: /SslAuthenticationFailed$/ })
    t.match(text, 'the TLS certificate is expired')
    t.match((await paderborn.admin('/readyz')).text, /client [0-9a-f]{12}… ended on/)
  })

  await t.test('after a start, also while nobody can be asked', async (t) => {
    await order(rig, 'behaviour', { service: 'ocsp', mode: 'silent' })
    await order(rig, 'behaviour', { service: 'crl', mode: 'silent' })
    await paderborn.kill()
    await paderborn.start()
    t.equal((await paderborn.admin('/health')).status, 403)
    t.match((await call()).fault, { type: /SslAuthenticationFailed$/ })
  })
})

t.test('the own seal is revoked while the service works', { timeout: 60_000 }, async (t) => {
  let release = (): void => {}
  const rig = await openRig(t, {
    start: ['paderborn', 'bielefeld'],
    limits,
    answer: (_request, response) => {
      release = () => response.end('{}')
    },
  })
  const { paderborn, bielefeld } = rig.gateways
  const asked = paderborn.call()
  await until('delivered', WITHIN_MS, () => rig.service.delivered.length === 1)
  await revoke(rig, 'bielefeld', 'seal')
  // Nobody outside can see when its own gateway knows: two intervals are enough.
  await sleep(2 * INTERVAL_MS)
  release()

  const answer = await asked
  t.equal(answer.status, 500)
  t.equal(answer.error, `${SERVER}CannotCreateSignature`)
  t.strictSame(
    bielefeld.records().map(({ kind }) => kind),
    ['request'],
    'no end can be signed',
  )
  await paderborn.call()
  const [first, doubt] = bielefeld.records()
  t.match(doubt, { kind: 'in-doubt', ends: first?.seq }, 'with the next commit the log closes it')
})

t.test('connections to a provider whose certificate is revoked are dropped', { timeout: 30_000 }, async (t) => {
  const rig = await openRig(t, { start: ['paderborn'], limits })
  const liar = await openLyingGateway(t, rig)
  liar.lie = (asked) => answerOf(sealReply(rig, asked))
  t.equal((await rig.gateways.paderborn.call()).status, 200)
  t.ok(liar.connections() > 0)

  await revoke(rig, 'bielefeld', 'gw1/peer-server')
  await until('dropped', WITHIN_MS, () => liar.connections() === 0)

  const asked = liar.asked.length
  t.equal((await rig.gateways.paderborn.call()).error, `${OWN}SslAuthenticationFailed`)
  t.equal(liar.asked.length, asked, 'and none is made')
})

t.test('responder and list fail one by one', { timeout: 60_000 }, async (t) => {
  const rig = await openRig(t, {
    start: ['bielefeld'],
    limits,
    content: (content) => ({
      ...content,
      purposes: [...content.purposes, { ...content.purposes[0], code: 'WEICH', revocationSoftFail: true } as never],
      agreements: content.agreements.map((agreement) => ({
        ...agreement,
        endpoints: [
          { method: 'POST', path: '/v1', purposes: ['TEST'] },
          { method: 'POST', path: '/weich', purposes: ['WEICH'] },
        ],
      })),
    }),
  })
  const { bielefeld } = rig.gateways
  const tls = tlsOf(rig, 'paderborn')
  const ask = (path = '/v1', purpose = 'TEST') =>
    sendMessage(rig, makeMessage(rig, sealOf(rig, 'paderborn'), { path, block: { purpose } }), { tls })
  const reliedOn = (at: number): Basis['revocation'] => {
    const record = bielefeld.records().at(at)
    return record === undefined ? [] : (record.basis as Basis).revocation
  }
  const sourceOfLast = (): string => reliedOn(-2).map(({ status, source }) => `${status} ${source}`)[0] ?? ''
  const sourceBecomes = (source: string) => async (): Promise<boolean> => {
    const { signed } = await ask()
    return signed?.head.status === 200 && sourceOfLast() === source
  }

  await t.test('all well: OCSP is what is relied on', async (t) => {
    t.ok(await until('good by OCSP', WITHIN_MS, sourceBecomes('good ocsp')))
    const revocation = reliedOn(-2)
    t.strictSame(
      revocation.map(({ cert }) => cert),
      [sealOf(rig, 'paderborn').sha256, registered(tls).sha256],
      'of seal and TLS certificate',
    )
    for (const { sha256, thisUpdate } of revocation) {
      t.match(sha256, /^[0-9a-f]{64}$/)
      t.ok(Date.now() - Date.parse(thisUpdate) < 3000)
    }
  })

  await t.test('OCSP lies: the list is relied on', async (t) => {
    await order(rig, 'behaviour', { service: 'ocsp', mode: 'wrong', kind: 'other-signer' })
    t.ok(await until('good by CRL', 2 * WITHIN_MS, sourceBecomes('good crl')))

    await order(rig, 'behaviour', { service: 'ocsp', mode: 'ok' })
    t.ok(await until('OCSP again', 2 * WITHIN_MS, sourceBecomes('good ocsp')))
  })

  await t.test('neither answers: refused retryably once the answers are old, and not a moment longer', async (t) => {
    await order(rig, 'behaviour', { service: 'ocsp', mode: 'silent' })
    await order(rig, 'behaviour', { service: 'crl', mode: 'wrong' })
    await until('refused', 3 * WITHIN_MS, async () => (await ask()).fault.stage === 'opened')

    const seq = bielefeld.records().at(-1)?.seq ?? 0
    const answer = await ask()
    t.match(answer.fault, { type: `${SERVER}CertValidation`, stage: 'opened', retryable: true })
    t.strictSame(bielefeld.records(seq), [])

    const soft = await ask('/weich', 'WEICH')
    t.equal(soft.signed?.head.status, 200, 'a purpose that says so goes on')
    // Seal and TLS certificate were asked for at different moments: one of them is old first.
    t.ok(
      reliedOn(-2).some(({ status }) => status === 'stale'),
      'and the record says what it rests on',
    )

    await order(rig, 'behaviour', { service: 'crl', mode: 'ok' })
    t.ok(await until('the list again', 2 * WITHIN_MS, sourceBecomes('good crl')))
  })

  await t.test('revoked while OCSP is silent: the list tells', async (t) => {
    await revoke(rig, 'paderborn', 'seal')
    await until('refused', 2 * WITHIN_MS, async () => (await ask()).fault.type === `${SERVER}IncorrectCertificate`)

    const soft = await ask('/weich', 'WEICH')
    t.equal(soft.fault.type, `${SERVER}IncorrectCertificate`, 'revoked is not stale')
    await order(rig, 'behaviour', { service: 'ocsp', mode: 'ok' })
    t.equal((await ask()).fault.type, `${SERVER}IncorrectCertificate`)
  })
})
