/** What one durable commit costs on the disk that the message logs are on: the unit of the latency budget. */

import { randomBytes } from 'node:crypto'
import { rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const COMMITS = 300
/** About a record's row: head, signature, basis, body. */
const ROW_BYTES = 4096
const TMPFS_MAGIC = 0x01021994

/** A bare SQLite insert and commit, WAL and synchronous FULL as the message log. @returns milliseconds, ascending */
export async function commitTimesMs(directory: string): Promise<number[]> {
  const file = join(directory, 'commit.sqlite')
  const database = new DatabaseSync(file)
  database.exec('PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL')
  database.exec('CREATE TABLE IF NOT EXISTS row (seq INTEGER PRIMARY KEY, octets BLOB NOT NULL)')
  const insert = database.prepare('INSERT INTO row (octets) VALUES (?)')
  const octets = randomBytes(ROW_BYTES)
  const times: number[] = []
  for (let i = 0; i < COMMITS; i++) {
    const started = performance.now()
    insert.run(octets)
    times.push(performance.now() - started)
  }
  database.close()
  await rm(file, { force: true })
  return times.sort((a, b) => a - b)
}

/** A log in memory would flatter: `fsync` costs nothing there. */
export async function isRealDisk(directory: string): Promise<boolean> {
  return (await statfs(directory)).type !== TMPFS_MAGIC
}
