/**
 * Reads ZIP archives of the one form that `zip-writer.ts` writes, and no other: every octet belongs to an entry, its
 * header or the directory, and says what it must. APPNOTE.TXT 6.3.9 §4.3; EN 319 162-1 §A.1.
 *
 * Two readers of one archive may see two contents (what the directory names, what the headers name, what stands before,
 * between or behind); here there is only one reading, or a refusal by name.
 */

import type { ByteSource } from './byte-source.ts'
import { partOf } from './byte-source.ts'

export type ZipFlaw =
  | 'not-a-zip'
  | 'trailing-octets'
  | 'several-disks'
  | 'comment'
  | 'too-many-entries'
  | 'directory'
  | 'zip64'
  | 'name'
  | 'duplicate-name'
  | 'nested-name'
  | 'encrypted'
  | 'compressed'
  | 'data-descriptor'
  | 'flags'
  | 'extra-field'
  | 'metadata'
  | 'prefixed-octets'
  | 'gap'
  | 'header-mismatch'
  | 'truncated'
  | 'overlap'
  | 'method'
  | 'bomb'
  | 'too-large'
  | 'damaged'

export class ZipError extends Error {
  override readonly name = 'ZipError'
  readonly flaw: ZipFlaw

  constructor(flaw: ZipFlaw) {
    super(`The ZIP archive is refused: ${flaw}`)
    this.flaw = flaw
  }
}

export interface ZipEntry {
  readonly name: string
  /** Unsigned. */
  readonly crc32: number
  /** DOS time and date, as one number. */
  readonly stamp: number
  readonly content: ByteSource
}

export interface ZipRules {
  readonly entriesMax: number
  /** Headers of other writers, as in containers that were made before the form was final. */
  readonly isLenient: boolean
}

/** Of an archive of containers, and all their names together: they are held to find doubles. */
export const ENTRIES_MAX = 1_000_000
const NAMES_BYTES_MAX = 64 * 1024 * 1024
const NAME_BYTES_MAX = 255
const FOLDERS_MAX = 100_000
/** No segment begins with a dot, so none is `..`; nothing absolute, no backslash, nothing that needs an escape. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/
/** What DSS adds, EN 319 162-1 §A.1; only in archives of other writers. */
const COMMENT = 'mimetype=application/vnd.etsi.asic-e+zip'

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const END_64 = 0x06064b50
const LOCATOR_64 = 0x07064b50
const END_BYTES = 22
const END_64_BYTES = 56
const LOCATOR_BYTES = 20
const CENTRAL_BYTES = 46
const LOCAL_BYTES = 30
const MAX_16 = 0xffff
const MAX_32 = 0xffff_ffff
const FLAG_ENCRYPTED = 0x2041
const FLAG_DESCRIPTOR = 0x0008
const FLAG_UTF8 = 0x0800
const MADE_BY = (3 << 8) | 63
const ATTRIBUTES = (0o100644 << 16) >>> 0
const CHUNK_BYTES = 64 * 1024

/** The entries in their order. What is wrong further on shows when that is reached. @throws {ZipError} */
export function* readZip(source: ByteSource, rules: ZipRules): Generator<ZipEntry, void, void> {
  const end = readEnd(source, rules)
  const names = new Set<string>()
  const folders = new Set<string>()
  let offset = 0
  let nameBytes = 0
  for (const central of readDirectory(source, end, rules)) {
    const { name } = central
    checkName(name, names, folders)
    nameBytes += name.length
    if (nameBytes > NAMES_BYTES_MAX) throw new ZipError('too-many-entries')
    if (central.offset !== offset) throw new ZipError(offset === 0 ? 'prefixed-octets' : 'gap')
    const start = readLocal(source, central, end.directory, rules)
    if (start + central.size > end.directory) throw new ZipError('truncated')
    offset = start + central.size
    yield { name, crc32: central.crc32, stamp: central.stamp, content: partOf(source, start, central.size) }
  }
  if (offset !== end.directory) throw new ZipError('gap')
}

interface End {
  readonly count: number
  /** Offset of the central directory, and its size. */
  readonly directory: number
  readonly size: number
}

function readEnd(source: ByteSource, { isLenient, entriesMax }: ZipRules): End {
  let at = source.size - END_BYTES
  if (at < 0) throw new ZipError('not-a-zip')
  let end = source.read(at, END_BYTES)
  if (end.readUInt32LE(0) !== END || end.readUInt16LE(20) !== 0) {
    at -= COMMENT.length
    const commented = at < 0 ? undefined : source.read(at, END_BYTES + COMMENT.length)
    if (commented?.readUInt32LE(0) !== END || commented.toString('latin1', END_BYTES) !== COMMENT) {
      throw new ZipError(isZip(source) ? 'trailing-octets' : 'not-a-zip')
    }
    if (!isLenient || commented.readUInt16LE(20) !== COMMENT.length) throw new ZipError('comment')
    end = commented
  }
  if (end.readUInt32LE(4) !== 0 || end.readUInt16LE(8) !== end.readUInt16LE(10)) throw new ZipError('several-disks')
  let count = end.readUInt16LE(10)
  let size = end.readUInt32LE(12)
  let directory = end.readUInt32LE(16)
  let directoryEnd = at
  if (count === MAX_16 || size === MAX_32 || directory === MAX_32) {
    directoryEnd = at - LOCATOR_BYTES - END_64_BYTES
    const large = readEnd64(source, directoryEnd)
    const same = (short: number, long: number, max: number): boolean => short === Math.min(long, max)
    if (!same(count, large.count, MAX_16) || !same(size, large.size, MAX_32)) throw new ZipError('zip64')
    if (!same(directory, large.directory, MAX_32)) throw new ZipError('zip64')
    ;({ count, size, directory } = large)
  }
  if (count > entriesMax) throw new ZipError('too-many-entries')
  if (directory + size !== directoryEnd || count * CENTRAL_BYTES > size) throw new ZipError('directory')
  return { count, directory, size }
}

function readEnd64(source: ByteSource, at: number): End {
  if (at < 0) throw new ZipError('zip64')
  const octets = source.read(at, END_64_BYTES + LOCATOR_BYTES)
  const [count, countHere] = [number64(octets, 24), number64(octets, 32)]
  const end = { count, size: number64(octets, 40), directory: number64(octets, 48) }
  const fits =
    octets.readUInt32LE(0) === END_64 &&
    number64(octets, 4) === END_64_BYTES - 12 &&
    octets.readUInt16LE(12) === MADE_BY &&
    octets.readUInt16LE(14) === 45 &&
    octets.readUInt32LE(16) === 0 &&
    octets.readUInt32LE(20) === 0 &&
    count === countHere &&
    octets.readUInt32LE(56) === LOCATOR_64 &&
    octets.readUInt32LE(60) === 0 &&
    number64(octets, 64) === at &&
    octets.readUInt32LE(72) === 1
  if (!fits) throw new ZipError('zip64')
  return end
}

interface Central {
  readonly name: string
  readonly version: number
  readonly flags: number
  readonly stamp: number
  readonly crc32: number
  readonly size: number
  readonly offset: number
}

/** In pieces: the directory of a large archive is never held as a whole. */
function* readDirectory(source: ByteSource, end: End, rules: ZipRules): Generator<Central, void, void> {
  const stop = end.directory + end.size
  let at = end.directory
  let held: Buffer = Buffer.alloc(0)
  const take = (length: number): Buffer => {
    if (at + length > stop) throw new ZipError('directory')
    if (held.length < length) held = source.read(at, Math.max(length, Math.min(CHUNK_BYTES, stop - at)))
    const octets = held.subarray(0, length)
    held = held.subarray(length)
    at += length
    return octets
  }
  for (let index = 0; index < end.count; index++) {
    const head = take(CENTRAL_BYTES)
    if (head.readUInt32LE(0) !== CENTRAL) throw new ZipError('directory')
    const [nameBytes, extraBytes, commentBytes] = [head.readUInt16LE(28), head.readUInt16LE(30), head.readUInt16LE(32)]
    checkCommon(head, 6, rules)
    if (commentBytes !== 0) throw new ZipError('comment')
    if (head.readUInt16LE(34) !== 0) throw new ZipError('several-disks')
    if (nameBytes === 0 || nameBytes > NAME_BYTES_MAX) throw new ZipError('name')
    const { isLenient } = rules
    const isOurs =
      head.readUInt16LE(4) === MADE_BY && head.readUInt16LE(36) === 0 && head.readUInt32LE(38) === ATTRIBUTES
    if (!isLenient && !isOurs) throw new ZipError('metadata')
    const name = take(nameBytes).toString('latin1')
    const [short, far] = [head.readUInt32LE(24), head.readUInt32LE(42)]
    const values = readExtra(take(extraBytes), (short === MAX_32 ? 2 : 0) + (far === MAX_32 ? 1 : 0))
    const [size = short, compressed = short] = short === MAX_32 ? values : []
    const offset = far === MAX_32 ? (values.at(-1) as number) : far
    if (head.readUInt32LE(20) !== short || compressed !== size) throw new ZipError('header-mismatch')
    const version = head.readUInt16LE(6)
    if (!isLenient && version !== (extraBytes > 0 ? 45 : 20)) throw new ZipError('metadata')
    const [flags, stamp, crc32] = [head.readUInt16LE(8), head.readUInt32LE(12), head.readUInt32LE(16)]
    yield { name, version, flags, stamp, crc32, size, offset }
  }
  if (at !== stop) throw new ZipError('directory')
}

/** @returns offset of the content */
function readLocal(source: ByteSource, central: Central, limit: number, { isLenient }: ZipRules): number {
  const { name, offset, size } = central
  const isLarge = size >= MAX_32
  const length = LOCAL_BYTES + name.length + (isLarge ? 20 : 0)
  if (offset + length > limit) throw new ZipError('truncated')
  const head = source.read(offset, length)
  if (head.readUInt32LE(0) !== LOCAL) throw new ZipError('header-mismatch')
  const version = isLenient ? central.version : isLarge ? 45 : 20
  const short = isLarge ? MAX_32 : size
  const same =
    head.readUInt16LE(4) === version &&
    head.readUInt16LE(6) === central.flags &&
    head.readUInt16LE(8) === 0 &&
    head.readUInt32LE(10) === central.stamp &&
    head.readUInt32LE(14) === central.crc32 &&
    head.readUInt32LE(18) === short &&
    head.readUInt32LE(22) === short &&
    head.readUInt16LE(26) === name.length &&
    head.toString('latin1', LOCAL_BYTES, LOCAL_BYTES + name.length) === name
  if (!same) throw new ZipError('header-mismatch')
  if (head.readUInt16LE(28) !== (isLarge ? 20 : 0)) throw new ZipError('extra-field')
  const values = readExtra(head.subarray(LOCAL_BYTES + name.length), isLarge ? 2 : 0)
  if (values.some((value) => value !== size)) throw new ZipError('header-mismatch')
  return offset + length
}

/** @param at of the version: flags and method follow */
function checkCommon(head: Buffer, at: number, { isLenient }: ZipRules): void {
  const flags = head.readUInt16LE(at + 2)
  if ((flags & FLAG_ENCRYPTED) !== 0) throw new ZipError('encrypted')
  if ((flags & FLAG_DESCRIPTOR) !== 0) throw new ZipError('data-descriptor')
  if (flags !== FLAG_UTF8 && !(isLenient && flags === 0)) throw new ZipError('flags')
  if (head.readUInt16LE(at + 4) !== 0) throw new ZipError('compressed')
}

/** The one extra field there may be: ZIP64's, with exactly the values that do not fit. */
function readExtra(extra: Buffer, count: number): number[] {
  if (count === 0 && extra.length === 0) return []
  if (count === 0) throw new ZipError('extra-field')
  const fits = extra.length === 4 + 8 * count && extra.readUInt16LE(0) === 1 && extra.readUInt16LE(2) === 8 * count
  if (!fits) throw new ZipError('zip64')
  return Array.from({ length: count }, (_, index) => {
    const value = number64(extra, 4 + 8 * index)
    if (value < MAX_32) throw new ZipError('zip64')
    return value
  })
}

function number64(octets: Buffer, at: number): number {
  const value = Number(octets.readBigUInt64LE(at))
  if (!Number.isSafeInteger(value)) throw new ZipError('zip64')
  return value
}

/** Names that differ in case only are one name on some systems; a file cannot be a folder as well. */
function checkName(name: string, names: Set<string>, folders: Set<string>): void {
  if (!NAME.test(name)) throw new ZipError('name')
  const key = name.toLowerCase()
  if (names.has(key)) throw new ZipError('duplicate-name')
  if (folders.has(key)) throw new ZipError('nested-name')
  for (let at = key.indexOf('/'); at !== -1; at = key.indexOf('/', at + 1)) {
    const folder = key.slice(0, at)
    if (names.has(folder)) throw new ZipError('nested-name')
    folders.add(folder)
    if (folders.size > FOLDERS_MAX) throw new ZipError('too-many-entries')
  }
  names.add(key)
}

function isZip(source: ByteSource): boolean {
  return source.size > 4 && [LOCAL, END].includes(source.read(0, 4).readUInt32LE(0))
}
