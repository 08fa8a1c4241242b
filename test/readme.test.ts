/** What the documents promise is there: every fault, every configuration member, every command, package and link. */

import { existsSync } from 'node:fs'
import { glob, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { CONFIG_SCHEMA } from '../gateway/config/schema.ts'
import type { FaultCode } from '../gateway/errors.ts'
import { FAULTS, faultOf } from '../gateway/errors.ts'
import { owlInProcess } from './gateway/owl.ts'

const ROOT = join(import.meta.dirname, '..')
const LINES_MAX = 250
/** Which document holds what. */
const WHERE = { faults: 'README.md', packages: 'README.md', configuration: 'gateway/commands/README.md' } as const
const DOCUMENTS = await documents()
/** All of them, for what may stand in any. */
const prose = [...DOCUMENTS.values()].join('\n')
const packageJson = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: Record<string, string>
  readonly dependencies: Record<string, string>
}

interface Member {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Member>>
  readonly items?: Member
}

t.test('has a row for every fault', async (t) => {
  const readme = textOf(WHERE.faults)
  for (const code of Object.keys(FAULTS) as FaultCode[]) t.ok(readme.includes(faultRow(code)), faultRow(code))
  const [, table = ''] = readme.split('| code | what happened | what to do | whose turn | again? |\n')
  const rows = (table.split('\n\n')[0] ?? '').split('\n').slice(1)
  t.equal(rows.length, Object.keys(FAULTS).length, 'and no other')
})

t.test('has a row for every member of the configuration, with its default', async (t) => {
  const readme = textOf(WHERE.configuration)
  const rows = [...configurationRows('', CONFIG_SCHEMA as Member)]

  t.ok(rows.length > 50)
  for (const row of rows) t.ok(readme.includes(row), row)
})

t.test('names only commands that exist', async (t) => {
  const scripts = [...prose.matchAll(/\bnpm (?:run )?(start|test|[a-z]+:[a-z]+|(?<=run )[a-z:]+)/g)].map(
    ([, name]) => name,
  )

  t.ok(scripts.length > 2)
  for (const name of new Set(scripts)) t.ok(name !== undefined && name in packageJson.scripts, `npm run ${name}`)
})

t.test('shows commands of owl as they are', async (t) => {
  const shown = [...prose.matchAll(/\bowl ([a-z]+(?: [a-z]+){0,2})/g)].map(([, words = '']) => words.split(' '))
  const commands = new Set(shown.map((words) => words.join(' ')))

  t.ok(commands.size > 5)
  for (const command of commands) t.ok(await isCommand(command.split(' ')), `owl ${command}`)
})

t.test('gives a reason for every package', async (t) => {
  const readme = textOf(WHERE.packages)
  const reasons = readme.slice(readme.indexOf('## Decisions'))
  for (const name of Object.keys(packageJson.dependencies)) {
    t.ok(
      reasons.includes(`\`${name}\``) || reasons.includes(`\`${name.split('/')[0]}/`),
      `${name} is among the decisions`,
    )
  }
})

t.test('is short, and its links lead somewhere', async (t) => {
  const lines = (await readFile(join(ROOT, 'README.md'), 'utf8')).trimEnd().split('\n').length
  t.ok(lines <= LINES_MAX, `README.md has at most ${LINES_MAX} lines (${lines})`)
  let links = 0
  for (const [file, text] of DOCUMENTS) {
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      links += 1
      const [path = '', anchor] = target.split('#')
      const led = path === '' ? file : join(dirname(file), path)
      t.ok(existsSync(join(ROOT, led)), `${file} leads to ${led}`)
      if (anchor !== undefined) t.ok(headingsOf(textOf(led)).includes(anchor), `${file} leads to ${led}#${anchor}`)
    }
  }
  t.ok(links > 10)
})

/** Every README, by its path. Tables may be padded. */
async function documents(): Promise<ReadonlyMap<string, string>> {
  const files = await Array.fromAsync(glob('{.,gateway,gateway/*,adapters,test/bench}/README.md', { cwd: ROOT }))
  const read = files.map(async (file) => {
    const text = await readFile(join(ROOT, file), 'utf8')
    return [join(file), text.replace(/ {2,}/g, ' ')] as const
  })
  return new Map(await Promise.all(read))
}

function textOf(file: string): string {
  const text = DOCUMENTS.get(file)
  if (text === undefined) throw new Error(`${file} is not among the documents`)
  return text
}

/** As links name them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** A command answers `--help` with its own usage, a wrong one with that of the last right word. */
async function isCommand(words: readonly string[]): Promise<boolean> {
  const { out } = await owlInProcess(...words, '--help')
  return out.startsWith(`Usage: owl ${words.join(' ')} `)
}

function faultRow(code: FaultCode): string {
  const { message, help, client, turn, retryable } = faultOf(code)
  const prefix = client ? 'Client.' : ''
  return row(`\`${prefix}${code}\``, message, help, turn ?? 'gateway', retryable ? 'yes' : '')
}

function* configurationRows(path: string, { properties = {} }: Member): Generator<string> {
  for (const [name, member] of Object.entries(properties)) {
    if (name === '$schema') continue
    const at = path === '' ? name : `${path}.${name}`
    if (member.properties !== undefined) yield* configurationRows(at, member)
    else if (member.items?.properties !== undefined) yield* configurationRows(`${at}[]`, member.items)
    else yield configurationRow(at, member)
  }
}

function configurationRow(at: string, member: Member): string {
  const value = member.default === undefined ? '' : `\`${JSON.stringify(member.default)}\``
  return row(`\`${at}\``, value, member.description ?? '')
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`.replace(/ {2,}/g, ' ')
}
