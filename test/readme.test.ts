/** What the README promises is there: every fault, every configuration member, every command, every package. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { CONFIG_SCHEMA } from '../gateway/config/schema.ts'
import type { FaultCode } from '../gateway/errors.ts'
import { FAULTS, faultOf } from '../gateway/errors.ts'
import { owlInProcess } from './gateway/owl.ts'

const ROOT = join(import.meta.dirname, '..')
/** Tables may be padded. */
const readme = (await readFile(join(ROOT, 'README.md'), 'utf8')).replace(/ {2,}/g, ' ')
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
  for (const code of Object.keys(FAULTS) as FaultCode[]) t.ok(readme.includes(faultRow(code)), faultRow(code))
  const [, table = ''] = readme.split('| code | what happened | what to do | whose turn | again? |\n')
  const rows = (table.split('\n\n')[0] ?? '').split('\n').slice(1)
  t.equal(rows.length, Object.keys(FAULTS).length, 'and no other')
})

t.test('has a row for every member of the configuration, with its default', async (t) => {
  const rows = [...configurationRows('', CONFIG_SCHEMA as Member)]

  t.ok(rows.length > 50)
  for (const row of rows) t.ok(readme.includes(row), row)
})

t.test('names only commands that exist', async (t) => {
  const scripts = [...readme.matchAll(/\bnpm (?:run )?(start|test|[a-z]+:[a-z]+|(?<=run )[a-z:]+)/g)].map(
    ([, name]) => name,
  )

  t.ok(scripts.length > 2)
  for (const name of new Set(scripts)) t.ok(name !== undefined && name in packageJson.scripts, `npm run ${name}`)
})

t.test('shows commands of owl as they are', async (t) => {
  const shown = [...readme.matchAll(/\bowl ([a-z]+(?: [a-z]+){0,2})/g)].map(([, words = '']) => words.split(' '))
  const commands = new Set(shown.map((words) => words.join(' ')))

  t.ok(commands.size > 5)
  for (const command of commands) t.ok(await isCommand(command.split(' ')), `owl ${command}`)
})

t.test('gives a reason for every package', async (t) => {
  const reasons = readme.slice(readme.indexOf('## Decisions'))
  for (const name of Object.keys(packageJson.dependencies)) {
    t.ok(
      reasons.includes(`\`${name}\``) || reasons.includes(`\`${name.split('/')[0]}/`),
      `${name} is among the decisions`,
    )
  }
})

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
