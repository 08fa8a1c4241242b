import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openPackages } from '../../../../gateway/admin/evidence/packages.ts'
import { contradictionsOf, exportContradictions } from '../../../../gateway/admin/partners/contradiction-export.ts'
import { openPartnerStates } from '../../../../gateway/message-log/witness/partner-states.ts'
import { openEvidenceRig } from '../../evidence/evidence-rig.ts'
import { erVerified, octetsOf, unzipped } from '../../evidence/outside-tools.ts'
import { owl } from '../../owl.ts'

t.setTimeout(120_000)

const PARTNER = 'OWL/GOV/05774020/gw1'
const LOG = `${PARTNER}/n1/1`

t.test('both messages and what the partner signed, in one archive that anyone can check', async (t) => {
  const rig = await openEvidenceRig(t)
  const [[first], [second]] = [await rig.exchange(), await rig.exchange()]
  await rig.log.stampNow()
  const directory = await mkdtemp(join(tmpdir(), 'owl-contradictions-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const states = openPartnerStates(join(directory, 'partners'))
  const proof = states.keep(PARTNER, [Buffer.from('a.question.sealed'), Buffer.from('an.answer.sealed')])
  const at = '2026-11-23T10:00:00.000Z'
  const conflict = { kind: 'rewritten', log: LOG, batch: 4, seq: first.seq, sha256: 'x', at, proof } as const
  const list = contradictionsOf([
    {
      ...{ partner: PARTNER, heads: [], missing: 0 },
      contradictions: [{ kind: 'fork', log: LOG, batch: 3, seqs: [first.seq, second.seq], foundAt: Date.parse(at) }],
      reconciled: {
        ...{ v: 1, partner: PARTNER, at, result: 'alarm', problem: null, from: null, to: null, ours: 0, theirs: 0 },
        ...{ explained: 0, alarms: [], proofs: [], compared: {}, anchors: [] },
        conflicts: [conflict, { ...conflict, seq: 0, proof: '../../etc/passwd' }],
      },
    },
  ])
  const options = { reader: rig.reader, packages: openPackages(rig.reader), statements: states.kept, now: Date.now }

  const { content, files, erased } = await exportContradictions(options, list)

  t.equal(files.length, 2, 'each message once')
  t.same(erased, [])
  const octets = await octetsOf(content)
  const folder = await unzipped(directory, octets)
  t.same((await readdir(folder)).sort(), [...files, 'export.json'].sort())
  const summary = JSON.parse(await readFile(join(folder, 'export.json'), 'utf8')) as object
  t.match(summary, {
    contradictions: [
      { kind: 'fork', batch: 3, seqs: [first.seq, second.seq], statements: [] },
      { kind: 'rewritten', batch: 4, seqs: [first.seq], statements: ['a.question.sealed', 'an.answer.sealed'] },
      { kind: 'rewritten', seqs: [], statements: [] },
    ],
  })
  for (const file of files) {
    const one = await unzipped(directory, await readFile(join(folder, file)))
    t.equal(await erVerified(rig.caFile, one), 'VALID')
  }
  const zip = join(directory, 'contradictions.zip')
  await writeFile(zip, octets)
  const verified = await owl('evidence', 'verify', zip, '--anchors', rig.caFile)
  t.equal(verified.code, 0, verified.out)
  t.match(verified.err, '2 verified')

  const [{ seq }] = await rig.exchange()
  const unstamped = [{ ...(list[0] as (typeof list)[0]), seqs: [first.seq, seq] }]
  await t.rejects(exportContradictions(options, unstamped), { message: /not time-stamped yet/ })
})
