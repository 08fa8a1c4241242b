/** In which charset the text of a local system is, and the text itself: read as it was meant, or refused; nothing is replaced. */

import { MIMEType } from 'node:util'
import { AdapterError } from './adapter-error.ts'

/**
 * A byte order mark counts first, then `charset` of the content type, then the XML declaration; without any of them it is
 * UTF-8, or UTF-16 when every other octet of an ASCII start is zero. RFC 7303 §3, XML 1.0 §4.3.3 and appendix F,
 * RFC 8259 §8.1, RFC 4627 §3 (JSON in UTF-16).
 *
 * @returns the text without its byte order mark
 * @throws {AdapterError} `response` (`charset`) for a charset that is not known, and for octets that are no text in theirs
 */
export function decodeText(octets: Uint8Array, contentType?: string): string {
  const label = markOf(octets) ?? charsetOf(contentType) ?? unmarkedUtf16(octets) ?? declared(octets) ?? 'utf-8'
  const name = ALIASES[label] ?? label
  const text = decode(octets, name === 'utf-16' ? (unmarkedUtf16(octets) ?? 'utf-16be') : name)
  // No text has these; octets that become them are in another charset than it is said.
  if (SINGLE_OCTET.test(name) && C1.test(text)) throw unreadable()
  return text
}

/** Unicode 16 §23.8. UTF-32, whose mark begins like that of UTF-16, nobody reads. */
function markOf(octets: Uint8Array): string | undefined {
  const start = Buffer.from(octets.subarray(0, 4)).toString('hex')
  if (start === 'fffe0000' || start === '0000feff') throw unreadable()
  if (start.startsWith('efbbbf')) return 'utf-8'
  if (start.startsWith('fffe')) return 'utf-16le'
  return start.startsWith('feff') ? 'utf-16be' : undefined
}

/** XML and JSON begin with ASCII; RFC 2781 §4.3 takes big-endian where nothing says otherwise. */
function unmarkedUtf16([first, second]: Uint8Array): string | undefined {
  if (first === 0 && second !== 0) return 'utf-16be'
  return first !== 0 && second === 0 ? 'utf-16le' : undefined
}

function charsetOf(contentType: string | undefined): string | undefined {
  try {
    // Some write the name in apostrophes, which RFC 9110 §8.3.1 does not know.
    return new MIMEType(contentType ?? '').params
      .get('charset')
      ?.replace(/^'(.*)'$/, '$1')
      .toLowerCase()
  } catch {
    return undefined
  }
}

const DECLARATION = /^<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']/
const DECLARATION_BYTES_MAX = 200

/** A declaration that was read octet by octet is not in UTF-16, whatever it says. */
function declared(octets: Uint8Array): string | undefined {
  const start = Buffer.from(octets.subarray(0, DECLARATION_BYTES_MAX)).toString('latin1')
  const label = DECLARATION.exec(start)?.[1]?.toLowerCase()
  if (label !== undefined && /^(?:utf|ucs)-?(?:16|32)/.test(label)) throw unreadable()
  return label
}

/** Names of the IANA registry and of what is in use; the decoder knows others, but some of them for another charset. */
const ALIASES: Readonly<Record<string, string>> = {
  utf8: 'utf-8',
  'unicode-1-1-utf-8': 'utf-8',
  latin1: 'iso-8859-1',
  'latin-1': 'iso-8859-1',
  l1: 'iso-8859-1',
  'iso_8859-1': 'iso-8859-1',
  'iso8859-1': 'iso-8859-1',
  iso88591: 'iso-8859-1',
  cp819: 'iso-8859-1',
  latin9: 'iso-8859-15',
  'latin-9': 'iso-8859-15',
  l9: 'iso-8859-15',
  'iso_8859-15': 'iso-8859-15',
  'iso8859-15': 'iso-8859-15',
  cp1252: 'windows-1252',
  'x-cp1252': 'windows-1252',
  ascii: 'us-ascii',
}

const SINGLE_OCTET = /^(?:iso-8859|windows)-/
const C1 = /[\u0080-\u009f]/

function decode(octets: Uint8Array, name: string): string {
  // For these two names the decoder of the platform reads windows-1252.
  if (name === 'iso-8859-1') return Buffer.from(octets).toString('latin1')
  if (name === 'us-ascii') {
    if (octets.some((octet) => octet > 0x7f)) throw unreadable()
    return Buffer.from(octets).toString('latin1')
  }
  try {
    const decoder = new TextDecoder(name, { fatal: true })
    // Other names of a charset, and those that it reads as another one, are in the table or unknown.
    if (decoder.encoding === name) return decoder.decode(octets)
  } catch {
    // Told below: an unknown name, or octets that are no text.
  }
  throw unreadable()
}

function unreadable(): AdapterError {
  return new AdapterError('response', 'charset')
}
