import { randomBytes } from 'node:crypto'
import t from 'tap'
import { readCertificate } from '../../../gateway/protocol/authority-certificates.ts'
import { sha256 } from '../../../gateway/protocol/hash-tree.ts'
import { readRevocationList } from '../../../gateway/protocol/revocation-list.ts'
import { hashOf } from '../../../gateway/protocol/sha2.ts'
import type { TimeStampAuthority } from '../../../gateway/protocol/time-stamp.ts'
import {
  checkNotRevoked,
  formatTimeStampRequest,
  openTimeStampReply,
  verifyTimeStamp,
} from '../../../gateway/protocol/time-stamp.ts'
import type { TimeStampFlaw } from '../../../gateway/protocol/time-stamp-token.ts'
import { completeToken, readToken, TimeStampError } from '../../../gateway/protocol/time-stamp-token.ts'
import { evidenceVector, vectorCertificate } from './evidence-vector.ts'
import { openOpensslAuthority } from './openssl-authority.ts'

const imprint = sha256(Buffer.from('a root'))

t.test('takes what openssl stamps, EC and RSA, and every SHA-2', async (t) => {
  for (const key of ['ec', 'rsa'] as const) {
    const tsa = await openOpensslAuthority({ key })
    t.teardown(tsa.close)
    for (const md of ['sha256', 'sha384', 'sha512']) {
      const { der, nonce } = formatTimeStampRequest(imprint, randomBytes(16))

      const token = openTimeStampReply(await tsa.reply(der, { md }))
      const stamp = verifyTimeStamp(token, tsa.authority, { imprint, nonce })

      t.same(stamp.imprint, imprint)
      t.same(stamp.nonce, nonce)
      t.equal(stamp.policy, '1.3.6.1.4.1.32473.1.2')
      t.ok(Math.abs(stamp.genTime - Date.now()) < 60_000, `${key} ${md}`)
      t.ok(await tsa.accepts(token, imprint))
    }
  }
})

t.test('takes imprints of any SHA-2, and only the one that was asked for', async (t) => {
  const tsa = await openOpensslAuthority()
  t.teardown(tsa.close)
  for (const digest of ['sha256', 'sha384', 'sha512'] as const) {
    const imprint = hashOf(digest, Buffer.from('a root'))
    const { der, nonce } = formatTimeStampRequest(imprint, randomBytes(16), digest)
    const token = openTimeStampReply(await tsa.reply(der))

    t.equal(verifyTimeStamp(token, tsa.authority, { imprint, digest, nonce }).imprintDigest, digest)
    const other = digest === 'sha512' ? 'sha384' : 'sha512'
    t.equal(
      flawOf(() => verifyTimeStamp(token, tsa.authority, { imprint, digest: other, nonce })),
      'imprint',
      'over another digest',
    )
  }
})

t.test('a nonce is always one positive integer of its full length', async (t) => {
  for (const first of [0x00, 0x7f, 0x80, 0xff]) {
    const { nonce } = formatTimeStampRequest(imprint, Buffer.concat([Buffer.from([first]), randomBytes(15)]))
    t.equal(nonce.length, 16)
    t.ok((nonce[0] ?? 0) >= 0x40 && (nonce[0] ?? 0) < 0x80)
  }
})

t.test('refuses a token that answers something else, with the flaw it has', async (t) => {
  const tsa = await openOpensslAuthority()
  const other = await openOpensslAuthority()
  t.teardown(tsa.close)
  t.teardown(other.close)
  const { der, nonce } = formatTimeStampRequest(imprint, randomBytes(16))
  const token = openTimeStampReply(await tsa.reply(der))
  const { unit, ca } = tsa.authority

  const cases: [string, TimeStampFlaw, Buffer, TimeStampAuthority, { imprint: Buffer; nonce?: Buffer }][] = [
    ['another imprint', 'imprint', token, tsa.authority, { imprint: randomBytes(32), nonce }],
    ['another nonce', 'nonce', token, tsa.authority, { imprint, nonce: randomBytes(16) }],
    ['another authority of the same name', 'certificate', token, other.authority, { imprint, nonce }],
    ['a CA that did not sign', 'certificate', token, { unit, ca: other.authority.ca }, { imprint, nonce }],
    ['a CA that is none', 'certificate', token, { unit, ca: unit }, { imprint, nonce }],
    ['a certificate that has ended', 'time', token, { unit: { ...unit, notAfter: 0 }, ca }, { imprint, nonce }],
    ['a CA that has ended', 'time', token, { unit, ca: { ...ca, notAfter: 0 } }, { imprint, nonce }],
    ['a time before the certificate', 'time', token, { unit: { ...unit, notBefore: 2 ** 45 }, ca }, { imprint, nonce }],
    ['garbage', 'malformed', randomBytes(600), tsa.authority, { imprint, nonce }],
    ['trailing octets', 'malformed', Buffer.concat([token, Buffer.from([0])]), tsa.authority, { imprint, nonce }],
  ]

  verifyTimeStamp(token, tsa.authority, { imprint, nonce })
  for (const [what, flaw, octets, authority, expected] of cases) {
    t.equal(
      flawOf(() => verifyTimeStamp(octets, authority, expected)),
      flaw,
      what,
    )
  }
})

t.test('refuses units whose certificate is for more than time-stamping', async (t) => {
  const profiles = [
    { extendedKeyUsage: 'timeStamping' },
    { extendedKeyUsage: 'critical,timeStamping,codeSigning' },
    { basicConstraints: 'critical,CA:TRUE' },
    { more: '1.3.6.1.4.1.32473.9 = critical,ASN1:NULL' },
  ]
  for (const profile of profiles) {
    const tsa = await openOpensslAuthority(profile)
    t.teardown(tsa.close)
    const { der, nonce } = formatTimeStampRequest(imprint, randomBytes(16))
    // openssl itself does not stamp with such a certificate; a good unit's token is judged by it.
    const good = await openOpensslAuthority()
    t.teardown(good.close)
    const token = openTimeStampReply(await good.reply(der))

    t.equal(
      flawOf(() => verifyTimeStamp(token, tsa.authority, { imprint, nonce })),
      'certificate',
      JSON.stringify(profile),
    )
  }
})

t.test('refuses answers without a token', async (t) => {
  const tsa = await openOpensslAuthority()
  t.teardown(tsa.close)
  const { der } = formatTimeStampRequest(imprint, randomBytes(16))
  const sha1 = Buffer.from(der)
  // The last arc of SHA-256 becomes SHA-224, which the authority does not know.
  sha1[sha1.indexOf(Buffer.from('0403040201', 'hex').subarray(2)) + 2] = 4

  t.equal(
    flawOf(() => openTimeStampReply(randomBytes(50))),
    'malformed',
  )
  t.equal(
    flawOf(() => openTimeStampReply(Buffer.alloc(0))),
    'malformed',
  )
  const refusal = await tsa.reply(sha1)
  t.equal(
    flawOf(() => openTimeStampReply(refusal)),
    'refused',
  )
})

t.test('finds every changed octet of a token that a signature or comparison covers', async (t) => {
  const { token, imprint } = await evidenceVector('evidence.ers')
  const authority = {
    unit: readCertificate(await vectorCertificate('tsa')),
    ca: readCertificate(await vectorCertificate('tsaca')),
  }
  verifyTimeStamp(token, authority, { imprint })
  // The CA's certificate and the list are carried along uncovered.
  const uncovered = [authority.ca.der, listOf(token)]
  const ranges = uncovered.map((part) => [token.indexOf(part), token.indexOf(part) + part.length] as const)
  t.ok(ranges.every(([from]) => from > 0))

  const missed: number[] = []
  for (let at = 0; at < token.length; at++) {
    if (ranges.some(([from, to]) => at >= from && at < to)) continue
    const changed = Buffer.from(token)
    changed[at] = (changed[at] ?? 0) ^ 0x01
    try {
      verifyTimeStamp(changed, authority, { imprint })
      missed.push(at)
    } catch (error) {
      if (!(error instanceof TimeStampError)) throw error
    }
  }

  t.same(missed, [])
})

t.test('completes a token so that openssl still takes it, and leaves no room for anything else', async (t) => {
  const tsa = await openOpensslAuthority()
  t.teardown(tsa.close)
  const list = await tsa.revocationList()
  const { der, nonce } = formatTimeStampRequest(imprint, randomBytes(16))
  const token = openTimeStampReply(await tsa.reply(der))
  const { unit, ca } = tsa.authority

  const complete = completeToken(token, [unit.der, ca.der], list)

  t.same(listOf(complete), list)
  t.same(readToken(complete).certificates, [unit.der, ca.der].sort(Buffer.compare))
  t.same(completeToken(complete, [ca.der, unit.der], list), complete)
  t.same(
    verifyTimeStamp(complete, tsa.authority, { imprint, nonce }),
    verifyTimeStamp(token, tsa.authority, { imprint }),
  )
  t.ok(await tsa.accepts(complete, imprint))
  t.throws(() => completeToken(randomBytes(100), [], list), { name: 'TimeStampError' })
})

t.test('reads lists of the right authority only, and sees the revoked unit', async (t) => {
  const tsa = await openOpensslAuthority()
  const other = await openOpensslAuthority()
  t.teardown(tsa.close)
  t.teardown(other.close)
  const der = await tsa.revocationList()

  const list = readRevocationList(der, tsa.authority.ca)
  t.ok(list.thisUpdate <= Date.now() && list.nextUpdate > Date.now())
  checkNotRevoked(tsa.authority, list)
  t.throws(() => readRevocationList(der, other.authority.ca), 'signed by another of the same name')
  t.throws(() => readRevocationList(Buffer.concat([der, Buffer.from([0])]), tsa.authority.ca))
  const changed = Buffer.from(der)
  changed[80] = (changed[80] ?? 0) ^ 1
  t.throws(() => readRevocationList(changed, tsa.authority.ca))

  const revoking = readRevocationList(await tsa.revocationList({ revoked: true }), tsa.authority.ca)
  t.equal(
    flawOf(() => checkNotRevoked(tsa.authority, revoking)),
    'revoked',
  )
})

function flawOf(act: () => unknown): TimeStampFlaw | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof TimeStampError) return error.flaw
    throw error
  }
}

function listOf(token: Buffer): Buffer {
  const { revocationLists } = readToken(token)
  const [list] = revocationLists
  if (list === undefined || revocationLists.length !== 1) throw new Error('The token carries not exactly one list')
  return list
}
