/**
 * Security row 36: personal data, addresses and keys of a whole region at work stand in no log, metric, description or
 * database in the clear: only sealed in the message logs, and there in full.
 */

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { request } from 'undici'
import {
  gewerbeEingang,
  personensuche,
  umzugsmitteilung,
  vams,
  vamsByDetmold,
} from '../../adapters/scenario-messages.ts'
import { gatewayOf, openAgent, openCaller } from '../../gateway/region/calls.ts'
import type { FederationGateway } from '../../gateway/region/federation.ts'
import { startRegion } from '../../gateway/region/launcher.ts'
import { openOperator } from '../../gateway/region/operator.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

/** What is planted, in letters that nothing else has. */
const PLANTED = {
  path: 'KANARIE-PFAD-1f0c',
  query: 'KANARIE-FRAGE-2a9d',
  header: 'KANARIE-KOPF-3b7e',
  cookie: 'KANARIE-KEKS-4c6f',
  authorization: 'KANARIE-AUSWEIS-5d5a',
  user: 'KANARIE-NUTZER-6e4b',
  issue: 'KANARIE-AKTE-7f3c',
  body: 'KANARIE-INHALT-8a2d',
  wrong: 'KANARIE-UNSINN-9b1e',
  raw: 'KANARIE-ROH-0c0f',
}
/** What the region's own messages are about. */
const PERSONAL = ['Müller-Lüdenscheidt', 'Graf von Neuenwalde', 'Detmolder Straße', '33.2-2026-000815', 'pb-ewo-017']

/** Made once: the keys are there when the region is. */
let lookedFor: readonly (readonly [name: string, forms: readonly Buffer[]])[] | undefined

const directory = await mkdtemp(join(tmpdir(), 'owl-canary-'))
t.teardown(() => rm(directory, { recursive: true, force: true }))
// At its most talkative.
process.env['LOG_LEVEL'] = 'trace'
const region = await startRegion({ directory, ports: 'free', stampIntervalMs: 1000 })
t.teardown(() => region.close())
const { federation } = region
const gateway = (member: string): FederationGateway => gatewayOf(federation, `OWL/GOV/${member}`)
const stamp = { now: () => Date.now(), uuid: () => randomUUID() }
const VAMS = 'OWL/GOV/05711000/MELDEWESEN/vams'
const requestIds: string[] = []

t.test('what is looked for would be found', async (t) => {
  for (const text of [...Object.values(PLANTED), ...PERSONAL]) {
    const octets = Buffer.from(`vor ${text} nach`)
    const shown = [octets, Buffer.from(JSON.stringify({ text })), Buffer.from(encodeURIComponent(` ${text} `))]
    const coded = ['', 'a', 'ab'].map((before) => Buffer.from(Buffer.from(`${before}${text}x`).toString('base64')))
    for (const form of [...shown, ...coded, Buffer.from(octets.toString('hex')), Buffer.from(` ${text}`, 'latin1')]) {
      t.strictSame(foundIn(form), [text])
    }
  }
  for (const file of filesUnder(directory).filter((file) => file.endsWith('seal.key')))
    t.strictSame(foundIn(readFileSync(file)), [relative(directory, file)])
})

t.test('the region works, and fails in many ways', { timeout: 60_000 }, async (t) => {
  const caller = openCaller(federation)
  t.teardown(() => caller.close())
  const good = [vams(stamp), personensuche(stamp, 'known'), umzugsmitteilung(stamp)]
  const replies = await Promise.all(good.map((call) => caller.call(call)))
  t.ok(replies.every(({ status }) => status < 300))
  t.match(replies[0]?.text, PERSONAL[0] as string, 'personal data moves')
  requestIds.push(replies[0]?.requestId as string)

  t.equal((await caller.call(vamsByDetmold(stamp))).error, 'Server.ServerProxy.AccessDenied')
  const wrong = vams(stamp)
  for (const body of [
    { ...wrong.body, familienname: 5, geburtsdatum: PLANTED.wrong },
    { ...wrong.body, [PLANTED.wrong]: PLANTED.wrong },
    [PLANTED.wrong],
  ]) {
    const answer = await caller.call({ ...wrong, body: body as never })
    t.equal(answer.error, 'Server.ServerProxy.InvalidBody')
    t.notMatch(answer.text, `"${PLANTED.wrong}`, 'a fault quotes no value')
  }
  t.equal((await caller.call(gewerbeEingang(stamp))).error, undefined)
  const system = federation.systems.find(({ name }) => name === 'bielefeld/melderegister')
  process.kill(system?.pid as number, 'SIGKILL')
  t.equal((await caller.call(vams(stamp))).error, 'Server.ServerProxy.ServiceFailed.NetworkError')
})

t.test('somebody puts personal data where it does not belong', { timeout: 60_000 }, async (t) => {
  const { consumerHttp, provider } = gateway('05774020')
  const headers = {
    'x-road-client': 'OWL/GOV/05774020/PORTAL',
    'x-name': PLANTED.header,
    cookie: `sitzung=${PLANTED.cookie}`,
    authorization: `Bearer ${PLANTED.authorization}`,
    'x-road-userid': PLANTED.user,
    'x-road-issue': PLANTED.issue,
    'content-type': 'application/json',
  }
  const target = `${consumerHttp}/r1/${VAMS}/v1/${PLANTED.path}?name=${PLANTED.query}`
  for (const body of [`{"name":"${PLANTED.body}"}`, `{${PLANTED.body}`, PLANTED.body.repeat(100_000)]) {
    const answer = await request(target, { method: 'POST', headers, body })
    requestIds.push(String(answer.headers['x-road-request-id']))
    const text = await answer.body.text()
    t.equal(answer.statusCode, 500)
    for (const planted of Object.values(PLANTED)) t.notMatch(text, planted)
  }
  for (const service of ['OWL/GOV/05711000/NICHTS/x', 'OWL/GOV/05711000']) {
    const answer = await request(`${consumerHttp}/r1/${service}/${PLANTED.path}?${PLANTED.query}`, { headers })
    t.notMatch(await answer.body.text(), PLANTED.query)
  }
  const { hostname, port } = new URL(consumerHttp)
  for (const raw of [
    `GET /r1/${PLANTED.raw}/../x HTTP/1.1\r\nHost: x\r\n\r\n`,
    `${PLANTED.raw}\r\n\r\n`,
    `POST /r1/${VAMS}/v1 HTTP/1.1\r\nHost: x\r\nX Y: ${PLANTED.raw}\r\n\r\n`,
    `POST /r1/${VAMS}/v1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=${PLANTED.raw}\r\nhallo\r\n0\r\n\r\n`,
  ]) {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.end(raw)
    socket.resume()
    await once(socket, 'close')
    const tls = connectTls({ host: hostname, port: Number(new URL(provider).port), rejectUnauthorized: false })
    tls.on('error', () => {})
    tls.end(raw)
    tls.resume()
    await once(tls, 'close')
  }
})

t.test('whoever may look finds it all in the message log', async (t) => {
  const paderborn = await openOperator(federation, gateway('05774032'))
  const delbrueck = await openOperator(federation, gateway('05774020'))
  t.teardown(() => Promise.all([paderborn.close(), delbrueck.close()]))
  const [vamsId = '', plantedId = ''] = requestIds

  const [asked, answered] = await paderborn.exchange(vamsId)
  t.match(JSON.stringify(await paderborn.body(asked?.seq ?? 0)), PERSONAL[0] as string)
  t.match(JSON.stringify(await paderborn.body(answered?.seq ?? 0)), PERSONAL[0] as string)
  const [planted] = await delbrueck.exchange(plantedId)
  t.match(JSON.stringify(await delbrueck.body(planted?.seq ?? 0)), PLANTED.body)
})

t.test('metrics, health and lists tell none of it', async (t) => {
  for (const own of federation.gateways) {
    const dispatcher = await openAgent(federation, own.operator)
    for (const path of ['/metrics', '/health', '/readyz', '/configuration', '/log?limit=1000', '/log/verify']) {
      const { statusCode, body } = await request(new URL(path, own.admin), { dispatcher })
      const text = await body.text()
      t.ok(statusCode === 200 || statusCode === 503, `${own.name} ${path}`)
      t.strictSame(foundIn(Buffer.from(text)), [], `${own.name} ${path}`)
    }
    await dispatcher.close()
  }
})

t.test(
  'no file of the region has it in the clear, while it runs and after it was killed',
  { timeout: 60_000 },
  async (t) => {
    for (const { pid } of federation.gateways) process.kill(pid as number, 'SIGKILL')
    let files = 0
    for (const file of filesUnder(directory)) {
      const place = relative(directory, file)
      // Keys lie where they belong; local systems are the agencies' own.
      if (/^(?:certs|systems)\//.test(place) || /^secrets\/[^/]+\.key$/.test(place)) continue
      files++
      t.strictSame(foundIn(readFileSync(file)), [], place)
    }
    t.ok(files > 30, `${files} files`)
    t.ok(
      filesUnder(directory).some((file) => file.endsWith('.body')),
      'a large body among them',
    )
  },
)

/** Every form in which a text may stand in a file: as it is, in latin1, escaped, percent-encoded, in base64 at any offset. */
function formsOf(text: string): Buffer[] {
  const escaped = JSON.stringify(text)
    .slice(1, -1)
    .replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const octets = Buffer.from(text)
  const base64 = [0, 1, 2].map((offset) => {
    const coded = Buffer.concat([Buffer.alloc(offset), octets])
      .toString('base64')
      .replace(/=+$/, '')
    // Without the characters that the neighbours have a share in.
    return coded.slice(offset === 0 ? 0 : offset + 1, -2)
  })
  return [text, escaped, encodeURIComponent(text), octets.toString('hex'), ...base64]
    .map((form) => Buffer.from(form))
    .concat(Buffer.from(text, 'latin1'))
}

function foundIn(octets: Buffer): string[] {
  lookedFor ??= [
    ...[...Object.values(PLANTED), ...PERSONAL].map((text) => [text, formsOf(text)] as const),
    ...secrets().map(([name, secret]) => [name, secret] as const),
  ]
  return lookedFor.filter(([, forms]) => forms.some((form) => octets.includes(form))).map(([name]) => name)
}

/** Private keys, master keys and what adapters authenticate with. */
function secrets(): [string, Buffer[]][] {
  return filesUnder(directory)
    .filter((file) => file.endsWith('.key') || /secret/i.test(file.split('/').at(-1) ?? ''))
    .map((file) => {
      const octets = readFileSync(file)
      const [, line] = octets.toString('latin1').split('\n')
      const isPem = octets.toString('latin1', 0, 10) === '-----BEGIN'
      const plain = Buffer.from(octets.toString('latin1').trim(), 'latin1')
      const forms = isPem
        ? [Buffer.from(line as string)]
        : [plain, ...['hex', 'base64'].map((form) => Buffer.from(octets.toString(form as 'hex')))]
      return [relative(directory, file), forms]
    })
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
