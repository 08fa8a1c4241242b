/**
 * An identification number (§ 139b AO) where no agreement allows one: refused by the consumer's gateway, by the provider's
 * when another lets it pass, and in what a service answers. Never delivered, and in the clear in no file.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { makeMessage, sealOf, sendMessage, tlsOf } from './attacker.ts'
import { exchanged, outline, refused } from './records.ts'
import { PROVIDER } from './region.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

/** Public examples; the last begins with 0 and was never issued. */
const NUMBERS = ['86095742719', '47036892816', '65929970489', '57549285017', '02476291358'] as const
const [IDNR] = NUMBERS
const FORMS = NUMBERS.flatMap((number) => [number, number.replace(/^(..)(...)(...)(...)$/, '$1 $2 $3 $4')])
/** Agreements that allow it in one direction. */
const LAWFUL = { request: `${PROVIDER}/TEST/meldung`, reply: `${PROVIDER}/TEST/auskunft` } as const
const BOTH = `${PROVIDER}/TEST/vollsatz`
const SERVICES = [...Object.values(LAWFUL), BOTH]

const rig = await openRig(t, {
  start: ['paderborn', 'bielefeld'],
  answer(request, response, body) {
    const asked = String(request.headers['x-antwort'] ?? '')
    const header = asked.startsWith('kopf ') ? { 'x-id': asked.slice(5) } : {}
    const told = asked.startsWith('inhalt ') ? `{"steuerId":${asked.slice(7)}}` : body
    response.writeHead(200, { 'content-type': 'application/json', ...header }).end(told)
  },
  config(config, slug) {
    const [service] = config['services'] as [object?]
    const services = service === undefined ? [] : [service, ...SERVICES.map((id) => ({ ...service, id }))]
    return slug === 'bielefeld' ? { ...config, services } : config
  },
  content: (content) => ({
    ...content,
    services: content.services.flatMap((it) => [it, ...SERVICES.map((id) => ({ ...it, id }))]),
    agreements: content.agreements.flatMap((it) => [
      it,
      { ...it, id: 'TEST-2', service: LAWFUL.request, idnr: ['request'] as const },
      { ...it, id: 'TEST-3', service: LAWFUL.reply, idnr: ['reply'] as const },
      { ...it, id: 'TEST-4', service: BOTH, idnr: ['request', 'reply'] as const },
    ]),
  }),
})
const { paderborn, bielefeld } = rig.gateways
const { delivered } = rig.service
const JSON_TYPE = { 'content-type': 'application/json' }

const REQUESTS = {
  'in the body': { body: `{"id":"${NUMBERS[0]}"}` },
  'in the body, as it is printed': { body: `{"id":"${FORMS[3]}"}` },
  'in a large body': { body: `{"fuellung":"${'x'.repeat(1_100_000)}","id":${NUMBERS[2]}}` },
  'in the path': { path: `/v1/${NUMBERS[3]}` },
  'in the query': { path: `/v1?id=${NUMBERS[0].replace(/^(..)(...)(...)/, '$1%20$2%20$3%20')}` },
  'in a header': { headers: { ...JSON_TYPE, 'x-road-issue': NUMBERS[1] } },
  'a test number': { body: `{"id":"${NUMBERS[4]}"}` },
}

for (const [where, call] of Object.entries(REQUESTS)) {
  t.test(`${where}: refused before anything leaves, on record`, async (t) => {
    const [own, theirs] = [paderborn, bielefeld].map((it) => it.records().at(-1)?.seq ?? 0)
    const before = delivered.length
    // What the head alone shows is refused before the body is asked for.
    const stage = 'body' in call ? 'located' : 'admitted'

    const answer = await paderborn.call(call)

    t.equal(answer.status, 500)
    t.equal(answer.error, 'Server.ClientProxy.IdentifierNotAllowed')
    t.match(answer.fault, { side: 'consumer-system', stage, retryable: false })
    t.strictSame(foundIn(answer.octets), [])
    t.equal(delivered.length, before, 'nothing delivered')
    t.strictSame(bielefeld.records(theirs), [], 'nothing sent')
    t.strictSame(paderborn.records(own).map(outline), [
      {
        ...{ kind: 'refusal', side: 'consumer', direction: 'out', purpose: 'refusal', body: true },
        ...{ code: 'Server.ClientProxy.IdentifierNotAllowed', stage },
      },
    ])
  })
}

t.test('a gateway that lets one pass is refused by the provider’s', async (t) => {
  const calls = [
    { body: Buffer.from(`{"id":"${NUMBERS[0]}"}`) },
    { path: `/v1/${NUMBERS[3]}` },
    { headers: ['Content-Type', 'application/json', 'X-Road-Issue', NUMBERS[1]] },
  ]
  for (const options of calls) {
    const seq = bielefeld.records().at(-1)?.seq ?? 0
    const before = delivered.length

    const message = makeMessage(rig, sealOf(rig, 'paderborn'), options)
    const answer = await sendMessage(rig, message, { tls: tlsOf(rig, 'paderborn') })

    t.equal(answer.fault.type, 'Server.ServerProxy.IdentifierNotAllowed')
    t.ok(answer.signed, 'signed')
    t.strictSame(foundIn(answer.octets), [])
    t.equal(delivered.length, before, 'nothing delivered')
    t.strictSame(bielefeld.records(seq).map(outline), refused('Server.ServerProxy.IdentifierNotAllowed', 'permitted'))
  }
})

t.test('what a service answers does not leave its agency', async (t) => {
  for (const told of [`inhalt ${NUMBERS[0]}`, `kopf ${NUMBERS[2]}`]) {
    const seq = bielefeld.records().at(-1)?.seq ?? 0

    // The request is lawful, so that the service can be told what to answer.
    const answer = await paderborn.call({ service: LAWFUL.request, headers: { ...JSON_TYPE, 'x-antwort': told } })

    t.equal(answer.error, 'Server.ServerProxy.ServiceFailed.IdentifierNotAllowed')
    t.match(answer.fault, { side: 'provider-system', stage: 'recorded', retryable: false })
    t.strictSame(foundIn(answer.octets), [])
    t.match(bielefeld.records(seq).map(outline), [
      { kind: 'request', body: true },
      { kind: 'failure', code: 'Server.ServerProxy.ServiceFailed.IdentifierNotAllowed', stage: 'recorded' },
    ])
  }
})

t.test('where the agreement allows it, it passes, in that direction alone', async (t) => {
  const told = await paderborn.call({ service: LAWFUL.request, body: `{"id":"${IDNR}"}` })
  t.equal(told.error, 'Server.ServerProxy.ServiceFailed.IdentifierNotAllowed', 'the echo of it does not')
  t.equal(delivered.at(-1)?.body.toString(), `{"id":"${IDNR}"}`)

  const [own, theirs] = [paderborn, bielefeld].map((it) => it.records().at(-1)?.seq ?? 0)
  const asked = await paderborn.call({ service: LAWFUL.reply, body: `{"id":"${IDNR}"}` })
  t.equal(asked.error, 'Server.ClientProxy.IdentifierNotAllowed')
  t.equal(bielefeld.records(theirs).length, 0)
  t.equal(paderborn.records(own).length, 1)

  const answered = await paderborn.call({ service: BOTH, headers: { ...JSON_TYPE, 'x-antwort': `inhalt ${IDNR}` } })
  t.equal(answered.text, `{"steuerId":${IDNR}}`)
})

t.test('an X-Road-Id that would show one in lists is refused, and nowhere kept', async (t) => {
  const seq = paderborn.records().at(-1)?.seq ?? 0

  const answer = await paderborn.call({ service: LAWFUL.request, headers: { ...JSON_TYPE, 'x-road-id': IDNR } })

  t.equal(answer.error, 'Client.BadRequest')
  t.strictSame(foundIn(answer.octets), [])
  t.strictSame(paderborn.records(seq), [])
})

t.test('others go on', async (t) => {
  const [own, theirs] = [paderborn, bielefeld].map((it) => it.records().at(-1)?.seq ?? 0)

  const answer = await paderborn.call({ body: '{"telefon":"+49 5251 88123","az":"33.2-2026-000815"}' })

  t.equal(answer.status, 200)
  t.strictSame(paderborn.records(own).map(outline), exchanged('consumer', 'TEST'))
  t.strictSame(bielefeld.records(theirs).map(outline), exchanged('provider', 'TEST'))
  t.equal(delivered.at(-1)?.url, '/v1')
})

t.test('no file of either gateway has a number in the clear', async (t) => {
  let files = 0
  for (const entry of readdirSync(rig.directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const place = relative(rig.directory, path)
    if (!entry.isFile() || place.startsWith('certs')) continue
    files += 1
    t.strictSame(foundIn(readFileSync(path)), [], place)
  }
  t.ok(files > 10, `${files} files`)
  t.strictSame(foundIn(Buffer.from(`x${IDNR}x`)), [IDNR], 'what is looked for would be found')
})

function foundIn(octets: Buffer): string[] {
  return FORMS.filter((form) =>
    [form, encodeURIComponent(form), Buffer.from(form).toString('hex')].some((text) => octets.includes(text)),
  )
}
