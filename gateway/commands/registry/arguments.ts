/** Values of the command line, read and checked before anything is done with them. */

import { InvalidArgumentError } from 'commander'
import { CODE } from '../../protocol/identifiers.ts'
import { parseInstant } from '../../protocol/instant.ts'

/** @param counts how many parts the identifier may have */
export function identifier(...counts: readonly number[]): (text: string) => string {
  return (text) => {
    const parts = text.split('/')
    if (!counts.includes(parts.length) || !parts.every((part) => CODE.test(part))) {
      throw new InvalidArgumentError(`An identifier of ${counts.join(' or ')} parts is needed.`)
    }
    return text
  }
}

export function number(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('A number is needed.')
  return Number(text)
}

/** @param text a time, or a day for its beginning in UTC @returns ISO 8601, UTC, milliseconds */
export function instant(text: string): string {
  const at = parseInstant(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text)
  if (at === undefined) throw new InvalidArgumentError('A day or a time with its zone is needed: 2026-03-01T08:00:00Z.')
  return at
}

/** A fingerprint with or without colons, in letters of either case, as openssl and browsers print it. */
export function sha256(text: string): string {
  const hex = text.replaceAll(':', '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new InvalidArgumentError('A SHA-256 in hex is needed: 64 digits.')
  return hex
}

export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('An http or https URL is needed.')
  }
  return text
}

interface Endpoint {
  readonly method: string
  readonly path: string
}

/** `POST /v1`; the option may be given several times. */
export function endpoint(text: string, before: readonly Endpoint[] = []): readonly Endpoint[] {
  const [method = '', path, ...rest] = text.trim().split(/\s+/)
  if (path === undefined || rest.length > 0) throw new InvalidArgumentError("Method and path are needed: 'POST /v1'.")
  return [...before, { method: method.toUpperCase(), path }]
}

/** What was given: options left out must not overwrite anything. */
export function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}
