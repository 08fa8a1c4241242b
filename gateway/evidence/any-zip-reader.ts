/**
 * Reads ZIP archives of any tool: stored or deflated, with data descriptors, folders, extra fields, comments and ZIP64, in
 * any order. APPNOTE.TXT 6.3.9 §4.3. What has two readings is refused all the same: headers that contradict each other,
 * entries that overlap, names that lead elsewhere or are there twice. What unpacks to too much is refused before it does.
 */

import { inflateRawSync } from 'node:zlib'
import type { ByteSource } from './byte-source.ts'
import { partOf, sourceOf } from './byte-source.ts'
import type { ZipEntry } from './zip-reader.ts'
import { ZipError } from './zip-reader.ts'

export interface PackedEntry extends ZipEntry {
  /** It begins the archive, is stored, and its header has no extra field: what EN 319 162-1 §A.1 asks of `mimetype`. */
  readonly isPlainFirst: boolean
}

export interface AnyZipRules {
  readonly entriesMax: number
  /** Told of folders and comments, which are no files. */
  readonly onLeftover: (what: string) => void
}

/** Unpacked octets to one packed octet; small entries may be more. */
export const RATIO_MAX = 250
const RATIO_FREE_BYTES = 1024 * 1024
/** One deflated entry is held as a whole; stored ones are not. */
export const INFLATED_BYTES_MAX = 256 * 1024 * 1024
/** All deflated entries of one archive. */
export const INFLATED_TOTAL_MAX = 16 * 1024 * 1024 * 1024
const NAME_BYTES_MAX = 1024
const NAMES_BYTES_MAX = 64 * 1024 * 1024

const [LOCAL, CENTRAL, END, END_64, LOCATOR_64] = [0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50]
const [LOCAL_BYTES, CENTRAL_BYTES, END_BYTES, END_64_BYTES, LOCATOR_BYTES] = [30, 46, 22, 56, 20]
const [MAX_16, MAX_32] = [0xffff, 0xffff_ffff]
const [FLAG_ENCRYPTED, FLAG_DESCRIPTOR, FLAG_UTF8] = [0x2041, 0x0008, 0x0800]
/** Without or with a signature, with sizes of four or of eight octets. §4.3.9 */
const DESCRIPTOR_BYTES: readonly number[] = [12, 16, 20, 24]
const UNIX = 3
const [FILE_TYPE, LINK] = [0o170000, 0o120000]
const CHUNK_BYTES = 64 * 1024

/** The files in the order of the directory. @throws {ZipError} */
export function* readAnyZip(source: ByteSource, rules: AnyZipRules): Generator<PackedEntry, void, void> {
  const end = readEnd(source, rules)
  const offsets = [...readDirectory(source, end)].map(({ offset }) => offset).sort((a, b) => a - b)
  if ((offsets[0] ?? end.directory) !== 0) throw new ZipError('prefixed-octets')
  const next = new Map(offsets.map((offset, index) => [offset, offsets[index + 1] ?? end.directory]))
  if (next.size !== offsets.length) throw new ZipError('overlap')
  const names = new Set<string>()
  let nameBytes = 0
  const budget = { bytes: INFLATED_TOTAL_MAX }
  for (const central of readDirectory(source, end)) {
    const { name, offset, size, packed, crc32, stamp, method } = central
    nameBytes += name.length
    if (nameBytes > NAMES_BYTES_MAX) throw new ZipError('too-many-entries')
    checkName(name, names)
    const { start, extraBytes } = readLocal(source, central, next.get(offset) as number)
    if (central.isCommented) rules.onLeftover(`a comment on ${name}`)
    if (name.endsWith('/')) {
      if (size !== 0) throw new ZipError('name')
      rules.onLeftover(name)
      continue
    }
    const isPlainFirst = offset === 0 && method === 0 && extraBytes === 0 && names.size === 1
    const part = partOf(source, start, packed)
    const content = method === 0 ? part : inflated(part, size, budget)
    yield { name, crc32, stamp, content, isPlainFirst }
  }
}

interface End {
  readonly count: number
  readonly directory: number
  readonly size: number
}

function readEnd(source: ByteSource, { entriesMax, onLeftover }: AnyZipRules): End {
  const tail = source.read(Math.max(0, source.size - END_BYTES - MAX_16), Math.min(source.size, END_BYTES + MAX_16))
  const mark = Buffer.from([0x50, 0x4b, 0x05, 0x06])
  const inTail = tail.lastIndexOf(mark)
  if (inTail === -1 || inTail + END_BYTES > tail.length) throw new ZipError('not-a-zip')
  const end = tail.subarray(inTail)
  if (end.readUInt32LE(0) !== END || end.readUInt16LE(20) !== end.length - END_BYTES)
    throw new ZipError('trailing-octets')
  if (end.readUInt32LE(4) !== 0 || end.readUInt16LE(8) !== end.readUInt16LE(10)) throw new ZipError('several-disks')
  if (end.length > END_BYTES) onLeftover('a comment of the archive')
  const at = source.size - end.length
  const short = { count: end.readUInt16LE(10), size: end.readUInt32LE(12), directory: end.readUInt32LE(16) }
  const isLarge = short.count === MAX_16 || short.size === MAX_32 || short.directory === MAX_32
  const { directoryEnd, ...large } = isLarge ? readEnd64(source, at) : { ...short, directoryEnd: at }
  if (large.count > entriesMax) throw new ZipError('too-many-entries')
  const { directory, size, count } = large
  if (directory + size !== directoryEnd || count * CENTRAL_BYTES > size) throw new ZipError('directory')
  return large
}

function readEnd64(source: ByteSource, end: number): End & { readonly directoryEnd: number } {
  if (end < LOCATOR_BYTES + END_64_BYTES) throw new ZipError('zip64')
  const locator = source.read(end - LOCATOR_BYTES, LOCATOR_BYTES)
  const directoryEnd = number64(locator, 8)
  if (locator.readUInt32LE(0) !== LOCATOR_64 || directoryEnd > end - LOCATOR_BYTES - END_64_BYTES) {
    throw new ZipError('zip64')
  }
  const octets = source.read(directoryEnd, END_64_BYTES)
  const fits = octets.readUInt32LE(0) === END_64 && directoryEnd + number64(octets, 4) + 12 === end - LOCATOR_BYTES
  if (!fits || number64(octets, 24) !== number64(octets, 32)) throw new ZipError('zip64')
  return { count: number64(octets, 24), size: number64(octets, 40), directory: number64(octets, 48), directoryEnd }
}

interface Central {
  readonly name: string
  readonly rawName: Buffer
  readonly flags: number
  readonly method: number
  readonly stamp: number
  readonly crc32: number
  readonly packed: number
  readonly size: number
  readonly offset: number
  readonly isCommented: boolean
}

/** In pieces: the directory of a large archive is never held as a whole. */
function* readDirectory(source: ByteSource, end: End): Generator<Central, void, void> {
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
    const [flags, method] = [head.readUInt16LE(8), head.readUInt16LE(10)]
    if ((flags & FLAG_ENCRYPTED) !== 0) throw new ZipError('encrypted')
    if (method !== 0 && method !== 8) throw new ZipError('method')
    if (head.readUInt16LE(34) !== 0) throw new ZipError('several-disks')
    if (nameBytes === 0 || nameBytes > NAME_BYTES_MAX) throw new ZipError('name')
    const isLink = head.readUInt8(5) === UNIX && ((head.readUInt32LE(38) >>> 16) & FILE_TYPE) === LINK
    if (isLink) throw new ZipError('metadata')
    const rawName = Buffer.from(take(nameBytes))
    const short = [head.readUInt32LE(24), head.readUInt32LE(20), head.readUInt32LE(42)] as const
    const [size, packed, offset] = longSizes(short, take(extraBytes))
    take(commentBytes)
    if (method === 0 && size !== packed) throw new ZipError('header-mismatch')
    const isBomb = size > RATIO_FREE_BYTES && size > packed * RATIO_MAX
    if (isBomb) throw new ZipError('bomb')
    if (method !== 0 && size > INFLATED_BYTES_MAX) throw new ZipError('too-large')
    const stamp = head.readUInt32LE(12)
    yield {
      ...{ name: textOf(rawName, flags), rawName, flags, method, stamp, crc32: head.readUInt32LE(16) },
      ...{ packed, size, offset, isCommented: commentBytes > 0 },
    }
  }
  if (at !== stop) throw new ZipError('directory')
}

/** Those that do not fit stand in the extra field of ZIP64, in this order. §4.5.3 */
function longSizes(short: readonly [number, number, number], extra: Buffer): [number, number, number] {
  let field: Buffer | undefined
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === 1) field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2))
  }
  let at = 0
  const [size, packed, offset] = short.map((value) => {
    if (value !== MAX_32) return value
    if (field === undefined || at + 8 > field.length) throw new ZipError('zip64')
    at += 8
    return number64(field, at - 8)
  })
  return [size, packed, offset] as [number, number, number]
}

/** @returns offset of the content; what the header says is what the directory says */
function readLocal(source: ByteSource, central: Central, limit: number): { start: number; extraBytes: number } {
  const { offset, rawName, flags, method, stamp, crc32, packed, size } = central
  if (offset + LOCAL_BYTES + rawName.length > limit) throw new ZipError('overlap')
  const head = source.read(offset, LOCAL_BYTES + rawName.length)
  const hasDescriptor = (flags & FLAG_DESCRIPTOR) !== 0
  const isSaid = (at: number, value: number): boolean => {
    const said = head.readUInt32LE(at)
    return said === value || said === MAX_32 || (hasDescriptor && said === 0)
  }
  const same =
    head.readUInt32LE(0) === LOCAL &&
    head.readUInt16LE(6) === flags &&
    head.readUInt16LE(8) === method &&
    head.readUInt32LE(10) === stamp &&
    (head.readUInt32LE(14) === crc32 || (hasDescriptor && head.readUInt32LE(14) === 0)) &&
    isSaid(18, packed) &&
    isSaid(22, size) &&
    head.readUInt16LE(26) === rawName.length &&
    head.subarray(LOCAL_BYTES).equals(rawName)
  if (!same) throw new ZipError('header-mismatch')
  const extraBytes = head.readUInt16LE(28)
  const start = offset + LOCAL_BYTES + rawName.length + extraBytes
  const gap = limit - (start + packed)
  if (gap < 0) throw new ZipError('overlap')
  if (gap > 0 && !(hasDescriptor && DESCRIPTOR_BYTES.includes(gap))) throw new ZipError('gap')
  return { start, extraBytes }
}

/** Names of old tools are in some code page: those octets stand for themselves. */
function textOf(raw: Buffer, flags: number): string {
  const text = raw.toString('utf8')
  if (Buffer.from(text).equals(raw)) return text
  if ((flags & FLAG_UTF8) !== 0) throw new ZipError('name')
  return raw.toString('latin1')
}

/** Relative, without a way up, and one name on every system. */
function checkName(name: string, names: Set<string>): void {
  const segments = (name.endsWith('/') ? name.slice(0, -1) : name).split('/')
  const isOdd = segments.some((segment) => segment === '' || segment === '.' || segment === '..')
  // A carriage return is in the name of one of macOS' own files.
  if (isOdd || /\\|^[A-Za-z]:|[\p{Cc}--\r]/v.test(name)) throw new ZipError('name')
  const key = segments.join('/').normalize('NFC').toLowerCase()
  if (names.has(key)) throw new ZipError('duplicate-name')
  names.add(key)
}

/** Unpacked when it is first read. */
function inflated(packed: ByteSource, size: number, budget: { bytes: number }): ByteSource {
  let held: ByteSource | undefined
  const open = (): ByteSource => {
    if (held !== undefined) return held
    budget.bytes -= size
    if (budget.bytes < 0) throw new ZipError('bomb')
    try {
      const octets = inflateRawSync(packed.read(0, packed.size), { maxOutputLength: Math.max(1, size) })
      if (octets.length !== size) throw new ZipError('header-mismatch')
      held = sourceOf(octets)
      return held
    } catch (error) {
      throw error instanceof ZipError ? error : new ZipError('damaged')
    }
  }
  return { size, read: (at, length) => open().read(at, length), fill: (target, at) => open().fill(target, at) }
}

function number64(octets: Buffer, at: number): number {
  const value = Number(octets.readBigUInt64LE(at))
  if (!Number.isSafeInteger(value)) throw new ZipError('zip64')
  return value
}
