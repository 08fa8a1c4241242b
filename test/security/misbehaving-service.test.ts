/**
 * A provider's local system that hangs, drops, answers garbage or without end, through both gateways: a clear fault, one
 * delivery, the request's one end in both logs, and no memory lost. Security rows 11, 13 and 29.
 */

import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { outline } from './records.ts'
import { PROVIDER } from './region.ts'
import { openRig } from './rig.ts'
import type { ServiceAnswer } from './service-rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const MIB = 1024 * 1024
const BOMB = gzipSync(Buffer.alloc(64 * MIB))

/** Path → what the service does. */
const MISBEHAVIOUR: Readonly<Record<string, ServiceAnswer>> = {
  '/haengt': () => {},
  '/gleich': (_request, response) => {
    const timer = setInterval(() => response.writeProcessing(), 200)
    response.on('close', () => clearInterval(timer))
  },
  '/bricht': (_request, response) => response.destroy(),
  '/unsinn': (_request, response) => response.socket?.end('\x16\x03\x01unsinn\r\n\r\n'),
  '/halb': (_request, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('halb', () => response.destroy())
  },
  '/stockt': (_request, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('stockt')
  },
  '/kopf': (_request, response) => response.writeHead(200, { 'x-lang': 'x'.repeat(40_000) }).end('{}'),
  '/riese': (_request, response) => {
    response.writeHead(200, { 'content-length': 2 * 1024 * MIB })
    flood(response)
  },
  '/riese-ohne-laenge': (_request, response) => {
    response.writeHead(200)
    flood(response)
  },
  '/gross': (_request, response) => response.end(Buffer.alloc(12 * MIB)),
  '/bombe': (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(BOMB),
  '/um': (_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  '/fehler': (_request, response) => response.writeHead(503, { 'retry-after': '5' }).end('{"grund":"Wartung"}'),
}

const BLOCK = Buffer.alloc(MIB)

function flood(response: Parameters<ServiceAnswer>[1]): void {
  response.on('error', () => {})
  const write = (): void => {
    while (!response.destroyed && response.write(BLOCK)) {}
  }
  response.on('drain', write)
  write()
}

const rig = await openRig(t, {
  start: ['paderborn', 'bielefeld'],
  serviceTimeoutMs: 1000,
  limits: { progressTimeoutMs: 1000 },
  answer: (request, response, body) => {
    const act = MISBEHAVIOUR[request.url ?? '']
    if (act === undefined) response.end(body)
    else act(request, response, body)
  },
  config(config, slug) {
    const [service] = config['services'] as [{ id: string }?]
    // Takes more than the consumer's gateway does.
    const services =
      service === undefined ? [] : [service, { ...service, id: `${PROVIDER}/TEST/gross`, bodyBytesMax: 20 * MIB }]
    return slug === 'bielefeld' ? { ...config, services } : config
  },
  content: (content) => ({
    ...content,
    services: content.services.flatMap((service) => [service, { ...service, id: `${PROVIDER}/TEST/gross` }]),
    agreements: content.agreements.flatMap((agreement) => [
      agreement,
      { ...agreement, id: 'TEST-2', service: `${PROVIDER}/TEST/gross` },
    ]),
  }),
})
const { bielefeld, paderborn } = rig.gateways
const { delivered } = rig.service
await paderborn.call()
const memoryBefore = [residentMiB(paderborn.process().pid), residentMiB(bielefeld.process().pid)]

const FAILURES: Readonly<Record<string, string>> = {
  '/haengt': 'TimedOut',
  '/gleich': 'TimedOut',
  '/bricht': 'NetworkError',
  '/unsinn': 'InvalidResponse',
  '/halb': 'NetworkError',
  '/stockt': 'NetworkError',
  '/kopf': 'TooLarge',
  '/riese': 'TooLarge',
  '/riese-ohne-laenge': 'TooLarge',
  '/gross': 'TooLarge',
}
for (const [path, code] of Object.entries(FAILURES)) {
  t.test(`${path}: ${code}`, async (t) => {
    const [own, theirs] = [paderborn.records().at(-1)?.seq ?? 0, bielefeld.records().at(-1)?.seq ?? 0]
    const count = delivered.length
    const started = performance.now()

    const answer = await paderborn.call({ path })

    const type = `Server.ServerProxy.ServiceFailed.${code}`
    t.match(answer.fault, { type, stage: 'recorded', side: 'provider-system', detail: answer.requestId })
    t.ok(performance.now() - started < 8000, 'in time')
    t.equal(delivered.length, count + 1, 'asked once, never again')
    t.match(bielefeld.records(theirs).map(outline), [
      { kind: 'request', direction: 'in', purpose: 'TEST', body: true },
      { kind: 'failure', direction: 'out', purpose: 'TEST', code: type, stage: 'recorded' },
    ])
    t.match(paderborn.records(own).map(outline), [
      { kind: 'request', direction: 'out', purpose: 'TEST', body: true },
      { kind: 'refusal', direction: 'in', purpose: 'TEST', code: type, stage: 'recorded' },
    ])
  })
}

t.test('more than the consumer’s gateway takes', async (t) => {
  const own = paderborn.records().at(-1)?.seq ?? 0

  const answer = await paderborn.call({ service: `${PROVIDER}/TEST/gross`, path: '/gross' })

  t.match(answer.fault, { type: 'Server.ClientProxy.ReplyTooLarge', stage: 'sent' })
  t.match(paderborn.records(own).map(outline), [
    { kind: 'request', direction: 'out' },
    { kind: 'failure', direction: 'out', code: 'Server.ClientProxy.ReplyTooLarge', stage: 'sent' },
  ])
  t.equal(bielefeld.records().at(-1)?.kind, 'reply', 'the provider did answer')
})

t.test('what is packed stays packed: 64 MiB in 64 KiB', async (t) => {
  const answer = await paderborn.call({ path: '/bombe', headers: { 'accept-encoding': 'gzip' } })

  t.equal(answer.status, 200)
  t.equal(answer.headers['content-encoding'], 'gzip')
  t.ok(answer.octets.equals(BOMB), 'octet for octet')
})

t.test('a redirect is an answer like any other, and not followed', async (t) => {
  const answer = await paderborn.call({ path: '/um' })

  t.equal(answer.status, 302)
  t.equal(answer.error, undefined)
})

t.test('an error of the service is no fault of a gateway', async (t) => {
  const answer = await paderborn.call({ path: '/fehler' })

  t.equal(answer.status, 503)
  t.equal(answer.error, undefined)
  t.equal(answer.headers['retry-after'], '5')
  t.equal(answer.text, '{"grund":"Wartung"}')
})

t.test('sixteen giants at a time', async (t) => {
  const answers = await Promise.all(Array.from({ length: 16 }, () => paderborn.call({ path: '/riese' })))

  t.ok(answers.every(({ error }) => error === 'Server.ServerProxy.ServiceFailed.TooLarge'))
})

t.test('both gateways live, and have grown by little', async (t) => {
  t.equal((await paderborn.call()).status, 200)
  for (const [index, { process }] of [paderborn, bielefeld].entries()) {
    const grown = residentMiB(process().pid) - (memoryBefore[index] ?? 0)
    t.ok(grown < 128, `by ${Math.round(grown)} MiB`)
  }
})

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
