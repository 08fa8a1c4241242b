/** Statements have one text each, and none is a wire signature. jose reads them, too. */

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { assert, property, string, uint8Array } from 'fast-check'
import { compactVerify } from 'jose'
import t from 'tap'
import { derToRaw } from '../../../gateway/protocol/ecdsa.ts'
import type { Signer } from '../../../gateway/protocol/sealing.ts'
import { holds } from '../../../gateway/protocol/sealing.ts'
import { readStatement, sealStatement } from '../../../gateway/protocol/statement.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signer: Signer = {
  algorithm: 'ES256',
  x5t: randomBytes(32).toString('base64url'),
  sign: (input) => derToRaw(sign('sha256', input, privateKey), 32),
}
const TYP = 'owl-test+jws'
const malformed = { code: 'SignatureVerification.MalformedSignature' }

t.test('what is sealed is read again, by jose as well', async (t) => {
  assert(
    property(uint8Array({ minLength: 1, maxLength: 300 }), (payload) => {
      const statement = readStatement(Buffer.from(sealStatement(signer, TYP, payload)), TYP)
      t.same(statement.payload, Buffer.from(payload))
      t.equal(statement.x5t, signer.x5t)
      t.ok(holds(statement, publicKey))
    }),
    { numRuns: 25 },
  )
  const text = sealStatement(signer, TYP, Buffer.from('{}'))
  const { payload, protectedHeader } = await compactVerify(text, publicKey, { algorithms: ['ES256'] })
  t.equal(Buffer.from(payload).toString(), '{}')
  t.strictSame(Object.keys(protectedHeader), ['alg', 'typ', 'x5t#S256'])
})

t.test('any change is refused, or the signature does not hold', async (t) => {
  const text = sealStatement(signer, TYP, Buffer.from('{"v":1}'))
  for (let at = 0; at < text.length; at++) {
    const octets = Buffer.from(text)
    octets[at] = octets[at] === 0x41 ? 0x42 : 0x41
    if (octets.toString() === text) continue
    let isTaken = false
    try {
      isTaken = holds(readStatement(octets, TYP), publicKey)
    } catch (error) {
      t.match(error, malformed)
    }
    t.notOk(isTaken, `octet ${at}`)
  }
})

t.test('another header, typ or form is refused', async (t) => {
  const payload = Buffer.from('{}').toString('base64url')
  const text = sealStatement(signer, TYP, Buffer.from('{}'))
  const [header = '', , signature = ''] = text.split('.')
  const withHeader = (json: string): string => `${Buffer.from(json).toString('base64url')}.${payload}.${signature}`
  const { x5t } = signer
  for (const [what, changed] of Object.entries({
    'no typ': withHeader(`{"alg":"ES256","x5t#S256":"${x5t}"}`),
    'another order': withHeader(`{"typ":"${TYP}","alg":"ES256","x5t#S256":"${x5t}"}`),
    'a member more': withHeader(`{"alg":"ES256","typ":"${TYP}","x5t#S256":"${x5t}","b64":false}`),
    'a space': withHeader(`{"alg":"ES256", "typ":"${TYP}","x5t#S256":"${x5t}"}`),
    'an algorithm that is none': withHeader(`{"alg":"none","typ":"${TYP}","x5t#S256":"${x5t}"}`),
    'no payload': `${header}..${signature}`,
    padding: `${header}.${payload}=.${signature}`,
    'a line end': `${text}\n`,
    'two segments': `${header}.${payload}`,
  })) {
    t.throws(() => readStatement(Buffer.from(changed), TYP), malformed, what)
  }
  t.throws(() => readStatement(Buffer.from(text), 'owl-other+jws'), malformed, 'another typ')
  assert(
    property(string({ maxLength: 200 }), (noise) => {
      t.throws(() => readStatement(Buffer.from(noise), TYP), malformed)
    }),
    { numRuns: 100 },
  )
})
