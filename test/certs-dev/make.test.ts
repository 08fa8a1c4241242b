/** Making the development PKI: which files there are, that a second run leaves them alone, what is refused. */

import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { glob, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { calculateJwkThumbprint } from 'jose'
import t from 'tap'
import { makeClient, makePki } from '../../certs-dev/make.ts'
import { parseRegion } from '../../certs-dev/members.ts'
import { DELBRUECK, freshDir, PADERBORN } from './rig.ts'

const members = [PADERBORN, DELBRUECK]

async function contents(dir: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {}
  for await (const path of glob('**/*.*', { cwd: dir })) {
    const { mtimeMs, mode } = await stat(join(dir, path))
    all[path] = `${mode.toString(8)} ${mtimeMs} ${await readFile(join(dir, path), 'latin1')}`
  }
  return all
}

async function pem(dir: string, path: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(join(dir, path)))
}

t.test('writes the files that the other parts count on, keys unreadable to others', async (t) => {
  const dir = await freshDir(t)

  const { made, kept } = await makePki({ dir, members })

  const gateway = (home: string) => ['local', 'peer-server', 'peer-client'].map((role) => `${home}/${role}`)
  const pairs = [
    ...['root', 'issuing', 'tsa-ca', 'ocsp', 'tsa', 'tsa2', 'registry/server', 'service/server'],
    ...['paderborn', 'delbrueck'].flatMap((slug) => [`members/${slug}/seal`, `members/${slug}/operator`]),
    ...gateway('members/paderborn/gw1'),
    ...gateway('members/delbrueck/gw1'),
    ...gateway('members/delbrueck/gw2'),
    ...['members/paderborn/clients/BUERGERBUERO', 'members/paderborn/clients/MELDEWESEN'],
    'members/delbrueck/clients/PORTAL',
  ]
  const chains = pairs.filter((path) => /server$|local$/.test(path)).map((path) => `${path}.chain.pem`)
  const others = ['README.txt', 'ca.pem', 'registry/signing.key', 'registry/anchor.jwk.json', 'registry/anchor.sha256']
  const files = await contents(dir)
  t.same(
    Object.keys(files).sort(),
    [...pairs.flatMap((path) => [`${path}.pem`, `${path}.key`]), ...chains, ...others].sort(),
  )
  t.same([...made].sort(), pairs.sort())
  t.equal(kept, 0)
  for (const [path, text] of Object.entries(files)) {
    if (path.endsWith('.key')) t.match(text, /^100600 .*\n?-----BEGIN PRIVATE KEY-----/, `${path}: PKCS#8, mode 0600`)
  }
  t.match(await readFile(join(dir, 'README.txt'), 'utf8'), /EVERY KEY IN THIS FOLDER IS PUBLIC/)
})

t.test('a second run changes nothing', async (t) => {
  const dir = await freshDir(t)
  const first = await makePki({ dir, members })
  const before = await contents(dir)

  const second = await makePki({ dir, members })

  t.same(second, { made: [], kept: first.made.length, anchor: first.anchor })
  t.same(await contents(dir), before)
})

t.test('a member, a gateway and a subsystem that come later are all that is made', async (t) => {
  const dir = await freshDir(t)
  await makePki({ dir, members: [PADERBORN] })
  const before = await contents(dir)

  const paderborn = { ...PADERBORN, subsystems: [...PADERBORN.subsystems, 'PARKEN'], gateways: ['gw1', 'gw2'] }
  const { made } = await makePki({ dir, members: [paderborn, { ...DELBRUECK, gateways: ['gw1'] }] })

  t.same([...made].sort(), [
    ...['clients/PORTAL', 'gw1/local', 'gw1/peer-client', 'gw1/peer-server', 'operator', 'seal'].map(
      (path) => `members/delbrueck/${path}`,
    ),
    ...['clients/PARKEN', 'gw2/local', 'gw2/peer-client', 'gw2/peer-server'].map((path) => `members/paderborn/${path}`),
  ])
  const after = await contents(dir)
  for (const [path, text] of Object.entries(before)) t.equal(after[path], text, `${path} stays`)
})

t.test('a single client is added later, and found the second time', async (t) => {
  const dir = await freshDir(t)
  await makePki({ dir, members })
  const before = await contents(dir)

  const files = await makeClient(dir, PADERBORN, 'TEST')
  const again = await makeClient(dir, PADERBORN, 'TEST')

  t.same(files, {
    cert: join(dir, 'members/paderborn/clients/TEST.pem'),
    key: join(dir, 'members/paderborn/clients/TEST.key'),
  })
  t.same(again, files)
  const after = await contents(dir)
  t.equal(Object.keys(after).length, Object.keys(before).length + 2)
  t.match((await pem(dir, 'members/paderborn/clients/TEST.pem')).subject, 'serialNumber=OWL/GOV/05774032/TEST')

  await t.rejects(makeClient(dir, PADERBORN, '../../../x'), TypeError, 'a name is never a path')
  await t.rejects(makeClient(join(dir, 'members'), PADERBORN, 'TEST'), /holds no PKI/)
  t.same(await contents(dir), after)
})

t.test('the anchor is the thumbprint of the key that signs the global configuration', async (t) => {
  const dir = await freshDir(t)

  const { anchor } = await makePki({ dir, members })

  const jwk = JSON.parse(await readFile(join(dir, 'registry/anchor.jwk.json'), 'utf8'))
  t.equal(await readFile(join(dir, 'registry/anchor.sha256'), 'utf8'), `${anchor}\n`)
  t.equal(await calculateJwkThumbprint(jwk, 'sha256'), anchor)
  const key = createPrivateKey(await readFile(join(dir, 'registry/signing.key')))
  t.ok(createPublicKey(key).equals(createPublicKey({ key: jwk, format: 'jwk' })))
  t.notOk('d' in jwk, 'the private part stays out')
  t.match(jwk, { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', kid: anchor })
})

t.test('what a crash or a careless hand damaged is made again, and nothing else', async (t) => {
  const dir = await freshDir(t)
  await makePki({ dir, members: [PADERBORN] })
  await truncate(join(dir, 'members/paderborn/seal.pem'), 100)
  await rm(join(dir, 'members/paderborn/operator.key'))
  await writeFile(join(dir, 'tsa.key'), await readFile(join(dir, 'tsa2.key')))
  await rm(join(dir, 'registry/server.chain.pem'))

  const { made } = await makePki({ dir, members: [PADERBORN] })

  t.same([...made].sort(), ['members/paderborn/operator', 'members/paderborn/seal', 'tsa'])
  t.equal(
    await readFile(join(dir, 'registry/server.chain.pem'), 'utf8'),
    (await readFile(join(dir, 'registry/server.pem'), 'utf8')) + (await readFile(join(dir, 'issuing.pem'), 'utf8')),
  )
  const lost = await makePki({ dir, members: [PADERBORN] })
  t.same(lost.made, [])

  await rm(join(dir, 'issuing.key'))
  const after = await makePki({ dir, members: [PADERBORN] })
  t.notOk(after.made.includes('root') || after.made.includes('tsa'), 'what another CA signed stays')
  t.ok(after.made.includes('issuing') && after.made.includes('members/paderborn/seal'), 'what hung on it is made again')
})

t.test('an expired certificate is made again', async (t) => {
  const dir = await freshDir(t)
  await makePki({ dir, members: [PADERBORN], now: () => Date.UTC(2026, 10, 22) })

  const { made } = await makePki({ dir, members: [PADERBORN], now: () => Date.UTC(2029, 0, 1) })

  t.ok(made.includes('members/paderborn/seal'))
  t.notOk(made.includes('tsa') || made.includes('issuing') || made.includes('root'))
})

t.test('another algorithm in the same folder is refused', async (t) => {
  const dir = await freshDir(t)
  await makePki({ dir, members: [PADERBORN] })
  const before = await contents(dir)

  await t.rejects(makePki({ dir, members: [PADERBORN], algorithm: 'rsa3072' }), /holds a p256 PKI/)

  t.same(await contents(dir), before)
})

const refused: Record<string, unknown> = {
  'a slug that climbs': [{ ...PADERBORN, slug: '../x' }],
  'a slug with a slash': [{ ...PADERBORN, slug: 'a/b' }],
  'a subsystem that climbs': [{ ...PADERBORN, subsystems: ['../../root'] }],
  'a gateway called like a folder': [{ ...PADERBORN, gateways: ['clients'] }],
  'an id of another member': [{ ...PADERBORN, id: 'OWL/GOV/1' }],
  'two members with one slug': [PADERBORN, { ...DELBRUECK, slug: 'paderborn' }],
  'a subsystem twice': [{ ...PADERBORN, subsystems: ['A', 'A'] }],
  'a name too long for X.520': [{ ...PADERBORN, name: 'x'.repeat(65) }],
  'no subsystems': [{ ...PADERBORN, subsystems: undefined }],
  'no list': { members: 'paderborn' },
  nothing: null,
}

for (const [name, bad] of Object.entries(refused)) {
  t.test(`refuses ${name} before anything is written`, async (t) => {
    const dir = await freshDir(t)

    await t.rejects(makePki({ dir, members: bad as never }), TypeError)

    t.same(await contents(dir), {})
  })
}

t.test('a region is read however its file was saved, and refused in another encoding', async (t) => {
  const text = JSON.stringify({ members: [DELBRUECK] })
  const marked = Buffer.from(`\ufeff${text}`, 'utf16le')
  for (const octets of [Buffer.from(text), Buffer.from(`\ufeff${text}`), marked, Buffer.from(marked).swap16()])
    t.same(parseRegion(octets), [DELBRUECK])
  t.throws(() => parseRegion(Buffer.from(text, 'latin1')), /not valid for encoding utf-8/)
})
