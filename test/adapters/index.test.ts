import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { EINWOHNER as BIELEFELD } from '../../adapters/bielefeld/melderegister/fields.ts'
import { fromLocal, toLocal } from '../../adapters/field-map.ts'
import { ADAPTERS } from '../../adapters/index.ts'
import { searchKey } from '../../adapters/matching/suchform.ts'
import { einwohnerOf } from '../../adapters/meldewesen/melderegister.ts'
import { EINWOHNER as PADERBORN } from '../../adapters/paderborn/melderegister/fields.ts'
import { schema } from '../../schemas/schema.ts'

const root = join(import.meta.dirname, '../../adapters')

async function residents(system: string): Promise<Record<string, unknown>[]> {
  const file = JSON.parse(await readFile(join(root, system, 'einwohner.json'), 'utf8')) as { einwohner: [] }
  return file.einwohner
}

t.test('an adapter is named by its folder and its service', async (t) => {
  for (const [name, { service, version, requestSchema, responseSchema }] of Object.entries(ADAPTERS)) {
    const [agency = '', system = ''] = name.split('/')
    t.ok(existsSync(join(root, agency, system)), name)
    t.equal(name, `${agency}/${system}/${service}`)
    t.equal(version, 1)
    for (const { json } of [requestSchema, responseSchema])
      t.ok(json.$id !== undefined && schema(json.$id), `${name} has schemas`)
  }
})

t.test('an adapter opens without its local system, and closes', async (t) => {
  const options = { url: 'http://127.0.0.1:9', clientId: 'a', clientSecretFile: '/nowhere', database: '/nowhere' }
  for (const [name, adapter] of Object.entries(ADAPTERS)) {
    const instance = adapter.open(options)
    await t.resolves(instance.close(), name)
  }
})

t.test('every resident of the fixtures is readable, and comes back as it was', async (t) => {
  for (const local of await residents('bielefeld/melderegister')) {
    const { sperrkennwort: _, sperrsumme: __, ...known } = local
    t.same(toLocal(BIELEFELD, einwohnerOf(fromLocal(BIELEFELD, local))), known, String(local['id']))
  }
  for (const local of await residents('paderborn/melderegister')) {
    const { SUCHNAME, ...known } = local
    t.equal(SUCHNAME, searchKey(String(local['NAME'])), 'search form beside the name')
    t.same(toLocal(PADERBORN, einwohnerOf(fromLocal(PADERBORN, local))), known, String(local['NUMMER']))
  }
})

t.test('a person in two registers is one person', async (t) => {
  const people = new Map<string, string>()
  const all = [
    ...(await residents('bielefeld/melderegister')).map((local) => einwohnerOf(fromLocal(BIELEFELD, local))),
    ...(await residents('paderborn/melderegister')).map((local) => einwohnerOf(fromLocal(PADERBORN, local))),
  ]
  for (const { person } of all) {
    if (person.idnr === undefined) continue
    const who = `${person.familienname}, ${person.vornamen}, ${person.geburtsdatum}`
    t.match(person.idnr, /^0/, 'test numbers begin with 0')
    t.equal(people.get(person.idnr) ?? who, who)
    people.set(person.idnr, who)
  }
})
