import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readAnchors } from '../../../gateway/evidence/anchors.ts'
import { openExchangeBook } from '../../../gateway/evidence/exchange-checks.ts'
import { EVIDENCE_RECORD_NAME } from '../../../gateway/evidence/manifest.ts'
import { openTrust } from '../../../gateway/evidence/trust.ts'
import type { Statement } from '../../../gateway/evidence/verify.ts'
import { verifyFiles } from '../../../gateway/evidence/verify.ts'
import { nextRequestId } from '../message-log/messages.ts'
import { makeAuthority } from '../trust/pki.ts'
import { evidenceFiles, filesIn, loose, openVerifyRig, repacked, timeOf, withVerdict } from './verify-rig.ts'

t.test('what a log exports is valid, sealed or not', async (t) => {
  const { request, reply, sealed, verify, rig, container } = await openVerifyRig(t)

  for (const octets of [request, reply, sealed]) {
    const verified = verify(octets)
    t.same(withVerdict(verified, 'failed'), [])
    t.same(withVerdict(verified, 'not-checked'), [])
    // The messages of the rig are some hours old when they are recorded.
    const unsealed = octets === sealed ? [] : ['log-record.origin']
    t.same(withVerdict(verified, 'warning').sort(), [...unsealed, 'signature.time'])
  }
  t.equal(withVerdict(verify(sealed), 'ok').filter((id) => id.startsWith('seal.')).length, 10)
  for (const seq of [rig.configurationSeq, rig.configurationSeq + 3]) {
    t.same(withVerdict(verify(await container(seq)), 'warning'), ['log-record.origin'], 'records of the log’s own')
  }
  t.ok(withVerdict(verify(await container(rig.configurationSeq + 3)), 'ok').includes('batch.leaves'))
})

t.test('loose files are as good as a container', async (t) => {
  const { request, verifying } = await openVerifyRig(t)
  const files = loose(filesIn(request))

  t.equal(verifyFiles(evidenceFiles(files), verifying).outcome, 'valid-with-warnings')

  files.delete(EVIDENCE_RECORD_NAME)
  const unproven = verifyFiles(evidenceFiles(files), verifying)
  t.same(withVerdict(unproven, 'failed'), ['signature.certificate'], 'it was not yet in force at the time it claims')
  t.same(withVerdict(unproven, 'not-checked'), ['record.form', 'signature.time'])
})

t.test('whoever can make checksums and manifests anew is still found out', async (t) => {
  const { request, reply, verify, verifying } = await openVerifyRig(t)
  const files = filesIn(request)
  const at = timeOf(files)
  const others = filesIn(reply)
  t.equal(verify(await repacked(files, at)).outcome, 'valid-with-warnings', 'the same')

  const change = (name: string, to: Buffer | undefined): Map<string, Buffer> => {
    const copy = new Map(files)
    if (to === undefined) copy.delete(name)
    else copy.set(name, to)
    return copy
  }
  const json = (name: string): string => (files.get(name) as Buffer).toString()
  const text = (name: string, from: string | RegExp, to: string): Map<string, Buffer> => {
    t.match(json(name), from)
    return change(name, Buffer.from(json(name).replace(from, to)))
  }
  const cases: readonly (readonly [string, readonly string[], ReadonlyMap<string, Buffer>])[] = [
    [
      'body',
      ['log-record.objects', 'record.group', 'signature.references'],
      change('message-body.json', Buffer.from('{}')),
    ],
    ['head', ['record.group', 'signature.references'], text('message-head.txt', 'owl-purpose:', 'owl-purpose:X')],
    ['record of another message', ['record.group'], change(EVIDENCE_RECORD_NAME, others.get(EVIDENCE_RECORD_NAME))],
    [
      'signature of another message',
      ['signature.references', 'record.group'],
      change('signature.jades.json', others.get('signature.jades.json')),
    ],
    ['log record of another message', ['log-record.objects'], change('log-record.json', others.get('log-record.json'))],
    ['time of the log record', ['record.group'], text('log-record.json', /"at":"2026/, '"at":"2025')],
    ['purpose it was judged for', ['record.group'], text('log-record.json', '"purpose":"MELDE', '"purpose":"NELDE')],
    ['place in the log', ['record.group'], text('log-record.json', '"seq":2', '"seq":3')],
    ['order of members', ['log-record.form'], text('log-record.json', /("epoch":1),("seq":2)/, '$2,$1')],
    ['a member more', ['log-record.form'], text('log-record.json', '{"v":1,', '{"v":1,"w":1,')],
    ['white space', ['record.group'], text('log-record.json', '{"v":1', '{ "v":1')],
    ['a file more', ['log-record.objects', 'record.group'], change('more.json', Buffer.from('{}'))],
    ['a file of the container more', ['container.files'], change('META-INF/more.xml', Buffer.from('{}'))],
    ['without the record', ['container.files'], change(EVIDENCE_RECORD_NAME, undefined)],
    ['without the log record', ['container.files'], change('log-record.json', undefined)],
    ['without the head', ['log-record.objects', 'signature.form'], change('message-head.txt', undefined)],
    ['without the signature', ['log-record.objects', 'signature.form'], change('signature.jades.json', undefined)],
    [
      'another type of container',
      ['container.files'],
      change('mimetype', Buffer.from('application/vnd.etsi.asic-s+zip')),
    ],
  ]
  for (const [what, expected, made] of cases) {
    const verified = verify(await repacked(made, at))
    t.equal(verified.outcome, 'invalid', what)
    const failed = withVerdict(verified, 'failed')
    for (const id of expected) t.ok(failed.includes(id as (typeof failed)[number]), `${what}: ${id} of ${failed}`)
  }
  t.same(withVerdict(verify(await repacked(files, at + 4000)), 'failed'), ['container.time'])
  const first = new Map([...files].reverse())
  t.ok(withVerdict(verify(await repacked(first, at)), 'failed').includes('container.files'), 'mimetype is first')
  t.equal(verifyFiles(new Map(), verifying).outcome, 'indeterminate')
})

t.test('the order of a signature’s members is free, another form of it is refused', async (t) => {
  const { request, verifying } = await openVerifyRig(t)
  const files = loose(filesIn(request))
  const signature = JSON.parse((files.get('signature.jades.json') as Buffer).toString()) as Record<string, unknown>
  const formOf = (value: unknown) => {
    const octets = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
    const { checks } = verifyFiles(evidenceFiles(new Map([...files, ['signature.jades.json', octets]])), verifying)
    return checks.find(({ id }) => id === 'signature.form')?.verdict
  }
  const { header, payload, protected: head, signature: value } = signature
  const [xVals, rVals] = (header as { etsiU: string[] }).etsiU as [string, string]

  t.equal(formOf({ payload, protected: head, header, signature: value }), 'ok')
  t.equal(formOf(JSON.stringify(signature, undefined, 2)), 'ok')
  for (const [what, other] of [
    ['a member more', { ...signature, kid: 'x' }],
    ['an unprotected parameter more', { ...signature, header: { etsiU: [xVals, rVals], alg: 'none' } }],
    ['a payload', { ...signature, payload: 'e30' }],
    ['a member twice', JSON.stringify(signature).replace('"payload":""', '"payload":"","payload":""')],
    ['padding', { ...signature, signature: `${value}=` }],
    ['components in another order', { ...signature, header: { etsiU: [rVals, xVals] } }],
    ['a component more', { ...signature, header: { etsiU: [xVals, rVals, xVals] } }],
    ['general JWS JSON', { payload, signatures: [signature] }],
    ['compact', `${head}..${value}`],
  ] as const) {
    t.equal(formOf(other), 'failed', what)
  }
})

t.test('an erased body is known by digest, and by no other', async (t) => {
  const { request, verify } = await openVerifyRig(t)
  const files = filesIn(request)
  const { objects } = JSON.parse((files.get('log-record.json') as Buffer).toString()) as {
    objects: { name: string; sha256: string }[]
  }
  const bodyDigest = objects.find(({ name }) => name === 'message-body.json')?.sha256 as string
  files.delete('message-body.json')
  const octets = await repacked(files, timeOf(files))

  const verified = verify(octets)
  t.equal(verified.outcome, 'valid-with-warnings')
  t.same(withVerdict(verified, 'warning').sort(), ['body', 'log-record.origin', 'signature.time'])
  t.same(withVerdict(verified, 'failed'), [])
  t.same(withVerdict(verify(octets, { bodyDigest }), 'failed'), [])
  t.same(withVerdict(verify(octets, { bodyDigest: 'a'.repeat(64) }), 'failed'), ['body'])
})

t.test('anchors decide: none, others, the right ones', async (t) => {
  const { request, sealed, verify } = await openVerifyRig(t)
  const stranger = join(t.testdir(), 'stranger.pem')
  await writeFile(stranger, (await makeAuthority()).certificate.toString('pem'))

  for (const trusted of [[], readAnchors([stranger]).certificates]) {
    const trust = openTrust(trusted)
    const verified = verify(request, { trust })
    t.equal(verified.outcome, 'indeterminate')
    t.same(withVerdict(verified, 'not-checked').sort(), ['record.token', 'signature.certificate'])
    const seal = withVerdict(verify(sealed, { trust }), 'not-checked').filter((id) => id.startsWith('seal.'))
    t.same(seal.sort(), ['seal.archive', 'seal.certificate', 'seal.time'])
  }
})

t.test('who may issue seals may not stamp, nor the other way round', async (t) => {
  const { rig, request, sealed, verify } = await openVerifyRig(t)
  const { certificates } = readAnchors([rig.caFile])

  const notStamped = verify(sealed, { trust: openTrust(certificates, []) })
  t.equal(notStamped.outcome, 'indeterminate')
  t.same(withVerdict(notStamped, 'not-checked').sort(), ['record.token', 'seal.archive', 'seal.time'])
  const notIssued = verify(request, { trust: openTrust([], certificates) })
  t.equal(notIssued.outcome, 'indeterminate')
  t.same(withVerdict(notIssued, 'not-checked'), ['signature.certificate'])
})

t.test('time: before the token, after its certificate', async (t) => {
  const { sealed, verify } = await openVerifyRig(t)

  t.ok(withVerdict(verify(sealed, { at: Date.now() - 3600_000 }), 'failed').includes('record.lifetime'))
  const late = verify(sealed, { at: Date.now() + 6 * 365 * 86_400_000 })
  t.same(withVerdict(late, 'failed'), [])
  t.same(withVerdict(late, 'not-proven').sort(), ['record.lifetime', 'seal.lifetime'])
})

t.test('one place in a log has one record', async (t) => {
  const { request, reply, verify } = await openVerifyRig(t)
  const [one, other] = [request, reply].map((octets) => verify(octets).statement)
  const { record, leaf } = one as Statement
  const book = openExchangeBook()

  t.strictSame(book.take({ record, leaf } as Statement), [])
  t.strictSame(book.take({ record, leaf } as Statement), [], 'the same once more')
  const [found] = book.take({ record, leaf: other?.leaf } as Statement)

  t.equal(found?.outcome, 'invalid')
  t.strictSame(found?.checks, [
    { id: 'chain.place', verdict: 'failed', detail: 'the log had another record in this place' },
  ])
})

t.test('request and reply belong together, or are told apart', async (t) => {
  const { rig, verify, container } = await openVerifyRig(t)
  const requestId = nextRequestId()
  const one = await rig.exchange({ requestId })
  // Somebody answers another request under the same id.
  const two = await rig.exchange({ requestId, sender: 'OWL/GOV/05774/SS1' })
  await rig.log.stampNow()
  const [request, reply, other, answer] = await Promise.all([...one, ...two].map(({ seq }) => container(seq)))
  const related = (...given: (Buffer | undefined)[]) => {
    const book = openExchangeBook()
    return given.flatMap((octets) => book.take(verify(octets as Buffer).statement))
  }

  const whole = related(request, reply)
  t.same(
    whole.map(({ outcome }) => outcome),
    ['valid', 'valid'],
  )
  t.same(withVerdict({ checks: whole.flatMap(({ checks }) => checks) }, 'ok').sort(), [
    ...['chain.previous', 'exchange.hash', 'exchange.receipt', 'exchange.record', 'exchange.request'],
  ])
  t.same(related(request, request), [], 'given twice')
  for (const pair of [
    [request, answer],
    [answer, request],
    [other, reply],
  ]) {
    const [found] = related(...pair)
    t.equal(found?.outcome, 'invalid')
    t.same(withVerdict({ checks: found?.checks ?? [] }, 'failed').sort(), [
      ...['exchange.hash', 'exchange.receipt', 'exchange.record', 'exchange.request'],
    ])
  }
})
