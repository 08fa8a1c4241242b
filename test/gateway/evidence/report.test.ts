import t from 'tap'
import { FAULTS } from '../../../gateway/errors.ts'
import type { ExchangeReport } from '../../../gateway/evidence/report.ts'
import { formatReport } from '../../../gateway/evidence/report.ts'
import { ENGLISH } from '../../../gateway/evidence/report-english.ts'
import { GERMAN } from '../../../gateway/evidence/report-german.ts'

const EVIL = `"><script>alert(1)</script>' onload=x & \u202e`
const BY = { name: EVIL, qualification: 'none', validUntil: 9_000_000 } as const
const REPORT: ExchangeReport = {
  ...{
    requestId: EVIL,
    log: EVIL,
    keeper: { id: EVIL, name: EVIL },
    madeAt: 0,
    version: EVIL,
    isWithoutPurpose: false,
    client: { id: EVIL, name: EVIL },
    provider: { id: EVIL },
  },
  service: { id: EVIL, name: EVIL },
  ...{ call: EVIL, purpose: { code: EVIL, title: EVIL, legalBasis: EVIL }, issue: EVIL, userId: EVIL },
  outcome: { kind: 'refusal', code: EVIL, message: EVIL, stage: EVIL },
  messages: [
    {
      ...{ seq: 1, kind: EVIL, file: '0000000001-request.asice', recordedAt: 1, claimedAt: 0 },
      stamps: [{ at: 9000, by: BY }],
      signer: { sha256: EVIL, party: { id: EVIL, name: EVIL }, by: BY },
      seal: { party: { id: EVIL, name: EVIL }, by: BY, at: 9000, stampedBy: BY },
      ...{ stages: [EVIL], revocation: { status: EVIL, source: EVIL, thisUpdate: 0 } },
      ...{ agreement: EVIL, configuration: { version: 1, sha256: EVIL }, connection: EVIL },
      objects: [{ name: EVIL, sha256: EVIL, isKept: false }],
    },
    {
      ...{ seq: 2, kind: 'erased', stamps: [], stages: [], objects: [] },
      erasure: { seq: 2, what: 'record', at: 0, by: 'retention', reason: EVIL, decision: 9 },
    },
  ],
}

t.test('nothing that a message says can act', async (t) => {
  const page = formatReport(REPORT).toString()

  t.notMatch(page, '<script')
  t.notMatch(page, 'onload=x & ')
  t.notMatch(page, '\u202e')
  t.match(page, '&#60;script&#62;')
  const harmless = formatReport(JSON.parse(JSON.stringify(REPORT).replaceAll(JSON.stringify(EVIL).slice(1, -1), 'x')))
  const tags = (text: string): string[] => [...text.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replaceAll(/x/g, ''))
  const attributes = page.replaceAll(/&#\d+;/g, '')
  t.equal(tags(attributes).length, tags(harmless.toString()).length, 'no element more than without it')
})

t.test('an erased message and a missing time are told, not invented', async (t) => {
  const page = formatReport(REPORT).toString()
  t.match(page, GERMAN.states.erased)
  t.match(page, GERMAN.erasedNote)
  t.match(page, /Gelöscht am <time .*<\/time>, weil die Aufbewahrungsfrist ablief: .* \(Eintrag 9\)/)
  t.match(page, GERMAN.unknown)
  t.match(page, '9,0 s')
  t.match(page, '9.0 s')
})

t.test('can be read by everybody: languages, headings, tables', async (t) => {
  const page = formatReport(REPORT).toString()
  const parts = page.split('<article ').slice(1)
  t.equal(parts.length, 2)
  for (const [index, language] of ['de', 'en'].entries()) {
    const part = parts[index] ?? ''
    t.match(part, `id="${language}" lang="${language}">`)
    const levels = [...part.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level))
    t.equal(levels[0], 1)
    t.ok(
      levels.slice(1).every((level, at) => level > 1 && level <= (levels[at] ?? 0) + 1),
      `no level is left out: ${levels.join(' ')}`,
    )
    for (const [, text = ''] of part.matchAll(/<(?:p|li)>([^<]*)<\/(?:p|li)>/g)) t.match(text, /[.:]$/, 'a sentence')
  }
  t.match(parts[1], '<span lang="de">', 'names are German in either part')
  t.notMatch(page, /<th>/, 'every header says of what')
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  t.equal(new Set(ids).size, ids.length, 'no id twice')
  for (const [, id] of page.matchAll(/aria-labelledby="([^"]+)"/g)) t.ok(ids.includes(id), `${id} is there`)
  for (const [, id] of page.matchAll(/href="#([^"]+)"/g)) t.ok(ids.includes(id), `${id} is there`)
})

t.test('how to check is told where there is something to check', async (t) => {
  const page = formatReport(REPORT).toString()
  t.match(page, 'npx owl evidence verify 0000000001-request.asice --anchors ca.pem')
  const erased = formatReport({ ...REPORT, messages: REPORT.messages.slice(1) }).toString()
  t.notMatch(erased, 'owl evidence verify')
})

t.test('both languages say all there is to say', async (t) => {
  t.same(Object.keys(GERMAN.faults).sort(), Object.keys(FAULTS).sort(), 'every fault in German')
  t.same(Object.keys(ENGLISH.faults).sort(), Object.keys(FAULTS).sort())
  for (const table of ['messages', 'outcomes', 'stages', 'statuses', 'headings', 'labels', 'steps'] as const) {
    t.same(Object.keys(GERMAN[table]).sort(), Object.keys(ENGLISH[table]).sort(), table)
  }
  t.equal(GERMAN.notes.length, ENGLISH.notes.length)
})
