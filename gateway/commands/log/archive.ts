/** `owl log archive list|verify|run`: the archive files of a log, beside a running gateway or without one. */

import { basename, join } from 'node:path'
import type { ShownArchive } from '../../admin/archive/routes.ts'
import { formatArchive } from '../../admin/archive/routes.ts'
import type { Config } from '../../config/config.ts'
import type { ArchiveFacts } from '../../message-log/archiving/archive-check.ts'
import { checkArchiveFile, checkContents } from '../../message-log/archiving/archive-check.ts'
import type { SqliteLog } from '../../message-log/open-log.ts'
import { openMessageLog } from '../../message-log/open-log.ts'
import type { LogReaderOptions } from '../../message-log/reading/reader.ts'
import { ArchiveError } from '../../message-log/record/archive-error.ts'
import { LogOpenError } from '../../message-log/record/open-error.ts'
import { Damage } from '../../message-log/verification/damage.ts'
import type { OperatorFiles } from '../admin-client.ts'
import { postToAdmin } from '../admin-client.ts'
import type { Column, Terminal } from '../terminal.ts'
import type { LogCommandDeps } from './read.ts'

const COLUMNS: readonly Column[] = [
  { title: 'DAY' },
  { title: 'RECORDS', right: true },
  { title: 'FROM', right: true },
  { title: 'TO', right: true },
  { title: 'BYTES', right: true },
  { title: 'STATE', style: (state) => (state === 'ok' ? 'green' : 'red') },
  { title: 'FILE' },
]

/** A million records take minutes. */
const TIMEOUT_MS = 3_600_000

/** @returns whether every file is there */
export async function listArchives({ reader, terminal, json }: LogCommandDeps): Promise<boolean> {
  const { archives } = reader.contents
  const files = archives.rows().map((row) => ({ ...formatArchive(row), state: archives.stateOf(row) }))
  const isAll = files.every(({ state }) => state === 'ok')
  if (json) {
    terminal.json({ directory: archives.directory, files })
    return isAll
  }
  if (files.length === 0) terminal.say('Nothing is archived yet.')
  else {
    terminal.table(
      COLUMNS,
      files.map(({ day, first, last, bytes, state, file }) =>
        [day, last - first + 1, first, last, bytes, state, file].map(String),
      ),
    )
  }
  terminal.say(`Archive files lie in ${archives.directory}`)
  return isAll
}

/** Without the log: what everybody can check who has the files. @returns whether all hold */
export async function verifyFiles(paths: readonly string[], terminal: Terminal, json: boolean): Promise<boolean> {
  let holds = true
  const facts: ArchiveFacts[] = []
  for (const path of paths) {
    try {
      const found = await checkArchiveFile(path)
      facts.push(found)
      showFile(terminal, json, { ok: true, ...found })
    } catch (error) {
      holds = false
      showFile(terminal, json, { ok: false, file: basename(path), problem: problemOf(error) })
    }
  }
  for (const problem of gapsOf(facts)) {
    holds = false
    if (json) terminal.json({ ok: false, problem })
    else terminal.out(terminal.style('red', problem))
  }
  if (!json && holds) terminal.say('What is sealed in them opens with the log alone: --config')
  return holds
}

/** With the log: every file, the chain of files, every record. @param names all when empty @returns whether all hold */
export async function verifyArchives({ reader, terminal, json }: LogCommandDeps, names: string[]): Promise<boolean> {
  const { archives } = reader.contents
  const rows = archives.rows()
  if (rows.length === 0 && names.length === 0) terminal.say('Nothing is archived yet.')
  const wanted = new Set(names.map((name) => basename(name)))
  const known = new Set(rows.map(({ name }) => name))
  let holds = true
  for (const name of wanted) {
    if (known.has(name)) continue
    holds = false
    showFile(terminal, json, { ok: false, file: name, problem: 'it is not entered in this log' })
  }
  for (const [index, row] of rows.entries()) {
    if (wanted.size > 0 && !wanted.has(row.name)) continue
    try {
      const facts = await checkArchiveFile(join(archives.directory, row.name))
      const before = rows[index - 1]?.sha256.toString('hex') ?? null
      const { name: log, epoch } = reader.identity
      const fits = facts.prev === before && facts.log === log && facts.epoch === epoch
      if (!fits || facts.first !== row.first || facts.last !== row.last) {
        throw new ArchiveError('damaged', row.name, 'It is not the file that was entered in this log')
      }
      showFile(terminal, json, { ok: true, ...facts, ...(await checkContents(reader, row)) })
    } catch (error) {
      holds = false
      const { first, last } = row
      showFile(terminal, json, { ok: false, file: row.name, first, last, problem: problemOf(error) })
    }
  }
  return holds
}

export interface RunDeps {
  readonly config: Config
  readonly place: LogReaderOptions
  readonly terminal: Terminal
  readonly now: () => number
  readonly json: boolean
  readonly afterDays?: number
  readonly operator?: OperatorFiles
}

/** A gateway that runs does it itself. @throws {Error} what keeps it from going on */
export async function runArchiving(deps: RunDeps): Promise<void> {
  const { place, terminal, json } = deps
  const log = await openAtRest(deps)
  const files = log === undefined ? await askGateway(deps) : await archiveAtRest(log, deps)
  if (json) terminal.json({ directory: place.archive, files })
  else if (files.length === 0) terminal.say('Nothing is old enough.')
  else
    for (const { file, first, last, bytes } of files)
      terminal.out(`${file}  records ${first} to ${last}, ${bytes} octets`)
}

/** @returns nothing when somebody else has it open: the gateway runs */
async function openAtRest({ config, place, now }: RunDeps): Promise<SqliteLog | undefined> {
  try {
    return await openMessageLog({
      ...place,
      gateway: config.gateway,
      retention: () => ({ bodyRetentionDays: 0, recordRetentionDays: 0 }),
      // What is closed here the gateway has time-stamped when it runs.
      authorities: () => [],
      now,
    })
  } catch (error) {
    if (error instanceof LogOpenError && error.flaw === 'locked') return undefined
    throw error
  }
}

async function archiveAtRest(log: SqliteLog, { config, afterDays }: RunDeps): Promise<readonly ShownArchive[]> {
  try {
    return (await log.archive(afterDays ?? config.log.archiveAfterDays)).map(formatArchive)
  } finally {
    await log.close()
  }
}

async function askGateway({ config, operator, afterDays }: RunDeps): Promise<readonly ShownArchive[]> {
  if (operator === undefined)
    throw new Error('The gateway is running: --cert and --key of one of its operators are needed')
  const order = afterDays === undefined ? {} : { afterDays }
  const { files } = (await postToAdmin(config, operator, '/log/archives', order, TIMEOUT_MS)) as {
    readonly files: readonly ShownArchive[]
  }
  return files
}

type Shown = { readonly ok: boolean; readonly file: string; readonly problem?: string } & Readonly<
  Record<string, unknown>
>

function showFile(terminal: Terminal, json: boolean, shown: Shown): void {
  if (json) {
    terminal.json(shown)
    return
  }
  const { ok, file, problem, ...facts } = shown
  terminal.out(`${terminal.style(ok ? 'green' : 'red', ok ? 'holds' : 'does not hold')}  ${file}`)
  const rows = Object.entries({ ...facts, ...(problem !== undefined && { problem }) })
  if (rows.length > 0) terminal.fields(rows.map(([name, value]) => [name, String(value)]))
}

/** Files that follow one another by their records must do so by their hashes. */
function gapsOf(facts: readonly ArchiveFacts[]): string[] {
  const inOrder = facts.toSorted((a, b) => a.first - b.first)
  return inOrder.flatMap((one, index) => {
    const next = inOrder[index + 1]
    if (next === undefined || next.log !== one.log || next.epoch !== one.epoch || next.first !== one.last + 1) return []
    return next.prev === one.file.split('.')[1] ? [] : [`${next.file} does not follow ${one.file}`]
  })
}

function problemOf(error: unknown): string {
  if (error instanceof Damage) return `record ${error.seq}, ${error.kind}: ${error.message}`
  if (error instanceof ArchiveError) return error.message
  throw error
}
