/** Who may ask a gateway about its log, how, how often, and what about. Security rows 7 to 11, 23. */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { request as requestHttps } from 'node:https'
import t from 'tap'
import type { PartnerView } from '../../gateway/admin/partners/partners.ts'
import { sha256 } from '../../gateway/protocol/digests.ts'
import type { Answer, Ask, Question } from '../../gateway/protocol/reconciling.ts'
import { ANSWER, parseAnswer, QUESTION } from '../../gateway/protocol/reconciling.ts'
import { readStatement, sealStatement } from '../../gateway/protocol/statement.ts'
import { makeSigner } from '../../gateway/trust/keys.ts'
import type { TlsIdentity } from './attacker.ts'
import { newRequestId, sealOf, tlsOf } from './attacker.ts'
import { issueWrong, PADERBORN } from './certificates.ts'
import type { Slug } from './region.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const rig = await openRig(t, {
  start: ['paderborn', 'bielefeld'],
  log: { stampIntervalMs: 300 },
  limits: { reconcilesPerSecond: 1, reconcilesBurst: 40 },
})
const { paderborn, bielefeld, delbrueck } = rig.gateways
const HOUR_MS = 3_600_000
const BODY = '{"geheim":"Müller, Lieschen"}'

await paderborn.call({ body: BODY })
await paderborn.call({ body: BODY })

const span = (): { from: number; to: number } => {
  const now = Date.now()
  return { from: Math.floor(now / HOUR_MS) * HOUR_MS - HOUR_MS, to: now + 1000 }
}
const digests = (): Ask => ({ what: 'digests', ...span(), stepMs: HOUR_MS })

function question(from: Slug, ask: unknown = digests(), changes: object = {}): Question {
  return {
    v: 1,
    sender: rig.gateways[from].id,
    audience: bielefeld.id,
    issuedAt: new Date().toISOString(),
    logHead: 'none',
    id: newRequestId(),
    ask,
    ...changes,
  } as Question
}

function sealedBy(slug: Slug, said: object, typ = QUESTION): Buffer {
  return Buffer.from(sealStatement(sealOf(rig, slug), typ, Buffer.from(JSON.stringify(said))))
}

interface Answered {
  readonly status: number
  readonly octets: Buffer
  readonly code: string | undefined
}

function send(octets: Buffer, tls: TlsIdentity | undefined, type = 'application/jose'): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = requestHttps({
      ...{ host: '127.0.0.1', port: bielefeld.ports.provider, path: '/owl/v1/reconcile', method: 'POST' },
      ...{ rejectUnauthorized: false, agent: false, timeout: 15_000, ...tls },
      headers: { 'content-type': type, 'content-length': octets.length },
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', reject)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          octets: Buffer.concat(chunks),
          code: response.headers['x-road-error'] as string | undefined,
        }),
      )
    })
    request.end(octets)
  })
}

function answerIn(octets: Buffer, ask: Ask): Answer {
  return parseAnswer(readStatement(octets, ANSWER).payload, ask)
}

const client = (slug: Slug): TlsIdentity => tlsOf(rig, slug)

t.test('a partner is answered with digests, sealed, bound to the question, and nothing else', async (t) => {
  for (const ask of [digests(), { what: 'exchanges', ...span(), after: '' } as const]) {
    const asked = sealedBy('paderborn', question('paderborn', ask))
    const { status, octets } = await send(asked, client('paderborn'))

    t.equal(status, 200)
    const answer = answerIn(octets, ask)
    t.match(answer, { sender: bielefeld.id, audience: paderborn.id, question: sha256(asked).toString('base64url') })
    if (answer.found.what === 'digests') t.match(answer.found.digests, [[Number, 2, String]])
    if (answer.found.what === 'exchanges') {
      t.equal(answer.found.exchanges.length, 2)
      t.match(answer.found.exchanges[0], { side: 'provider', kind: 'reply', code: '' })
    }
    const said = readStatement(octets, ANSWER).payload.toString()
    t.notMatch(said, /Müller|geheim|echo|BUERGERBUERO|TEST/, 'no content, no service, no purpose')
  }
})

t.test('who shares nothing learns nothing', async (t) => {
  for (const ask of [digests(), { what: 'exchanges', ...span(), after: '' } as const]) {
    const { status, octets } = await send(sealedBy('delbrueck', question('delbrueck', ask)), client('delbrueck'))

    t.equal(status, 200)
    const { found } = answerIn(octets, ask)
    t.strictSame('digests' in found ? found.digests : 'exchanges' in found ? found.exchanges : 0, [])
  }
  const ask: Ask = { what: 'heads', log: `${paderborn.id}/n1/1`, batch: 0 }
  const { octets } = await send(sealedBy('delbrueck', question('delbrueck', ask)), client('delbrueck'))
  t.strictSame(answerIn(octets, ask).found, { what: 'heads', heads: [] }, 'of another’s log he is told nothing')
})

t.test('whoever makes up heads of another’s log learns of one at the most, and is told of', async (t) => {
  // Until Paderborn has closed some batches and told Bielefeld of them.
  const heard = async (): Promise<PartnerView['heads'][number] | undefined> => {
    const { json } = await bielefeld.admin('/log/partners')
    const { partners } = json as unknown as { readonly partners: readonly PartnerView[] }
    return partners.find(({ partner }) => partner === paderborn.id)?.heads[0]
  }
  for (let tries = 0; tries < 20 && ((await heard())?.batch ?? 0) < 3; tries++) {
    await paderborn.call()
    await new Promise((resolve) => setTimeout(resolve, 400))
  }
  const { log = '', batch: latest = 0 } = (await heard()) ?? {}
  t.ok(latest >= 3)

  const heads = Array.from({ length: 400 }, (_, batch) => [log, batch + 1, `${'a'.repeat(42)}A`] as const)
  const ask: Ask = { what: 'compare', heads }
  const { octets } = await send(sealedBy('delbrueck', question('delbrueck', ask)), client('delbrueck'))

  const { found } = answerIn(octets, ask)
  t.equal(found.what === 'compare' && found.heads.length, 1)
  t.match(bielefeld.output(), /"gateway":"[^"]*","log":"[^"]*","batch":\d+[^\n]*a partner names another head of a log/)
})

t.test('a stranger gets what every stranger gets', async (t) => {
  const asked = sealedBy('paderborn', question('paderborn'))
  const unregistered = await issueWrong(rig.pki, { profile: 'tls-client', of: PADERBORN })
  for (const tls of [undefined, unregistered]) {
    const { status, octets } = await send(asked, tls)
    t.equal(status, 403)
    t.equal(octets.length, 0)
  }
})

t.test('nobody asks for another', async (t) => {
  const [own, others] = [question('paderborn'), question('delbrueck')]
  t.match(
    await send(sealedBy('paderborn', own), client('delbrueck')),
    { code: /UnknownCertificate$/ },
    'another’s words',
  )
  t.match(
    await send(sealedBy('delbrueck', own), client('delbrueck')),
    { code: /SslAuthenticationFailed$/ },
    'another’s name',
  )
  t.match(await send(sealedBy('delbrueck', others), client('paderborn')), { code: /UnknownCertificate$/ })
  const { key, cert } = await issueWrong(rig.pki, { profile: 'seal', of: PADERBORN })
  const unregistered = makeSigner(createPrivateKey(key), new X509Certificate(cert))
  const said = sealStatement(unregistered, QUESTION, Buffer.from(JSON.stringify(own)))
  t.match(
    await send(Buffer.from(said), client('paderborn')),
    { code: /UnknownCertificate$/ },
    'a seal nobody registered',
  )
})

t.test('what was said for another, before, or twice, is refused', async (t) => {
  const ask = async (changes: object): Promise<Answered> =>
    send(sealedBy('paderborn', question('paderborn', digests(), changes)), client('paderborn'))

  t.match(await ask({ audience: delbrueck.id }), { status: 500, code: /WrongAudience$/ })
  t.match(await ask({ issuedAt: new Date(Date.now() - 61_000).toISOString() }), { code: /StaleMessage$/ })
  t.match(await ask({ issuedAt: new Date(Date.now() + 61_000).toISOString() }), { code: /StaleMessage$/ })
  t.match(await ask({ logHead: `${bielefeld.id}/n1/1;1;${'a'.repeat(42)}A` }), { code: /InvalidMessage$/ })

  const once = sealedBy('paderborn', question('paderborn'))
  t.equal((await send(once, client('paderborn'))).status, 200)
  t.match(await send(once, client('paderborn')), { status: 500, code: /ReplayedMessage$/ })
})

t.test('what was changed on its way is refused', async (t) => {
  const asked = sealedBy('paderborn', question('paderborn')).toString()
  const [header = '', payload = '', signature = ''] = asked.split('.')
  const other = Buffer.from(JSON.stringify(question('paderborn'))).toString('base64url')
  for (const [what, text, code] of [
    ['another payload', `${header}.${other}.${signature}`, /InvalidSignatureValue$/],
    ['no signature', `${header}.${payload}.`, /MalformedSignature$/],
    ['padding', `${asked}=`, /MalformedSignature$/],
    ['a fourth segment', `${asked}.AA`, /MalformedSignature$/],
    [
      'another typ',
      sealedBy('paderborn', question('paderborn'), 'owl-reconciled+jws').toString(),
      /MalformedSignature$/,
    ],
    [
      'alg none',
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.${signature}`,
      /MalformedSignature$/,
    ],
    ['nothing', 'x', /MalformedSignature$/],
  ] as const) {
    t.match(await send(Buffer.from(text), client('paderborn')), { status: 500, code }, what)
  }
})

t.test('bad questions are refused, however well they are sealed', async (t) => {
  const at = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
  for (const [what, ask] of [
    ['no such question', { what: 'bodies', from: at, to: at + 1 }],
    ['a year at once', { what: 'digests', from: at - 366 * 24 * HOUR_MS, to: at, stepMs: HOUR_MS }],
    ['too many digests', { what: 'digests', from: at - 30 * 24 * HOUR_MS, to: at, stepMs: 60_000 }],
    ['uneven steps', { what: 'digests', from: at + 1, to: at + HOUR_MS, stepMs: HOUR_MS }],
    ['backwards', { what: 'exchanges', from: at, to: at - 1, after: '' }],
    ['a member more', { ...digests(), body: true }],
    ['an id that is none', { what: 'exchanges', from: at, to: at + 1, after: "' OR 1=1 --" }],
    ['too many heads', { what: 'compare', heads: Array.from({ length: 501 }, () => ['a/b/1', 1, 'a'.repeat(43)]) }],
  ] as const) {
    t.match(
      await send(sealedBy('paderborn', question('paderborn', ask)), client('paderborn')),
      { status: 500, code: /InvalidMessage$/ },
      what,
    )
  }
  const json = await send(sealedBy('paderborn', question('paderborn')), client('paderborn'), 'application/json')
  t.ok(json.status >= 400, 'another content type')
  t.ok((await send(Buffer.alloc(200_000, 'a'), client('paderborn'))).status >= 400, 'too large')
})

t.test('more often than agreed nobody is answered, and the others are', async (t) => {
  let refused = 0
  for (let i = 0; i < 45 && refused === 0; i++) {
    const { status } = await send(sealedBy('paderborn', question('paderborn')), client('paderborn'))
    if (status === 429) refused += 1
  }
  t.equal(refused, 1)
  t.equal((await send(sealedBy('delbrueck', question('delbrueck')), client('delbrueck'))).status, 200)
  t.equal((await paderborn.call()).status, 200, 'exchanges have nothing to do with it')
})
