/** One archive file, open for reading: any record by its number, and one after the other as fast as the disk gives them. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { ArchiveError } from '../record/archive-error.ts'
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
  /** All sections in the order of the file, each where the index says it is. @throws {ArchiveError} `damaged` */
  sections(): Generator<Section & { /** Of a record or batch. */ readonly seq?: number }>
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
  let headerLength: number
  try {
    bytes = fstatSync(file).size
    const start = ahead.read(0, MAGIC.length + 4, MAGIC.length + 4)
    headerLength = start.readUInt32BE(MAGIC.length)
    if (!start.subarray(0, MAGIC.length).equals(MAGIC) || headerLength > HEADER_BYTES_MAX) throw new Error('It is none')
    header = parseHeader(ahead.read(MAGIC.length + 4, headerLength, headerLength))
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

  /** Nothing may lie between them, before or behind, and nothing may be there that the index does not know. */
  function* sections(): ReturnType<ArchiveFile['sections']> {
    let place = MAGIC.length + 4 + headerLength
    let seq = header.first
    let texts = 0
    while (place < trailer.indexAt) {
      const section = sectionAt(place, AHEAD_BYTES)
      const length = SECTION_HEAD_BYTES + section.octets.length
      if (section.tag === TEXT) {
        const known = trailer.textIndexAt + texts * PLACE_BYTES
        if (texts >= trailer.texts || placeOf(known, bytes - TRAILER_BYTES) !== place)
          throw damaged('it has a stray text')
        texts += 1
        yield section
      } else {
        while (seq <= header.last && recordPlace(seq) === 0) seq += 1
        if (seq > header.last || recordPlace(seq) !== place) throw damaged('it has a stray record')
        yield { ...section, seq }
        seq += 1
      }
      place += length
    }
    while (seq <= header.last && recordPlace(seq) === 0) seq += 1
    const isAll = place === trailer.indexAt && texts === trailer.texts && seq > header.last
    if (!isAll) throw damaged('its index names what is not there')
  }

  function recordPlace(seq: number): number {
    return placeOf(trailer.indexAt + (seq - header.first) * PLACE_BYTES, trailer.textIndexAt)
  }

  return {
    header,
    bytes,
    texts: trailer.texts,
    section(seq) {
      if (seq < header.first || seq > header.last) throw damaged(`record ${seq} is not in it`)
      const place = recordPlace(seq)
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
    sections,
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
