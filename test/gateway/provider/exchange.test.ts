/** The provider's pipeline by itself: each stage that refuses, each that fails, and what is on record by then. */

import t from 'tap'
import { GatewayError } from '../../../gateway/errors.ts'
import type { Incoming, Outgoing } from '../../../gateway/provider/exchange.ts'
import { exchange } from '../../../gateway/provider/exchange.ts'
import type { ServiceReply } from '../../../gateway/transport/services.ts'
import type { RequestOptions } from '../pipeline-rig.ts'
import { openPipelines, SERVICE, trace } from '../pipeline-rig.ts'

const rig = await openPipelines(t)
const { provider, events, faults, fingerprints } = rig
const IDNR = '86095742719'

interface Answered {
  readonly code: string
  /** Signed refusals name the stage that was passed last; unsigned ones are known by the trace. */
  readonly stage: string
  readonly signed: boolean
}

async function answer(incoming: Incoming): Promise<Answered> {
  const passed = trace()
  try {
    const { head } = await exchange(provider, incoming, passed)
    return { code: head.error ?? 'none', stage: head.block.stage ?? passed.last, signed: true }
  } catch (error) {
    return { code: error instanceof GatewayError ? error.code : String(error), stage: passed.last, signed: false }
  }
}

t.test('a request is recorded before it is delivered, its reply before it is answered', async (t) => {
  const passed = trace()

  const outgoing: Outgoing = await exchange(provider, await rig.incoming(), passed)

  t.strictSame(events, ['recorded request', 'delivered', 'recorded reply'])
  t.equal(outgoing.head.status, 200)
  t.equal(outgoing.head.block.kind, 'reply')
  t.strictSame(Object.keys(passed.stages), [
    ...['opened', 'attested', 'verified', 'fresh', 'permitted', 'received', 'recorded', 'delivered', 'sealed'],
    'concluded',
  ])
  t.match(provider.log.records, [
    { outcome: 'request', direction: 'in', side: 'provider', purpose: 'MELDE_VAMS' },
    { outcome: 'reply', direction: 'out', request: { seq: 1 } },
  ])
})

type Change = (incoming: Incoming) => Incoming

const STRANGERS: Readonly<Record<string, readonly [code: string, stage: string, change: Change]>> = {
  'a head that is none': ['InvalidMessage', 'received', (it) => ({ ...it, head: Buffer.from('GET / HTTP/1.1') })],
  'a signature of another form': [
    ...(['SignatureVerification.MalformedSignature', 'received'] as const),
    (it) => ({ ...it, signature: 'a.b.c' }),
  ],
  'a certificate of no gateway': [
    'SslAuthenticationFailed',
    'opened',
    (it) => ({ ...it, certificate: '00'.repeat(32) }),
  ],
  'a certificate of the gateway that is asked': [
    ...(['SslAuthenticationFailed', 'opened'] as const),
    (it) => ({ ...it, certificate: fingerprints.server }),
  ],
  'a certificate that is revoked': [
    ...(['SslAuthenticationFailed', 'opened'] as const),
    (it) => {
      faults.status.set(fingerprints.client, 'revoked')
      return it
    },
  ],
  'a seal that is revoked': [
    ...(['IncorrectCertificate', 'attested'] as const),
    (it) => {
      faults.status.set(fingerprints.seal, 'revoked')
      return it
    },
  ],
  'a seal whose status is old': [
    ...(['CertValidation', 'attested'] as const),
    (it) => {
      faults.status.set(fingerprints.seal, 'stale')
      return it
    },
  ],
  'a configuration that has expired': [
    ...(['OutdatedGlobalConf', 'opened'] as const),
    (it) => {
      faults.configuration = 'OutdatedGlobalConf'
      return it
    },
  ],
}
for (const [name, [code, stage, change]] of Object.entries(STRANGERS)) {
  t.test(`${name}: unsigned, unrecorded, undelivered`, async (t) => {
    const incoming = change(await rig.incoming())

    t.match(await answer(incoming), { signed: false, stage })
    t.equal((await answer(incoming)).code, code)
    t.strictSame(events, [])
  })
}

interface Refused {
  readonly code: string
  readonly stage: string
  readonly options?: RequestOptions
  readonly change?: Change
}

const REFUSED: Readonly<Record<string, Refused>> = {
  'a service that is not there': {
    ...{ code: 'Server.ServerProxy.UnknownService', stage: 'fresh' },
    options: { service: SERVICE.replace('vams', 'nichts') },
  },
  'a path that no agreement grants': {
    ...{ code: 'Server.ServerProxy.AccessDenied', stage: 'fresh' },
    options: { path: '/v2' },
  },
  'a purpose that the agreement does not name': {
    ...{ code: 'Server.ServerProxy.PurposeNotAllowed', stage: 'fresh' },
    options: { purpose: 'ANDERER' },
  },
  'a body that is not the signed one': {
    ...{ code: 'Server.ServerProxy.SignatureVerification.InvalidReference', stage: 'permitted' },
    change: (it) => ({ ...it, receive: async () => rig.request({ body: '{"frage":2}' }).receive(1000) }),
  },
  'a body that breaks off': {
    ...{ code: 'Server.ServerProxy.MissingBody', stage: 'permitted' },
    change: (it) => ({ ...it, receive: async () => Promise.reject(new GatewayError('MissingBody')) }),
  },
}
for (const [name, { code, stage, options, change }] of Object.entries(REFUSED)) {
  t.test(`${name}: refused under seal, both on record, undelivered`, async (t) => {
    const incoming = await rig.incoming(options)

    t.strictSame(await answer(change?.(incoming) ?? incoming), { code, stage, signed: true })

    t.strictSame(events, ['recorded request', 'recorded refusal'])
    const [request, refusal] = provider.log.records
    t.match(request, { outcome: 'request', purpose: 'refusal' })
    t.equal(request?.body, undefined, 'the body is not kept')
    t.match(refusal, { outcome: 'refusal', purpose: 'refusal', code, stage, request: { seq: 1 } })
  })
}

t.test('a message for another gateway, and one from another day', async (t) => {
  const incoming = await rig.incoming()
  const { gateway, now } = provider
  t.teardown(() => Object.assign(provider, { gateway, now }))

  Object.assign(provider, { now: () => now() + 61_000 })
  t.match(await answer(incoming), { code: 'Server.ServerProxy.StaleMessage', stage: 'verified' })
  Object.assign(provider, { now, gateway: 'OWL/GOV/05711000/gw2' })
  t.match(await answer(incoming), { code: 'Server.ServerProxy.WrongAudience', stage: 'verified' })
  t.notOk(events.includes('delivered'))
})

t.test('a message that was taken before is delivered once', async (t) => {
  const incoming = await rig.incoming()
  await answer(incoming)

  t.match(await answer(incoming), { code: 'Server.ServerProxy.ReplayedMessage', stage: 'verified', signed: true })

  t.equal(events.filter((event) => event === 'delivered').length, 1)
  t.equal(provider.log.records[2]?.replaySender, undefined, 'the refusal takes no id')
})

t.test('who is refused too often is refused without a signature and a record', async (t) => {
  faults.mayRefuse = false

  t.match(await answer(await rig.incoming({ path: '/v2' })), { code: 'TooManyRequests', signed: false })

  t.strictSame(events, [])
})

t.test('a log that takes no request: nothing is delivered', async (t) => {
  provider.log.failing.set('request', 'LoggingFailed')

  t.match(await answer(await rig.incoming()), { code: 'LoggingFailed', signed: false })

  t.strictSame(events, [])
})

t.test('a service that fails: the request is on record, its failure too', async (t) => {
  faults.service = async () => Promise.reject(new GatewayError('ServiceFailed.TimedOut'))

  t.strictSame(await answer(await rig.incoming()), {
    ...{ code: 'Server.ServerProxy.ServiceFailed.TimedOut', stage: 'recorded', signed: true },
  })

  t.strictSame(events, ['recorded request', 'delivered', 'recorded failure'])
  t.match(provider.log.records[1], { outcome: 'failure', purpose: 'MELDE_VAMS', request: { seq: 1 } })
})

t.test('an adapter that makes a mistake is an internal error, told to nobody in detail', async (t) => {
  faults.service = async () => Promise.reject(new TypeError('secret'))

  const outgoing = await exchange(provider, await rig.incoming(), trace())

  t.match(outgoing.head.error, /InternalError$/)
  t.notMatch(outgoing.body?.bytes?.toString(), /secret/)
})

t.test('a reply that carries an identification number is not sent on', async (t) => {
  const body = await rig.request({ body: `{"idnr":"${IDNR}"}` }).receive(1000)
  const reply: ServiceReply = { status: 200, reason: 'OK', headers: [], body }
  faults.service = async () => reply

  const outgoing = await exchange(provider, await rig.incoming(), trace())

  t.match(outgoing.head.error, /ServiceFailed\.IdentifierNotAllowed$/)
  t.notMatch(outgoing.body?.bytes?.toString(), new RegExp(IDNR))
  t.equal(events.at(-1), 'recorded failure')
})

t.test('a log that takes no reply: what came of it is unknown, and that is told', async (t) => {
  provider.log.failing.set('reply', 'LoggingFailed')

  t.strictSame(await answer(await rig.incoming()), {
    ...{ code: 'Server.ServerProxy.OutcomeUnknown', stage: 'sealed', signed: true },
  })
  t.equal(events.at(-1), 'recorded failure')
})

t.test(
  'a log that takes nothing after the delivery: an unsigned answer says that the outcome is unknown',
  async (t) => {
    provider.log.failing.set('reply', 'LoggingFailed')
    provider.log.failing.set('failure', 'LoggingFailed')

    t.match(await answer(await rig.incoming()), { code: 'OutcomeUnknown', signed: false })
  },
)

t.test('a seal that is revoked while the service works: the record is closed in doubt', async (t) => {
  faults.service = async () => {
    faults.status.set(fingerprints.providerSeal, 'revoked')
    return { status: 200, reason: 'OK', headers: [], body: undefined }
  }

  t.match(await answer(await rig.incoming()), { code: 'CannotCreateSignature', signed: false })

  t.match(provider.log.abandoned, [{ seq: 1 }])
})

t.test('a metaservice is answered without an agreement, and recorded', async (t) => {
  const incoming = await rig.incoming({
    method: 'GET',
    service: SERVICE.replace('vams', 'listMethods'),
    path: '',
    body: '',
  })

  t.match(await answer(incoming), { code: 'none', signed: true })

  t.strictSame(events, ['recorded request', 'recorded reply'])
})
