/**
 * The region as its registry holds it: every version ever published, in one SQLite file, nothing changed in place.
 *
 * Several processes may have it open: the registry that publishes, and commands that change it. A change is one
 * transaction: read the newest, edit, check the whole, append. What is stored is the text that gets signed.
 */

import { hash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Configuration } from '../trust/configuration.ts'
import { checkConfiguration } from '../trust/configuration-check.ts'

/** What can be decided about a region; version and time come with publishing. */
export type Content = Omit<Configuration, 'version' | 'issued'>

export interface Published {
  readonly version: number
  /** The configuration's octets, as signed. */
  readonly octets: Buffer
  /** Of the octets, hex. */
  readonly sha256: string
  readonly configuration: Configuration
}

export interface RegistryStore {
  current(): Published
  /** A version published earlier. */
  at(version: number): Published | undefined
  /**
   * Publishes what `edit` makes of the newest content; the same content again is no new version.
   *
   * @param now milliseconds since the Unix epoch
   * @throws {TypeError} naming everything that is wrong; then nothing changed
   */
  change(now: number, edit: (content: Content) => Content): Published
  /** What `change` would publish, and nothing is. @throws {TypeError} as `change` */
  preview(now: number, edit: (content: Content) => Content): Published
  /** Does something while nobody else changes the registry: for files that go with a change. */
  alone<T>(work: () => T): T
  /** Whether anybody has changed it since this was last asked. Costs microseconds. */
  hasChanged(): boolean
  close(): void
}

const FILE = 'region.sqlite'
/** How long a change waits for another one to finish. */
const BUSY_MS = 5000

/**
 * Makes a registry with its first version.
 *
 * @throws {Error} when the directory already holds one
 * @throws {TypeError} naming everything that is wrong with the content
 */
export function initRegistry(directory: string, content: Content, now: number): void {
  if (isRegistry(directory)) throw new Error(`${directory} already holds a registry`)
  const first = publish(content, 0, now)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  // Under another name until it is whole: after a crash there is a registry or none, never an empty one.
  const path = join(directory, FILE)
  rmSync(`${path}.new`, { force: true })
  const database = open(`${path}.new`)
  database.exec('CREATE TABLE published (version INTEGER PRIMARY KEY, octets TEXT NOT NULL) STRICT')
  insert(database, first)
  database.close()
  renameSync(`${path}.new`, path)
}

export function isRegistry(directory: string): boolean {
  return existsSync(join(directory, FILE))
}

/** @throws {Error} when the directory holds no registry: one is made by `initRegistry`, never by a typo */
export function openRegistry(directory: string): RegistryStore {
  if (!isRegistry(directory)) throw new Error(`${directory} holds no registry`)
  const database = open(join(directory, FILE))
  const newest = database.prepare('SELECT octets FROM published ORDER BY version DESC LIMIT 1')
  const byVersion = database.prepare('SELECT octets FROM published WHERE version = ?')
  const dataVersion = database.prepare('PRAGMA data_version')
  let seen = dataVersion.get()?.['data_version']

  function current(): Published {
    const row = newest.get()
    if (row === undefined) throw new Error(`${directory} holds no version`)
    return read(row['octets'])
  }

  function alone<T>(work: () => T): T {
    database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      database.exec('COMMIT')
      return result
    } catch (error) {
      database.exec('ROLLBACK')
      throw error
    }
  }

  return {
    current,
    at(version) {
      const row = byVersion.get(version)
      return row === undefined ? undefined : read(row['octets'])
    },
    change(now, edit) {
      // Locked before reading: two changes at a time must not both build on the same version.
      return alone(() => {
        const before = current()
        const content = edit(contentOf(before.configuration))
        if (JSON.stringify(content) === JSON.stringify(contentOf(before.configuration))) return before
        const after = publish(content, before.version, now)
        insert(database, after)
        return after
      })
    },
    preview(now, edit) {
      const before = current()
      return publish(edit(contentOf(before.configuration)), before.version, now)
    },
    alone,
    hasChanged() {
      const before = seen
      seen = dataVersion.get()?.['data_version']
      return seen !== before
    },
    close: () => database.close(),
  }
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS })
  // One file, no -wal beside it that a backup could forget; changes are too rare to cost anything.
  database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA')
  return database
}

/** version = max(last + 1, unix seconds): a registry restored from a backup is ahead of what it published before. */
function publish(content: Content, last: number, now: number): Published {
  const version = Math.max(last + 1, Math.floor(now / 1000))
  const issued = new Date(now).toISOString()
  const { instance, authorities, members, gateways, services, purposes, agreements } = content
  const unknown = Object.keys(content).filter((name) => !MEMBERS.has(name))
  if (unknown.length > 0) throw new TypeError(`configuration has no ${unknown.join(', ')}`)
  const configuration = { instance, version, issued, authorities, members, gateways, services, purposes, agreements }
  const text = JSON.stringify(checkConfiguration(configuration, 'closed'))
  return read(text)
}

const MEMBERS: ReadonlySet<string> = new Set([
  'instance',
  'authorities',
  'members',
  'gateways',
  'services',
  'purposes',
  'agreements',
])

function read(text: unknown): Published {
  const octets = Buffer.from(text as string)
  const configuration = JSON.parse(text as string) as Configuration
  return { version: configuration.version, octets, sha256: hash('sha256', octets, 'hex'), configuration }
}

function insert(database: DatabaseSync, { version, octets }: Published): void {
  database.prepare('INSERT INTO published (version, octets) VALUES (?, ?)').run(version, octets.toString())
}

function contentOf({ version: _version, issued: _issued, ...content }: Configuration): Content {
  return content
}
