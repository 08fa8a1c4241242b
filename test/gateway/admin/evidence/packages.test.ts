import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import t from 'tap'
import { openPackages } from '../../../../gateway/admin/evidence/packages.ts'
import { formatContainer } from '../../../../gateway/evidence/container.ts'
import type { Body } from '../../../../gateway/protocol/body.ts'
import { openSpool } from '../../../../gateway/transport/spool.ts'
import type { EvidenceRig } from '../../evidence/evidence-rig.ts'
import { openEvidenceRig } from '../../evidence/evidence-rig.ts'
import { erVerified, octetsOf, rootFiles, unzipped } from '../../evidence/outside-tools.ts'

t.test('says why there is no evidence of a record', async (t) => {
  const rig = await openEvidenceRig(t)
  const [{ seq }] = await rig.exchange()
  const packages = openPackages(rig.reader)

  await t.rejects(packages.read(seq + 100), /There is no/)
  await t.rejects(packages.read(seq), /not time-stamped yet/, 'in no batch yet')
  await rig.behave('tsa', { mode: 'silent' })
  await t.rejects(rig.log.stampNow())
  await t.rejects(packages.read(seq), /not time-stamped yet/, 'in a batch without a token')
  await rig.behave('tsa', { mode: 'ok' })
  await rig.log.stampNow()
  t.match(await packages.read(seq), { seq, kind: 'request', absent: [] })
})

t.test('an erased body is left out; what is left still holds, the body known by its digest', async (t) => {
  const rig = await openEvidenceRig(t)
  const [{ seq }] = await rig.exchange()
  await rig.log.stampNow()
  await erase(rig, seq, 'body')
  const from = await openPackages(rig.reader).read(seq)

  t.same(from.absent, ['message-body.json'])
  const folder = await unzipped(rig.directory, await octetsOf(formatContainer(from)))
  t.same((await rootFiles(folder)).sort(), ['log-record.json', 'message-head.txt', 'signature.jades.json'])
  const manifest = await readFile(join(folder, 'META-INF/ASiCEvidenceRecordManifest001.xml'), 'utf8')
  t.notMatch(manifest, 'message-body')
  t.equal(manifest.match(/<asic:DataObjectReference /g)?.length, 3)
  const digest = from.record.objects.find(({ name }) => name === 'message-body.json')?.sha256 ?? ''
  t.equal(await erVerified(rig.caFile, folder, [digest]), 'VALID')
  await t.rejects(erVerified(rig.caFile, folder, ['0'.repeat(64)]), 'another digest is none of the group')
})

t.test('a large body goes through in pieces, checked before the first of them', async (t) => {
  const rig = await openEvidenceRig(t)
  const octets = randomBytes(5 * 1024 * 1024 + 3)
  const [{ seq }] = await rig.exchange({ body: await spooled(rig, octets) })
  await rig.log.stampNow()
  const from = await openPackages(rig.reader).read(seq)

  let largest = 0
  for await (const part of formatContainer(from).read()) largest = Math.max(largest, part.length)
  t.ok(largest <= 2 * 65_536, `no piece is larger than a chunk or two (${largest})`)
  const folder = await unzipped(rig.directory, await octetsOf(formatContainer(from)))
  t.ok((await readFile(join(folder, 'message-body.json'))).equals(octets))
  t.equal(await erVerified(rig.caFile, folder), 'VALID')

  const stopped = Readable.from(formatContainer(from).read())
  stopped.once('data', () => stopped.destroy())
  await once(stopped, 'close')
  t.pass('whoever stops reading leaves nothing open')

  const file = join(rig.directory, 'log', 'bodies', `${seq}.body`)
  const sealed = await readFile(file)
  sealed[sealed.length - 1] = (sealed.at(-1) as number) ^ 1
  await writeFile(file, sealed)
  await t.rejects(openPackages(rig.reader).read(seq), /is damaged/, 'a changed file is not exported')
})

t.test('what is not as recorded is not exported', async (t) => {
  const rig = await openEvidenceRig(t)
  const [{ seq }] = await rig.exchange()
  await rig.log.stampNow()
  const database = new DatabaseSync(rig.logRig.options.file)
  database.prepare("UPDATE content SET signature = replace(signature, '..', '..A') WHERE seq = ?").run(seq)
  database.close()

  await t.rejects(openPackages(rig.reader).read(seq), /is damaged/)
})

async function erase(rig: EvidenceRig, seq: number, what: 'body' | 'record'): Promise<void> {
  const asked = { id: randomUUID(), by: 'console', reason: 'Test', records: { seq } } as const
  const decided = await rig.log.decide({ ...asked, event: 'erasure', what })
  t.match(decided, { records: 1 })
}

async function spooled(rig: EvidenceRig, octets: Buffer): Promise<Body | undefined> {
  const home = join(rig.directory, 'log')
  await mkdir(join(home, 'bodies'), { recursive: true })
  const spool = await openSpool({ directory: join(home, 'spool'), spoolAboveBytes: 1024 })
  return spool.receive(Readable.from([octets]), { bytesMax: 2 ** 30, tooLarge: 'BadRequest' })
}
