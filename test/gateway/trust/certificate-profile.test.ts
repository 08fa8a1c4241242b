/** The narrow profile: each use accepts its own certificates, and every deviation is refused by name. */

import 'reflect-metadata'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BasicConstraintsExtension, ExtendedKeyUsageExtension, Extension, KeyUsagesExtension } from '@peculiar/x509'
import t from 'tap'
import type { CertificateUse, Flaw, RegisteredName } from '../../../gateway/trust/certificate-profile.ts'
import { flawAt, issuerFlaw, judge, parseCertificate } from '../../../gateway/trust/certificate-profile.ts'
import type { Wish } from './pki.ts'
import {
  CLIENT_AUTH,
  certify,
  DAY_MS,
  EXTENSIONS,
  endEntity,
  hosts,
  makeAuthority,
  noCheck,
  OCSP_SIGNING,
  P384,
  P521,
  privateKeyPem,
  purpose,
  rsa,
  SERVER_AUTH,
  TIME_STAMPING,
  usage,
} from './pki.ts'

const now = Date.now()
const ca = await makeAuthority()
const rsaCa = await makeAuthority({ subject: { CN: 'RSA CA' }, algorithm: rsa(3072) })
const foreign = await makeAuthority({ subject: { CN: 'Foreign CA' } })
const namesake = await makeAuthority()
const issuers = [ca.parsed, rsaCa.parsed]

const MEMBER: RegisteredName = { organization: 'Stadt Test', organizationIdentifier: 'OWL/GOV/1' }
const SUBJECT = { O: 'Stadt Test', '2.5.4.97': 'OWL/GOV/1', '2.5.4.5': 'OWL/GOV/1/gw1', CN: 'test' }
const GATEWAY: RegisteredName = { organization: 'Stadt Test', serialNumber: 'OWL/GOV/1/gw1' }
const SERVER: RegisteredName = { ...GATEWAY, host: '127.0.0.1' }

const GOOD: Record<string, [CertificateUse, Wish, RegisteredName]> = {
  'a seal': ['seal', { extensions: EXTENSIONS.seal }, MEMBER],
  'a seal that only commits': ['seal', { extensions: [endEntity, new KeyUsagesExtension(2, true)] }, MEMBER],
  'a seal with P-384': ['seal', { extensions: EXTENSIONS.seal, algorithm: P384 }, MEMBER],
  'a seal with RSA-3072': ['seal', { extensions: EXTENSIONS.seal, algorithm: rsa(3072) }, MEMBER],
  'a seal without basic constraints': ['seal', { extensions: [usage.seal] }, MEMBER],
  'an unknown extension that is not critical': [
    'seal',
    { extensions: [...EXTENSIONS.seal, new Extension('1.3.6.1.4.1.99999.1', false, Uint8Array.of(5, 0))] },
    MEMBER,
  ],
  'a TLS server': ['tls-server', { extensions: EXTENSIONS.server }, SERVER],
  'a TLS client': ['tls-client', { extensions: EXTENSIONS.client }, GATEWAY],
  'an OCSP responder': ['ocsp-responder', { extensions: EXTENSIONS.responder }, {}],
  'a time-stamping unit': ['tsa', { extensions: EXTENSIONS.tsa }, {}],
}

for (const [name, [use, wish, registered]] of Object.entries(GOOD)) {
  t.test(`accepts ${name}`, async (t) => {
    const { parsed } = await certify({ subject: SUBJECT, ...wish }, ca)

    const verdict = judge(parsed, use, issuers, registered)

    t.equal(flawAt(verdict, now), undefined)
    t.equal(verdict.issuer, ca.parsed)
  })
}

const BAD: Record<string, [Flaw, CertificateUse, Wish & { registered?: RegisteredName }]> = {
  'another CA': ['unknown-issuer', 'seal', { extensions: EXTENSIONS.seal }],
  'a CA that calls itself the same': ['bad-signature', 'seal', { extensions: EXTENSIONS.seal }],
  'a certificate for CAs': ['is-ca', 'seal', { extensions: EXTENSIONS.authority }],
  'CA:TRUE on a seal': ['is-ca', 'seal', { extensions: [new BasicConstraintsExtension(true), usage.seal] }],
  'a path length on a seal': ['is-ca', 'seal', { extensions: [new BasicConstraintsExtension(false, 0), usage.seal] }],
  'no key usage': ['key-usage', 'seal', { extensions: [endEntity] }],
  'TLS key usage on a seal': ['key-usage', 'seal', { extensions: [endEntity, usage.signature] }],
  'key agreement besides': ['key-usage', 'seal', { extensions: [endEntity, new KeyUsagesExtension(1 | 2 | 16, true)] }],
  'a purpose on a seal': ['extended-key-usage', 'seal', { extensions: [...EXTENSIONS.seal, purpose(CLIENT_AUTH)] }],
  'a client as server': ['extended-key-usage', 'tls-server', { extensions: EXTENSIONS.client }],
  'a server as client': ['extended-key-usage', 'tls-client', { extensions: EXTENSIONS.server }],
  'a TLS certificate without purpose': [
    'extended-key-usage',
    'tls-client',
    { extensions: [endEntity, usage.signature] },
  ],
  'both TLS purposes': [
    'extended-key-usage',
    'tls-client',
    { extensions: [endEntity, usage.signature, purpose(CLIENT_AUTH, SERVER_AUTH)] },
  ],
  'any purpose': [
    'extended-key-usage',
    'tls-client',
    { extensions: [endEntity, usage.signature, purpose('2.5.29.37.0')] },
  ],
  'a seal as TLS client': ['key-usage', 'tls-client', { extensions: EXTENSIONS.seal }],
  'a TLS client as OCSP responder': ['extended-key-usage', 'ocsp-responder', { extensions: EXTENSIONS.client }],
  'a responder that had to be asked about': [
    'no-revocation-exemption',
    'ocsp-responder',
    { extensions: [endEntity, usage.signature, purpose(OCSP_SIGNING)] },
  ],
  'time-stamping that is not critical': [
    'extended-key-usage',
    'tsa',
    { extensions: [endEntity, usage.signature, purpose(TIME_STAMPING)] },
  ],
  'time-stamping among others': [
    'extended-key-usage',
    'tsa',
    { extensions: [endEntity, usage.signature, new ExtendedKeyUsageExtension([TIME_STAMPING, SERVER_AUTH], true)] },
  ],
  'an unknown critical extension': [
    'unknown-critical-extension',
    'seal',
    { extensions: [...EXTENSIONS.seal, new Extension('1.3.6.1.4.1.99999.1', true, Uint8Array.of(5, 0))] },
  ],
  'critical name constraints': [
    'unknown-critical-extension',
    'seal',
    { extensions: [...EXTENSIONS.seal, new Extension('2.5.29.30', true, Uint8Array.of(0x30, 0))] },
  ],
  // OpenSSL sees it first, and then says of no CA that it was the issuer.
  'a purpose that is no list': [
    'unknown-issuer',
    'tls-client',
    { extensions: [endEntity, usage.signature, new Extension('2.5.29.37', false, Uint8Array.of(4, 1, 0))] },
  ],
  'RSA-2048': ['key', 'seal', { extensions: EXTENSIONS.seal, algorithm: rsa(2048) }],
  'P-521': ['key', 'seal', { extensions: EXTENSIONS.seal, algorithm: P521 }],
  'a signature with SHA-1': ['signature-algorithm', 'seal', { extensions: EXTENSIONS.seal, digest: 'SHA-1' }],
  'another organization': ['name', 'seal', { extensions: EXTENSIONS.seal, subject: { ...SUBJECT, O: 'Stadt Anders' } }],
  'another member': ['name', 'seal', { extensions: EXTENSIONS.seal, subject: { ...SUBJECT, '2.5.4.97': 'OWL/GOV/2' } }],
  'no member': ['name', 'seal', { extensions: EXTENSIONS.seal, subject: { O: 'Stadt Test', CN: 'OWL/GOV/1' } }],
  'another gateway': [
    'name',
    'tls-client',
    { extensions: EXTENSIONS.client, subject: { ...SUBJECT, '2.5.4.5': 'OWL/GOV/1/gw2' } },
  ],
  'a server of another address': [
    'name',
    'tls-server',
    { extensions: [endEntity, usage.signature, purpose(SERVER_AUTH), hosts('10.0.0.1', 'localhost')] },
  ],
  'a server whose address is only its common name': [
    'name',
    'tls-server',
    {
      extensions: [endEntity, usage.signature, purpose(SERVER_AUTH)],
      subject: { ...SUBJECT, CN: 'gw.example' },
      registered: { host: 'gw.example' },
    },
  ],
  'a server by wildcard': [
    'name',
    'tls-server',
    {
      extensions: [endEntity, usage.signature, purpose(SERVER_AUTH), hosts('*.example')],
      registered: { host: 'gw.example' },
    },
  ],
  'what has expired': ['expired', 'seal', { extensions: EXTENSIONS.seal, notAfter: new Date(now - 1000) }],
  'what is not valid yet': [
    'not-yet-valid',
    'seal',
    { extensions: EXTENSIONS.seal, notBefore: new Date(now + DAY_MS) },
  ],
}

const ISSUERS: Record<string, typeof ca> = { 'another CA': foreign, 'a CA that calls itself the same': namesake }
const REGISTERED = { seal: MEMBER, 'tls-client': GATEWAY, 'tls-server': SERVER, 'ocsp-responder': {}, tsa: {} }

for (const [name, [flaw, use, { registered = REGISTERED[use], ...wish }]] of Object.entries(BAD)) {
  t.test(`refuses ${name}`, async (t) => {
    const issuer = ISSUERS[name] ?? ca
    const { parsed } = await certify({ subject: SUBJECT, ...wish }, issuer)

    t.equal(flawAt(judge(parsed, use, issuers, registered), now), flaw)
  })
}

t.test('refuses P-224 and explicit curve parameters', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'owl-profile-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const file = (name: string) => join(dir, name)
  await writeFile(file('ca.key'), await privateKeyPem(ca))
  await writeFile(file('ca.pem'), ca.parsed.x509.toString())
  await writeFile(
    file('ext'),
    'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n',
  )
  for (const option of [
    ['secp224r1', 'named_curve'],
    ['prime256v1', 'explicit'],
  ] as const) {
    const curve = ['-pkeyopt', `ec_paramgen_curve:${option[0]}`, '-pkeyopt', `ec_param_enc:${option[1]}`]
    const key = ['req', '-new', '-newkey', 'ec', ...curve, '-nodes', '-keyout', file('key'), '-out', file('csr')]
    execFileSync('openssl', [...key, '-subj', '/O=Stadt Test/organizationIdentifier=OWL\\/GOV\\/1'], {
      stdio: 'ignore',
    })
    const sign = ['x509', '-req', '-in', file('csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-days', '2']
    execFileSync('openssl', [...sign, '-extfile', file('ext'), '-out', file('crt')], { stdio: 'ignore' })
    const der = new X509Certificate(execFileSync('openssl', ['x509', '-in', file('crt')])).raw

    t.equal(judge(parseCertificate(der), 'seal', issuers, MEMBER).flaw, 'key', option.join())
  }
})

t.test('ends with the issuing CA', async (t) => {
  const short = await makeAuthority({ subject: { CN: 'Short CA' }, notAfter: new Date(now + 60_000) })
  const { parsed } = await certify({ subject: SUBJECT, extensions: EXTENSIONS.seal }, short)

  const verdict = judge(parsed, 'seal', [short.parsed], MEMBER)

  t.equal(flawAt(verdict, now), undefined)
  t.equal(flawAt(verdict, now + 120_000), 'expired')
})

t.test('believes no issuing CA that is none', async (t) => {
  const authority = (...more: Extension[]) => makeAuthority({ extensions: [...EXTENSIONS.authority, ...more] })
  // permittedSubtrees: names below example.
  const permitted = Uint8Array.from(Buffer.from('300da00b300982076578616d706c65', 'hex'))
  const small = await makeAuthority({ algorithm: rsa(2048) })
  const leaf = await makeAuthority({ extensions: EXTENSIONS.seal })
  const signing = await makeAuthority({ extensions: [new BasicConstraintsExtension(true), usage.signature] })
  for (const [issuer, flaw] of [
    [await authority(new Extension('2.5.29.30', true, permitted)), 'name-constraints'],
    [await authority(new Extension('2.5.29.30', false, permitted)), 'name-constraints'],
    [await authority(new Extension('2.5.29.36', true, Uint8Array.of(0x30, 0))), 'unknown-critical-extension'],
    [await authority(new ExtendedKeyUsageExtension([SERVER_AUTH], true)), 'extended-key-usage'],
    [small, 'key'],
    [leaf, 'is-ca'],
    [signing, 'key-usage'],
  ] as const) {
    t.equal(issuerFlaw(issuer.parsed), flaw)
    const { parsed } = await certify({ subject: SUBJECT, extensions: EXTENSIONS.seal }, issuer)
    // Node itself refuses an issuer that may not sign certificates.
    t.match(judge(parsed, 'seal', [issuer.parsed], MEMBER).flaw, /issuer-profile|unknown-issuer/)
  }
  t.equal(issuerFlaw(ca.parsed), undefined)
  t.equal(
    issuerFlaw((await authority(purpose(SERVER_AUTH))).parsed),
    undefined,
    'what is not critical says nothing here',
  )
})

t.test('reads no certificate with an extension twice', async (t) => {
  await t.rejects(certify({ subject: SUBJECT, extensions: [...EXTENSIONS.seal, noCheck, noCheck] }, ca), /twice/)
})

t.test('reads exactly one certificate', async (t) => {
  const { der, x509 } = ca.parsed

  t.throws(() => parseCertificate(Buffer.concat([der, Buffer.from([0])])), 'octets behind it')
  t.throws(() => parseCertificate(Buffer.concat([der, der])), 'two of them')
  t.throws(() => parseCertificate(der.subarray(0, -1)), 'cut off')
  t.throws(() => parseCertificate(Buffer.from(x509.toString())), 'PEM')
  t.throws(() => parseCertificate(Buffer.alloc(0)), 'nothing')
  const second = Buffer.from(der)
  const version = second.indexOf(Buffer.from('a003020102', 'hex'))
  second[version + 4] = 1
  t.throws(() => parseCertificate(second), 'of version 2, which has no extensions')
})

t.test('refuses every certificate with one bit flipped', async (t) => {
  const { parsed } = await certify({ subject: SUBJECT, extensions: EXTENSIONS.seal }, ca)
  const accepted: number[] = []
  for (let at = 0; at < parsed.der.length; at++) {
    const der = Buffer.from(parsed.der)
    der[at] = (der[at] ?? 0) ^ (1 << (at % 8))
    let flaw: Flaw | undefined = 'malformed'
    try {
      flaw = flawAt(judge(parseCertificate(der), 'seal', issuers, MEMBER), now)
    } catch {
      // Not readable: refused.
    }
    if (flaw === undefined) accepted.push(at)
  }

  t.same(accepted, [])
})
