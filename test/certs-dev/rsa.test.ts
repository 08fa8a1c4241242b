/** The same PKI and the same services with RSA-3072 keys. */

import { createPublicKey } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makeClient, makePki } from '../../certs-dev/make.ts'
import { ask, DELBRUECK, freshDir, openssl, PADERBORN, readCrl, SEAL, stamp, stampQuery, trustRig } from './rig.ts'

t.test('an RSA region is verified, answered, revoked and time-stamped alike', async (t) => {
  const dir = await freshDir(t)
  const members = [PADERBORN, { ...DELBRUECK, gateways: ['gw1'] }]
  const { made } = await makePki({ dir, members, algorithm: 'rsa3072' })
  t.same((await makePki({ dir, members })).made, [], 'the algorithm is that of the folder')
  const { cert } = await makeClient(dir, PADERBORN, 'LATER')
  const rig = await trustRig(t, { dir })

  for (const path of [...made.map((path) => `${path}.pem`), cert]) {
    const key = createPublicKey(await readFile(path === cert ? path : join(dir, path)))
    t.same([key.asymmetricKeyType, key.asymmetricKeyDetails?.modulusLength], ['rsa', 3072])
    const args = ['verify', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', '-untrusted', 'tsa-ca.pem', path]
    t.equal((await openssl(dir, ...args)).code, 0, path)
  }
  const anchor = JSON.parse(await readFile(join(dir, 'registry/anchor.jwk.json'), 'utf8'))
  t.equal(anchor.kty, 'EC', 'the global configuration is signed with ES256 all the same')

  await rig.order('/revoke', { cert: SEAL, reason: 'superseded' })
  const { text } = await ask(rig, '-cert', SEAL, '-cert', cert)
  t.match(text, 'Response verify OK')
  t.match(text, `${SEAL}: revoked`)
  t.match(text, `${cert}: good`)
  t.match(await readCrl(rig, 'issuing'), /Signature Algorithm: sha256WithRSAEncryption[\s\S]*Superseded/)

  t.equal(rig.service.urls.tsaRsa, `${rig.url}/tsa-rsa`)
  for (const unit of ['tsa', 'tsa2', 'tsa-rsa']) {
    for (const digest of ['-sha256', '-sha512']) {
      await writeFile(join(dir, 'a.tsr'), await stamp(rig, unit, await stampQuery(dir, digest, '-cert')))
      const verified = await openssl(dir, 'ts', '-verify', '-queryfile', 'q.tsq', '-in', 'a.tsr', '-CAfile', 'root.pem')
      t.match(verified.text, 'Verification: OK', `${unit} ${digest}`)
    }
  }
})
