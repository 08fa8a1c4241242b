/** A report beside evidence is the one that the evidence makes, or it is named. */

import { hash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { exportExchange } from '../../../gateway/admin/evidence/exchange.ts'
import { openPackages } from '../../../gateway/admin/evidence/packages.ts'
import { contentOf, joined } from '../../../gateway/evidence/content.ts'
import { openZipWriter } from '../../../gateway/evidence/zip-writer.ts'
import { nextRequestId } from '../message-log/messages.ts'
import { owl } from '../owl.ts'
import { openEvidenceRig } from './evidence-rig.ts'
import { octetsOf } from './outside-tools.ts'
import type { Files } from './verify-rig.ts'
import { filesIn } from './verify-rig.ts'

t.setTimeout(180_000)

t.test('the report of an exchange', async (t) => {
  const rig = await openEvidenceRig(t)
  const ids = [nextRequestId(), nextRequestId()] as const
  await rig.exchange({ requestId: ids[0] }, { outcome: 'refusal' })
  await rig.exchange({ requestId: ids[1] })
  await rig.log.stampNow()
  const given = { reader: rig.reader, packages: openPackages(rig.reader), now: Date.now }
  const exported = async (id: string) => filesIn(await octetsOf((await exportExchange(given, id)).content))
  const [files, others] = [await exported(ids[0]), await exported(ids[1])]
  const directory = await mkdtemp(join(tmpdir(), 'owl-report-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const zip = join(directory, 'exchange.zip')

  async function verify(entries: Files, ...args: readonly string[]) {
    await writeFile(zip, await packed(entries))
    const { code, out, err } = await owl('evidence', 'verify', zip, '--anchors', rig.caFile, '--json', ...args)
    const checks = out
      .trimEnd()
      .split('\n')
      .flatMap((line) => (JSON.parse(line) as { checks: { id: string; verdict: string }[] }).checks)
    const of = (id: string) => checks.filter((check) => check.id === id).map(({ verdict }) => verdict)
    return { code, err, page: of('report.page'), mixed: of('archive.exchange'), named: of('archive.configuration') }
  }

  const page = String(files.get('report.html'))
  const changed = (name: string, octets: string | Buffer | undefined): Files => {
    const made = new Map(files)
    if (octets === undefined) made.delete(name)
    else made.set(name, Buffer.from(octets))
    return made
  }

  t.match(await verify(files), { code: 0, page: ['ok'], named: ['ok'] })
  t.match(await verify(changed('report.html', undefined)), { code: 0, page: [] }, 'none is needed')

  for (const [what, wrong] of Object.entries({
    script: page.replace('</body>', '<script>alert(1)</script></body>'),
    outcome: page.replace('Die Anfrage wurde abgelehnt.', 'Die Anfrage wurde beantwortet.'),
    agency: page.replaceAll('OWL/GOV/05774032', 'OWL/GOV/05758012'),
    name: page.replaceAll('Stadt Paderborn', 'Stadt Herford'),
    'legal basis': page.replaceAll('§ 23 BMG', '§ 24 BMG'),
    time: page.replace(/\d\d:\d\d:\d\d,\d{3}/, '00:00:00,000'),
    'one octet more': `${page} `,
    nothing: '',
    'that of another exchange': String(others.get('report.html')),
  })) {
    t.not(wrong, page, `${what} is another`)
    t.match(await verify(changed('report.html', wrong)), { code: 3, page: ['failed'] }, what)
  }

  const [[request = '', octets = Buffer.alloc(0)] = []] = [...files].filter(([name]) => name.endsWith('request.asice'))
  t.match(await verify(changed(request, undefined)), { code: 3, page: ['failed'] }, 'a message taken out')
  const twice = new Map([...files, [`2${request.slice(1)}`, octets] as const])
  t.match(await verify(twice), { code: 3, page: ['failed'] }, 'a message twice')
  const both = new Map([...others, ...files])
  t.match(await verify(both), { code: 3, page: ['failed'], mixed: ['failed', 'failed'] }, 'two exchanges')
  const unreported = new Map([...both].filter(([name]) => name.endsWith('.asice')))
  t.match(await verify(unreported), { page: [], mixed: ['warning', 'warning'] }, 'also without a report')

  const moved = new Map([...changed('report.html', undefined), ['other/report.html', Buffer.from(page)] as const])
  t.match(await verify(moved), { code: 3, page: ['failed'] }, 'a report beside no evidence')
  const capitals = new Map([...changed('report.html', undefined), ['Report.HTML', Buffer.from('x')] as const])
  t.match(await verify(capitals), { code: 3, page: ['failed'] }, 'capital letters')
  const extra = new Map([...files, ['Report.html', Buffer.from('x')] as const])
  t.equal((await verify(extra)).code, 3, 'two reports')

  const configuration = String(files.get('configuration-7.json'))
  const renamed = configuration.replaceAll('Stadt Paderborn', 'Stadt Herford')
  t.match(await verify(changed('configuration-7.json', renamed)), { code: 3, named: ['failed'] }, 'other names')
  t.match(await verify(changed('configuration-7.json', undefined)), { code: 3, page: ['failed'] }, 'no names')

  const statement = String(files.get('report.json'))
  t.match(await verify(changed('report.json', statement.replace(/"madeAt": "20../, '"madeAt": "2019'))), { code: 3 })
  t.match(await verify(changed('report.json', `${statement} `)), { code: 3, page: ['failed'] }, 'more than is said')
  t.match(await verify(changed('report.json', undefined)), { code: 3, page: ['not-checked'] })
  const older = new Map(changed('report.json', statement.replace(/"version": "[^"]+"/, '"version": "0.2.9"')))
  older.set('report.html', Buffer.from(page.replace('abgelehnt', 'beantwortet')))
  const anew = join(directory, 'anew.html')
  const judged = await verify(older, '--report', anew)
  t.match(judged, { code: 3, page: ['not-checked'] }, 'of another version')
  t.match(await readFile(anew, 'utf8'), 'Die Anfrage wurde abgelehnt.', 'is made anew')
  await verify(files, '--report', anew)
  t.equal(await readFile(anew, 'utf8'), page, 'octet by octet')
  t.equal((await verify(unreported, '--report', anew)).code, 2, 'of one exchange')
  t.equal(hash('sha256', configuration), rig.snapshot.sha256)
})

function packed(entries: Files): Promise<Buffer> {
  const zip = openZipWriter()
  const parts = [...entries].flatMap(([name, octets]) => zip.entry(name, contentOf(octets), Date.now()))
  return octetsOf(joined([...parts, zip.end()]))
}
