/** Seals from files: each kind of key signs as its algorithm says, and nothing else loads. */

import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, verify, X509Certificate } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { flattenedVerify } from 'jose'
import t from 'tap'
import { loadSigner, makeSigner } from '../../../gateway/trust/keys.ts'

const dir = await mkdtemp(join(tmpdir(), 'owl-keys-'))
t.teardown(() => rm(dir, { recursive: true }))

const silent = () => {}
const KINDS = {
  ES256: { request: ['ec', 'ec_paramgen_curve:P-256'] },
  ES384: { request: ['ec', 'ec_paramgen_curve:P-384'] },
  PS256: { request: ['rsa', 'rsa_keygen_bits:3072'] },
} as const

async function makePair(name: string, [algorithm, option]: readonly [string, string]) {
  const key = join(dir, `${name}.key`)
  const certificate = join(dir, `${name}.pem`)
  const args = ['req', '-x509', '-newkey', algorithm, '-pkeyopt', option, '-nodes', '-keyout', key, '-out', certificate]
  execFileSync('openssl', [...args, '-subj', '/CN=seal', '-days', '2'], { stdio: 'ignore' })
  await chmod(key, 0o600)
  return { key, certificate }
}

for (const [algorithm, { request }] of Object.entries(KINDS)) {
  t.test(`signs with ${algorithm} as RFC 7518 has it`, async (t) => {
    const files = await makePair(algorithm, request)
    const warnings: string[] = []

    const signer = await loadSigner(files, (message) => warnings.push(message))

    t.equal(signer.algorithm, algorithm)
    t.same(signer.certificateDer, new X509Certificate(await readFile(files.certificate)).raw)
    t.equal(Buffer.from(signer.x5t, 'base64url').toString('hex'), signer.sha256)
    t.same(warnings, [])
    // 64 signatures, so that r and s of every length are among them.
    for (let i = 0; i < 64; i++) {
      const header = Buffer.from(JSON.stringify({ alg: algorithm })).toString('base64url')
      const payload = Buffer.from(`${i}`).toString('base64url')
      const signature = signer.sign(Buffer.from(`${header}.${payload}`)).toString('base64url')
      await flattenedVerify({ protected: header, payload, signature }, signer.certificate.publicKey)
    }
  })

  t.test(`takes a ${algorithm} key from PKCS#12, its certificate to the octet`, async (t) => {
    const { key, certificate } = await makePair(`${algorithm}-p12`, request)
    const pkcs12 = join(dir, `${algorithm}.p12`)
    const args = ['pkcs12', '-export', '-inkey', key, '-in', certificate, '-out', pkcs12, '-passout', 'pass:geheim']
    execFileSync('openssl', args)
    await chmod(pkcs12, 0o600)

    const signer = await loadSigner({ pkcs12, passphrase: 'geheim' }, silent)

    t.same(signer.certificateDer, new X509Certificate(await readFile(certificate)).raw)
    t.equal(signer.algorithm, algorithm)
    t.equal(signer.sign(Buffer.from('x')).length, { ES256: 64, ES384: 96, PS256: 384 }[algorithm])
    const wrong = await t.rejects(loadSigner({ pkcs12, passphrase: 'falsch' }, silent))
    t.notMatch(wrong, /falsch/)
  })
}

t.test('takes an encrypted PKCS#8 key', async (t) => {
  const { key, certificate } = await makePair('plain', KINDS.ES256.request)
  const encrypted = join(dir, 'encrypted.key')
  execFileSync('openssl', ['pkcs8', '-topk8', '-in', key, '-out', encrypted, '-passout', 'pass:geheim'])
  await chmod(encrypted, 0o600)

  const signer = await loadSigner({ key: encrypted, certificate, passphrase: 'geheim' }, silent)

  t.equal(
    verify(
      'sha256',
      'x',
      { key: signer.certificate.publicKey, dsaEncoding: 'ieee-p1363' },
      signer.sign(Buffer.from('x')),
    ),
    true,
  )
  await t.rejects(loadSigner({ key: encrypted, certificate }, silent))
})

t.test('warns when others can read the key', async (t) => {
  const files = await makePair('open', KINDS.ES256.request)
  await chmod(files.key, 0o640)
  const warnings: string[] = []

  await loadSigner(files, (message) => warnings.push(message))

  t.equal(warnings.length, 1)
  t.match(warnings[0], 'chmod 600')
})

t.test('refuses a key that does not belong to the certificate', async (t) => {
  const [one, other] = [await makePair('one', KINDS.ES256.request), await makePair('other', KINDS.ES256.request)]

  await t.rejects(loadSigner({ key: one.key, certificate: other.certificate }, silent), { message: /one\.key/ })
})

t.test('refuses keys of other kinds', async (t) => {
  for (const [name, ...request] of [
    ['rsa2048', 'rsa', 'rsa_keygen_bits:2048'],
    ['p521', 'ec', 'ec_paramgen_curve:P-521'],
    ['secp256k1', 'ec', 'ec_paramgen_curve:secp256k1'],
  ] as const) {
    const files = await makePair(name, request)
    await t.rejects(loadSigner(files, silent), name)
  }
  const { certificate } = await makePair('ed', ['ec', 'ec_paramgen_curve:P-256'])
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const certified = new X509Certificate(await readFile(certificate))
  t.throws(() => makeSigner(foreign, certified), /does not belong/)
})

t.test('names the file and quotes nothing of it', async (t) => {
  const { certificate } = await makePair('good', KINDS.ES256.request)
  const key = join(dir, 'broken.key')
  await writeFile(key, '-----BEGIN PRIVATE KEY-----\nGEHEIM\n-----END PRIVATE KEY-----\n', { mode: 0o600 })

  const error = await loadSigner({ key, certificate }, silent).catch((error: Error) => error)

  t.ok(error instanceof Error)
  t.match((error as Error).message, 'broken.key')
  t.notMatch((error as Error).message, 'GEHEIM')
})
