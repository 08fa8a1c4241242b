/** One OCSP answer at a time: which signer, which certificate, which times are believed, and which never. Security row 5. */

import 'reflect-metadata'
import { execFileSync, spawn } from 'node:child_process'
import { createPrivateKey, hash, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BasicOCSPResponse,
  CertID,
  CertStatus,
  id_pkix_ocsp_basic,
  KeyHash,
  OCSPRequest,
  OCSPResponse,
  OCSPResponseStatus,
  ResponderID,
  ResponseBytes,
  ResponseData,
  RevokedInfo,
  SingleResponse,
} from '@peculiar/asn1-ocsp'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Certificate, Extension } from '@peculiar/asn1-x509'
import fc from 'fast-check'
import t from 'tap'
import { formatOcspRequest, readOcspResponse } from '../../../gateway/trust/ocsp.ts'
import type { Issued } from './pki.ts'
import {
  certify,
  DAY_MS,
  EXTENSIONS,
  endEntity,
  makeAuthority,
  OCSP_SIGNING,
  privateKeyPem,
  purpose,
  rsa,
  usage,
} from './pki.ts'

const NOW = Math.floor(Date.now() / 1000) * 1000
const ca = await makeAuthority()
const namesake = await makeAuthority()
const seal = await certify({ extensions: EXTENSIONS.seal }, ca)
const other = await certify({ extensions: EXTENSIONS.seal }, ca)
const responder = await certify({ subject: { CN: 'Responder' }, extensions: EXTENSIONS.responder }, ca)
const question = formatOcspRequest(seal.parsed, ca.parsed)

interface Wish {
  readonly signer?: Issued
  readonly sends?: readonly Issued[]
  readonly byName?: boolean
  readonly status?: CertStatus
  readonly about?: Issued
  readonly digest?: 'sha1' | 'sha256'
  readonly issuer?: Issued
  readonly thisUpdate?: number
  readonly nextUpdate?: number | undefined
  readonly producedAt?: number
  readonly count?: number
  readonly single?: Partial<SingleResponse>
  readonly data?: Partial<ResponseData>
  readonly signature?: ArrayBuffer
  readonly algorithm?: string
  readonly response?: Partial<OCSPResponse>
}

const GOOD = new CertStatus({ good: null })
const critical = new Extension({
  extnID: '1.2.3.4',
  critical: true,
  extnValue: new OctetString(new Uint8Array([5, 0])),
})

async function answer(wish: Wish = {}): Promise<Buffer> {
  const { signer = responder, about = seal, digest = 'sha1', issuer = ca, thisUpdate = NOW, producedAt = NOW } = wish
  const { nextUpdate } = { nextUpdate: NOW + 600_000, ...wish }
  const issued = AsnConvert.parse(issuer.parsed.der, Certificate).tbsCertificate
  const own = AsnConvert.parse(signer.parsed.der, Certificate).tbsCertificate
  const single = new SingleResponse({
    certID: new CertID({
      hashAlgorithm: new AlgorithmIdentifier({
        algorithm: digest === 'sha1' ? '1.3.14.3.2.26' : '2.16.840.1.101.3.4.2.1',
        parameters: null,
      }),
      issuerNameHash: new OctetString(hash(digest, Buffer.from(AsnConvert.serialize(issued.subject)), 'buffer')),
      issuerKeyHash: new OctetString(hash(digest, Buffer.from(issued.subjectPublicKeyInfo.subjectPublicKey), 'buffer')),
      serialNumber: AsnConvert.parse(about.parsed.der, Certificate).tbsCertificate.serialNumber,
    }),
    certStatus: wish.status ?? GOOD,
    thisUpdate: new Date(thisUpdate),
    ...(nextUpdate !== undefined && { nextUpdate: new Date(nextUpdate) }),
    ...wish.single,
  })
  const key = hash('sha1', Buffer.from(own.subjectPublicKeyInfo.subjectPublicKey), 'buffer')
  const tbsResponseData = new ResponseData({
    responderID: new ResponderID(wish.byName ? { byName: own.subject } : { byKey: new KeyHash(key) }),
    producedAt: new Date(producedAt),
    responses: Array.from({ length: wish.count ?? 1 }, () => single),
    ...wish.data,
  })
  const kind = signer.algorithm.name === 'ECDSA' ? '1.2.840.10045.4.3.2' : '1.2.840.113549.1.1.11'
  const digestOfSignature = wish.algorithm === '1.2.840.10045.4.1' ? 'sha1' : 'sha256'
  const octets = Buffer.from(AsnConvert.serialize(tbsResponseData))
  const signature = sign(digestOfSignature, octets, createPrivateKey(await privateKeyPem(signer)))
  const basic = new BasicOCSPResponse({
    tbsResponseData,
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm: wish.algorithm ?? kind }),
    signature: wish.signature ?? new Uint8Array(signature).buffer,
    certs: (wish.sends ?? [signer]).map(({ parsed }) => AsnConvert.parse(parsed.der, Certificate)),
  })
  const responseBytes = new ResponseBytes({
    responseType: id_pkix_ocsp_basic,
    response: new OctetString(AsnConvert.serialize(basic)),
  })
  const whole = new OCSPResponse({ responseStatus: OCSPResponseStatus.successful, responseBytes, ...wish.response })
  return Buffer.from(AsnConvert.serialize(whole))
}

const responderWith = (wish: object, issuer = ca) =>
  certify({ subject: { CN: 'Responder' }, extensions: EXTENSIONS.responder, ...wish }, issuer)

t.test('asks in the form everybody understands', (t) => {
  const { tbsRequest, optionalSignature } = AsnConvert.parse(question.request, OCSPRequest)

  t.equal(tbsRequest.requestList.length, 1)
  t.equal(tbsRequest.requestExtensions, undefined, 'no nonce')
  t.equal(optionalSignature, undefined)
  t.equal(
    Buffer.from(AsnConvert.serialize(AsnConvert.parse(question.request, OCSPRequest))).compare(question.request),
    0,
  )
  t.end()
})

const BELIEVED: Record<string, () => Promise<Buffer>> = {
  'a delegated responder by key': () => answer(),
  'a delegated responder by name': () => answer({ byName: true }),
  'the issuing CA itself': () => answer({ signer: ca, sends: [] }),
  'a responder that sends its CA along': () => answer({ sends: [ca, responder] }),
  'a responder with RSA': async () => answer({ signer: await responderWith({ algorithm: rsa(3072) }) }),
  'an answer without an end': () => answer({ nextUpdate: undefined }),
}

for (const [name, make] of Object.entries(BELIEVED)) {
  t.test(`believes ${name}`, async (t) => {
    t.match(readOcspResponse(await make(), question, NOW), { status: 'good', thisUpdate: NOW })
  })
}

t.test('tells the statuses apart', async (t) => {
  const revoked = new CertStatus({ revoked: new RevokedInfo({ revocationTime: new Date(NOW) }) })

  t.equal(readOcspResponse(await answer({ status: revoked }), question, NOW).status, 'revoked')
  t.equal(
    readOcspResponse(await answer({ status: new CertStatus({ unknown: null }) }), question, NOW).status,
    'unknown',
  )
  t.same(readOcspResponse(await answer({ thisUpdate: NOW - 5000 }), question, NOW), {
    status: 'good',
    thisUpdate: NOW - 5000,
    nextUpdate: NOW + 600_000,
  })
})

const REFUSED: Record<string, [RegExp, () => Promise<Buffer>]> = {
  'a responder that sends no certificate': [/shows no certificate/, () => answer({ sends: [] })],
  'a responder that sends another certificate': [/shows no certificate/, () => answer({ sends: [seal] })],
  'a responder that sends too many': [/too many/, () => answer({ sends: [seal, seal, seal, seal, responder] })],
  'a responder of another CA': [
    /unknown-issuer|bad-signature/,
    async () => answer({ signer: await responderWith({}, namesake) }),
  ],
  'a CA of the same name': [/shows no certificate/, () => answer({ signer: namesake, sends: [] })],
  'a CA of the same name by name': [/does not hold/, () => answer({ signer: namesake, sends: [], byName: true })],
  'a seal as responder': [/key-usage|extended/, () => answer({ signer: seal })],
  'a TLS client as responder': [
    /extended-key-usage/,
    async () => answer({ signer: await responderWith({ extensions: EXTENSIONS.client }) }),
  ],
  'a responder without exemption': [
    /exemption/,
    async () =>
      answer({ signer: await responderWith({ extensions: [endEntity, usage.signature, purpose(OCSP_SIGNING)] }) }),
  ],
  'an expired responder': [
    /expired/,
    async () => answer({ signer: await responderWith({ notAfter: new Date(NOW - 1000) }) }),
  ],
  'a responder not valid yet': [
    /not-yet/,
    async () => answer({ signer: await responderWith({ notBefore: new Date(NOW + DAY_MS) }) }),
  ],
  'a responder with RSA-2048': [/key/, async () => answer({ signer: await responderWith({ algorithm: rsa(2048) }) })],
  'a signature by somebody else': [
    /does not hold/,
    async () =>
      answer({
        signature: new Uint8Array(sign('sha256', Buffer.from('x'), createPrivateKey(await privateKeyPem(responder))))
          .buffer,
      }),
  ],
  'a signature with SHA-1': [/another way/, () => answer({ algorithm: '1.2.840.10045.4.1' })],
  'an RSA signature of an EC key': [/another way/, () => answer({ algorithm: '1.2.840.113549.1.1.11' })],
  'another certificate': [/another certificate/, () => answer({ about: other })],
  'another issuer': [/another certificate/, () => answer({ issuer: namesake })],
  'another digest than asked for': [/another certificate/, () => answer({ digest: 'sha256' })],
  'two statuses': [/malformed/, () => answer({ count: 2 })],
  'no status': [/malformed/, () => answer({ count: 0 })],
  'an answer from the future': [/future/, () => answer({ thisUpdate: NOW + 120_000 })],
  'an answer made in the future': [/future/, () => answer({ producedAt: NOW + 120_000 })],
  'an answer that ends before it begins': [/ends before/, () => answer({ nextUpdate: NOW - 1000 })],
  'a critical extension': [/critical/, () => answer({ data: { responseExtensions: [critical] } })],
  'a critical extension of the status': [/critical/, () => answer({ single: { singleExtensions: [critical] } })],
  'try-later': [/status 3/, () => answer({ response: { responseStatus: OCSPResponseStatus.tryLater } })],
  unauthorized: [/status 6/, () => answer({ response: { responseStatus: OCSPResponseStatus.unauthorized } })],
  'success without an answer': [/malformed/, async () => Buffer.from('30030a0100', 'hex')],
  'another type of answer': [
    /another type/,
    () =>
      answer({
        response: {
          responseBytes: new ResponseBytes({ responseType: '1.2.3', response: new OctetString(new Uint8Array()) }),
        },
      }),
  ],
  'octets behind the answer': [/malformed/, async () => Buffer.concat([await answer(), Buffer.from([0])])],
  nothing: [/malformed/, async () => Buffer.alloc(0)],
}

for (const [name, [reason, make]] of Object.entries(REFUSED)) {
  t.test(`refuses ${name}`, async (t) => {
    const octets = await make()

    t.throws(() => readOcspResponse(octets, question, NOW), { name: 'OcspError', message: reason })
  })
}

t.test('refuses every answer with one bit flipped, or says what the whole one says', async (t) => {
  const octets = await answer()
  const differing: number[] = []
  for (let at = 0; at < octets.length; at++) {
    const changed = Buffer.from(octets)
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
    try {
      const said = readOcspResponse(changed, question, NOW)
      if (said.status !== 'good' || said.thisUpdate !== NOW || said.nextUpdate !== NOW + 600_000) differing.push(at)
    } catch {
      // Refused.
    }
  }

  t.same(differing, [])
})

t.test('never fails otherwise, whatever comes', async (t) => {
  const octets = await answer()
  const onlyOurs = (input: Buffer) => {
    try {
      readOcspResponse(input, question, NOW)
    } catch (error) {
      if ((error as Error).name !== 'OcspError') throw error
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (input) => onlyOurs(Buffer.from(input))))
  fc.assert(
    fc.property(fc.nat(octets.length), fc.uint8Array({ maxLength: 8 }), (at, piece) =>
      onlyOurs(Buffer.concat([octets.subarray(0, at), piece, octets.subarray(at)])),
    ),
  )
  t.pass('only OcspError')
})

t.test('understands the responder of OpenSSL', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'owl-ocsp-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = (name: string) => join(dir, name)
  const pem = ({ parsed }: Issued) => parsed.x509.toString()
  writeFileSync(file('ca.pem'), pem(ca))
  writeFileSync(file('seal.pem'), pem(seal))
  writeFileSync(file('responder.pem'), pem(responder))
  writeFileSync(file('responder.key'), await privateKeyPem(responder))
  const line = (issued: Issued, state: string) => `${state}\t${issued.parsed.x509.serialNumber}\tunknown\t/CN=test\n`
  const ending = '301231235959Z'
  writeFileSync(file('index.txt'), line(seal, `V\t${ending}\t`) + line(other, `R\t${ending}\t260101000000Z`))
  const port = await freePort()
  const args = ['ocsp', '-index', file('index.txt'), '-CA', file('ca.pem'), '-rsigner', file('responder.pem')]
  const server = spawn('openssl', [
    ...args,
    '-rkey',
    file('responder.key'),
    '-port',
    `${port}`,
    '-ndays',
    '1',
    '-ignore_err',
  ])
  t.teardown(() => server.kill())
  await Promise.race([once(server.stderr, 'data'), once(server.stdout, 'data')])

  const ask = async (asked: Issued) => {
    const about = formatOcspRequest(asked.parsed, ca.parsed)
    const headers = { 'content-type': 'application/ocsp-request' }
    const reply = await fetch(`http://127.0.0.1:${port}`, {
      method: 'POST',
      headers,
      body: new Uint8Array(about.request),
    })
    return readOcspResponse(Buffer.from(await reply.arrayBuffer()), about, Date.now())
  }

  t.equal((await ask(seal)).status, 'good')
  t.equal((await ask(other)).status, 'revoked')
  t.equal((await ask(responder)).status, 'unknown')
  const der = execFileSync('openssl', [
    'ocsp',
    '-issuer',
    file('ca.pem'),
    '-cert',
    file('seal.pem'),
    '-reqout',
    '-',
    '-no_nonce',
  ])
  t.same(der, question.request, 'and asks as OpenSSL does')
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
