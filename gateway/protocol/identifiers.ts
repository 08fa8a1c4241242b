/** X-Road identifiers: members, subsystems, services, gateways. Source: X-Road PR-REST §4.1, contract §2.1. */

import { GatewayError } from '../errors.ts'

/**
 * `INSTANCE/CLASS/MEMBER[/SUBSYSTEM[/SERVICE]]`, each part percent-encoded on its own: the canonical text form, used
 * as key everywhere. A part may itself contain `/`, written `%2F`.
 */
export type Identifier = string

/** What `encodeURIComponent` escapes but PR-REST's charset and RFC 3986 pchar leave as they are. */
const PLAIN = /%(?:27|28|29|2B|2C|3D|3A|40|21|24|26|2A|3B)/gi

/** @param parts decoded @returns the canonical identifier */
export function formatIdentifier(parts: readonly string[]): Identifier {
  return parts.map(encodePart).join('/')
}

/** One identifier part as it stands in a URL: UTF-8, percent-encoded, pchar left alone. RFC 3986 §3.3. */
export function encodePart(part: string): string {
  return encodeURIComponent(part).replace(PLAIN, (escaped) => decodeURIComponent(escaped))
}

/**
 * @param text encoded parts joined by literal `/`
 * @returns decoded parts, each non-empty and free of control characters
 * @throws {GatewayError} `BadRequest`
 */
export function parseIdentifier(text: string): string[] {
  return text.split('/').map(decodePart)
}

const PCHAR = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+$/
const CONTROL = /[\u0000-\u001f\u007f]/

/** @throws {GatewayError} `BadRequest` on an empty part, an invalid escape, invalid UTF-8, control characters or a dot segment */
export function decodePart(part: string): string {
  if (!PCHAR.test(part))
    throw new GatewayError('BadRequest', {
      reason: 'an identifier part is empty or not percent-encoded as RFC 3986 asks',
    })
  let decoded: string
  try {
    decoded = decodeURIComponent(part)
  } catch (cause) {
    throw new GatewayError('BadRequest', { reason: 'an identifier part is not UTF-8', cause })
  }
  if (CONTROL.test(decoded) || decoded === '.' || decoded === '..' || decoded.includes('\\')) {
    throw new GatewayError('BadRequest', { reason: 'an identifier part has a forbidden character' })
  }
  return decoded
}

/** The member an identifier belongs to: its first three parts. */
export function memberOf(identifier: Identifier): Identifier {
  return firstParts(identifier, 3)
}

/** The subsystem a service belongs to: its first four parts. */
export function subsystemOf(identifier: Identifier): Identifier {
  return firstParts(identifier, 4)
}

function firstParts(identifier: Identifier, count: number): Identifier {
  let end = -1
  for (let i = 0; i < count; i++) {
    end = identifier.indexOf('/', end + 1)
    if (end === -1) return identifier
  }
  return identifier.slice(0, end)
}

/** Codes that may be registered. PR-REST §4.8: letters, digits and `'()+,-.=?`; `?` is left out, since it would have to be escaped in every URL. */
export const CODE = /^[A-Za-z0-9'()+,\-.=]{1,64}$/
