/** The files of a new adapter: what works at once and shows where the agency's own words go. */

export interface ScaffoldNames {
  readonly agency: string
  readonly system: string
  readonly service: string
  readonly domain: string
  /** `termine`, also for `veranstaltungs-termine`: `veranstaltungsTermine`. */
  readonly constant: string
  /** `VeranstaltungsTermine` */
  readonly type: string
  /** `bielefeld/veranstaltungen/termine` */
  readonly adapter: string
}

/** What a caller sends first; finds the first row of the fixture. */
export const EXAMPLE_REQUEST = { suche: 'Rathaus' }

/** Rows as a local system might keep them: its own names, numbers and dates. */
const ROWS = [
  { NR: 17, BEZEICHNUNG: 'Altes Rathaus', STAND: '01.03.2026' },
  { NR: 18, BEZEICHNUNG: 'Rathauspassage', STAND: '15.11.2025' },
  { NR: 19, BEZEICHNUNG: 'Schloß Neuhaus', STAND: '29.02.2024' },
]

/** Path in the clone → text. */
export function scaffoldFiles(names: ScaffoldNames): Readonly<Record<string, string>> {
  const { agency, system, service, domain } = names
  return {
    [`adapters/${agency}/${system}/${service}.ts`]: adapterText(names),
    [`adapters/${agency}/${system}/${service}.json`]: json(ROWS),
    [`schemas/${domain}/${service}-anfrage.v1.json`]: json(requestSchema(names)),
    [`schemas/${domain}/${service}-antwort.v1.json`]: json(responseSchema(names)),
    [`test/adapters/${agency}/${system}/${service}.test.ts`]: testText(names),
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function requestSchema({ domain, service, type }: ScaffoldNames): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:owl:${domain}:${service}-anfrage:1`,
    title: `${type}Anfrage`,
    description: 'Wonach gesucht wird.',
    type: 'object',
    additionalProperties: false,
    required: ['suche'],
    properties: { suche: { type: 'string', minLength: 1, maxLength: 100, format: 'nfc' } },
  }
}

function responseSchema({ domain, service, type }: ScaffoldNames): object {
  const entry = {
    type: 'object',
    additionalProperties: false,
    required: ['kennung', 'bezeichnung', 'stand'],
    properties: {
      kennung: { type: 'string', pattern: '^[0-9]{1,10}$' },
      bezeichnung: { type: 'string', minLength: 1, maxLength: 200, format: 'nfc' },
      stand: { type: 'string', format: 'date' },
    },
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:owl:${domain}:${service}-antwort:1`,
    title: `${type}Antwort`,
    description: 'Was gefunden wurde; eine leere Liste, wenn nichts.',
    type: 'object',
    additionalProperties: false,
    required: ['eintraege'],
    properties: { eintraege: { type: 'array', maxItems: 100, items: entry } },
  }
}

function adapterText({ system, service, domain, constant, type }: ScaffoldNames): string {
  return `/** The service ${service} of the local system ${system}: its rows, in the words of the shared schema. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ${type}Antwort } from '../../../schemas/${domain}/payloads.ts'
import { schema } from '../../../schemas/schema.ts'
import { defineAdapter } from '../../adapter.ts'
import { decodeText } from '../../charset.ts'
import { textOption } from '../../options.ts'

/** A row as the local system keeps it. */
interface Row {
  readonly NR: number
  readonly BEZEICHNUNG: string
  /** TT.MM.JJJJ */
  readonly STAND: string
}

const ENTRIES_MAX = 100

export const ${constant} = defineAdapter({
  service: '${service}',
  version: 1,
  request: schema('urn:owl:${domain}:${service}-anfrage:1'),
  response: schema('urn:owl:${domain}:${service}-antwort:1'),

  // Option \`file\`: another file of rows. A real local system is reached with \`openLocalHttp\` or \`openSqlSystem\`.
  connect(options) {
    const file = 'file' in options ? textOption(options, 'file') : join(import.meta.dirname, '${service}.json')
    return {
      rows: async (signal: AbortSignal) => JSON.parse(decodeText(await readFile(file, { signal }))) as Row[],
      close: () => undefined,
    }
  },

  async handle({ suche }, caller, system) {
    const wanted = suche.toLocaleLowerCase('de')
    const rows = await system.rows(caller.signal)
    const found = rows.filter((row) => row.BEZEICHNUNG.toLocaleLowerCase('de').includes(wanted))
    return { eintraege: found.slice(0, ENTRIES_MAX).map(entryOf) }
  },
})

function entryOf(row: Row): ${type}Antwort['eintraege'][number] {
  const [day, month, year] = row.STAND.split('.')
  return { kennung: String(row.NR), bezeichnung: row.BEZEICHNUNG, stand: \`\${year}-\${month}-\${day}\` }
}
`
}

function testText({ adapter }: ScaffoldNames): string {
  return `import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ADAPTERS } from '../../../../adapters/index.ts'
import { caller, freshDir, open } from '../../rig.ts'

const adapter = ADAPTERS['${adapter}']
const CLIENT = 'OWL/GOV/05774020/PORTAL'

t.test('finds entries and says them in the words of the schema', async (t) => {
  const service = open(t, adapter, {})

  const answer = await service.answer({ suche: 'altes rat' }, caller(CLIENT))

  t.same(answer, {
    status: 200,
    contentType: 'application/json',
    body: { eintraege: [{ kennung: '17', bezeichnung: 'Altes Rathaus', stand: '2026-03-01' }] },
  })
})

t.test('gives an empty list when there is nothing', async (t) => {
  const service = open(t, adapter, {})

  const { body } = await service.answer({ suche: 'Ratlosigkeit' }, caller(CLIENT))

  t.same(body, { eintraege: [] })
})

t.test('refuses what the schema of the request does not know', async (t) => {
  const service = open(t, adapter, {})

  for (const request of [{ suche: 'Rathaus', mehr: true }, { suche: '' }, {}]) {
    const failure = await service.answer(request, caller(CLIENT)).catch((error: unknown) => error)

    t.match(failure, { kind: 'request', reason: 'schema' })
  }
})

t.test('passes on nothing that breaks the schema of the answer', async (t) => {
  const file = join(await freshDir(t), 'rows.json')
  await writeFile(file, JSON.stringify([{ NR: 1, BEZEICHNUNG: 'Rathaus', STAND: '30.02.2026' }]))
  const service = open(t, adapter, { file })

  const failure = await service.answer({ suche: 'Rathaus' }, caller(CLIENT)).catch((error: unknown) => error)

  t.match(failure, { kind: 'response', problems: [{ pointer: '/eintraege/0/stand' }] })
})

t.test('has no answer when the local system is not there', async (t) => {
  const service = open(t, adapter, { file: join(await freshDir(t), 'nowhere.json') })

  const failure = await service.answer({ suche: 'Rathaus' }, caller(CLIENT)).catch((error: unknown) => error)

  t.match(failure, { kind: 'unavailable', reason: 'ENOENT' })
})
`
}
