/** Certificate status: what openssl makes of it, and what happens to questions that are none. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { makeClient, makePki } from '../../certs-dev/make.ts'
import { ask, DELBRUECK, freshDir, openssl, PADERBORN, post, SEAL, saved, trustRig } from './rig.ts'

const QUERY = 'application/ocsp-request'
const MALFORMED = '30030a0101'

t.test('openssl accepts the status of every kind of certificate, by SHA-1 and SHA-256', async (t) => {
  const rig = await trustRig(t)
  const paths = [SEAL, 'members/delbrueck/gw2/peer-client.pem', 'members/paderborn/clients/MELDEWESEN.pem', 'ocsp.pem']

  for (const path of paths) {
    for (const digest of ['-sha1', '-sha256']) {
      const { code, text } = await ask(rig, digest, '-cert', path)
      t.equal(code, 0)
      t.match(text, 'Response verify OK')
      t.match(text, `${path}: good`)
      t.notMatch(text, /WARNING/, 'the nonce came back')
    }
  }
})

t.test('the same by GET, percent-encoded or not', async (t) => {
  const { dir, url } = await trustRig(t)
  const question = ['-no_nonce', '-issuer', 'issuing.pem', '-cert', SEAL]
  await openssl(dir, 'ocsp', ...question, '-reqout', 'q.der')
  const base64 = (await readFile(join(dir, 'q.der'))).toString('base64')

  for (const path of [encodeURIComponent(base64), base64]) {
    const response = await fetch(`${url}/ocsp/${path}`)
    t.equal(response.headers.get('content-type'), 'application/ocsp-response')
    const reply = await saved(dir, new Uint8Array(await response.arrayBuffer()))
    const { text } = await openssl(dir, 'ocsp', ...question, '-respin', reply, '-CAfile', 'ca.pem')
    t.match(text, `${SEAL}: good`)
    t.match(text, 'Response verify OK')
  }
})

t.test('a nonce that was sent comes back, and none comes unasked', async (t) => {
  const rig = await trustRig(t)

  const { text } = await ask(rig, '-cert', SEAL, '-text')
  const nonces = text.match(/OCSP Nonce: \s+(\S+)/g)
  t.equal(nonces?.length, 2)
  t.equal(nonces?.[0], nonces?.[1])

  t.notMatch((await ask(rig, '-cert', SEAL, '-text', '-no_nonce')).text, 'OCSP Nonce')
})

t.test('says how long it holds, and answers several questions at once', async (t) => {
  const now = Date.UTC(2026, 10, 22, 12, 0, 0, 900)
  const rig = await trustRig(t, { now: () => now, ocspValidityMs: 600_000 })

  const { text } = await ask(rig, '-cert', 'members/paderborn/operator.pem', '-cert', SEAL, '-resp_text')

  t.equal(text.match(/Cert Status: good/g)?.length, 2)
  t.match(text, 'Produced At: Nov 22 12:00:00 2026 GMT')
  t.match(text, 'This Update: Nov 22 12:00:00 2026 GMT')
  t.match(text, 'Next Update: Nov 22 12:10:00 2026 GMT')
})

t.test('does not know what its CA has not issued', async (t) => {
  const rig = await trustRig(t)
  const elsewhere = await freshDir(t)
  await makePki({ dir: elsewhere, members: [PADERBORN] })
  const foreign = join(elsewhere, SEAL)

  t.match((await ask(rig, '-serial', '0x1234')).text, '0x1234: unknown', 'a serial never given')
  t.match((await ask(rig, '-issuer', join(elsewhere, 'issuing.pem'), '-cert', foreign)).text, `${foreign}: unknown`)
  t.match((await ask(rig, '-issuer', 'tsa-ca.pem', '-cert', 'tsa.pem')).text, 'tsa.pem: unknown', 'another CA')
  t.match((await ask(rig, '-sha512', '-cert', SEAL)).text, `${SEAL}: unknown`, 'a digest it does not keep')
})

t.test('knows a certificate that was made after it started', async (t) => {
  const rig = await trustRig(t)
  const { cert } = await makeClient(rig.dir, DELBRUECK, 'LATER')

  t.match((await ask(rig, '-cert', cert)).text, `${cert}: good`)
})

t.test('whatever arrives is answered in form', async (t) => {
  const { dir, url } = await trustRig(t)
  await openssl(dir, 'ocsp', '-issuer', 'issuing.pem', '-cert', SEAL, '-reqout', 'q.der')
  const good = await readFile(join(dir, 'q.der'))
  const damaged = fc
    .tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }))
    .map(([at, change]) => Uint8Array.from(good).with(at, (good[at] ?? 0) ^ change))
  let refused = 0
  let answered = 0

  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), async (octets) => {
      const reply = (await post(`${url}/ocsp`, QUERY, octets)).toString('hex')
      if (reply === MALFORMED) refused += 1
      // responseStatus successful: what was damaged is a name, a digest, a serial number or a nonce.
      else if (/^3082....0a0100/.test(reply)) answered += 1
      else return false
      return true
    }),
    { numRuns: 400 },
  )

  t.ok(refused > 0 && answered > 0, 'both were tried')
  for (const octets of [Buffer.concat([good, Buffer.of(0)]), good.subarray(0, -1), Buffer.alloc(0)]) {
    t.equal((await post(`${url}/ocsp`, QUERY, octets)).toString('hex'), MALFORMED)
  }
  t.equal((await (await fetch(`${url}/ocsp/%ff`)).bytes()).toHex(), MALFORMED)
})
