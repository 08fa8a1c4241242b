/** One archive file, open for reading: any record by its number, and one after the other as fast as the disk gives them. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { ArchiveError } from './archive-error.ts'
import type { ArchiveHeader, Trailer } from './archive-format.ts'
import {
  HEADER_BYTES_MAX,
  MAGIC,
  PLACE_BYTES,
  parseHeader,
  parseTrailer,
  SECTION_HEAD_BYTES,
  TEXT,
  TRAILER_BYTES,
} from './archive-format.ts'

export interface Section {
  readonly tag: number
  /** Valid until the next call. */
  readonly octets: Buffer
}

export interface ArchiveFile {
  readonly header: ArchiveHeader
  readonly bytes: number
  readonly texts: number
  /** Of a record or batch; nothing where the record had been erased. @throws {ArchiveError} `damaged` */
  section(seq: number): Section | undefined
  /** Sealed. @throws {ArchiveError} `damaged` */
  text(index: number): Buffer
  /** What to throw when something in it does not hold. */
  damaged(what: string, cause?: unknown): ArchiveError
  close(): void
}

/** Read ahead when records are asked for in their order, and for one alone. */
const AHEAD_BYTES = 1024 * 1024
const ONE_BYTES = 16 * 1024
/** Places of the index held at once. */
const PLACES = 4096

/** @throws {ArchiveError} any flaw */
export function openArchiveFile(path: string): ArchiveFile {
  const name = basename(path)
  const damaged = (what: string, cause?: unknown): ArchiveError =>
    new ArchiveError('damaged', name, `Archive file ${name} is damaged: ${what}`, cause)
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new ArchiveError('missing', name, `Archive file ${name} cannot be opened`, cause)
  }
  const ahead = openWindow(file, damaged)
  let header: ArchiveHeader
  let trailer: Trailer
  let bytes: number
  try {
    bytes = fstatSync(file).size
    const start = ahead.read(0, MAGIC.length + 4, MAGIC.length + 4)
    const length = start.readUInt32BE(MAGIC.length)
    if (!start.subarray(0, MAGIC.length).equals(MAGIC) || length > HEADER_BYTES_MAX) throw new Error('It is none')
    header = parseHeader(ahead.read(MAGIC.length + 4, length, length))
    const records = header.last - header.first + 1
    trailer = parseTrailer(ahead.read(bytes - TRAILER_BYTES, TRAILER_BYTES, TRAILER_BYTES), bytes, records)
  } catch (cause) {
    closeSync(file)
    throw cause instanceof ArchiveError ? cause : damaged('it does not begin and end as one', cause)
  }

  const index = openWindow(file, damaged)
  let lastSeq = Number.NaN

  function placeOf(at: number, end: number): number {
    return index.read(at, PLACE_BYTES, Math.min(PLACES * PLACE_BYTES, end - at)).readUIntBE(0, PLACE_BYTES)
  }

  function sectionAt(place: number, window: number): Section {
    const room = trailer.indexAt - place
    if (room < SECTION_HEAD_BYTES) throw damaged('its index leads nowhere')
    const head = ahead.read(place, SECTION_HEAD_BYTES, Math.min(window, room))
    const length = head.readUInt32BE(1)
    const tag = head[0] as number
    if (SECTION_HEAD_BYTES + length > room) throw damaged('its index leads nowhere')
    const whole = ahead.read(place, SECTION_HEAD_BYTES + length, Math.min(window, room))
    return { tag, octets: whole.subarray(SECTION_HEAD_BYTES) }
  }

  return {
    header,
    bytes,
    texts: trailer.texts,
    section(seq) {
      if (seq < header.first || seq > header.last) throw damaged(`record ${seq} is not in it`)
      const place = placeOf(trailer.indexAt + (seq - header.first) * PLACE_BYTES, trailer.textIndexAt)
      const isNext = seq === lastSeq + 1
      lastSeq = seq
      return place === 0 ? undefined : sectionAt(place, isNext ? AHEAD_BYTES : ONE_BYTES)
    },
    text(number) {
      if (number >= trailer.texts) throw damaged('it names a text that it does not have')
      const end = bytes - TRAILER_BYTES
      const place = placeOf(trailer.textIndexAt + number * PLACE_BYTES, end)
      const { tag, octets } = sectionAt(place, ONE_BYTES)
      if (tag !== TEXT) throw damaged('its index leads to something else')
      return octets
    },
    damaged,
    close: () => closeSync(file),
  }
}

interface Window {
  /** @param most how much to read when it is not there yet @returns valid until the next call */
  read(at: number, length: number, most: number): Buffer
}

function openWindow(file: number, damaged: ArchiveFile['damaged']): Window {
  let held = Buffer.alloc(0)
  let room = held
  let heldAt = 0
  return {
    read(at, length, most) {
      if (at < heldAt || at + length > heldAt + held.length) {
        const wanted = Math.max(length, most)
        if (room.length < wanted) room = Buffer.allocUnsafeSlow(wanted)
        held = room.subarray(0, fill(file, room, at, wanted))
        heldAt = at
        if (held.length < length) throw damaged('it is cut off')
      }
      return held.subarray(at - heldAt, at - heldAt + length)
    },
  }
}

function fill(file: number, room: Buffer, at: number, wanted: number): number {
  let filled = 0
  while (filled < wanted) {
    const read = readSync(file, room, filled, wanted - filled, at + filled)
    if (read === 0) break
    filled += read
  }
  return filled
}
