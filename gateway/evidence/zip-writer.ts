/**
 * Writes ZIP archives as ASiC wants them: entries stored, headers complete, nothing of this machine in them, ZIP64 where
 * a size needs it. APPNOTE.TXT 6.3.9 §4.3; EN 319 162-1 §A.1 (the first entry has no extra field).
 *
 * Every entry's size and CRC are known before it is written, so there are no data descriptors, which some readers refuse
 * in stored entries, and the size of the whole is known beforehand. What is remembered of an entry is its 46 octets and
 * its name.
 */

import type { Content } from './content.ts'
import { contentOf } from './content.ts'

export interface ZipWriter {
  /**
   * What stands in the archive for this entry, to be written before anything is added after it.
   *
   * @param at its time, milliseconds since the Unix epoch; written in UTC, to two seconds
   */
  entry(name: string, content: Content, at: number): Content[]
  /** What closes the archive. */
  end(): Content
}

const STORED = 0
/** Names are UTF-8. */
const FLAGS = 1 << 11
const VERSION = 20
const VERSION_ZIP64 = 45
/** Made by: Unix, specification 6.3. */
const MADE_BY = (3 << 8) | 63
/** A regular file that its owner writes and everybody reads. */
const ATTRIBUTES = (0o100644 << 16) >>> 0
const MAX_16 = 0xffff
const MAX_32 = 0xffff_ffff
const ZIP64_FIELD = 0x0001
/** Central directories are gathered in pieces of this size. */
const PIECE_BYTES = 64 * 1024

export function openZipWriter(): ZipWriter {
  const directory = openDirectory()
  let offset = 0
  return {
    entry(name, content, at) {
      const named = Buffer.from(name)
      const stamp = dosTime(at)
      const header = contentOf(localHeader(named, content, stamp))
      directory.add(centralHeader(named, content, stamp, offset))
      offset += header.size + content.size
      return [header, content]
    },
    end() {
      const pieces = directory.pieces()
      const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
      return contentOf(Buffer.concat([...pieces, endOf({ count: directory.count, size, offset })]))
    },
  }
}

/**
 * Headers are copied at once into a piece that is theirs alone: a small buffer is a slice of one that many share, and
 * would keep all of that for as long as the archive is being written.
 */
function openDirectory() {
  const full: Buffer[] = []
  let piece = Buffer.alloc(0)
  let used = 0
  let count = 0
  return {
    get count() {
      return count
    },
    add(header: Buffer): void {
      if (used + header.length > piece.length) {
        full.push(piece.subarray(0, used))
        piece = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, header.length))
        used = 0
      }
      used += header.copy(piece, used)
      count += 1
    },
    pieces: (): readonly Buffer[] => [...full, piece.subarray(0, used)],
  }
}

function localHeader(name: Buffer, { size, crc32 }: Content, stamp: Buffer): Buffer {
  const large = size >= MAX_32
  const extra = large ? zip64Field(size, size) : Buffer.alloc(0)
  const head = Buffer.alloc(30)
  head.writeUInt32LE(0x04034b50, 0)
  writeCommon(head, 4, { large, size, crc32, stamp, name, extra })
  return Buffer.concat([head, name, extra])
}

function centralHeader(name: Buffer, { size, crc32 }: Content, stamp: Buffer, offset: number): Buffer {
  const large = size >= MAX_32
  const far = offset >= MAX_32
  const extra = large || far ? zip64Field(...(large ? [size, size] : []), ...(far ? [offset] : [])) : Buffer.alloc(0)
  const head = Buffer.alloc(46)
  head.writeUInt32LE(0x02014b50, 0)
  head.writeUInt16LE(MADE_BY, 4)
  writeCommon(head, 6, { large: large || far, size, crc32, stamp, name, extra })
  head.writeUInt32LE(ATTRIBUTES, 38)
  head.writeUInt32LE(Math.min(offset, MAX_32), 42)
  return Buffer.concat([head, name, extra])
}

interface Common {
  readonly large: boolean
  readonly size: number
  readonly crc32: number
  readonly stamp: Buffer
  readonly name: Buffer
  readonly extra: Buffer
}

/** What both headers say, in the same order. */
function writeCommon(head: Buffer, at: number, { large, size, crc32, stamp, name, extra }: Common): void {
  head.writeUInt16LE(large ? VERSION_ZIP64 : VERSION, at)
  head.writeUInt16LE(FLAGS, at + 2)
  head.writeUInt16LE(STORED, at + 4)
  head.set(stamp, at + 6)
  head.writeUInt32LE(crc32, at + 10)
  head.writeUInt32LE(Math.min(size, MAX_32), at + 14)
  head.writeUInt32LE(Math.min(size, MAX_32), at + 18)
  head.writeUInt16LE(name.length, at + 22)
  head.writeUInt16LE(extra.length, at + 24)
}

function zip64Field(...values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length)
  field.writeUInt16LE(ZIP64_FIELD, 0)
  field.writeUInt16LE(8 * values.length, 2)
  for (const [index, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * index)
  return field
}

function endOf({ count, size, offset }: { count: number; size: number; offset: number }): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Math.min(count, MAX_16), 8)
  end.writeUInt16LE(Math.min(count, MAX_16), 10)
  end.writeUInt32LE(Math.min(size, MAX_32), 12)
  end.writeUInt32LE(Math.min(offset, MAX_32), 16)
  if (count < MAX_16 && size < MAX_32 && offset < MAX_32) return end

  const record = Buffer.alloc(56)
  record.writeUInt32LE(0x06064b50, 0)
  record.writeBigUInt64LE(44n, 4)
  record.writeUInt16LE(MADE_BY, 12)
  record.writeUInt16LE(VERSION_ZIP64, 14)
  for (const [index, value] of [count, count, size, offset].entries()) {
    record.writeBigUInt64LE(BigInt(value), 24 + 8 * index)
  }
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50, 0)
  locator.writeBigUInt64LE(BigInt(offset + size), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([record, locator, end])
}

/** Time and date as MS-DOS had them, from 1980 to 2107. APPNOTE.TXT §4.4.6 */
function dosTime(at: number): Buffer {
  const time = new Date(Math.min(Math.max(at, Date.UTC(1980, 0, 1)), Date.UTC(2107, 11, 31, 23, 59, 58)))
  const stamp = Buffer.alloc(4)
  const ofDay = (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1)
  const day = ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate()
  stamp.writeUInt16LE(ofDay, 0)
  stamp.writeUInt16LE(day, 2)
  return stamp
}
