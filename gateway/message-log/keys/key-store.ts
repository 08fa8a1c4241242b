/**
 * The keys that heads and bodies are sealed under: one per day, purpose and use, apart from the log and its backups.
 *
 * Destroying a key erases everything sealed under it, in every copy of the log. A day is one file, replaced whole; its
 * keys are wrapped with AES-256-GCM by the master key. NIST SP 800-38D §8.2.2 for the random nonces.
 */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eraseFile, finishErasing, readIfThere, replaceFile, syncPath } from '../files/durable-file.ts'
import type { KeyStoreOptions } from '../record/log-place.ts'
import { LogOpenError } from '../record/open-error.ts'

/** Heads live as long as the record, bodies often less long; `archive`: what archive files of a day hold besides. */
export type KeyUse = 'record' | 'body' | 'archive'

export interface KeyName {
  /** Days since the Unix epoch, UTC. */
  readonly day: number
  readonly purpose: string
  readonly use: KeyUse
}

export interface KeyStore {
  /** @returns 32 octets; nothing when the key was destroyed or never made */
  read(name: KeyName): Buffer | undefined
  /** The same, made and on the disk if there was none. */
  obtain(name: KeyName): Buffer
  /** Every key there is, oldest first. */
  names(): KeyName[]
  /** Makes whatever was sealed under it unreadable, in every copy of the log. Not of a day that is still written. */
  destroy(name: KeyName): void
  /** The file of the newest day, and its octets as they were read or written last. */
  newest(): readonly [path: string, octets: string] | undefined
  /** Wraps the newest day anew: no high-water mark without a MAC is believed beside it. Nothing where that was done. */
  leaveOlderForm(): void
}

interface DayFile {
  /** 1: wrapped before the high-water mark was authenticated. The wrapping says it as well: see {@link aadOf}. */
  readonly v: 1 | 2
  /** `use/purpose` → base64 of nonce, wrapped key and tag. */
  readonly keys: Readonly<Record<string, string>>
}

export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const DAY_MS = 86_400_000
/** Keys held in memory; one more day of every purpose costs a file to be read again. */
const CACHE_MAX = 4096
const FILE = /^\d{4}-\d\d-\d\d\.json$/

export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS)
}

/** A new master key. @throws when the file is there */
export function createMasterKey(path: string): void {
  writeFileSync(path, randomBytes(KEY_BYTES), { flag: 'wx', mode: 0o600, flush: true })
}

/** @param create only for a log that does not exist yet: a store that is gone must not be taken for an empty one */
export function openKeyStore({ directory, masterKeyFile }: KeyStoreOptions, create = false): KeyStore {
  const master = readMasterKey(masterKeyFile)
  if (create && !existsSync(directory)) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    syncPath(join(directory, '..'))
  }
  const cache = new Map<string, Buffer>()
  checkMasterKey(directory, master)
  let newest = create ? undefined : newestIn(directory)

  function replaceDay(day: number, file: DayFile, replace: (path: string, octets: string) => void = replaceFile): void {
    const octets = JSON.stringify(file)
    const path = fileOf(directory, day)
    replace(path, octets)
    if (newest === undefined || path >= newest[0]) newest = [path, octets]
  }

  function read(name: KeyName): Buffer | undefined {
    const id = idOf(name)
    const known = cache.get(id)
    if (known !== undefined) return known
    const { v, keys } = readDay(directory, name.day)
    const wrapped = keys[entryOf(name)]
    if (wrapped === undefined) return undefined
    return remember(id, unwrap(master, aadOf(v, id), wrapped))
  }

  function remember(id: string, key: Buffer): Buffer {
    if (cache.size >= CACHE_MAX) cache.clear()
    cache.set(id, key)
    return key
  }

  return {
    read,
    obtain(name) {
      const found = read(name)
      if (found !== undefined) return found
      const id = idOf(name)
      const key = randomBytes(KEY_BYTES)
      const { keys } = rewrapped(master, name.day, readDay(directory, name.day))
      const file: DayFile = { v: 2, keys: { ...keys, [entryOf(name)]: wrap(master, aadOf(2, id), key) } }
      // Before anything is sealed under it: what a crash leaves behind must be readable.
      replaceDay(name.day, file)
      return remember(id, key)
    },
    names: () =>
      daysIn(directory).flatMap((day) =>
        Object.keys(readDay(directory, day).keys).map((entry) => ({ day, ...partsOf(entry) })),
      ),
    destroy(name) {
      cache.delete(idOf(name))
      const { v, keys: all } = readDay(directory, name.day)
      const { [entryOf(name)]: gone, ...keys } = all
      if (gone === undefined) return
      const file: DayFile = { v, keys }
      const isLast = Object.keys(keys).length === 0
      eraseFile(fileOf(directory, name.day), isLast ? undefined : JSON.stringify(file))
      newest = newestIn(directory)
    },
    newest: () => newest,
    leaveOlderForm() {
      const day = daysIn(directory).at(-1)
      if (day === undefined) return
      const file = readDay(directory, day)
      if (file.v === 1) replaceDay(day, rewrapped(master, day, file), eraseFile)
    },
  }
}

/**
 * Was every key wrapped before high-water marks were authenticated? What the files say of themselves is not believed:
 * each key has to open as what it is said to be. False for a store that is not there.
 *
 * @throws {LogOpenError} `keys`
 */
export function isOlderForm({ directory, masterKeyFile }: KeyStoreOptions): boolean {
  if (!existsSync(directory)) return false
  const master = readMasterKey(masterKeyFile)
  for (const day of daysIn(directory)) {
    if (readDay(directory, day).v !== 1) return false
  }
  for (const day of daysIn(directory)) checkDay(directory, day, master)
  return true
}

/** Whether any key was ever made, and not all destroyed. */
export function hasKeys(directory: string): boolean {
  return existsSync(directory) && daysIn(directory).length > 0
}

export interface DayKeys {
  readonly record: Buffer
  readonly body: Buffer
}

/** The day's keys by purpose: the store's own look-up builds a name each time. */
export function openDayKeys(keys: KeyStore): (day: number, purpose: string) => DayKeys {
  const known = new Map<string, DayKeys>()
  let today = 0
  return (day, purpose) => {
    if (day !== today) known.clear()
    today = day
    const found = known.get(purpose)
    if (found !== undefined) return found
    const made = {
      record: keys.obtain({ day, purpose, use: 'record' }),
      body: keys.obtain({ day, purpose, use: 'body' }),
    }
    known.set(purpose, made)
    return made
  }
}

/** @throws {LogOpenError} `keys` */
export function readMasterKey(path: string): Buffer {
  let key: Buffer
  try {
    key = readFileSync(path)
  } catch (cause) {
    throw new LogOpenError('keys', 'The master key of the message log cannot be read', cause)
  }
  if (key.length !== KEY_BYTES) throw new LogOpenError('keys', 'The master key of the message log is not 32 octets')
  return key
}

/** A wrong master key shows now, not with the first message. @throws {LogOpenError} `keys` */
function checkMasterKey(directory: string, master: Buffer): void {
  let newest: number | undefined
  try {
    newest = daysIn(directory).at(-1)
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new LogOpenError('keys', `The key store ${isMissing ? 'is missing' : unreadable(cause)}`, cause)
  }
  if (newest !== undefined) checkDay(directory, newest, master)
}

/** @throws {LogOpenError} `keys` */
function checkDay(directory: string, day: number, master: Buffer): void {
  const { v, keys } = readDay(directory, day)
  try {
    for (const [entry, wrapped] of Object.entries(keys)) unwrap(master, aadOf(v, `${dateOf(day)}/${entry}`), wrapped)
  } catch (cause) {
    const what = `The master key does not open the keys of ${dateOf(day)}: it is another, or they were changed`
    throw new LogOpenError('keys', what, cause)
  }
}

function unreadable(cause: unknown): string {
  return `cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown error'})`
}

function newestIn(directory: string): readonly [string, string] | undefined {
  const day = daysIn(directory).at(-1)
  return day === undefined ? undefined : [fileOf(directory, day), readFileSync(fileOf(directory, day), 'utf8')]
}

/** Ascending. @throws when the directory is missing */
function daysIn(directory: string): number[] {
  const names = readdirSync(directory).filter((name) => FILE.test(name))
  return names.sort().map((name) => Date.parse(name.slice(0, 10)) / DAY_MS)
}

/** What a crash left of keys that were being destroyed, or made. By whoever writes the log. */
export function finishDestroying(directory: string): void {
  for (const name of readdirSync(directory)) {
    const file = name.slice(0, '0000-00-00.json'.length)
    if (name !== file && FILE.test(file)) finishErasing(join(directory, file))
  }
}

/** @throws {LogOpenError} `keys` */
function readDay(directory: string, day: number): DayFile {
  let octets: Buffer | undefined
  try {
    octets = readIfThere(fileOf(directory, day))
  } catch (cause) {
    throw new LogOpenError('keys', `The keys of ${dateOf(day)} ${unreadable(cause)}`, cause)
  }
  if (octets === undefined) return { v: 2, keys: {} }
  try {
    const file = JSON.parse(octets.toString('utf8')) as DayFile
    if ((file.v === 1 || file.v === 2) && typeof file.keys === 'object' && file.keys !== null) return file
  } catch (cause) {
    throw new LogOpenError('keys', `The file of the keys of ${dateOf(day)} is damaged`, cause)
  }
  throw new LogOpenError('keys', `The file of the keys of ${dateOf(day)} is damaged`)
}

function rewrapped(master: Buffer, day: number, { v, keys }: DayFile): DayFile {
  if (v === 2) return { v, keys }
  const entries = Object.entries(keys).map(([entry, wrapped]) => {
    const id = `${dateOf(day)}/${entry}`
    return [entry, wrap(master, aadOf(2, id), unwrap(master, aadOf(1, id), wrapped))] as const
  })
  return { v: 2, keys: Object.fromEntries(entries) }
}

/** The form is authenticated with the name: who has no master key cannot make a newer wrapping an older one. */
function aadOf(v: DayFile['v'], id: string): string {
  return v === 1 ? id : `2/${id}`
}

function fileOf(directory: string, day: number): string {
  return join(directory, `${dateOf(day)}.json`)
}

function idOf(name: KeyName): string {
  return `${dateOf(name.day)}/${entryOf(name)}`
}

function entryOf({ use, purpose }: KeyName): string {
  return `${use}/${purpose}`
}

function partsOf(entry: string): Pick<KeyName, 'use' | 'purpose'> {
  const end = entry.indexOf('/')
  return { use: entry.slice(0, end) as KeyUse, purpose: entry.slice(end + 1) }
}

/** `2026-11-23` */
export function dateOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

function wrap(master: Buffer, aad: string, key: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', master, nonce).setAAD(Buffer.from(aad))
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

/** @throws when the master key is another, or the key stands under another name */
function unwrap(master: Buffer, aad: string, wrapped: string): Buffer {
  const octets = Buffer.from(wrapped, 'base64')
  if (octets.length !== NONCE_BYTES + KEY_BYTES + TAG_BYTES) throw new Error('A wrapped key has another length')
  const nonce = octets.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', master, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(aad)).setAuthTag(octets.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(octets.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
}
