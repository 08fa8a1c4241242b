/**
 * Writes the TypeScript types of the payloads from the schemas: `node schemas/payload-types.ts`.
 *
 * One file per domain, `<domain>/payloads.ts`, and `payloads.ts` from URN to type. A test compares them with the schemas.
 */

import { writeFileSync } from 'node:fs'
import { schema, schemaUrns } from './schema.ts'

interface Json {
  readonly $id?: string
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Json>>
  readonly title?: string
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly items?: Json
  readonly properties?: Readonly<Record<string, Json>>
  readonly required?: readonly string[]
  readonly oneOf?: readonly Json[]
  readonly allOf?: readonly Json[]
}

/** File relative to `schemas/` → its text. */
export function payloadTypes(): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  const documents = schemaUrns().map((urn) => schema(urn).json as Json)
  for (const domain of new Set(documents.map((json) => domainOf(json.$id ?? '')))) {
    const own = documents.filter((json) => domainOf(json.$id ?? '') === domain)
    files.set(`${domain}/payloads.ts`, domainText(domain, own))
  }

  const named = documents.filter((json) => json.type === 'object')
  const imports = [...Map.groupBy(named, (json) => domainOf(json.$id ?? ''))].map(([domain, own]) =>
    importText(
      `./${domain}/payloads.ts`,
      own.map((json) => json.title ?? ''),
    ),
  )
  const rows = named.map((json) => `  '${json.$id}': ${json.title}`)
  const map = `/** URN → type of the payload. */\nexport interface Payloads {\n${rows.join('\n')}\n}\n`
  files.set('payloads.ts', `${head('The payloads by the URN of their schema.')}${imports.join('\n')}\n\n${map}`)
  return files
}

function domainText(domain: string, documents: readonly Json[]): string {
  const foreign = new Map<string, Set<string>>()
  const texts: string[] = []
  for (const json of documents) {
    const definitions = Object.values(json.$defs ?? {})
    for (const part of [json, ...definitions]) {
      if (part.title === undefined || part.type !== 'object') continue
      const name = (reference: Json, of: string): string => {
        const title = reference.title ?? ''
        if (domainOf(of) !== domain) foreign.set(domainOf(of), (foreign.get(domainOf(of)) ?? new Set()).add(title))
        return title
      }
      texts.push(declaration(part, json.$id ?? '', name))
    }
  }
  const imports = [...foreign].map(([from, names]) => importText(`../${from}/payloads.ts`, [...names]))
  const before = imports.length > 0 ? `${imports.join('\n')}\n\n` : ''
  return `${head(`The payloads of ${domain}, as its schemas describe them.`)}${before}${texts.join('\n\n')}\n`
}

type Name = (reference: Json, urn: string) => string

function declaration(json: Json, urn: string, name: Name): string {
  if (json.oneOf === undefined || json.properties !== undefined) {
    return `export interface ${json.title} ${typeOf({ ...json, title: '' }, urn, name, '')}`
  }
  const branches = json.oneOf.map((branch) => `\n  | ${typeOf(branch, urn, name, '    ')}`)
  return `export type ${json.title} =${branches.join('')}`
}

function typeOf(json: Json, urn: string, name: Name, indent: string): string {
  if (json.$ref !== undefined) {
    const [document, path] = json.$ref.split('#')
    const target = document === '' || document === undefined ? urn : document
    const referred = path ? definition(target, path) : (schema(target).json as Json)
    return referred.title !== undefined && referred.type === 'object'
      ? name(referred, target)
      : typeOf(referred, target, name, indent)
  }
  if (json.const !== undefined) return quoted(json.const)
  if (json.enum !== undefined) return json.enum.map(quoted).join(' | ')
  if (json.type === 'array') return arrayOf(typeOf(json.items ?? {}, urn, name, indent))
  if (json.type === 'object') return objectType(json, urn, name, indent)
  if (json.type === 'integer') return 'number'
  return json.type ?? 'unknown'
}

function objectType(json: Json, urn: string, name: Name, indent: string): string {
  // A variant of another schema: it adds conditions, no members.
  const base = json.allOf?.find(({ $ref }) => $ref !== undefined)
  if (base !== undefined) return typeOf(base, urn, name, indent)
  const members = Object.entries(json.properties ?? {}).map(([member, of]) => {
    const key = /^[a-zA-Z]\w*$/.test(member) ? member : `'${member}'`
    const mark = json.required?.includes(member) ? '' : '?'
    return memberLine(`${indent}  `, `readonly ${key}${mark}:`, typeOf(of, urn, name, `${indent}  `))
  })
  return `{\n${members.join('\n')}\n${indent}}`
}

/** As the formatter breaks a union that is too long for its line. */
function memberLine(indent: string, key: string, type: string): string {
  const line = `${indent}${key} ${type}`
  if (line.length <= 120 || type.includes('\n')) return line
  const [, union = type] = /^readonly \((.*)\)\[\]$/.exec(type) ?? []
  const branches = union.split(' | ').map((branch) => `\n${indent}  | ${branch}`)
  return union === type
    ? `${indent}${key}${branches.join('')}`
    : `${indent}${key} readonly (${branches.join('')}\n${indent})[]`
}

function definition(urn: string, path: string): Json {
  return (schema(urn).json as Json).$defs?.[path.replace('/$defs/', '')] ?? {}
}

function arrayOf(type: string): string {
  return type.includes(' | ') && !type.startsWith('{') ? `readonly (${type})[]` : `readonly ${type}[]`
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}

function domainOf(urn: string): string {
  return urn.split(':')[2] ?? ''
}

function head(sentence: string): string {
  return `/** ${sentence} Made by \`node schemas/payload-types.ts\`. */\n\n`
}

function importText(from: string, names: readonly string[]): string {
  const sorted = names.toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
  const line = `import type { ${sorted.join(', ')} } from '${from}'`
  return line.length <= 120 ? line : `import type {\n${sorted.map((name) => `  ${name},`).join('\n')}\n} from '${from}'`
}

if (import.meta.main) {
  for (const [file, text] of payloadTypes()) writeFileSync(new URL(file, import.meta.url), text)
}
