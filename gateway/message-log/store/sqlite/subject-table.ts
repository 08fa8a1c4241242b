/**
 * Which records are about whom: pseudonyms and the records they belong to.
 *
 * An index by pseudonym would cost every record some pages at random places. So a record's pseudonyms are one row at the
 * right edge, and many such rows become one page now and then. Looking somebody up reads the first four octets of every
 * pseudonym, 12 MB for a million records about three people each, and of what fits the whole.
 */

import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { PSEUDONYM_BYTES } from '../../keys/pseudonyms.ts'

/** A row has the records from `first` on, up to the next row's; `prints` are the beginnings of its `entries`. */
export const SUBJECT_TABLE = `
  CREATE TABLE subject (
    first INTEGER PRIMARY KEY,
    is_page INTEGER NOT NULL,
    prints BLOB NOT NULL,
    entries BLOB NOT NULL
  ) STRICT;
`

const PRINT_BYTES = 4
const SEQ_BYTES = 6
const ENTRY_BYTES = PSEUDONYM_BYTES + SEQ_BYTES
/** Rows that become one page: some milliseconds of the writer's. */
const PAGE_ROWS = 256
/** Rows looked through at once. */
const STEP = 256

export interface SubjectTable {
  /** @param pseudonyms of one record, one behind the other */
  add(seq: number, pseudonyms: Buffer): void
}

/** For the writer; every call inside a transaction. After one that failed the table is opened anew. */
export function openSubjectTable(database: DatabaseSync): SubjectTable {
  const insert = database.prepare('INSERT INTO subject VALUES (?, ?, ?, ?)')
  const removeFrom = database.prepare('DELETE FROM subject WHERE first >= ?')
  const rowsFrom = database.prepare('SELECT entries FROM subject WHERE first >= ? ORDER BY first')
  const afterPages = 'first > (SELECT coalesce(max(first), 0) FROM subject WHERE is_page = 1)'
  const single = database
    .prepare(`SELECT count(*) AS count, min(first) AS first FROM subject WHERE ${afterPages}`)
    .get()
  /** Rows that are no page yet. */
  let rows = Number(single?.['count'])
  let firstRow = Number(single?.['first'] ?? 0)

  function makePage(): void {
    const entries = Buffer.concat(rowsFrom.all(firstRow).map((row) => row['entries'] as Uint8Array))
    removeFrom.run(firstRow)
    if (entries.length > 0) insert.run(firstRow, 1, printsOf(entries), entries)
    rows = 0
  }

  return {
    add(seq, pseudonyms) {
      const entries = entriesOf(seq, pseudonyms)
      insert.run(seq, 0, printsOf(entries), entries)
      if (rows === 0) firstRow = seq
      rows += 1
      if (rows >= PAGE_ROWS) makePage()
    },
  }
}

/** With the records themselves, in their transaction. */
export function openSubjectErasing(database: DatabaseSync): (seqs: readonly number[]) => void {
  const update = database.prepare('UPDATE subject SET prints = ?, entries = ? WHERE first = ?')
  const remove = database.prepare('DELETE FROM subject WHERE first = ?')
  const rowOf = database.prepare('SELECT first, entries FROM subject WHERE first <= ? ORDER BY first DESC LIMIT 1')

  return (seqs) => {
    const ascending = seqs.toSorted((a, b) => a - b)
    for (let index = 0; index < ascending.length; ) {
      const row = rowOf.get(ascending[index] as number)
      if (row === undefined) {
        index += 1
        continue
      }
      // Many of one page are erased together, and a page is written once.
      const before = bufferOf(row['entries'])
      const last = before.readUIntBE(before.length - SEQ_BYTES, SEQ_BYTES)
      const gone = new Set<number>()
      do gone.add(ascending[index++] as number)
      while (index < ascending.length && (ascending[index] as number) <= last)
      const entries = without(before, gone)
      const first = Number(row['first'])
      if (entries.length === 0) remove.run(first)
      else if (entries.length < before.length) update.run(printsOf(entries), entries, first)
    }
  }
}

/** For readers. @returns seqs of the records that are about one of them, ascending */
export function openSubjectSearch(database: DatabaseSync): (pseudonyms: Buffer) => Promise<number[]> {
  const page = database.prepare('SELECT first, prints FROM subject WHERE first > ? ORDER BY first LIMIT ?')
  const entriesAt = database.prepare('SELECT entries FROM subject WHERE first = ?')

  return async (pseudonyms) => {
    const wanted = partsOf(pseudonyms, PSEUDONYM_BYTES)
    const found = new Set<number>()
    for (let after = -1; ; await turn()) {
      const rows = page.all(after, STEP)
      for (const row of rows) {
        const places = placesIn(bufferOf(row['prints']), wanted)
        const entries = places.length === 0 ? undefined : entriesAt.get(row['first'] as number)?.['entries']
        // Erased since.
        if (entries === undefined) continue
        for (const entry of partsOf(bufferOf(entries), ENTRY_BYTES)) {
          if (wanted.some((each) => each.equals(entry.subarray(0, PSEUDONYM_BYTES)))) {
            found.add(entry.readUIntBE(PSEUDONYM_BYTES, SEQ_BYTES))
          }
        }
      }
      if (rows.length < STEP) return [...found].sort((a, b) => a - b)
      after = Number(rows.at(-1)?.['first'])
    }
  }
}

function placesIn(prints: Buffer, wanted: readonly Buffer[]): number[] {
  const places: number[] = []
  for (const pseudonym of wanted) {
    const print = pseudonym.subarray(0, PRINT_BYTES)
    for (let at = prints.indexOf(print); at !== -1; at = prints.indexOf(print, at + 1)) {
      if (at % PRINT_BYTES === 0) places.push(at / PRINT_BYTES)
    }
  }
  return places
}

function entriesOf(seq: number, pseudonyms: Buffer): Buffer {
  const count = pseudonyms.length / PSEUDONYM_BYTES
  const entries = Buffer.allocUnsafe(count * ENTRY_BYTES)
  for (let index = 0; index < count; index++) {
    pseudonyms.copy(entries, index * ENTRY_BYTES, index * PSEUDONYM_BYTES, (index + 1) * PSEUDONYM_BYTES)
    entries.writeUIntBE(seq, index * ENTRY_BYTES + PSEUDONYM_BYTES, SEQ_BYTES)
  }
  return entries
}

function printsOf(entries: Buffer): Buffer {
  const count = entries.length / ENTRY_BYTES
  const prints = Buffer.allocUnsafe(count * PRINT_BYTES)
  for (let index = 0; index < count; index++) {
    entries.copy(prints, index * PRINT_BYTES, index * ENTRY_BYTES, index * ENTRY_BYTES + PRINT_BYTES)
  }
  return prints
}

function without(entries: Buffer, seqs: ReadonlySet<number>): Buffer {
  return Buffer.concat(
    partsOf(entries, ENTRY_BYTES).filter((entry) => !seqs.has(entry.readUIntBE(PSEUDONYM_BYTES, SEQ_BYTES))),
  )
}

function partsOf(octets: Buffer, length: number): Buffer[] {
  return Array.from({ length: octets.length / length }, (_, index) =>
    octets.subarray(index * length, (index + 1) * length),
  )
}

function bufferOf(octets: unknown): Buffer {
  const { buffer, byteOffset, length } = octets as Uint8Array
  return Buffer.from(buffer, byteOffset, length)
}
