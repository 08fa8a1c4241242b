/** What a caller is told when a request, an adapter or its local system is not as it should be: where and which rule. */

import t from 'tap'
import type { Caller } from '../../../adapters/adapter.ts'
import { AdapterError, defineAdapter } from '../../../adapters/adapter.ts'
import { FAULTS, GatewayError } from '../../../gateway/errors.ts'
import { faultOfError } from '../../../gateway/http/fault-reply.ts'
import { parseCall } from '../../../gateway/protocol/call.ts'
import { formatRequestHead } from '../../../gateway/protocol/head.ts'
import { adapterService } from '../../../gateway/transport/adapter-service.ts'
import { bodyOf } from '../../../gateway/transport/spool.ts'
import type { AnschriftInland, Hausnummer } from '../../../schemas/gemeinsam/payloads.ts'
import type { Schema } from '../../../schemas/schema.ts'
import { schema } from '../../../schemas/schema.ts'

type Handle = (query: Hausnummer) => Promise<AnschriftInland>

const ID = 'I/C/M/S/svc'
const block = {
  ...{ sender: 's', audience: 'a', issuedAt: '2026-11-23T05:00:00.123Z', config: { version: 1, sha256: 'x' } },
  ...{ agreement: 'none', purpose: 'P', logHead: 'none' },
}
const requestId = '01a206ec-68a3-7977-af25-8e363f45622e'
const request = schema('urn:owl:gemeinsam:bausteine:1#/$defs/hausnummer') as Schema<Hausnummer>
const response = schema('urn:owl:gemeinsam:bausteine:1#/$defs/anschriftInland') as Schema<AnschriftInland>
const ADDRESS = { gemeindeschluessel: '05774032', postleitzahl: '33098', ort: 'Paderborn', strasse: 'Kamp' }

async function failureOf(payload: unknown, handle: Handle = async () => ADDRESS): Promise<GatewayError> {
  const adapter = defineAdapter({ service: 'svc', version: 1, request, response, handle })
  const service = adapterService({ id: ID, timeoutMs: 1000, bodyBytesMax: 1000 }, adapter, adapter.open({}))
  const rawHeaders = ['X-Road-Client', 'I/C/M/T', 'Content-Type', 'application/json']
  const call = parseCall({ method: 'POST', target: `/r1/${ID}/v1`, rawHeaders })
  const head = formatRequestHead(call, requestId, block, `I-${requestId}`)
  const body = bodyOf(Buffer.from(JSON.stringify(payload)))
  return (async () => service.prepare({ head, body, purpose: 'MOVE' })())().then(
    () => t.fail('it answers') as never,
    (error) => error,
  )
}

t.test('a body that breaks its schema: where, and which rule', async (t) => {
  const { code, message, pointers } = await failureOf({ nummer: 'geheim', geheim: 1 })

  t.equal(code, 'InvalidBody')
  t.equal(message, `${FAULTS.InvalidBody.message}: body (additionalProperties), /nummer (pattern)`)
  t.same(pointers, ['', '/nummer'])
})

t.test('the reply of an adapter likewise', async (t) => {
  const { code, message, pointers } = await failureOf({ nummer: '7' }, async () => ({
    ...ADDRESS,
    ort: 'geheim\u0000',
  }))

  t.equal(code, 'ServiceFailed.InvalidBody')
  t.match(message, /: \/ort \([a-z:]+\)/)
  t.same(new Set(pointers), new Set(['/ort']))
  t.notMatch(message, /geheim/)
})

t.test('an adapter reads of a clerk what was meant', async (t) => {
  const seen: unknown[] = []
  const handle = async (_: Hausnummer, { userId, issue }: Caller): Promise<AnschriftInland> => {
    seen.push(userId, issue)
    return ADDRESS
  }
  const adapter = defineAdapter({ service: 'svc', version: 1, request, response, handle })
  const service = adapterService({ id: ID, timeoutMs: 1000, bodyBytesMax: 1000 }, adapter, adapter.open({}))
  const octets = ['X-Road-UserId', Buffer.from('Jörg').toString('latin1'), 'X-Road-Issue', 'Stra\xdfe']
  const rawHeaders = ['X-Road-Client', 'I/C/M/T', 'Content-Type', 'application/json', ...octets]
  const head = formatRequestHead(
    parseCall({ method: 'POST', target: `/r1/${ID}/v1`, rawHeaders }),
    requestId,
    block,
    'x',
  )
  await service.prepare({ head, body: bodyOf(Buffer.from('{"nummer":"7"}')), purpose: 'MOVE' })()
  t.same(seen, ['Jörg', 'Straße'])
  t.ok(head.octets.includes('X-Road-UserId:Jörg\r\n'), 'what is signed has the octets that were sent')
})

t.test('a mistake in the adapter is not a local system that is down', async (t) => {
  const mistake = await failureOf({ nummer: '7' }, () => Promise.reject(new TypeError('geheim')))
  const down = await failureOf({ nummer: '7' }, () => Promise.reject(new AdapterError('unavailable', 'connect')))

  t.match(mistake, { code: 'ServiceFailed.InternalError', message: FAULTS['ServiceFailed.InternalError'].message })
  t.match(mistake.cause, { kind: 'failed', reason: 'TypeError' })
  t.match(down, { code: 'ServiceFailed.NetworkError', cause: { reason: 'connect' } })
})

t.test('an answer that cannot be read says why, and is not a local system that is down', async (t) => {
  const error = await failureOf({ nummer: '7' }, () => Promise.reject(new AdapterError('response', 'charset')))
  t.match(error, {
    code: 'ServiceFailed.InvalidBody',
    message: `${FAULTS['ServiceFailed.InvalidBody'].message}: charset`,
  })
})

t.test('whose turn it is to change something', (t) => {
  const sides = {
    InvalidBody: 'consumer-system',
    InvalidContentType: 'consumer-system',
    'ServiceFailed.InvalidBody': 'provider-system',
    'ServiceFailed.InternalError': 'provider-system',
    'ServiceFailed.NetworkError': 'provider-system',
  } as const
  for (const [code, side] of Object.entries(sides)) {
    const error = new GatewayError(code as keyof typeof sides)
    t.equal(faultOfError(error, 'ServerProxy', requestId, 'permitted').body.side, side, code)
  }
  t.end()
})
