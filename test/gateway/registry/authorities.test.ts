/** Authorities come and go: a new certificate is judged before it is registered, nothing that is needed is taken away. */

import { hash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  addIssuingAuthority,
  addTimeStampAuthority,
  listAuthorities,
  removeAuthority,
} from '../../../gateway/registry/authorities.ts'
import { makeSnapshot } from '../../../gateway/trust/snapshot.ts'
import type { Wish } from '../trust/pki.ts'
import { certify, DAY_MS, EXTENSIONS, makeAuthority, P521 } from '../trust/pki.ts'
import { makeRegion, removeRegion } from './region.ts'

const region = await makeRegion()
t.teardown(() => removeRegion(region))
const { content } = region
const NOW = Date.now()
const URLS = { url: 'http://127.0.0.1:9/tsa', crl: 'http://127.0.0.1:9/crl' }
const octets = ({ parsed }: { parsed: { der: Buffer } }): Buffer => parsed.der
const fingerprint = (path: string) =>
  hash('sha256', new X509Certificate(readFileSync(`${region.pki}/${path}`)).raw, 'hex')

const ca = await makeAuthority()
const stamping = (wish: Wish = {}) => certify({ subject: { CN: 'TSA 2' }, extensions: EXTENSIONS.tsa, ...wish }, ca)

t.test('a new certificate is one more authority, which gateways take', async (t) => {
  const made = await stamping()

  const after = addTimeStampAuthority(content, { ...URLS, certificate: octets(made), ca: octets(ca) }, NOW)

  t.equal(after.authorities.tsa.length, 2)
  const issued = new Date(NOW).toISOString()
  const snapshot = makeSnapshot({ ...after, version: 2, issued }, hash('sha256', '', 'hex'))
  t.ok(snapshot.tsa.some(({ certificate }) => certificate.sha256 === made.parsed.sha256))
  t.strictSame(snapshot.problems, [])
  t.match(listAuthorities(after).at(-1), { kind: 'time-stamp', sha256: made.parsed.sha256, urls: Object.values(URLS) })
  t.throws(() => addTimeStampAuthority(after, { ...URLS, certificate: octets(made), ca: octets(ca) }, NOW), /already/)
  const again = removeAuthority(after, fingerprint('tsa.pem'))
  t.strictSame(again.authorities.tsa, after.authorities.tsa.slice(1), 'the old one can go then')
})

const UNFIT: Readonly<Record<string, Wish>> = {
  'that has expired': { notAfter: new Date(NOW - 1) },
  'that is not yet valid': { notBefore: new Date(NOW + DAY_MS) },
  'for TLS': { extensions: EXTENSIONS.server },
  'for seals': { extensions: EXTENSIONS.seal },
  'of a CA': { extensions: EXTENSIONS.authority },
  'with a key of a kind that may not sign': { algorithm: P521 },
}
for (const [name, wish] of Object.entries(UNFIT)) {
  t.test(`a time-stamp certificate ${name} is refused`, async (t) => {
    const certificate = octets(await stamping(wish))

    t.throws(() => addTimeStampAuthority(content, { ...URLS, certificate, ca: octets(ca) }, NOW), {
      name: 'CommandError',
      message: /cannot be registered for time-stamps/,
    })
  })
}

t.test('a time-stamp certificate of another CA, and a file that is none, are refused', async (t) => {
  const certificate = octets(await stamping())
  const other = octets(await makeAuthority())

  t.throws(() => addTimeStampAuthority(content, { ...URLS, certificate, ca: other }, NOW), /bad-signature/)
  t.throws(() => addTimeStampAuthority(content, { ...URLS, certificate: Buffer.from('x'), ca: other }, NOW), {
    name: 'CommandError',
    message: 'The file for the time-stamp authority is no certificate',
  })
})

t.test('an issuing CA is judged as gateways will judge it', async (t) => {
  const wish = { ocsp: 'http://127.0.0.1:9/ocsp', crl: URLS.crl }
  const user = octets(await stamping())

  const after = addIssuingAuthority(content, { ...wish, certificate: octets(ca) }, NOW)

  t.equal(after.authorities.issuing.length, 2)
  t.throws(() => addIssuingAuthority(after, { ...wish, certificate: octets(ca) }, NOW), /already/)
  t.throws(() => addIssuingAuthority(content, { ...wish, certificate: user }, NOW), /extended-key-usage/)
  const ended = octets(await makeAuthority({ notAfter: new Date(NOW - 1) }))
  t.throws(() => addIssuingAuthority(content, { ...wish, certificate: ended }, NOW), /has expired/)
  t.strictSame(removeAuthority(after, ca.parsed.sha256).authorities, content.authorities, 'unused, it may go')
})

t.test('what the region cannot go on without is not removed', (t) => {
  t.throws(() => removeAuthority(content, fingerprint('tsa.pem')), /last time-stamp authority/)
  t.throws(
    () => removeAuthority(content, fingerprint('issuing.pem')),
    /OWL\/GOV\/05774032, OWL\/GOV\/05711000, OWL\/GOV\/05774032\/gw1, OWL\/GOV\/05711000\/gw1: replace them first/,
  )
  t.throws(() => removeAuthority(content, '00'.repeat(32)), /No authority/)
  t.end()
})
