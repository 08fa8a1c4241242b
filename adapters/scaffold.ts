/** Writes a new adapter with its schemas, fixture and test into the clone, and lists it: `owl adapter new`. */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { ScaffoldNames } from './scaffold-templates.ts'
import { scaffoldFiles } from './scaffold-templates.ts'

export interface ScaffoldOptions {
  /** The clone. */
  readonly root: string
  /** `agency/system/service` */
  readonly name: string
  /** Folder under `schemas/`; the system's name when absent. */
  readonly domain?: string
}

export interface Scaffolded {
  /** As `adapters/index.ts` lists it. */
  readonly adapter: string
  readonly agency: string
  readonly system: string
  readonly service: string
  /** Paths in the clone. */
  readonly written: readonly string[]
  readonly changed: readonly string[]
}

/** A reader of codes must not wonder what is a hyphen and what is a dash. */
const PART = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/
const PART_CHARS_MAX = 40
const INDEX = 'adapters/index.ts'
const PAYLOAD_TYPES = 'schemas/payload-types.ts'
const FORMATTER = 'node_modules/@biomejs/biome/bin/biome'

/** @throws {Error} naming what is wrong with the name, or which file is there already; then nothing was written */
export async function scaffoldAdapter({ root, name, domain }: ScaffoldOptions): Promise<Scaffolded> {
  const names = namesOf(name, domain)
  const files = scaffoldFiles(names)
  for (const path of Object.keys(files)) {
    if (existsSync(join(root, path))) throw new Error(`${path} exists already: choose another service or --domain`)
  }
  const types = [`schemas/${names.domain}/payloads.ts`, 'schemas/payloads.ts']
  const before = await readAll(root, [INDEX, ...types])
  const index = before.get(INDEX)
  if (index === undefined) throw new Error(`${INDEX} is missing: this is no clone of owl-gateway`)

  try {
    for (const [path, text] of Object.entries(files)) await write(join(root, path), text, 'wx')
    await writeFile(join(root, INDEX), listed(index, names))
    await runNode(root, PAYLOAD_TYPES)
    await format(root, [INDEX, ...Object.keys(files).filter((path) => !path.startsWith('schemas/'))])
  } catch (error) {
    await Promise.all(Object.keys(files).map((path) => rm(join(root, path), { force: true })))
    for (const [path, text] of before) {
      if (text === undefined) await rm(join(root, path), { force: true })
      else await writeFile(join(root, path), text)
    }
    throw error
  }
  const { agency, system, service, adapter } = names
  return { adapter, agency, system, service, written: Object.keys(files), changed: [INDEX, ...types] }
}

function namesOf(name: string, wanted: string | undefined): ScaffoldNames {
  const parts = name.split('/')
  const [agency = '', system = '', service = ''] = parts
  const domain = wanted ?? system
  if (parts.length !== 3) throw new Error('The name is agency/system/service, e.g. bielefeld/veranstaltungen/termine')
  for (const part of [...parts, domain]) {
    if (PART.test(part) && part.length <= PART_CHARS_MAX && !RESERVED.has(part)) continue
    throw new Error(`"${part}" is no name here: lower-case letters, digits and hyphens, ${PART_CHARS_MAX} at most`)
  }
  const [first = '', ...rest] = service.split('-')
  const constant = first + rest.map(capitalized).join('')
  return { agency, system, service, domain, constant, type: capitalized(constant), adapter: name }
}

/** Words that TypeScript takes for itself or the template uses, and folders that hold something else. */
const RESERVED = new Set(
  (
    'adapter adapters arguments await break case catch class codelists const continue debugger default delete do else ' +
    'enum eval export extends false finally for function if implements import in instanceof interface join let new ' +
    'null package private protected public return row schema static super switch this throw true try typeof var void ' +
    'while with yield'
  ).split(' '),
)

function capitalized(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}

/** One import and one row more; the order is the formatter's and the alphabet's. */
function listed(index: string, { adapter, constant }: ScaffoldNames): string {
  const alias = adapter
    .split(/[/-]/)
    .map((word, at) => (at === 0 ? word : capitalized(word)))
    .join('')
  const [imports, table, rows, end] = partsOf(index)
  const row = `  '${adapter}': ${alias},\n`
  return [
    `${imports}import { ${constant} as ${alias} } from './${adapter}.ts'\n`,
    table,
    [...rows.split(/(?<=\n)/), row].sort().join(''),
    end,
  ].join('')
}

function partsOf(index: string): [string, string, string, string] {
  const parts = /^([\s\S]*?)(\n*export const ADAPTERS\b[^\n]*\{\n)((?: {2}'[^\n]*\n)*)(\}\n[\s\S]*)$/.exec(index)
  if (parts === null) throw new Error(`${INDEX} has not the form that a row can be added to`)
  const [, imports = '', table = '', rows = '', end = ''] = parts
  return [imports.endsWith('\n') ? imports : `${imports}\n`, table.replace(/^\n+/, '\n'), rows, end]
}

async function readAll(root: string, paths: readonly string[]): Promise<Map<string, string | undefined>> {
  const texts = paths.map(async (path) => {
    const file = join(root, path)
    return [path, existsSync(file) ? await readFile(file, 'utf8') : undefined] as const
  })
  return new Map(await Promise.all(texts))
}

async function write(file: string, text: string, flag: 'wx'): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text, { flag })
}

/** What it does besides: long names break lines, and imports have an order. */
async function format(root: string, paths: readonly string[]): Promise<void> {
  if (existsSync(join(root, FORMATTER))) await runNode(root, FORMATTER, 'check', '--write', ...paths)
}

async function runNode(root: string, ...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [...args], { cwd: root })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${args[0]} failed:\n${stdout}${stderr}`.trimEnd())
  }
}
