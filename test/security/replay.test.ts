/** Security rows 6 and 7: a message counts once, for a minute, and for the one it is addressed to. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import type { Answer } from './attacker.ts'
import { makeMessage, newRequestId, sealOf, sendMessage, tlsOf } from './attacker.ts'
import { exchanged, outline, refused } from './records.ts'
import { openRig } from './rig.ts'

// The default is half a minute for the whole file, and the machine may have other things to do.
t.setTimeout(120_000)

const rig = await openRig(t)
const { bielefeld, paderborn, delbrueck } = rig.gateways
const { delivered } = rig.service
const signer = sealOf(rig, 'paderborn')
const tls = tlsOf(rig, 'paderborn')

/** What has been recorded and delivered since. */
function marker(t: Test) {
  const seq = bielefeld.records().at(-1)?.seq ?? 0
  const count = delivered.length
  return (recorded: readonly object[], deliveries: number): void => {
    t.strictSame(bielefeld.records(seq).map(outline), recorded)
    t.equal(delivered.length - count, deliveries, 'deliveries')
  }
}

function isRefused(t: Test, answer: Answer, code: string, stage: string): void {
  t.equal(answer.signed?.head.block.kind, 'refusal', 'the refusal is signed')
  t.equal(answer.fault.type, `Server.ServerProxy.${code}`)
  t.equal(answer.signed?.head.error, answer.fault.type)
  t.equal(answer.signed?.head.block.stage, stage)
}

t.test('the same octets a millisecond later', async (t) => {
  const since = marker(t)
  const message = makeMessage(rig, signer)
  const first = await sendMessage(rig, message, { tls })
  await sleep(1)

  const second = await sendMessage(rig, message, { tls })

  t.equal(first.signed?.head.block.kind, 'reply')
  isRefused(t, second, 'ReplayedMessage', 'verified')
  since([...exchanged('provider', 'TEST'), ...refused('Server.ServerProxy.ReplayedMessage', 'verified')], 1)
})

t.test('the same id in fresh octets', async (t) => {
  const since = marker(t)
  const requestId = newRequestId()
  await sendMessage(rig, makeMessage(rig, signer, { requestId }), { tls })

  const answer = await sendMessage(rig, makeMessage(rig, signer, { requestId, body: Buffer.from('{}') }), { tls })

  isRefused(t, answer, 'ReplayedMessage', 'verified')
  since([...exchanged('provider', 'TEST'), ...refused('Server.ServerProxy.ReplayedMessage', 'verified')], 1)
})

t.test('the same message under its other signature: ECDSA has two', async (t) => {
  const since = marker(t)
  const message = makeMessage(rig, signer)
  const [header, , value = ''] = message.signature.split('.')
  const signature = `${header}..${negated(Buffer.from(value, 'base64url')).toString('base64url')}`
  await sendMessage(rig, { ...message, signature }, { tls })

  const answer = await sendMessage(rig, message, { tls })

  isRefused(t, answer, 'ReplayedMessage', 'verified')
  since([...exchanged('provider', 'TEST'), ...refused('Server.ServerProxy.ReplayedMessage', 'verified')], 1)
})

t.test('twenty times at once', async (t) => {
  const since = marker(t)
  const message = makeMessage(rig, signer)

  const answers = await Promise.all(Array.from({ length: 20 }, () => sendMessage(rig, message, { tls })))

  const replies = answers.filter(({ signed }) => signed?.head.block.kind === 'reply')
  const refusals = answers.filter(({ fault }) => fault.type === 'Server.ServerProxy.ReplayedMessage')
  t.same([replies.length, refusals.length], [1, 19])
  t.ok(refusals.every(({ signed }) => signed !== undefined))
  const records = bielefeld.records(0).filter(({ requestId }) => requestId === message.head.requestId)
  t.equal(records.filter(({ kind }) => kind === 'refusal').length, 19, 'each refusal is on record')
  t.equal(records.length, 40)
  t.equal(delivered.filter(({ requestId }) => requestId === message.head.requestId).length, 1)
  t.ok(since)
})

t.test('the id of another sender is another id', async (t) => {
  const since = marker(t)
  const requestId = newRequestId()
  const other = makeMessage(rig, sealOf(rig, 'delbrueck'), { from: 'delbrueck', requestId })
  await sendMessage(rig, other, { tls: tlsOf(rig, 'delbrueck') })

  const answer = await sendMessage(rig, makeMessage(rig, signer, { requestId }), { tls })

  t.equal(answer.signed?.head.block.kind, 'reply', 'nobody can use up the ids of others')
  since([...refused('Server.ServerProxy.AccessDenied', 'fresh'), ...exchanged('provider', 'TEST')], 1)
})

t.test('what was refused once is not tried again', async (t) => {
  const since = marker(t)
  const message = makeMessage(rig, signer, { block: { purpose: 'ANDERES' } })
  const first = await sendMessage(rig, message, { tls })

  const second = await sendMessage(rig, message, { tls })

  isRefused(t, first, 'PurposeNotAllowed', 'fresh')
  isRefused(t, second, 'ReplayedMessage', 'verified')
  since(
    [
      ...refused('Server.ServerProxy.PurposeNotAllowed', 'fresh'),
      ...refused('Server.ServerProxy.ReplayedMessage', 'verified'),
    ],
    0,
  )
})

for (const [name, ageMs] of [
  ['61 s old', 61_000],
  ['61 s from the future', -61_000],
  ['a day old', 86_400_000],
] as const) {
  t.test(`a message ${name}, and again`, async (t) => {
    const since = marker(t)
    const message = makeMessage(rig, signer, { issuedAt: Date.now() - ageMs })

    const answers = [await sendMessage(rig, message, { tls }), await sendMessage(rig, message, { tls })]

    for (const answer of answers) isRefused(t, answer, 'StaleMessage', 'verified')
    const stale = refused('Server.ServerProxy.StaleMessage', 'verified')
    since([...stale, ...stale], 0)
  })
}

t.test('five times at once what is refused', async (t) => {
  const message = makeMessage(rig, signer, { block: { purpose: 'ANDERES' } })

  const answers = await Promise.all(Array.from({ length: 5 }, () => sendMessage(rig, message, { tls })))

  t.ok(
    answers.every(({ signed }) => signed?.head.block.kind === 'refusal'),
    'every refusal is signed',
  )
  const records = bielefeld.records(0).filter(({ requestId }) => requestId === message.head.requestId)
  t.equal(records.length, 10, 'and on record')
  t.notOk(delivered.some(({ requestId }) => requestId === message.head.requestId))
})

t.test('one that was taken and has become stale', async (t) => {
  const since = marker(t)
  const message = makeMessage(rig, signer, { issuedAt: Date.now() - 59_000 })
  const first = await sendMessage(rig, message, { tls })
  await sleep(1100)

  const second = await sendMessage(rig, message, { tls })

  t.equal(first.signed?.head.block.kind, 'reply', 'within a minute it counts')
  isRefused(t, second, 'StaleMessage', 'verified')
  since([...exchanged('provider', 'TEST'), ...refused('Server.ServerProxy.StaleMessage', 'verified')], 1)
})

t.test('head and signature that name different moments', async (t) => {
  const since = marker(t)
  const message = makeMessage(rig, signer, { iat: Math.floor(Date.now() / 1000) - 5 })

  const answer = await sendMessage(rig, message, { tls })

  isRefused(t, answer, 'StaleMessage', 'verified')
  since(refused('Server.ServerProxy.StaleMessage', 'verified'), 0)
})

t.test('a message for another gateway is refused by every other one, each time', async (t) => {
  const since = marker(t)
  const toOthers = makeMessage(rig, signer, { block: { audience: delbrueck.id } })
  const toBielefeld = makeMessage(rig, signer)
  const before = { paderborn: paderborn.records().length, delbrueck: delbrueck.records().length }

  const answers = [
    await sendMessage(rig, toOthers, { tls }),
    await sendMessage(rig, toOthers, { tls }),
    await sendMessage(rig, toBielefeld, { tls, to: 'paderborn' }),
    await sendMessage(rig, toBielefeld, { tls, to: 'delbrueck' }),
    await sendMessage(rig, toBielefeld, { tls, to: 'delbrueck' }),
  ]

  for (const answer of answers) isRefused(t, answer, 'WrongAudience', 'verified')
  const wrong = refused('Server.ServerProxy.WrongAudience', 'verified')
  since([...wrong, ...wrong], 0)
  t.strictSame(paderborn.records().slice(before.paderborn).map(outline), wrong)
  t.strictSame(delbrueck.records().slice(before.delbrueck).map(outline), [...wrong, ...wrong])
  t.equal(
    (await sendMessage(rig, toBielefeld, { tls })).signed?.head.block.kind,
    'reply',
    'its addressee takes it still',
  )
})

t.test('a message that another gateway has caught', async (t) => {
  const since = marker(t)
  const message = makeMessage(rig, signer)

  const answer = await sendMessage(rig, message, { tls: tlsOf(rig, 'delbrueck') })

  t.equal(answer.signed, undefined)
  t.equal(answer.fault.type, 'Server.ServerProxy.SslAuthenticationFailed')
  t.equal(answer.fault.stage, 'opened')
  since([], 0)
})

t.test('a reply that is played back as a request', async (t) => {
  const since = marker(t)
  const { octets, headers } = await sendMessage(rig, makeMessage(rig, signer), { tls })
  const reply = { octets: octets.subarray(4, 4 + octets.readUInt32BE(0)) }
  const body = octets.subarray(4 + reply.octets.length)
  const played = { head: reply, body, signature: String(headers['owl-signature']) }

  const answer = await sendMessage(rig, played as never, { tls: tlsOf(rig, 'delbrueck') })

  t.equal(answer.signed, undefined)
  t.equal(answer.fault.type, 'Server.ServerProxy.InvalidMessage')
  since(exchanged('provider', 'TEST'), 1)
})

t.test('the same octets after the gateway was killed', async (t) => {
  const since = marker(t)
  const message = makeMessage(rig, signer)
  await sendMessage(rig, message, { tls })
  await bielefeld.kill()
  await bielefeld.start()

  const answer = await sendMessage(rig, message, { tls })

  isRefused(t, answer, 'ReplayedMessage', 'verified')
  since([...exchanged('provider', 'TEST'), ...refused('Server.ServerProxy.ReplayedMessage', 'verified')], 1)
})

const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')

/** (r, n − s) holds whenever (r, s) does. FIPS 186-5 §6.4. */
function negated(signature: Buffer): Buffer {
  const s = ORDER - BigInt(`0x${signature.toString('hex', 32)}`)
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
}
