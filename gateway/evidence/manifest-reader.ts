/** Reads the manifests of a container in the one form `manifest.ts` writes; the order of attributes is free. EN 319 162-1 §A.4. */

import type { ManifestEntry } from './manifest.ts'

export interface Manifest {
  /** Name of what covers the entries, and the type it is said to have. */
  readonly covering: string
  readonly type: string | undefined
  readonly entries: readonly ManifestEntry[]
}

export class ManifestError extends Error {
  override readonly name = 'ManifestError'
}

export const MANIFEST_BYTES_MAX = 64 * 1024
const ENTRIES_MAX = 32
const ASIC = 'http://uri.etsi.org/02918/v1.2.1#'
const XMLDSIG = 'http://www.w3.org/2000/09/xmldsig#'
const SHA_256 = 'http://www.w3.org/2001/04/xmlenc#sha256'

/** Neither entities nor escapes: our names and types need none. */
const ATTRIBUTE = / ([A-Za-z:]+)="([A-Za-z0-9.:/#+_-]*)"/y
const PROLOG = '<?xml version="1.0" encoding="UTF-8" standalone="no"?>'
const DIGEST_VALUE = /<ds:DigestValue>([A-Za-z0-9+/]{43}=)<\/ds:DigestValue>/y

/** @throws {ManifestError} on anything else, down to white space */
export function readManifest(octets: Buffer): Manifest {
  if (octets.length > MANIFEST_BYTES_MAX) throw new ManifestError('The manifest is too large')
  const reader = openReader(octets.toString('latin1'))
  reader.take(PROLOG)
  const root = reader.element('asic:ASiCManifest', '>')
  if (root.get('xmlns:asic') !== ASIC || root.get('xmlns:ds') !== XMLDSIG || root.size !== 2) throw malformed()
  const covering = reader.element('asic:SigReference', '/>')
  checkNames(covering, ['URI', 'MimeType'])
  const entries: ManifestEntry[] = []
  const names = new Set<string>()
  while (!reader.takes('</asic:ASiCManifest>')) {
    if (entries.length === ENTRIES_MAX) throw new ManifestError('The manifest names too many files')
    const reference = reader.element('asic:DataObjectReference', '>')
    checkNames(reference, ['URI', 'MimeType', 'Rootfile'])
    const method = reader.element('ds:DigestMethod', '/>')
    if (method.get('Algorithm') !== SHA_256 || method.size !== 1) throw new ManifestError('A digest is not SHA-256')
    const value = reader.match(DIGEST_VALUE)
    reader.take('</asic:DataObjectReference>')
    const sha256 = Buffer.from(value, 'base64')
    const name = reference.get('URI') as string
    // One text for one value.
    if (sha256.toString('base64') !== value) throw malformed()
    if (names.has(name)) throw new ManifestError('The manifest names a file twice')
    names.add(name)
    entries.push({ name, sha256 })
  }
  reader.end()
  if (entries.length === 0) throw new ManifestError('The manifest names no file')
  return { covering: covering.get('URI') as string, type: covering.get('MimeType'), entries }
}

function checkNames(attributes: ReadonlyMap<string, string>, allowed: readonly string[]): void {
  if (!attributes.has('URI') || [...attributes.keys()].some((name) => !allowed.includes(name))) throw malformed()
}

function openReader(text: string) {
  let at = 0
  function takes(expected: string): boolean {
    if (!text.startsWith(expected, at)) return false
    at += expected.length
    return true
  }
  function take(expected: string): void {
    if (!takes(expected)) throw malformed()
  }
  function match(pattern: RegExp): string {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) throw malformed()
    at = pattern.lastIndex
    return found[1] as string
  }
  return {
    take,
    takes,
    match,
    element(name: string, end: '>' | '/>'): ReadonlyMap<string, string> {
      take(`<${name}`)
      const attributes = new Map<string, string>()
      for (;;) {
        ATTRIBUTE.lastIndex = at
        const found = ATTRIBUTE.exec(text)
        if (found === null) break
        at = ATTRIBUTE.lastIndex
        if (attributes.has(found[1] as string)) throw malformed()
        attributes.set(found[1] as string, found[2] as string)
      }
      take(end)
      return attributes
    },
    end() {
      if (at !== text.length) throw malformed()
    },
  }
}

function malformed(): ManifestError {
  return new ManifestError('The manifest is not of its form')
}
