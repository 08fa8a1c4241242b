/**
 * Strict JSON: octets to value, refusing whatever two parsers might read differently.
 *
 * Source: RFC 8259; RFC 7493 (I-JSON) §2: UTF-8, no lone surrogates, numbers within a double, no duplicate names.
 * One linear pass over the octets checks everything, so that `JSON.parse` after it only builds and cannot fail.
 */

import { isAscii, isUtf8 } from 'node:buffer'
import { JsonError, scanBare, scanString, skipSpace } from './json-tokens.ts'

export type { JsonReason } from './json-tokens.ts'
export { JsonError } from './json-tokens.ts'

export interface JsonLimits {
  /** Of arrays and objects in each other; a lone scalar has depth 0. */
  readonly depthMax: number
  /** Of one object. */
  readonly membersMax: number
  /** Of one string or name, as written, without its quotes. */
  readonly stringBytesMax: number
}

export const JSON_LIMITS: JsonLimits = { depthMax: 64, membersMax: 10_000, stringBytesMax: 1024 * 1024 }

/**
 * What `JSON.parse` returns, for documents that every parser reads alike: UTF-8 without byte order mark; names unique
 * in their object, none of them `__proto__`, nor `prototype` inside a `constructor`; integers within ±(2^53 − 1),
 * other numbers printed by their double as the decimal they were (`-0` is one like any other).
 *
 * @throws {JsonError} any reason
 */
export function parseStrictJson(octets: Uint8Array, limits: JsonLimits = JSON_LIMITS): unknown {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
  const ascii = isAscii(buffer)
  if (!ascii) {
    if (!isUtf8(buffer)) throw new JsonError('encoding', encodingErrorAt(buffer))
    if (buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf) throw new JsonError('encoding', 0)
  }
  scan(buffer, limits)
  return JSON.parse(ascii ? buffer.toString('latin1') : buffer.toString('utf8'))
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** An open array or object. One per depth, used again for the next at that depth. */
interface Frame {
  array: boolean
  /** It is the value of a member called `constructor`. */
  ofConstructor: boolean
  /** The name last read is `constructor`. */
  atConstructor: boolean
  members: number
  /** Of each of the first names: a hash, and where it begins and ends without its quotes. */
  readonly hashes: number[]
  readonly begins: number[]
  readonly ends: number[]
  /** All names, decoded, once there are many or one is written with escapes. */
  names: Set<string> | undefined
}

/** Compared one by one up to here; with more, our hash could be made to collide. A Set's is seeded. */
const NAMES_COMPARED_MAX = 24

/** A loop with a stack of its own: depth is a limit, not a crash. */
function scan(octets: Buffer, limits: JsonLimits): void {
  const frames: Frame[] = []
  let depth = 0
  let frame: Frame | undefined
  let at = skipSpace(octets, 0)

  for (;;) {
    // A value begins at `at`; in an object, its name first.
    let ofConstructor = false
    if (frame !== undefined && !frame.array) {
      at = skipSpace(octets, scanName(octets, at, frame, limits) + 1)
      ofConstructor = frame.atConstructor
      if (octets[at] !== COLON) throw new JsonError('syntax', at)
      at = skipSpace(octets, at + 1)
    }
    const octet = octets[at]
    if (octet === OPEN_OBJECT || octet === OPEN_ARRAY) {
      if (depth === limits.depthMax) throw new JsonError('depth', at)
      frame = openFrame(frames, depth++, octet === OPEN_ARRAY, ofConstructor)
      at = skipSpace(octets, at + 1)
      if (octets[at] !== closerOf(frame)) continue
      frame = frames[--depth - 1]
      at++
    } else if (octet === QUOTE) at = Math.abs(scanString(octets, at, limits.stringBytesMax)) + 1
    else at = scanBare(octets, at)

    // It has ended before `at`; so may have what it is the last of.
    for (;;) {
      at = skipSpace(octets, at)
      if (frame === undefined) {
        if (at !== octets.length) throw new JsonError('syntax', at)
        return
      }
      if (octets[at] === COMMA) break
      if (octets[at] !== closerOf(frame)) throw new JsonError('syntax', at)
      frame = frames[--depth - 1]
      at++
    }
    at = skipSpace(octets, at + 1)
  }
}

function openFrame(frames: Frame[], depth: number, array: boolean, ofConstructor: boolean): Frame {
  let frame = frames[depth]
  if (frame === undefined) {
    const names = { hashes: [], begins: [], ends: [], names: undefined }
    frame = { array, ofConstructor, atConstructor: false, members: 0, ...names }
    frames.push(frame)
  }
  frame.array = array
  frame.ofConstructor = ofConstructor
  frame.members = 0
  frame.names = undefined
  return frame
}

function closerOf(frame: Frame): number {
  return frame.array ? CLOSE_ARRAY : CLOSE_OBJECT
}

/** @returns index of the closing quote of a name that is new to its object and harmless */
function scanName(octets: Buffer, at: number, frame: Frame, limits: JsonLimits): number {
  if (octets[at] !== QUOTE) throw new JsonError('syntax', at)
  const signed = scanString(octets, at, limits.stringBytesMax)
  const begin = at + 1
  const end = Math.abs(signed)
  frame.atConstructor = false
  if (frame.members === limits.membersMax) throw new JsonError('members', at)

  if (signed < 0 || frame.names !== undefined || frame.members === NAMES_COMPARED_MAX) {
    const name = JSON.parse(octets.toString('utf8', at, end + 1)) as string
    frame.names ??= namesSoFar(octets, frame)
    if (frame.names.has(name)) throw new JsonError('duplicate-name', at)
    frame.names.add(name)
    checkReserved(name, at, frame)
  } else {
    const hash = hashOf(octets, begin, end)
    for (let i = 0; i < frame.members; i++) {
      if (frame.hashes[i] === hash && sameName(octets, begin, end, frame.begins[i] ?? 0, frame.ends[i] ?? 0)) {
        throw new JsonError('duplicate-name', at)
      }
    }
    frame.hashes[frame.members] = hash
    frame.begins[frame.members] = begin
    frame.ends[frame.members] = end
    // `__proto__` and `prototype` have nine letters, `constructor` eleven.
    if (end - begin === 9 || end - begin === 11) checkReserved(octets.toString('latin1', begin, end), at, frame)
  }
  frame.members++
  return end
}

function checkReserved(name: string, at: number, frame: Frame): void {
  if (name === '__proto__' || (name === 'prototype' && frame.ofConstructor)) throw new JsonError('prototype', at)
  frame.atConstructor = name === 'constructor'
}

function namesSoFar(octets: Buffer, { members, begins, ends }: Frame): Set<string> {
  const names = new Set<string>()
  for (let i = 0; i < members; i++) names.add(octets.toString('utf8', begins[i], ends[i]))
  return names
}

/** FNV-1a. */
function hashOf(octets: Buffer, begin: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = begin; i < end; i++) hash = Math.imul(hash ^ (octets[i] ?? 0), 0x01000193)
  return hash
}

function sameName(octets: Buffer, begin: number, end: number, otherBegin: number, otherEnd: number): boolean {
  if (end - begin !== otherEnd - otherBegin) return false
  for (let i = 0; i < end - begin; i++) if (octets[begin + i] !== octets[otherBegin + i]) return false
  return true
}

/** The longest beginning that is UTF-8, found by halving. */
function encodingErrorAt(octets: Buffer): number {
  let [low, high] = [0, octets.length]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (wholeBefore(octets, middle) === -1) high = middle - 1
    else low = middle
  }
  return wholeBefore(octets, low)
}

/** Where the last whole character before `end` ends, or -1 when what is before `end` is not UTF-8 cut short. */
function wholeBefore(octets: Buffer, end: number): number {
  for (let cut = 0; cut <= 3 && cut <= end; cut++) if (isUtf8(octets.subarray(0, end - cut))) return end - cut
  return -1
}
