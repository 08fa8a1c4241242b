/**
 * The shared schemas by their URN, each compiled when it is first used. JSON Schema draft 2020-12.
 *
 * `urn:owl:<domain>:<name>:<major>` is the file `<domain>/<name>.v<major>.json`.
 */

import { readdirSync } from 'node:fs'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { fullFormats } from 'ajv-formats/dist/formats.js'
import type { Bundle } from './bundle.ts'
import { bundle } from './bundle.ts'
import { readJson } from './codelist.ts'
import { FIELD_RULES, isRufname } from './field-rules.ts'
import type { Payloads } from './payloads.ts'

/** One breach of a schema: where and which rule, never the value. */
export interface Problem {
  /** JSON pointer into the payload, RFC 6901; names of members only as the schema knows them. */
  readonly pointer: string
  /** The keyword that failed; a format with its name: `format:idnr`. */
  readonly keyword: string
  /** S011 unknown code, S020 single field, X001 against the schema. Source: xgewerbeordnung:rueckweisungsgruende_1. */
  readonly code: 'S011' | 'S020' | 'X001'
}

export interface SchemaDocument {
  readonly $id?: string
  readonly $defs?: Readonly<Record<string, SchemaDocument>>
}

export interface Schema<T> {
  /** The plain document, for publication. */
  readonly json: SchemaDocument
  /** With everything it refers to, for an OpenAPI document. */
  bundled(): Bundle
  /** Whether this is a T. The value is never changed: nothing is coerced, filled in or removed. */
  accepts(value: unknown): value is T
  /** What is wrong, `[]` when nothing is: every problem of a small payload, the first one of a large. */
  check(value: unknown): Problem[]
}

/**
 * @param urn of a document, or of one of its definitions: `urn:owl:gemeinsam:bausteine:1#/$defs/idnr`
 * @throws {TypeError} when there is no such schema
 */
export function schema<U extends keyof Payloads>(urn: U): Schema<Payloads[U]>
export function schema(urn: string): Schema<unknown>
export function schema(urn: string): Schema<unknown> {
  const [document = '', path = ''] = urn.split('#/$defs/')
  const found = documents().get(document) ?? writtenSince(document)
  const json = path === '' ? found : found?.$defs?.[path]
  if (json === undefined) throw new TypeError(`There is no schema ${urn}`)
  return {
    json,
    bundled: () => bundle(urn, (other) => schema(other).json),
    accepts: (value): value is unknown => validator(urn, 'first')(value) as boolean,
    check(value) {
      const first = validator(urn, 'first')
      if (first(value)) return []
      // Collecting every error of a large payload would cost memory that the sender chooses.
      if (!isSmall(value)) return problemsOf(first)
      const all = validator(urn, 'all')
      all(value)
      return problemsOf(all)
    },
  }
}

/** The URNs of all schemas. */
export function schemaUrns(): string[] {
  return [...documents().keys()]
}

const CODELIST_FORMATS = ['ags', 'ars', 'staat', 'staatsangehoerigkeit', 'behoerdenkennung']
const BRANCHES = ['anyOf', 'oneOf', 'if', 'allOf', 'contains']
const NODES_MAX = 5_000
const PROBLEMS_MAX = 50

let loaded: Map<string, SchemaDocument> | undefined

function documents(): Map<string, SchemaDocument> {
  loaded ??= readDocuments()
  return loaded
}

/** A new adapter brings its schemas along, also into a process that runs. */
function writtenSince(urn: string): SchemaDocument | undefined {
  for (const [id, json] of readDocuments()) {
    if (documents().has(id)) continue
    documents().set(id, json)
    for (const ajv of Object.values(ajvs)) ajv.addSchema(json)
  }
  return documents().get(urn)
}

function readDocuments(): Map<string, SchemaDocument> {
  return new Map(
    domains().flatMap((domain) =>
      readdirSync(new URL(`${domain}/`, import.meta.url))
        .filter((name) => name.endsWith('.json'))
        .map((name) => readJson(`${domain}/${name}`) as { $id: string })
        .map((json) => [json.$id, json] as const),
    ),
  )
}

/** Every folder beside this file is one, but for the code lists. */
function domains(): string[] {
  return readdirSync(new URL('.', import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'codelists')
    .map(({ name }) => name)
    .sort()
}

const ajvs: Partial<Record<'first' | 'all', Ajv2020>> = {}

function validator(urn: string, errors: 'first' | 'all'): ValidateFunction {
  ajvs[errors] ??= openAjv(errors === 'all')
  return ajvs[errors].getSchema(urn) as ValidateFunction
}

function openAjv(allErrors: boolean): Ajv2020 {
  // Payloads are signed, so nothing here may coerce, fill in or strip. That the documents are schemas is a test.
  const ajv = new Ajv2020({
    strict: true,
    strictRequired: false,
    coerceTypes: false,
    useDefaults: false,
    removeAdditional: false,
    allErrors,
    discriminator: true,
    validateSchema: false,
    inlineRefs: false,
    code: { regExp: compiled },
  })
  for (const name of ['date', 'date-time', 'email'] as const) ajv.addFormat(name, fullFormats[name])
  for (const [name, validate] of Object.entries(FIELD_RULES)) ajv.addFormat(name, { type: 'string', validate })
  ajv.addVocabulary(['x-dsmeld', 'x-gewa'])
  ajv.addKeyword({ keyword: 'x-rufname', type: 'object', schemaType: 'boolean', validate: checkRufname, errors: false })
  for (const json of documents().values()) ajv.addSchema(json)
  return ajv
}

function checkRufname(_: unknown, person: { gebraeuchlicherVorname?: unknown; vornamen?: unknown }): boolean {
  const { gebraeuchlicherVorname, vornamen } = person
  if (typeof gebraeuchlicherVorname !== 'string' || typeof vornamen !== 'string') return true
  return isRufname(gebraeuchlicherVorname, vornamen)
}

const patterns = new Map<string, RegExp>()

/** The DIN 91379 patterns are large; each is compiled once for all schemas. */
const compiled = Object.assign(
  (pattern: string, flags: string): RegExp => {
    const known = patterns.get(pattern)
    if (known !== undefined) return known
    const made = new RegExp(pattern, flags)
    patterns.set(pattern, made)
    return made
  },
  { code: 'compiled' },
)

function problemsOf(validate: ValidateFunction): Problem[] {
  const problems = new Map<string, Problem>()
  for (const { instancePath, keyword, params } of validate.errors ?? []) {
    const pointer = keyword === 'required' ? `${instancePath}/${params['missingProperty']}` : instancePath
    const name = keyword === 'format' ? `format:${params['format']}` : keyword
    problems.set(`${pointer} ${name}`, { pointer, keyword: name, code: codeOf(name, params) })
  }
  const all = [...problems.values()]
  const told = all.filter(({ keyword }) => !BRANCHES.includes(keyword))
  return (told.length > 0 ? told : all).slice(0, PROBLEMS_MAX)
}

function codeOf(keyword: string, params: Readonly<Record<string, unknown>>): Problem['code'] {
  if (!keyword.startsWith('format:')) return 'X001'
  return CODELIST_FORMATS.includes(String(params['format'])) ? 'S011' : 'S020'
}

function isSmall(value: unknown): boolean {
  let left = NODES_MAX
  const queue = [value]
  while (queue.length > 0) {
    const node = queue.pop()
    if (typeof node !== 'object' || node === null) continue
    const members = Object.values(node)
    left -= members.length
    if (left < 0) return false
    queue.push(...members)
  }
  return true
}
