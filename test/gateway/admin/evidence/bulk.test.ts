import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { exportQuery } from '../../../../gateway/admin/evidence/bulk.ts'
import { openPackages } from '../../../../gateway/admin/evidence/packages.ts'
import { openEvidenceRig } from '../../evidence/evidence-rig.ts'
import { erVerified, unzipped } from '../../evidence/outside-tools.ts'

t.test('many records are one archive; what is not in it is counted', async (t) => {
  const rig = await openEvidenceRig(t)
  const [stamped, other] = [await rig.exchange(), await rig.exchange({ purpose: 'GEWERBE' })]
  await rig.log.stampNow()
  await rig.exchange()
  const exported = async (query: Parameters<typeof exportQuery>[2]) => {
    const { octets, count } = exportQuery(rig.reader, openPackages(rig.reader), query, Date.now())
    const parts: Uint8Array[] = []
    for await (const part of octets) parts.push(part)
    const folder = await unzipped(rig.directory, Buffer.concat(parts))
    const summary = JSON.parse(await readFile(join(folder, 'export.json'), 'utf8')) as Record<string, unknown>
    t.match(summary, count, 'the archive says the same')
    t.same(summary['query'], query)
    return { count, folder, files: (await readdir(folder)).filter((name) => name.endsWith('.asice')).sort() }
  }

  const all = await exported({ purpose: 'MELDE_VAMS' })
  t.same(all.files, [name(stamped[0].seq, 'request'), name(stamped[1].seq, 'reply')])
  t.match(all.count, { exported: 2, left: { unstamped: 2, erased: 0, damaged: 0 } })
  for (const file of all.files) {
    const inner = await unzipped(rig.directory, await readFile(join(all.folder, file)))
    t.equal(await erVerified(rig.caFile, inner), 'VALID')
  }

  t.same((await exported({ purpose: 'GEWERBE', outcome: 'reply' })).files, [name(other[1].seq, 'reply')])
  t.same((await exported({ purpose: 'NONE' })).files, [])

  const database = new DatabaseSync(rig.logRig.options.file)
  database.prepare("UPDATE content SET signature = replace(signature, '..', '..A') WHERE seq = ?").run(other[0].seq)
  database.close()
  const asked = { id: randomUUID(), by: 'console', reason: 'Test', records: { seq: stamped[0].seq } } as const
  t.match(await rig.log.decide({ ...asked, event: 'erasure', what: 'body' }), { records: 1 })
  const damaged = await exported({ outcome: 'request' })
  t.match(damaged.count, { exported: 1, left: { damaged: 1, unstamped: 1 }, damaged: [other[0].seq] })
})

function name(seq: number, kind: string): string {
  return `${String(seq).padStart(10, '0')}-${kind}.asice`
}
