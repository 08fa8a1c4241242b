/** The tokens of JSON, each read from its first octet. Source: RFC 8259 §6 and §7. */

import { keepsItsValue } from './json-number.ts'

export type JsonReason =
  | 'encoding'
  | 'syntax'
  | 'depth'
  | 'members'
  | 'string-length'
  | 'duplicate-name'
  | 'prototype'
  | 'lone-surrogate'
  | 'number'

/** Says where and why, never what. */
export class JsonError extends Error {
  readonly reason: JsonReason
  /** Octets from the start. */
  readonly offset: number

  constructor(reason: JsonReason, offset: number) {
    super(`The JSON is refused at octet ${offset}: ${reason}`)
    this.name = 'JsonError'
    this.reason = reason
    this.offset = offset
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LETTER_U = 0x75

export function skipSpace(octets: Buffer, from: number): number {
  let at = from
  let octet = octets[at]
  while (octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09) octet = octets[++at]
  return at
}

/** @returns index of the closing quote, negative when there are escapes in between */
export function scanString(octets: Buffer, at: number, bytesMax: number): number {
  let escaped = false
  for (let i = at + 1; i < octets.length; i++) {
    const octet = octets[i] ?? 0
    if (octet === QUOTE) {
      if (i - at - 1 > bytesMax) throw new JsonError('string-length', at)
      return escaped ? -i : i
    }
    if (octet === BACKSLASH) {
      escaped = true
      i = scanEscape(octets, i)
    } else if (octet < 0x20) throw new JsonError('syntax', i)
  }
  throw new JsonError('syntax', octets.length)
}

/** @returns index of the last octet of the escape, or of both escapes of a surrogate pair */
function scanEscape(octets: Buffer, at: number): number {
  switch (octets[at + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return at + 1
    case LETTER_U:
      break
    default:
      throw new JsonError('syntax', at)
  }
  const unit = scanUnit(octets, at)
  if (unit < 0xd800 || unit > 0xdfff) return at + 5
  const paired = unit < 0xdc00 && octets[at + 6] === BACKSLASH && octets[at + 7] === LETTER_U
  const second = paired ? scanUnit(octets, at + 6) : 0
  if (second < 0xdc00 || second > 0xdfff) throw new JsonError('lone-surrogate', at)
  return at + 11
}

/** The UTF-16 code unit of the escape `\uXXXX` at `at`. */
function scanUnit(octets: Buffer, at: number): number {
  const digits = octets.toString('latin1', at + 2, at + 6)
  if (!/^[0-9A-Fa-f]{4}$/.test(digits)) throw new JsonError('syntax', at)
  return Number.parseInt(digits, 16)
}

/** A number or one of the three words. @returns index behind it */
export function scanBare(octets: Buffer, at: number): number {
  switch (octets[at]) {
    case 0x74:
      return scanWord(octets, at, 'true')
    case 0x66:
      return scanWord(octets, at, 'false')
    case 0x6e:
      return scanWord(octets, at, 'null')
    default:
      return scanNumber(octets, at)
  }
}

function scanWord(octets: Buffer, at: number, word: string): number {
  for (let i = 0; i < word.length; i++) if (octets[at + i] !== word.charCodeAt(i)) throw new JsonError('syntax', at)
  return at + word.length
}

function scanNumber(octets: Buffer, at: number): number {
  const begin = octets[at] === 0x2d ? at + 1 : at
  let end = skipDigits(octets, begin)
  if (end === begin || (octets[begin] === 0x30 && end !== begin + 1)) throw new JsonError('syntax', at)
  let integer = true
  if (octets[end] === 0x2e) {
    integer = false
    const from = end + 1
    end = skipDigits(octets, from)
    if (end === from) throw new JsonError('syntax', at)
  }
  const exponent = octets[end] === 0x65 || octets[end] === 0x45
  if (exponent) {
    integer = false
    const from = octets[end + 1] === 0x2b || octets[end + 1] === 0x2d ? end + 2 : end + 1
    end = skipDigits(octets, from)
    if (end === from) throw new JsonError('syntax', at)
  }
  // Fifteen significant digits always survive a double (DBL_DIG); only more, or an exponent, need a look.
  const plain = !exponent && end - begin <= 15
  if (!plain && !keepsItsValue(octets.toString('latin1', at, end), integer)) throw new JsonError('number', at)
  return end
}

function skipDigits(octets: Buffer, from: number): number {
  let at = from
  let octet = octets[at] ?? 0
  while (octet >= 0x30 && octet <= 0x39) octet = octets[++at] ?? 0
  return at
}
