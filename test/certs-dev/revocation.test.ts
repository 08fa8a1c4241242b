/** Revocation lists and revoking: what openssl reads in them, what lasts, what cannot be revoked. */

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makePki } from '../../certs-dev/make.ts'
import { ask, freshDir, get, openssl, PADERBORN, postJson, readCrl, SEAL, saved, trustRig } from './rig.ts'

const OPERATOR = 'members/paderborn/operator.pem'

t.test('openssl verifies the revocation list of each authority, and numbers grow', async (t) => {
  const now = Date.UTC(2026, 10, 22, 12, 0, 0, 900)
  const rig = await trustRig(t, { now: () => now, crlValidityMs: 7_200_000 })
  const { rootCrl, crl, tsaCrl } = rig.service.urls
  t.same(
    [rootCrl, crl, tsaCrl],
    ['root', 'issuing', 'tsa-ca'].map((name) => `${rig.url}/crl/${name}.crl`),
  )
  t.equal((await fetch(crl)).headers.get('content-type'), 'application/pkix-crl')

  for (const [authority, numbers] of Object.entries({ root: [1, 2], issuing: [2, 3], 'tsa-ca': [1, 2] })) {
    for (const number of numbers) {
      const text = await readCrl(rig, authority)
      t.match(text, 'verify OK')
      t.match(text, 'Version 2 (0x1)')
      t.match(text, /X509v3 Authority Key Identifier/)
      t.match(text, new RegExp(`X509v3 CRL Number: \\s+${number}\\n`))
      t.match(text, 'Last Update: Nov 22 12:00:00 2026 GMT')
      t.match(text, 'Next Update: Nov 22 14:00:00 2026 GMT')
      t.match(text, 'No Revoked Certificates')
    }
  }
})

t.test('what is revoked shows in status and list, once, for good', async (t) => {
  let now = Date.UTC(2026, 10, 22, 12, 0, 0, 900)
  const rig = await trustRig(t, { now: () => now })
  const seal = new X509Certificate(await readFile(join(rig.dir, SEAL)))
  const operator = new X509Certificate(await readFile(join(rig.dir, OPERATOR)))

  const first = await rig.order('/revoke', { cert: SEAL, reason: 'keyCompromise' })
  now += 60_000
  t.same(
    await rig.order('/revoke', { cert: join(rig.dir, SEAL), reason: 'superseded' }),
    first,
    'the first time stands',
  )
  await rig.order('/revoke', { sha256: operator.fingerprint256.replaceAll(':', '') })

  t.match(first, { issuer: 'issuing', at: '2026-11-22T12:00:00.000Z', reason: 'keyCompromise' })
  const { text } = await ask(rig, '-cert', SEAL, '-resp_text')
  t.match(text, 'Cert Status: revoked')
  t.match(text, 'Revocation Time: Nov 22 12:00:00 2026 GMT')
  t.match(text, 'Revocation Reason: keyCompromise')
  const other = await ask(rig, '-cert', OPERATOR, '-cert', 'members/delbrueck/seal.pem', '-resp_text')
  t.match(other.text, /Cert Status: revoked[\s\S]*Cert Status: good/)
  t.notMatch(other.text, 'Revocation Reason', 'unspecified is left out')

  const listed = await readCrl(rig, 'issuing')
  t.match(listed, 'verify OK')
  t.match(listed, `Serial Number: ${seal.serialNumber}`)
  t.match(listed, `Serial Number: ${operator.serialNumber}`)
  t.equal(listed.match(/CRL Reason Code/g)?.length, 1)
  t.match(listed, 'Key Compromise')
  t.match(await readCrl(rig, 'tsa-ca'), 'No Revoked Certificates')
})

t.test('openssl refuses by the list what is on it, and nothing else', async (t) => {
  const { dir, url, order } = await trustRig(t)
  await order('/revoke', { cert: SEAL })
  const list = await saved(dir, await get(`${url}/crl/issuing.crl`))
  await openssl(dir, 'crl', '-inform', 'DER', '-in', list, '-out', 'list.pem')

  const check = ['verify', '-crl_check', '-CRLfile', 'list.pem', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem']
  t.match((await openssl(dir, ...check, SEAL)).text, 'certificate revoked')
  t.equal((await openssl(dir, ...check, 'members/delbrueck/seal.pem')).code, 0)
})

t.test('a time-stamping unit and an authority are revoked in the lists of their issuers', async (t) => {
  const rig = await trustRig(t)
  await rig.order('/revoke', { cert: 'tsa.pem', reason: 'cessationOfOperation' })
  await rig.order('/revoke', { cert: 'issuing.pem', reason: 'cACompromise' })

  const lists = { 'tsa-ca': 'Cessation Of Operation', root: 'CA Compromise' }
  for (const [name, reason] of Object.entries(lists)) {
    const text = await readCrl(rig, name)
    t.equal(text.match(/Serial Number/g)?.length, 1)
    t.match(text, reason)
  }
  t.match(await readCrl(rig, 'issuing'), 'No Revoked Certificates')
})

t.test('revocations and list numbers survive a restart', async (t) => {
  const before = await trustRig(t)
  await before.order('/revoke', { cert: SEAL })
  t.match(await readCrl(before, 'issuing'), /CRL Number: \s+1\n/)
  await before.service.close()

  const after = await trustRig(t, { dir: before.dir })

  t.match((await ask(after, '-cert', SEAL)).text, `${SEAL}: revoked`)
  const text = await readCrl(after, 'issuing')
  t.match(text, /CRL Number: \s+2\n/)
  t.match(text, 'Serial Number')
})

t.test('a certificate of another PKI cannot be revoked', async (t) => {
  const rig = await trustRig(t)
  const elsewhere = await freshDir(t)
  await makePki({ dir: elsewhere, members: [PADERBORN] })

  const response = await postJson(`${rig.url}/revoke`, { cert: join(elsewhere, SEAL) })

  t.equal(response.status, 404)
  t.match(await readCrl(rig, 'issuing'), 'No Revoked Certificates')
})
