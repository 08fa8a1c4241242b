import { readFile } from 'node:fs/promises'
import t from 'tap'
import { isProtected } from '../../../adapters/meldewesen/sperren.ts'
import type { Sperre } from '../../../schemas/gemeinsam/payloads.ts'

const TODAY = '2026-02-20'
const list = new URL('../../../schemas/codelists/auskunftssperre.json', import.meta.url)

t.test('each code of the table hides or does not', async (t) => {
  const { eintraege } = JSON.parse(await readFile(list, 'utf8')) as {
    eintraege: { key: Sperre['art']; name: string }[]
  }
  for (const { key: art, name } of eintraege) {
    // The table's own words: only "Auskunftssperre(n)" keep information back.
    const hides = name.startsWith('Auskunftssperre')
    t.equal(isProtected({ sperren: [{ art }] }, TODAY), hides, `${art}: ${name}`)
  }
})

t.test('one of several is enough, and a lock holds through its last day', async (t) => {
  t.ok(isProtected({ sperren: [{ art: '2' }, { art: '3', befristetBis: TODAY }] }, TODAY))
  t.notOk(isProtected({ sperren: [{ art: '2' }, { art: '3', befristetBis: '2026-02-19' }] }, TODAY))
  t.notOk(isProtected({}, TODAY))
  t.ok(isProtected({ bedingterSperrvermerk: true }, TODAY))
  t.ok(isProtected({ zeugenschutz: true }, TODAY))
})
