/** Time-stamps: that openssl verifies them, what they say, and which requests are refused with which reason. */

import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { openssl, SEAL, saved, stamp, stampQuery, trustRig } from './rig.ts'

t.test('openssl verifies time-stamps of both units over all digests', async (t) => {
  const rig = await trustRig(t)
  const { dir } = rig

  for (const unit of ['tsa', 'tsa2']) {
    for (const digest of ['-sha256', '-sha384', '-sha512']) {
      const query = await stampQuery(dir, digest, '-cert')
      await writeFile(join(dir, 'a.tsr'), await stamp(rig, unit, query))

      const verify = ['ts', '-verify', '-in', 'a.tsr', '-CAfile', 'root.pem']
      t.match((await openssl(dir, ...verify, '-queryfile', 'q.tsq')).text, 'Verification: OK', `${unit} ${digest}`)
      t.match((await openssl(dir, ...verify, '-data', 'tsa.pem')).text, 'Verification: FAILED', 'not for other data')

      await openssl(dir, 'ts', '-reply', '-in', 'a.tsr', '-token_out', '-out', 'token.der')
      const cms = ['cms', '-verify', '-inform', 'DER', '-in', 'token.der', '-CAfile', 'root.pem', '-purpose', 'any']
      t.match((await openssl(dir, ...cms, '-out', 'tst.der')).text, 'Verification successful', 'CMS reads it too')
      const inside = await openssl(dir, 'pkcs7', '-inform', 'DER', '-in', 'token.der', '-print_certs', '-noout')
      t.equal(inside.text.match(/^subject=/gm)?.length, 2, 'the unit and its authority')
    }
  }
})

t.test('certificates are inside only when asked for', async (t) => {
  const rig = await trustRig(t)
  const { dir } = rig

  await writeFile(join(dir, 'a.tsr'), await stamp(rig, 'tsa', await stampQuery(dir, '-sha256')))

  const verify = ['ts', '-verify', '-queryfile', 'q.tsq', '-in', 'a.tsr', '-CAfile', 'ca.pem']
  t.match((await openssl(dir, ...verify)).text, 'Verification: FAILED')
  t.match((await openssl(dir, ...verify, '-untrusted', 'tsa.pem')).text, 'Verification: OK')
})

t.test('a token says when, how exactly, by which policy', async (t) => {
  const now = Date.UTC(2026, 10, 22, 12, 0, 1, 250)
  const rig = await trustRig(t, { now: () => now })
  const query = await stampQuery(rig.dir, '-sha256', '-cert', '-no_nonce')
  const read = async (unit: string) => {
    const reply = await saved(rig.dir, await stamp(rig, unit, query))
    return (await openssl(rig.dir, 'ts', '-reply', '-in', reply, '-text')).text
  }

  const whole = await read('tsa')
  t.match(whole, 'Time stamp: Nov 22 12:00:01 2026 GMT')
  t.match(whole, 'Accuracy: 0x01 seconds')
  t.match(whole, 'Ordering: no')
  t.match(whole, 'Policy OID: 1.3.6.1.4.1.32473.1.1')
  t.match(whole, 'Nonce: unspecified')
  t.match(await read('tsa2'), /12:00:01\.25 2026 GMT[\s\S]*Ordering: yes/)
  t.match(await read('tsa2'), '12:00:01.251 2026 GMT', 'ordered times never repeat')
})

t.test('a token has one signer, the attributes it needs in DER order, definite lengths', async (t) => {
  const rig = await trustRig(t)
  const { dir } = rig
  const reply = await saved(dir, await stamp(rig, 'tsa', await stampQuery(dir, '-sha256', '-cert')))
  await openssl(dir, 'ts', '-reply', '-in', reply, '-token_out', '-out', 'token.der')

  const cms = await openssl(dir, 'cms', '-cmsout', '-print', '-inform', 'DER', '-in', 'token.der')
  t.match(cms.text, 'eContentType: id-smime-ct-TSTInfo')
  t.equal(cms.text.match(/issuerAndSerialNumber:/g)?.length, 1, 'one signer')
  t.match(cms.text, /unsignedAttrs:\s+<ABSENT>/)
  const asn1 = await openssl(dir, 'asn1parse', '-inform', 'DER', '-in', 'token.der')
  const names = asn1.text.match(/:(contentType|signingTime|messageDigest|id-smime-aa-\w+)/g)
  t.same(names, [':contentType', ':signingTime', ':messageDigest', ':id-smime-aa-signingCertificateV2'])
  t.notMatch(asn1.text, /l=inf/)

  // Attributes ascend in length here, so DER order shows in their headers.
  const lengths = asn1.text.split('\n').flatMap((line) => /d=6 .* l= *(\d+) cons: SEQUENCE/.exec(line)?.[1] ?? [])
  t.same(
    lengths.slice(-4),
    lengths.slice(-4).toSorted((a, b) => Number(a) - Number(b)),
  )
})

interface Refusal {
  readonly args?: readonly string[]
  readonly spoil?: (octets: Buffer) => Buffer
  readonly info: RegExp
}

/** SHA-512's object identifier ends in 3, SHA-256's in 1. */
function withSha512(octets: Buffer): Buffer {
  const oid = Buffer.from('608648016503040201', 'hex')
  const at = octets.indexOf(oid) + oid.length - 1
  return Buffer.from(octets.with(at, 3))
}

const rejected: Record<string, Refusal> = {
  'a SHA-1 digest': { args: ['-sha1'], info: /unrecognized or unsupported algorithm/ },
  'a digest that is too short': { spoil: withSha512, info: /wrong format/ },
  'another policy': { args: ['-sha256', '-tspolicy', '1.2.3.4'], info: /policy is not supported/ },
  'another version': { spoil: (octets) => Buffer.from(octets.with(4, 2)), info: /transaction not permitted/ },
  'octets behind the request': { spoil: (octets) => Buffer.concat([octets, Buffer.of(0)]), info: /wrong format/ },
  'half a request': { spoil: (octets) => octets.subarray(0, octets.length / 2), info: /wrong format/ },
  'an empty request': { spoil: () => Buffer.alloc(0), info: /wrong format/ },
}

for (const [name, { args = ['-sha256'], spoil, info }] of Object.entries(rejected)) {
  t.test(`refuses ${name}`, async (t) => {
    const rig = await trustRig(t)
    const query = await stampQuery(rig.dir, ...args)

    const reply = await stamp(rig, 'tsa', spoil?.(query) ?? query)

    const { text } = await openssl(rig.dir, 'ts', '-reply', '-in', await saved(rig.dir, reply), '-text')
    t.match(text, 'Status: Rejected.')
    t.match(text, info)
    t.match(text, 'TST info:\nNot included.')
  })
}

t.test('random octets are refused in form', async (t) => {
  const rig = await trustRig(t)

  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (octets) => {
      const reply = await stamp(rig, 'tsa', octets)
      // PKIStatus rejection, failInfo badDataFormat (bit 5).
      return /^30..30..020102.*03020204$/.test(reply.toString('hex'))
    }),
    { numRuns: 200 },
  )
})

t.test('any nonce comes back as it was', async (t) => {
  const rig = await trustRig(t)
  const imprint = createHash('sha256').update(SEAL).digest('hex')

  await fc.assert(
    fc.asyncProperty(fc.bigInt({ min: 0n, max: 2n ** 160n }), async (nonce) => {
      const integer = derInteger(nonce)
      const body = `0201013031300d060960864801650304020105000420${imprint}${integer}0101ff`
      const request = Buffer.from(`30${(body.length / 2).toString(16)}${body}`, 'hex')

      const reply = await stamp(rig, 'tsa', request)

      return reply.includes(Buffer.from(integer, 'hex')) && /^3082....3003020100/.test(reply.toString('hex'))
    }),
    { numRuns: 100 },
  )
})

function derInteger(value: bigint): string {
  const digits = value.toString(16)
  const even = digits.length % 2 === 0 ? digits : `0${digits}`
  const content = /^[89a-f]/.test(even) ? `00${even}` : even
  return `02${(content.length / 2).toString(16).padStart(2, '0')}${content}`
}
