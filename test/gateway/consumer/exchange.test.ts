/** The consumer's pipeline by itself: each stage that refuses, each that fails, and what is on record by then. */

import t from 'tap'
import { exchange } from '../../../gateway/consumer/exchange.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import type { RequestOptions } from '../pipeline-rig.ts'
import { BODY_BYTES_MAX, openPipelines, SERVICE, trace } from '../pipeline-rig.ts'

const rig = await openPipelines(t)
const { consumer, provider, events, faults, fingerprints } = rig
const IDNR = '86095742719'

/** What the local system is told, and the stage that was passed last. */
async function ask(options?: RequestOptions): Promise<{ readonly code: string; readonly stage: string }> {
  const passed = trace()
  try {
    await exchange(consumer, rig.request(options), passed)
    return { code: 'none', stage: passed.last }
  } catch (error) {
    return { code: error instanceof GatewayError ? error.code : String(error), stage: passed.last }
  }
}

t.test('a request is recorded before it is sent, a reply before it is answered', async (t) => {
  const passed = trace()

  const reply = await exchange(consumer, rig.request(), passed)

  t.strictSame(events, [
    ...['recorded request', 'sent'],
    ...['recorded request', 'delivered', 'recorded reply'],
    'recorded reply',
  ])
  t.equal(reply.status, 200)
  t.equal(reply.body?.bytes?.toString(), '{"antwort":1}')
  t.strictSame(Object.keys(passed.stages), [
    ...['admitted', 'located', 'received', 'sealed', 'recorded', 'sent', 'verified', 'concluded'],
  ])
  const [request, answer] = consumer.log.records
  t.match(request, { outcome: 'request', direction: 'out', side: 'consumer', purpose: 'MELDE_VAMS' })
  t.match(answer, { outcome: 'reply', direction: 'in', request: { seq: 1 } })
})

const BEFORE_ADMISSION: Readonly<Record<string, readonly [code: string, arrange: () => RequestOptions]>> = {
  'a subsystem of somebody else': ['UnknownMember', () => ({ client: 'OWL/GOV/05711000/MELDEWESEN' })],
  'a connection without TLS': ['SslAuthenticationFailed', () => ({ secure: false })],
  'a configuration that has expired': [
    'OutdatedGlobalConf',
    () => {
      faults.configuration = 'OutdatedGlobalConf'
      return {}
    },
  ],
}
for (const [name, [code, arrange]] of Object.entries(BEFORE_ADMISSION)) {
  t.test(`${name} is nobody's request: nothing is on record`, async (t) => {
    t.strictSame(await ask(arrange()), { code, stage: 'received' })
    t.strictSame(events, [])
  })
}

interface Refused {
  readonly code: string
  /** The last stage that was passed. */
  readonly stage: string
  readonly options?: RequestOptions
  readonly arrange?: () => void
}

const REFUSED: Readonly<Record<string, Refused>> = {
  'a provider that nobody knows': {
    ...{ code: 'UnknownMember', stage: 'admitted' },
    options: { service: 'OWL/GOV/05711000/NIEMAND/vams' },
  },
  'a gateway that does not serve the provider': {
    ...{ code: 'InvalidSecurityServer', stage: 'admitted' },
    options: { headers: ['X-Road-Issue', '1', 'X-Road-Security-Server', 'OWL/GOV/05774032/gw1'] },
  },
  'a provider’s gateway whose certificate is revoked': {
    ...{ code: 'SslAuthenticationFailed', stage: 'admitted' },
    arrange: () => faults.status.set(fingerprints.server, 'revoked'),
  },
  'a provider’s gateway whose status is old': {
    ...{ code: 'CertValidation', stage: 'admitted' },
    arrange: () => faults.status.set(fingerprints.server, 'stale'),
  },
  'a purpose without the Aktenzeichen it asks for': {
    ...{ code: 'BadRequest', stage: 'admitted' },
    options: { headers: [] },
  },
  'an identification number in the head': {
    ...{ code: 'IdentifierNotAllowed', stage: 'admitted' },
    options: { path: `/v1?id=${IDNR}` },
  },
  'a provider’s gateway that does not listen': {
    ...{ code: 'NetworkError', stage: 'admitted' },
    arrange: () => {
      faults.reach = 'NetworkError'
    },
  },
  'a body that is too large': {
    ...{ code: 'BadRequest', stage: 'located' },
    options: { body: 'x'.repeat(BODY_BYTES_MAX + 1) },
  },
  'a body that breaks off': { ...{ code: 'MissingBody', stage: 'located' }, options: { isCut: true } },
  'an identification number in the body': {
    ...{ code: 'IdentifierNotAllowed', stage: 'located' },
    options: { body: `{"idnr":"${IDNR}"}` },
  },
}
for (const [name, { code, stage, options, arrange }] of Object.entries(REFUSED)) {
  t.test(`${name}: a refusal on record, nothing sent`, async (t) => {
    arrange?.()

    t.strictSame(await ask(options), { code, stage })

    t.strictSame(events, ['recorded refusal'])
    const [refusal] = consumer.log.records
    t.match(refusal, { outcome: 'refusal', direction: 'out', purpose: 'refusal', stage })
    t.equal(refusal?.request, undefined)
  })
}

t.test('a seal that is revoked: nothing is signed, so nothing is on record and nothing is sent', async (t) => {
  faults.status.set(fingerprints.seal, 'revoked')

  t.strictSame(await ask(), { code: 'CannotCreateSignature', stage: 'received' })

  t.strictSame(events, [])
})

t.test('a log that takes no request: nothing is sent', async (t) => {
  consumer.log.failing.set('request', 'LoggingFailed')

  t.strictSame(await ask(), { code: 'LoggingFailed', stage: 'sealed' })

  t.strictSame(events, [])
})

t.test('a log that takes no refusal: the failure of the log is told, not the reason', async (t) => {
  consumer.log.failing.set('refusal', 'LoggingFailed')

  t.strictSame(await ask({ headers: [] }), { code: 'LoggingFailed', stage: 'admitted' })
})

for (const code of ['NetworkError', 'SslAuthenticationFailed', 'OutcomeUnknown'] as const) {
  t.test(`${code} while it is sent: the failure ends the request on record`, async (t) => {
    faults.send = code

    t.strictSame(await ask(), { code, stage: 'recorded' })

    t.strictSame(events, ['recorded request', 'sent', 'recorded failure'])
    t.match(consumer.log.records[1], { outcome: 'failure', purpose: 'MELDE_VAMS', request: { seq: 1 } })
  })
}

t.test('an unsigned answer is told as what the other gateway said', async (t) => {
  faults.answer = ({ connection }) => ({ status: 502, unsigned: Buffer.from('<html>'), connection })

  t.strictSame(await ask(), { code: 'InvalidMessage', stage: 'sent' })

  t.equal(events.at(-1), 'recorded failure')
})

t.test('a reply whose seal is revoked by now', async (t) => {
  faults.answer = (answer) => {
    faults.status.set(fingerprints.providerSeal, 'revoked')
    return answer
  }

  t.strictSame(await ask(), { code: 'IncorrectCertificate', stage: 'sent' })

  t.equal(events.at(-1), 'recorded failure')
})

t.test('a reply whose body was changed on its way', async (t) => {
  faults.answer = (answer) => {
    const begun = Buffer.from(answer.frame?.begun ?? [])
    begun[0] = 0x5b
    return answer.frame === undefined ? answer : { ...answer, frame: { ...answer.frame, begun } }
  }

  t.strictSame(await ask(), { code: 'SignatureVerification.InvalidReference', stage: 'sent' })
})

t.test('a reply to another request', async (t) => {
  let first: Parameters<NonNullable<typeof faults.answer>>[0] | undefined
  faults.answer = (answer) => (first ??= answer)
  await ask()

  t.strictSame(await ask(), { code: 'InconsistentResponse', stage: 'sent' })
})

t.test('what the provider refuses is a reply: on record, and handed on', async (t) => {
  const reply = await exchange(consumer, rig.request({ path: '/v2' }), trace())

  t.equal(reply.fault?.type, 'Server.ServerProxy.AccessDenied')
  t.match(consumer.log.records.at(-1), { outcome: 'refusal', direction: 'in', code: reply.fault?.type })
  t.notOk(events.includes('delivered'))
})

t.test('a reply that carries an identification number is kept from the local system', async (t) => {
  // The provider's gateway looks for it as well: this one does not.
  const guard = provider.idnrGuard
  t.teardown(() => Object.assign(provider, { idnrGuard: guard }))
  Object.assign(provider, { idnrGuard: { ...guard, reply: () => {} } })
  const body = (await rig.request({ body: `{"idnr":"${IDNR}"}` }).receive(BODY_BYTES_MAX)) ?? undefined
  faults.service = async () => ({ status: 200, reason: 'OK', headers: [], body })

  t.strictSame(await ask(), { code: 'ServiceFailed.IdentifierNotAllowed', stage: 'verified' })

  t.equal(events.at(-1), 'recorded failure')
})

t.test('a log that takes no reply: what came of it is unknown, and that is told', async (t) => {
  consumer.log.failing.set('reply', 'LoggingFailed')

  t.strictSame(await ask(), { code: 'OutcomeUnknown', stage: 'verified' })

  t.equal(events.at(-1), 'recorded failure')
})

t.test('a seal that is revoked while the request is on its way: the record is closed in doubt', async (t) => {
  faults.answer = ({ connection }) => {
    faults.status.set(fingerprints.seal, 'revoked')
    return { status: 502, unsigned: Buffer.from(''), connection }
  }

  const { code } = await ask()

  t.equal(code, 'OutcomeUnknown')
  t.match(consumer.log.abandoned, [{ seq: 1 }])
})

t.test('a service that is not there is found out by the provider', async (t) => {
  const reply = await exchange(consumer, rig.request({ service: SERVICE.replace('vams', 'nichts') }), trace())

  t.equal(reply.fault?.type, 'Server.ServerProxy.UnknownService')
})

t.test('the other gateway gets the time that its service is published to take', async (t) => {
  const waits: (number | undefined)[] = []
  const peers: typeof consumer.peers = {
    ...consumer.peers,
    send: (peer, packed, signature, waitMs) => {
      waits.push(waitMs)
      return consumer.peers.send(peer, packed, signature)
    },
  }
  const slow = { ...rig.snapshot.service(SERVICE), timeoutMs: 120_000 }
  const snapshot = { ...rig.snapshot, service: () => slow as ReturnType<typeof rig.snapshot.service> }
  const configuration = { ...consumer.configuration, usable: () => snapshot }

  await exchange({ ...consumer, peers }, rig.request(), trace())
  await exchange({ ...consumer, peers, configuration }, rig.request(), trace())

  t.strictSame(waits, [undefined, 150_000])
})
