/** Containers of a real log, judged by tools that are not ours. */

import { createHash, hash, X509Certificate } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { flattenedVerify } from 'jose'
import t from 'tap'
import { openPackages } from '../../../gateway/admin/evidence/packages.ts'
import { openSealing } from '../../../gateway/admin/evidence/sealing.ts'
import { formatContainer, formatSealedContainer, MIMETYPE } from '../../../gateway/evidence/container.ts'
import { openTimeStampClient } from '../../../gateway/message-log/stamping/time-stamp-client.ts'
import type { Configuration } from '../../../gateway/trust/configuration.ts'
import { openEvidenceRig } from './evidence-rig.ts'
import { archiveVerified, cmsVerified, erVerified, octetsOf, rootFiles, unzipped } from './outside-tools.ts'

const META = ['ASiCEvidenceRecordManifest001.xml', 'evidencerecord001.ers']
const SEALED = [
  ...['ASiCArchiveManifest.xml', 'ASiCEvidenceRecordManifest001.xml', 'ASiCManifest001.xml'],
  ...['evidencerecord001.ers', 'signature001.p7s', 'timestamp001.tst'],
]

t.test('a message exports byte for byte, and its record holds elsewhere', async (t) => {
  const rig = await openEvidenceRig(t)
  const [request, reply] = await rig.exchange()
  await rig.log.stampNow()
  const packages = openPackages(rig.reader)

  for (const { seq } of [request, reply]) {
    const from = await packages.read(seq)
    const content = formatContainer(from)
    const octets = await octetsOf(content)
    t.equal(octets.length, content.size, 'as large as it said')
    t.equal(octets.readUInt16LE(28), 0, 'the first entry has no extra field')
    t.same(octets.subarray(38, 38 + MIMETYPE.length).toString(), MIMETYPE)
    t.same(await octetsOf(formatContainer(await packages.read(seq))), octets, 'the same octets every time')

    const folder = await unzipped(rig.directory, octets)
    t.same((await rootFiles(folder)).sort(), [
      ...['log-record.json', 'message-body.json', 'message-head.txt', 'signature.jades.json'],
    ])
    t.same((await readdir(join(folder, 'META-INF'))).sort(), META)
    for (const [name, part] of [
      ...[['message-head.txt', 'head'] as const, ['message-body.json', 'body'] as const],
      ...[['signature.jades.json', 'signature'] as const, ['log-record.json', 'record'] as const],
    ]) {
      t.same(await readFile(join(folder, name)), await rig.reader.object(seq, part), name)
    }
    t.equal(await erVerified(rig.caFile, folder), 'VALID')
    await t.resolves(joseVerified(folder), 'jose accepts the signature')

    await writeFile(join(folder, 'message-body.json'), '{}')
    await t.rejects(erVerified(rig.caFile, folder), 'another body is not covered')
    await t.rejects(joseVerified(folder))
  }
})

t.test('records of the log itself export as well', async (t) => {
  const rig = await openEvidenceRig(t)
  await rig.exchange()
  await rig.log.stampNow()
  const batch = rig.configurationSeq + 3
  const packages = openPackages(rig.reader)

  for (const [seq, files] of [
    [rig.configurationSeq, ['configuration.json', 'log-record.json']],
    [batch, ['batch-header.json', 'batch-leaves.bin', 'log-record.json']],
  ] as const) {
    const folder = await unzipped(rig.directory, await octetsOf(formatContainer(await packages.read(seq))))
    t.same((await rootFiles(folder)).sort(), files)
    t.equal(await erVerified(rig.caFile, folder), 'VALID')
  }
})

t.test('a seal is what openssl accepts, with a time-stamp over all of it', async (t) => {
  const rig = await openEvidenceRig(t)
  const [{ seq }] = await rig.exchange()
  await rig.log.stampNow()
  const seal = openSealing(rig.sealing)

  const content = await formatSealedContainer(await openPackages(rig.reader).read(seq), seal)

  t.equal(seal.life, 'long-lived')
  t.same(seal.problems, [])
  const folder = await unzipped(rig.directory, await octetsOf(content))
  t.same((await readdir(join(folder, 'META-INF'))).sort(), SEALED)
  t.match(await cmsVerified(rig.caFile, folder), 'CMS Verification successful')
  t.match(await archiveVerified(rig.caFile, folder), 'Verification: OK')
  t.equal(await erVerified(rig.caFile, folder), 'VALID')

  const archive = await readFile(join(folder, 'META-INF/ASiCArchiveManifest.xml'), 'utf8')
  const covered = [...archive.matchAll(/URI="([^"]+)"><ds:DigestMethod[^>]*\/><ds:DigestValue>([^<]+)</g)]
  t.equal(covered.length, 8, 'everything but mimetype, itself and its token')
  for (const [, name = '', digest] of covered) {
    t.equal(hash('sha256', await readFile(join(folder, name)), 'base64'), digest, name)
  }

  const manifest = join(folder, 'META-INF/ASiCManifest001.xml')
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('text/plain', 'text/plaim'))
  await t.rejects(cmsVerified(rig.caFile, folder), 'another manifest is not what was sealed')
  await writeFile(join(folder, 'META-INF/ASiCArchiveManifest.xml'), archive.replace('text/plain', 'text/plaim'))
  await t.rejects(archiveVerified(rig.caFile, folder))
})

t.test('without an authority the seal is short-lived and says so; a revoked one seals nothing', async (t) => {
  const rig = await openEvidenceRig(t)
  const [{ seq }] = await rig.exchange()
  await rig.log.stampNow()
  const from = await openPackages(rig.reader).read(seq)
  await rig.behave('tsa', { mode: 'silent' })
  const authorities = (): Configuration['authorities']['tsa'] => rig.snapshot.configuration.authorities.tsa
  const timeStamps = openTimeStampClient({ authorities, now: Date.now, timeoutMs: 300 })
  t.teardown(() => timeStamps.close())

  const seal = openSealing({ ...rig.sealing, timeStamps })
  const folder = await unzipped(rig.directory, await octetsOf(await formatSealedContainer(from, seal)))

  t.equal(seal.life, 'short-lived')
  t.match(seal.problems.join(), 'no time-stamp')
  t.same((await readdir(join(folder, 'META-INF'))).sort(), [...META, 'ASiCManifest001.xml', 'signature001.p7s'].sort())
  t.match(await cmsVerified(rig.caFile, folder), 'CMS Verification successful')
  t.equal(await erVerified(rig.caFile, folder), 'VALID')

  const revoked = openSealing({ ...rig.sealing, timeStamps, status: async () => ({ status: 'revoked' }) })
  await t.rejects(formatSealedContainer(from, revoked), /revoked/)
})

t.test('a list beside the signature keeps it checkable without an archive time-stamp', async (t) => {
  const rig = await openEvidenceRig(t)
  const [{ seq }] = await rig.exchange()
  await rig.log.stampNow()
  await rig.behave('ocsp', { mode: 'silent' })
  let tokens = 0
  const timeStamps = {
    stamp: (imprint: Buffer) => {
      tokens += 1
      return tokens === 1 ? rig.sealing.timeStamps.stamp(imprint) : Promise.reject(new Error('gone'))
    },
  }
  const seal = openSealing({ ...rig.sealing, timeStamps })

  const content = await formatSealedContainer(await openPackages(rig.reader).read(seq), seal)

  t.equal(seal.life, 'long-lived', 'level LT')
  const folder = await unzipped(rig.directory, await octetsOf(content))
  t.match(await cmsVerified(rig.caFile, folder), 'CMS Verification successful')
  t.notOk((await readdir(join(folder, 'META-INF'))).includes('timestamp001.tst'))
})

/** ETSI TS 119 182-1 §5.2.8: detached by URI and hash; jose checks the signature, the hashes are compared here. */
async function joseVerified(folder: string): Promise<void> {
  const {
    header,
    payload,
    protected: head,
    signature,
  } = JSON.parse(await readFile(join(folder, 'signature.jades.json'), 'utf8')) as {
    header: { etsiU: string[] }
    payload: string
    protected: string
    signature: string
  }
  const { xVals } = JSON.parse(Buffer.from(header.etsiU[0] as string, 'base64url').toString()) as {
    xVals: { x509Cert: { val: string } }[]
  }
  const { publicKey } = new X509Certificate(Buffer.from(xVals[0]?.x509Cert.val ?? '', 'base64'))
  const { protectedHeader } = await flattenedVerify({ payload, protected: head, signature }, publicKey, {
    crit: { sigD: true },
  })
  const { sigD } = protectedHeader as unknown as { sigD: { pars: string[]; hashV: string[] } }
  const { pars, hashV } = sigD
  for (const [index, name] of pars.entries()) {
    const digest = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('base64url')
    if (digest !== hashV[index]) throw new Error(`${name} is another one`)
  }
}
