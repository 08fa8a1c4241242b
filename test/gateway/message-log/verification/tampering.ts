/** What somebody with write access to the files may do to a log: random changes by plain SQL. security.md row 32. */

import { randomInt } from 'node:crypto'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { markPlaceOf, readHighWater } from '../../../../gateway/message-log/keys/high-water.ts'
import type { LogReaderOptions } from '../../../../gateway/message-log/reading/reader.ts'
import { openLogReader } from '../../../../gateway/message-log/reading/reader.ts'
import { LogOpenError } from '../../../../gateway/message-log/record/open-error.ts'
import type { VerifyOptions } from '../../../../gateway/message-log/verification/verify.ts'
import { verifyLog } from '../../../../gateway/message-log/verification/verify.ts'

export const WAYS = ['update', 'delete', 'swap', 'insert', 'truncate'] as const
export type Way = (typeof WAYS)[number]

/** @returns a whole number below another */
export type Dice = (below: number) => number

const TABLES = ['record', 'content', 'batch', 'repeated', 'log'] as const
/** What no hash covers: how long something is to be kept, and when writing was last tried. */
const UNCOVERED: Readonly<Record<string, readonly string[]>> = {
  record: ['body_until', 'record_until'],
  log: ['probed_at', 'id'],
}

export function isUncovered(table: string, column: string): boolean {
  return UNCOVERED[table]?.includes(column) === true
}

/**
 * Damages a copy of a closed log and verifies it.
 *
 * @returns what was done, and what verification found: nothing when it found nothing
 */
export async function tamper(
  options: LogReaderOptions,
  verifyOptions: VerifyOptions,
  way: Way,
  dice: Dice = randomInt,
): Promise<{ readonly done: string; readonly found: string | undefined }> {
  const directory = await mkdtemp(join(tmpdir(), 'owl-tampered-'))
  try {
    await cp(dirname(options.file), directory, { recursive: true })
    const file = join(directory, basename(options.file))
    const mark = readHighWater(markPlaceOf(options))
    const done = damage(file, way, dice)
    return { done, found: await findingOf({ ...options, file }, { ...verifyOptions, witnesses: mark ? [mark] : [] }) }
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function findingOf(options: LogReaderOptions, verifyOptions: VerifyOptions): Promise<string | undefined> {
  try {
    const reader = openLogReader(options)
    try {
      const { damage } = await verifyLog(reader, verifyOptions)
      return damage === null ? undefined : `${damage.kind} at ${damage.seq}: ${damage.message}`
    } finally {
      reader.close()
    }
  } catch (error) {
    if (error instanceof LogOpenError) return `it does not open: ${error.flaw}`
    throw error
  }
}

/** After what was done before, there may be nothing left. */
const ATTEMPTS = 1000

class NothingThere extends Error {}

/** @returns what was done */
export function damage(file: string, way: Way, dice: Dice): string {
  const database = new DatabaseSync(file)
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        const done = ACTS[way](database, dice)
        if (done !== undefined) return done
      } catch (error) {
        // A constraint of the tables was in the way, or a table is empty: something else, then.
        if (error instanceof NothingThere) continue
        if ((error as { code?: string }).code !== 'ERR_SQLITE_ERROR') throw error
        if (database.isTransaction) database.exec('ROLLBACK')
      }
    }
    return 'nothing was left to damage'
  } finally {
    database.close()
  }
}

type Act = (database: DatabaseSync, dice: Dice) => string | undefined

const ACTS: Readonly<Record<Way, Act>> = { update, delete: remove, swap, insert, truncate }

function update(database: DatabaseSync, dice: Dice): string | undefined {
  const table = pick(TABLES, dice)
  const columns = columnsOf(database, table).filter((name) => !isUncovered(table, name))
  const column = pick(columns, dice)
  const row = pick(database.prepare(`SELECT rowid AS row, ${column} AS value FROM ${table}`).all(), dice)
  const old = row['value'] as Value
  const value = changed(database, { table, column, old }, dice)
  if (same(old, value)) return undefined
  if (isSameText(database, { column, old, value })) return undefined
  if (!isCovered(database, column, Number(row['row']))) return undefined
  database.prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`).run(value, row['row'] as number)
  return `${table}.${column} of row ${row['row']} changed`
}

function remove(database: DatabaseSync, dice: Dice): string | undefined {
  const table = pick(TABLES, dice)
  const row = pick(database.prepare(`SELECT rowid AS row FROM ${table}`).all(), dice)['row'] as number
  database.prepare(`DELETE FROM ${table} WHERE rowid = ?`).run(row)
  return `row ${row} of ${table} deleted`
}

function swap(database: DatabaseSync, dice: Dice): string | undefined {
  const table = pick(['record', 'content', 'batch'] as const, dice)
  const key = table === 'batch' ? 'number' : 'seq'
  const keys = database.prepare(`SELECT ${key} AS key FROM ${table}`).all()
  const [a, b] = [Number(pick(keys, dice)['key']), Number(pick(keys, dice)['key'])]
  if (a === b) return undefined
  const move = database.prepare(`UPDATE ${table} SET ${key} = ? WHERE ${key} = ?`)
  for (const [to, from] of [
    [-1, a],
    [a, b],
    [b, -1],
  ] as const)
    move.run(to, from)
  return `rows ${a} and ${b} of ${table} swapped`
}

function insert(database: DatabaseSync, dice: Dice): string | undefined {
  const last = Number(database.prepare('SELECT max(seq) AS seq FROM record').get()?.['seq'])
  const from = 1 + dice(last)
  const to = pick([last + 1, 0, -1, last + 5], dice)
  const copy = (table: string): void => {
    const [, ...columns] = columnsOf(database, table)
    const list = columns.join(', ')
    database.prepare(`INSERT INTO ${table} (seq, ${list}) SELECT ?, ${list} FROM ${table} WHERE seq = ?`).run(to, from)
  }
  copy('record')
  copy('content')
  return `record ${from} inserted again as ${to}`
}

/** The newest are cut off, cleanly. */
function truncate(database: DatabaseSync, dice: Dice): string | undefined {
  const last = Number(database.prepare('SELECT max(seq) AS seq FROM record').get()?.['seq'])
  const from = 1 + dice(last)
  for (const table of ['record', 'content', 'batch']) database.prepare(`DELETE FROM ${table} WHERE seq >= ?`).run(from)
  return `cut off from ${from} on`
}

type Value = string | number | null | Uint8Array

function changed(
  database: DatabaseSync,
  { table, column, old }: { readonly table: string; readonly column: string; readonly old: Value },
  dice: Dice,
): Value {
  const other = pick(database.prepare(`SELECT ${column} AS value FROM ${table}`).all(), dice)['value'] as Value
  if (dice(4) === 0) return other
  if (dice(8) === 0) return null
  if (old instanceof Uint8Array) {
    const octets = Buffer.from(old)
    if (octets.length === 0 || dice(5) === 0) return randomOctets(32, dice)
    const at = dice(octets.length)
    octets[at] = (octets[at] ?? 0) ^ (1 + dice(255))
    return octets
  }
  if (typeof old === 'number') return pick([old + 1, old - 1, 0, dice(1_000_000)], dice)
  if (typeof old === 'string') {
    const at = dice(old.length + 1)
    return pick([`${old.slice(0, at)}x${old.slice(at + 1)}`, `${old} `, ''], dice)
  }
  return pick(['x', 1, randomOctets(8, dice)], dice)
}

/** A text may be stored more than once, after a restart for one: the record is the same with either number. */
function isSameText(
  database: DatabaseSync,
  { column, old, value }: { readonly column: string; readonly old: Value; readonly value: Value },
): boolean {
  if (column !== 'basis' && column !== 'etsi_u') return false
  const select = database.prepare('SELECT text FROM repeated WHERE id = ?')
  const text = select.get(old)?.['text']
  return text !== undefined && text === select.get(value)?.['text']
}

/** Nor are the size of a body that was never kept, the method where no request is on record, and what a refusal replays. */
function isCovered(database: DatabaseSync, column: string, seq: number): boolean {
  const row = database
    .prepare('SELECT kind, ends, purpose, extension, body, body_key FROM record JOIN content USING (seq) WHERE seq = ?')
    .get(seq)
  if (column === 'method') return row?.['kind'] === 'request' || row?.['ends'] !== null
  if (column === 'sender') return row?.['purpose'] !== 'refusal'
  if (column !== 'body_bytes') return true
  return row?.['extension'] === null || row?.['body'] !== null || row?.['body_key'] !== null
}

function columnsOf(database: DatabaseSync, table: string): string[] {
  return database
    .prepare(`SELECT name FROM pragma_table_info('${table}')`)
    .all()
    .map(({ name }) => String(name))
}

function same(a: Value, b: Value): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return a === b
}

function pick<T>(list: readonly T[], dice: Dice): T {
  const item = list[dice(list.length)]
  if (item === undefined) throw new NothingThere()
  return item
}

function randomOctets(length: number, dice: Dice): Buffer {
  return Buffer.from(Array.from({ length }, () => dice(256)))
}
