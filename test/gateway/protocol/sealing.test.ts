/** JAdES B-B over a head and a body: made by us, judged by jose and openssl, and nothing else accepted. */

import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign } from 'node:crypto'
import fc from 'fast-check'
import { flattenedVerify } from 'jose'
import t from 'tap'
import { integerOf, membersOf, readDer, TAG } from '../../../gateway/protocol/der.ts'
import { sha256 } from '../../../gateway/protocol/digests.ts'
import { derToRaw, rawToDer } from '../../../gateway/protocol/ecdsa.ts'
import type { Head } from '../../../gateway/protocol/head.ts'
import type { Claims, Signer } from '../../../gateway/protocol/sealing.ts'
import { holds, readSignature, seal } from '../../../gateway/protocol/sealing.ts'

const head: Head = {
  octets: Buffer.from('head'),
  sha256: sha256('head'),
  hx: Buffer.from('he'),
  media: { type: 'application/json', extension: 'json' },
}
const bodySha256 = sha256('body')
const iat = 1_795_344_138

function signerOf(algorithm: Signer['algorithm'], key: KeyObject): Signer {
  const x5t = hash('sha256', createPublicKey(key).export({ type: 'spki', format: 'der' }), 'base64url')
  if (algorithm === 'PS256')
    return { algorithm, x5t, sign: (input) => sign('sha256', input, { key, padding: 6, saltLength: 32 }) }
  return algorithm === 'ES256'
    ? { algorithm, x5t, sign: (input) => derToRaw(sign('sha256', input, key), 32) }
    : { algorithm, x5t, sign: (input) => derToRaw(sign('sha384', input, key), 48) }
}

const keys = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  PS256: generateKeyPairSync('rsa', { modulusLength: 3072 }),
}
const signer = signerOf('ES256', keys.ES256.privateKey)

for (const algorithm of ['ES256', 'ES384', 'PS256'] as const) {
  t.test(`${algorithm}: what is sealed holds, for us and for jose`, async (t) => {
    const { privateKey, publicKey } = keys[algorithm]
    const text = seal(signerOf(algorithm, privateKey), head, bodySha256, iat)
    const claims = readSignature(text, head)

    t.ok(holds(claims, publicKey))
    t.same([claims.iat, claims.bodySha256], [iat, bodySha256.toString('base64url')])
    const [protectedHeader = '', , signature = ''] = text.split('.')
    const verified = await flattenedVerify({ protected: protectedHeader, payload: '', signature }, publicKey, {
      crit: { sigD: true },
      algorithms: [algorithm],
    })
    t.same(verified.protectedHeader?.['sigD'], {
      mId: 'http://uri.etsi.org/19182/ObjectIdByURIHash',
      pars: ['message-head.txt', 'message-body.json'],
      hashM: 'S256',
      hashV: [head.sha256.toString('base64url'), bodySha256.toString('base64url')],
      ctys: ['text/plain', 'application/json'],
    })
  })
}

t.test('the protected header has its members in the agreed order', async (t) => {
  const [protectedHeader = ''] = seal(signer, head, undefined, iat).split('.')

  t.equal(
    Buffer.from(protectedHeader, 'base64url').toString(),
    `{"alg":"ES256","x5t#S256":"${signer.x5t}","iat":${iat},"b64":false,"sigD":{"mId":"http://uri.etsi.org/19182/ObjectIdByURIHash","pars":["message-head.txt"],"hashM":"S256","hashV":["${head.sha256.toString('base64url')}"],"ctys":["text/plain"]},"crit":["b64","sigD"]}`,
  )
})

t.test('a signature over another head is refused', async (t) => {
  const text = seal(signer, head, bodySha256, iat)

  t.throws(() => readSignature(text, { ...head, sha256: sha256('other') }), {
    code: 'SignatureVerification.InvalidReference',
  })
})

t.test('another key, or a key of another kind, does not make it hold', async (t) => {
  const claims = readSignature(seal(signer, head, bodySha256, iat), head)

  t.notOk(holds(claims, generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey))
  t.notOk(holds(claims, keys.ES384.publicKey))
  t.notOk(holds(claims, keys.PS256.publicKey))
  t.notOk(holds({ ...claims, algorithm: 'PS256' }, keys.ES256.publicKey))
  t.notOk(holds({ ...claims, signature: Buffer.alloc(64) }, keys.ES256.publicKey), 'r = s = 0')
})

/** Signs any protected header, as an attacker with a valid key would. */
function forge(header: string, encoding: BufferEncoding = 'utf8'): string {
  const protectedHeader = Buffer.from(header, encoding).toString('base64url')
  return `${protectedHeader}..${signer.sign(Buffer.from(`${protectedHeader}.`)).toString('base64url')}`
}
const honest = Buffer.from(seal(signer, head, bodySha256, iat).split('.')[0] as string, 'base64url').toString()
const forged: Record<string, string> = {
  'alg none': honest.replace('"ES256"', '"none"'),
  'alg HS256': honest.replace('"ES256"', '"HS256"'),
  'alg RS256': honest.replace('"ES256"', '"RS256"'),
  'a kid': honest.replace('"iat"', '"kid":"x","iat"'),
  'a jku': honest.replace('"iat"', '"jku":"https://example.org","iat"'),
  'a jwk': honest.replace('"iat"', '"jwk":{},"iat"'),
  'an x5c': honest.replace('"iat"', '"x5c":[],"iat"'),
  'a typ': honest.replace('"iat"', '"typ":"JOSE","iat"'),
  'b64 true': honest.replace('"b64":false', '"b64":true'),
  'no b64': honest.replace('"b64":false,', ''),
  'another crit': honest.replace('["b64","sigD"]', '["sigD","b64"]'),
  'a crit too many': honest.replace('["b64","sigD"]', '["b64","sigD","exp"]'),
  'another mId': honest.replace('ObjectIdByURIHash', 'ObjectIdByURI'),
  'another file name': honest.replace('message-body.json', 'message-body.xml'),
  'another type': honest.replace('application/json', 'application/xml'),
  'a third object': honest.replace('message-body.json"', 'message-body.json","x"'),
  'white space': honest.replace(',"iat"', ', "iat"'),
  'a member twice': honest.replace('"iat"', '"iat":1,"iat"'),
  'an escape': honest.replace('ES256', 'ES\\u0032\\u0035\\u0036'),
  'a leading zero in iat': honest.replace('"iat":', '"iat":0'),
}
for (const [name, header] of Object.entries(forged)) {
  t.test(`a validly signed header with ${name} is refused`, async (t) => {
    t.not(header, honest)
    t.throws(() => readSignature(forge(header), head), { code: 'SignatureVerification.MalformedSignature' })
  })
}

t.test('the same signature written otherwise is refused', async (t) => {
  const text = seal(signer, head, bodySha256, iat)
  const [protectedHeader, , signature = ''] = text.split('.')
  const last = signature.at(-1) as string
  // The last character of 64 octets in base64url has four unused bits.
  const sibling = String.fromCharCode(last.charCodeAt(0) + 1)
  for (const other of [
    `${text}=`,
    ` ${text}`,
    `${text}\n`,
    text.replace('..', '.e30.'),
    `${protectedHeader}..${signature.slice(0, -1)}${sibling}`,
    `${text}.`,
    text.replaceAll('-', '+'),
  ]) {
    if (other === text) continue
    t.throws(() => readSignature(other, head), { name: 'GatewayError' })
  }
})

t.test('no single changed bit passes', async (t) => {
  const text = seal(signer, head, bodySha256, iat)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: text.length - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
      const octets = Buffer.from(text, 'latin1')
      octets[at] = (octets[at] as number) ^ (1 << bit)
      try {
        t.notOk(holds(readSignature(octets.toString('latin1'), head), keys.ES256.publicKey))
      } catch (error) {
        t.match(error, { name: 'GatewayError' })
      }
    }),
    { numRuns: 1000 },
  )
})

t.test('whatever protected header is signed, only the one of this head is read', async (t) => {
  const at = fc.integer({ min: 0, max: honest.length })
  const piece = fc.oneof(
    fc.string({ unit: 'binary-ascii', maxLength: 3 }),
    fc.constantFrom('[', ']', '"hashV":["', '"iat":1,', 'ES384', '"x"', ',', '0', '\u00e4'),
  )
  fc.assert(
    fc.property(at, fc.integer({ min: 0, max: 20 }), piece, (from, length, text) => {
      const header = honest.slice(0, from) + text + honest.slice(from + length)
      let claims: Claims
      try {
        claims = readSignature(forge(header, 'latin1'), head)
      } catch (error) {
        t.match(error, { name: 'GatewayError' })
        return
      }
      // What a header may say of its own: algorithm, certificate, moment, body.
      const varies = /ES256|ES384|PS256|"x5t#S256":"[\w-]{43}"|"iat":\d+|"[\w-]{43}"\]/g
      t.equal(header.replace(varies, ''), honest.replace(varies, ''))
      t.equal(claims.input.toString(), `${Buffer.from(header).toString('base64url')}.`)
    }),
    { numRuns: 2000 },
  )
})

for (const [name, bytes] of [
  ['short', 59],
  ['long', 751],
] as const) {
  t.test(`a value too ${name} for any algorithm is refused`, async (t) => {
    const text = seal({ ...signer, sign: () => Buffer.alloc(bytes) }, head, bodySha256, iat)

    t.throws(() => readSignature(text, head), { code: 'SignatureVerification.MalformedSignature' })
  })
}

t.test('a protected header beyond the limit is refused', async (t) => {
  const long = { ...head, media: { type: `a/${'b'.repeat(1300)}`, extension: 'bin' } } as const

  t.throws(() => readSignature(seal(signer, long, bodySha256, iat), long), {
    code: 'SignatureVerification.MalformedSignature',
  })
})

t.test('DER and r‖s are the same signature', async (t) => {
  for (let i = 0; i < 300; i++) {
    const der = sign('sha256', Buffer.from([i & 255, i >> 8]), keys.ES256.privateKey)
    t.ok(rawToDer(derToRaw(der, 32)).equals(der))
  }
  const key384 = createPrivateKey(keys.ES384.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  for (let i = 0; i < 50; i++) {
    const der = sign('sha384', Buffer.from([i]), key384)
    t.ok(rawToDer(derToRaw(der, 48)).equals(der))
  }
})

t.test('numbers that begin with zeros are written as short as DER asks, and come back whole', async (t) => {
  const number = fc.uint8Array({ minLength: 0, maxLength: 32 }).map((octets) => {
    const whole = Buffer.alloc(32)
    whole.set(octets, 32 - octets.length)
    return whole
  })
  fc.assert(
    fc.property(number, number, (r, s) => {
      const raw = Buffer.concat([r, s])
      const der = rawToDer(raw)
      t.ok(derToRaw(der, 32).equals(raw))
      const members = membersOf(readDer(der), TAG.sequence)
      for (const number of [r, s]) t.equal(integerOf(members.next()), BigInt(`0x${number.toString('hex')}`))
      members.end()
    }),
    { numRuns: 500 },
  )
})
