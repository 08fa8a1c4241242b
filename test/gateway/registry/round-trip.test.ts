/** Registry and gateway over real TLS: a change is taken up at once, an outage is survived, and strangers are not believed. */

import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import pino from 'pino'
import t from 'tap'
import { openRegistryServer } from '../../../gateway/registry/main.ts'
import { initRegistry, openRegistry } from '../../../gateway/registry/store.ts'
import { openGlobalConfiguration } from '../../../gateway/trust/global-configuration.ts'
import { openRegistryClient } from '../../../gateway/trust/registry-client.ts'
import { loadAnchor } from '../../../gateway/trust/signed-document.ts'
import { makeRegion, removeRegion } from './region.ts'

const region = await makeRegion()
t.teardown(() => removeRegion(region))
const pki = (path: string) => `${region.pki}/${path}`
const ca = readFileSync(pki('root.pem'))
const thumbprint = readFileSync(pki('registry/anchor.sha256'), 'utf8').trim()
const log = pino({ level: 'silent' })
let count = 0

async function rig() {
  const directory = region.path(`registry-${count++}`)
  initRegistry(directory, region.content, Date.now())
  const serve = (port = 0) =>
    openRegistryServer({
      directory,
      port,
      key: pki('registry/server.key'),
      certificate: pki('registry/server.chain.pem'),
      signingKey: pki('registry/signing.key'),
      logLevel: 'silent',
    })
  return { directory, serve, copies: region.path(`copies-${count}`) }
}

async function join(url: string, directory: string, options: { ca?: Buffer } = {}) {
  return openGlobalConfiguration({
    registry: openRegistryClient({ url, ca: options.ca ?? ca }),
    anchor: await loadAnchor(pki('registry/anchor.jwk.json'), thumbprint),
    directory,
    log,
    now: Date.now,
  })
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const asked = httpsRequest(url, { ca, headers }, (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    const { statusCode: status = 0, headers } = response
    response.on('end', () => resolve({ status, headers, body: Buffer.concat(chunks).toString() }))
  })
  asked.on('error', reject).end()
  return promise
}

t.test('a change is taken up in less than a second', async (t) => {
  const { directory, serve, copies } = await rig()
  const server = await serve()
  const configuration = await join(server.url, copies)
  await configuration.refreshNow()
  const before = configuration.usable(Date.now())
  const changed = new Promise<number>((resolve) => {
    configuration.onChange((snapshot, previous) => {
      t.equal(previous, before)
      resolve(snapshot.version)
    })
  })

  const store = openRegistry(directory)
  const started = performance.now()
  const { version } = store.change(Date.now(), (content) => ({ ...content, agreements: [] }))
  store.close()

  t.equal(await changed, version)
  const elapsed = performance.now() - started
  t.ok(elapsed < 1000, `${elapsed.toFixed()} ms`)
  t.equal(before.agreementsOf(VAMS).length, 1, 'a snapshot never changes')
  t.equal(configuration.usable(Date.now()).agreementsOf(VAMS).length, 0)
  t.equal(configuration.health(Date.now()).state, 'fresh')
  t.ok((await configuration.document(version))?.startsWith('ey'), 'what was used is kept')
  t.ok(await configuration.document(before.version))
  await configuration.close()
  await server.close()
})

const VAMS = {
  client: 'OWL/GOV/05774032/BUERGERBUERO',
  clientMember: 'OWL/GOV/05774032',
  service: 'OWL/GOV/05711000/MELDEWESEN/vams',
}

t.test('a gateway starts from its copy while the registry is down, and hears of it when it is back', async (t) => {
  const { directory, serve, copies } = await rig()
  const server = await serve()
  const first = await join(server.url, copies)
  await first.refreshNow()
  const { version } = first.usable(Date.now())
  await first.close()
  await server.close()

  const second = await join(server.url, copies)

  t.equal(second.usable(Date.now()).version, version)
  await second.refreshNow()
  t.match(second.health(Date.now()).failure, /ECONNREFUSED/)
  const store = openRegistry(directory)
  const newer = store.change(Date.now(), (content) => ({ ...content, agreements: [] })).version
  store.close()
  const back = await serve(Number(new URL(server.url).port))
  await second.refreshNow()
  t.equal(second.usable(Date.now()).version, newer)
  t.equal(second.health(Date.now()).failure, undefined)
  await second.close()
  await back.close()
})

t.test('a registry with another TLS certificate is not heard', async (t) => {
  const { serve, copies } = await rig()
  const server = await serve()
  const configuration = await join(server.url, copies, { ca: readFileSync(pki('tsa-ca.pem')) })

  await configuration.refreshNow()

  t.equal(configuration.current(), undefined)
  t.throws(() => configuration.usable(Date.now()), { code: 'OutdatedGlobalConf' })
  await configuration.close()
  await server.close()
})

t.test('answers that change nothing are short', async (t) => {
  const { serve } = await rig()
  const server = await serve()

  const first = await get(`${server.url}/configuration`)
  const etag = String(first.headers['etag'])
  const again = await get(`${server.url}/configuration`, { 'if-none-match': `"other", W/${etag}` })
  const other = await get(`${server.url}/configuration`, { 'if-none-match': '"other"' })

  t.equal(first.status, 200)
  t.equal(first.headers['content-type'], 'application/jose')
  t.equal(again.status, 304)
  t.equal(again.body, '')
  t.equal(other.body, first.body, 'one version has one text')
  t.match(JSON.parse((await get(`${server.url}/anchor`)).body), { kty: 'EC', thumbprint })
  t.match(JSON.parse((await get(`${server.url}/livez`)).body), { version: server.version })
  t.equal((await get(`${server.url}/nothing`)).status, 404)
  await server.close()
})

t.test('who asks for news waits for it, and only as long as it said', async (t) => {
  const { directory, serve } = await rig()
  const server = await serve()
  const { version } = server

  const started = performance.now()
  await get(`${server.url}/freshness?after=${version}&waitMs=300`)
  const quiet = performance.now() - started
  await get(`${server.url}/freshness?after=${version - 1}&waitMs=5000`)
  const behind = performance.now() - started - quiet
  const waiting = get(`${server.url}/configuration?after=${version}&waitMs=10000`)
  const store = openRegistry(directory)
  store.change(Date.now(), (content) => ({ ...content, agreements: [] }))
  store.close()
  const told = await waiting
  const news = performance.now() - started - quiet - behind

  t.ok(quiet >= 290, `waited ${quiet} ms`)
  t.ok(behind < 250, `${behind} ms`)
  t.ok(news < 1000, `${news} ms`)
  t.not(told.headers['etag'], (await get(`${server.url}/livez`)).headers['etag'])
  for (const query of ['after=x&waitMs=9999', 'after=1.5&waitMs=9999', `after=${version}&waitMs=-1`, 'waitMs=9999']) {
    const begun = performance.now()
    t.equal((await get(`${server.url}/freshness?${query}`)).status, 200)
    t.ok(performance.now() - begun < 500, query)
  }
  await server.close()
})

t.test('closing does not wait for those who wait', async (t) => {
  const { serve } = await rig()
  const server = await serve()
  const waiting = get(`${server.url}/freshness?after=${server.version}&waitMs=30000`).catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 100))

  const started = performance.now()
  await server.close()

  t.ok(performance.now() - started < 2000)
  await waiting
})
