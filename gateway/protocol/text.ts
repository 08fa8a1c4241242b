/** Octets from outside as text: what they say in which encoding, and how a text of somebody else's is shown in a message. */

import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'

/**
 * A text that a person or another program has written: UTF-8, or UTF-16 with its byte order mark, as Notepad and PowerShell
 * write it. Nothing is replaced. Unicode 16 §23.8, RFC 8259 §8.1.
 *
 * @returns the text without its byte order mark
 * @throws {Error} `not UTF-8 (line 3)`; never with the text
 */
export function decodeText(octets: Uint8Array): string {
  const encoding = isUtf16(octets) ? (octets[0] === 0xff ? 'utf-16le' : 'utf-16be') : undefined
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(octets)
  } catch {
    throw new Error(encoding === undefined ? `not UTF-8 (line ${brokenLine(octets)})` : `not ${encoding.toUpperCase()}`)
  }
}

/** By the byte order mark, no part of which UTF-8 can have. */
export function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}

/** No octet of a longer sequence is a line feed. */
function brokenLine(octets: Uint8Array): number {
  let line = 1
  for (let at = 0; ; line++) {
    const end = octets.indexOf(LINE_FEED, at)
    if (end === -1 || !isUtf8(octets.subarray(at, end))) return line
    at = end + 1
  }
}

const LINE_FEED = 0x0a

/** A text whose encoding nobody has said: UTF-8 where it is valid UTF-8, latin1 otherwise; without a byte order mark. */
export function likelyText(octets: Buffer): string {
  return isUtf8(octets) ? octets.toString('utf8').replace(/^\ufeff/, '') : octets.toString('latin1')
}

/**
 * @param name of the file or document, for the message
 * @throws {Error} `NAME is not UTF-8 (line 3)` or `NAME is no JSON: …`, in one line that shows every character
 */
export function parseJson(octets: Uint8Array, name: string): unknown {
  const text = attempt(`${name} is`, () => decodeText(octets))
  return attempt(`${name} is no JSON:`, () => JSON.parse(text))
}

/** @throws {Error} as `parseJson`, or `FILE is not there or cannot be read (ENOENT)` */
export async function readJson(file: string): Promise<unknown> {
  const octets = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${file} is not there or cannot be read (${error.code})`, { cause: error })
  })
  return parseJson(octets, file)
}

function attempt<T>(before: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new Error(`${before} ${shown((error as Error).message)}`, { cause: error })
  }
}

/** What nobody sees, or takes for something else, by its number: `U+FEFF`. */
export function shown(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const point = character.codePointAt(0) ?? 0
    return `U+${point.toString(16).toUpperCase().padStart(4, '0')}`
  })
}

/** Controls, changes of direction, blanks that are not the common one, what has no width, what Unicode has not assigned. */
const UNSEEN = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu
