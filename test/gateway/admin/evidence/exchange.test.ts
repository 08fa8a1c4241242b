import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { XMLValidator } from 'fast-xml-parser'
import t from 'tap'
import { exportExchange } from '../../../../gateway/admin/evidence/exchange.ts'
import { openPackages } from '../../../../gateway/admin/evidence/packages.ts'
import type { EvidenceRig } from '../../evidence/evidence-rig.ts'
import { openEvidenceRig } from '../../evidence/evidence-rig.ts'
import { cmsVerified, erVerified, octetsOf, unzipped } from '../../evidence/outside-tools.ts'
import { nextRequestId } from '../../message-log/messages.ts'

async function exported(rig: EvidenceRig, requestId: string, isSealed = false) {
  const { reader, sealing } = rig
  const given = { reader, packages: openPackages(reader), now: () => NOW, ...(isSealed && { sealing }) }
  const made = await exportExchange(given, requestId)
  const folder = await unzipped(rig.directory, await octetsOf(made.content))
  return { made, folder, report: await readFile(join(folder, 'report.html'), 'utf8') }
}

const NOW = Date.parse('2026-11-24T09:00:00.000Z')

t.test('an exchange is a container for each message, and a report', async (t) => {
  const rig = await openEvidenceRig(t)
  const requestId = nextRequestId()
  const [request, reply] = await rig.exchange({ requestId })
  await rig.exchange()
  await rig.log.stampNow()

  const { made, folder, report } = await exported(rig, requestId)

  const files = [request, reply].map(({ seq }, index) => `${String(seq).padStart(10, '0')}-${KINDS[index]}.asice`)
  t.same((await readdir(folder)).sort(), [...files, 'configuration-7.json', 'report.html', 'report.json'])
  t.same(made.files, files)
  for (const file of files) {
    const inner = await unzipped(rig.directory, await readFile(join(folder, file)))
    t.equal(await erVerified(rig.caFile, inner), 'VALID')
  }
  for (const text of [
    ...['Stadt Paderborn', 'Stadt Bielefeld', 'Vorausgefüllter Meldeschein', 'Anmeldung', '§ 23 BMG', requestId],
    ...['Die Anfrage wurde beantwortet.', 'The request was answered.', 'POST /v1/search', ...files],
    ...['OWL Entwicklung TSA 1', 'nicht gesperrt laut OCSP'],
    ...[rig.snapshot.sha256, '24.11.2026, 10:00:00,000 MEZ'],
  ]) {
    t.match(report, text.replaceAll('"', '&quot;'), text)
  }
  t.notMatch(report, '?a=1', 'a query can name a person')
  t.notMatch(report, /<script|<link|<img|<iframe|https?:/, 'nothing runs, nothing is fetched')
})

t.test('a refusal says why, in both languages', async (t) => {
  const rig = await openEvidenceRig(t)
  const requestId = nextRequestId()
  await rig.exchange({ requestId }, { outcome: 'refusal' })
  await rig.log.stampNow()

  const { report } = await exported(rig, requestId)

  t.match(report, 'Die Anfrage wurde abgelehnt.')
  t.match(report, 'Keine Vereinbarung erlaubt der anfragenden Stelle')
  t.match(report, 'No agreement allows this client to call this service this way.')
  t.match(report, 'Server.ServerProxy.AccessDenied')
})

t.test('names in headers are read as they were written', async (t) => {
  const rig = await openEvidenceRig(t)
  const requestId = nextRequestId()
  const userId = Buffer.from('Jörg Weiß <a>').toString('latin1')
  await rig.exchange({
    requestId,
    headers: [
      ['X-Road-UserId', userId],
      ['X-Road-Issue', 'Stra\xdfe 7'],
    ],
  })
  await rig.log.stampNow()

  const { report } = await exported(rig, requestId)

  t.match(report, 'Jörg Weiß &#60;a&#62;')
  t.match(report, 'Straße 7')
  t.notMatch(report, 'JÃ')
})

t.test('every container of an exchange can be sealed', async (t) => {
  const rig = await openEvidenceRig(t)
  const requestId = nextRequestId()
  await rig.exchange({ requestId })
  await rig.log.stampNow()

  const { made, folder } = await exported(rig, requestId, true)

  t.equal(made.life, 'long-lived')
  for (const file of made.files) {
    const inner = await unzipped(rig.directory, await readFile(join(folder, file)))
    t.match(await cmsVerified(rig.caFile, inner), 'CMS Verification successful')
  }
})

t.test('no exchange, one without a time-stamp, one that has no end, one with an erased body', async (t) => {
  const rig = await openEvidenceRig(t)
  const requestId = nextRequestId()
  const [, { seq }] = await rig.request({ requestId })

  await t.rejects(exported(rig, 'none'), /There is no/)
  await t.rejects(exported(rig, requestId), /not time-stamped yet/)
  await rig.log.stampNow()
  const open = await exported(rig, requestId)
  t.match(open.report, 'enthalten kein Ergebnis dieser Anfrage')
  t.equal(open.made.files.length, 1)

  const answered = nextRequestId()
  const [request] = await rig.exchange({ requestId: answered })
  await rig.log.stampNow()
  const asked = { id: randomUUID(), by: 'console', reason: 'Test', records: { seq: request.seq } } as const
  t.match(await rig.log.decide({ ...asked, event: 'erasure', what: 'body' }), { records: 1 })
  const { report } = await exported(rig, answered)
  t.match(report, 'nicht enthalten, nur durch Prüfsumme bekannt')
  t.match(report, /<p>Gelöscht am <time [^>]*>.*<\/time>, weil der Betreiber es anordnete: Test \(Eintrag \d+\)\.<\/p>/)
  t.equal(report.match(/Gelöscht am|Erased at/g)?.length, 2, 'of this one message, in both languages')
  t.match(
    report,
    /er_verify\.py \.\.\/ca\.pem META-INF\/evidencerecord001\.ers --digest [0-9a-f]{64} message-head\.txt/,
  )
  t.ok(seq > 0)
})

t.test('the page is well-formed and made for everybody', async (t) => {
  const rig = await openEvidenceRig(t)
  const requestId = nextRequestId()
  await rig.exchange({ requestId }, { outcome: 'refusal' })
  await rig.log.stampNow()
  const { report } = await exported(rig, requestId)

  const asXml = report.replace(/^<!DOCTYPE html>\n/, '').replace(/<meta([^>]*)>/g, '<meta$1/>')
  t.equal(XMLValidator.validate(asXml), true, 'every element is closed')
  t.match(report, /^<!DOCTYPE html>\n<html lang="de">/)
  for (const language of ['de', 'en']) t.match(report, `<article id="${language}" lang="${language}">`)
  t.match(report, '<title>')
  t.match(report, '@media print')
  t.match(report, 'default-src &#39;none&#39;'.replaceAll('&#39;', "'"))
  t.notMatch(report, /<th>/, 'every header cell says of what it is the header')
  const ids = [...report.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  t.equal(new Set(ids).size, ids.length, 'no id twice')
  for (const [, id] of report.matchAll(/aria-labelledby="([^"]+)"/g)) t.ok(ids.includes(id))
  const levels = [...report.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level))
  t.ok(
    levels.every((level, at) => level - (levels[at - 1] ?? 0) <= 1),
    'no heading level is left out',
  )
})

const KINDS = ['request', 'reply']
