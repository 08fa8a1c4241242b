/**
 * The manifests of an evidence container: what each of its signatures, time-stamps and records covers. EN 319 162-1
 * §A.4; one line, one form for given contents, no transforms, no extensions.
 */

export interface ManifestEntry {
  readonly name: string
  readonly sha256: Buffer
}

/** `URI` and type of what covers the entries; an evidence record has no type. */
export interface Covering {
  readonly name: string
  readonly type?: string
}

export const META = 'META-INF/'
export const RECORD_MANIFEST_NAME = `${META}ASiCEvidenceRecordManifest001.xml`
export const EVIDENCE_RECORD_NAME = `${META}evidencerecord001.ers`
export const SEAL_MANIFEST_NAME = `${META}ASiCManifest001.xml`
export const SEAL_NAME = `${META}signature001.p7s`
/** The last archive manifest has no number. */
export const ARCHIVE_MANIFEST_NAME = `${META}ASiCArchiveManifest.xml`
export const ARCHIVE_TIME_STAMP_NAME = `${META}timestamp001.tst`

export const SEAL: Covering = { name: SEAL_NAME, type: 'application/pkcs7-signature' }
export const ARCHIVE_TIME_STAMP: Covering = {
  name: ARCHIVE_TIME_STAMP_NAME,
  type: 'application/vnd.etsi.timestamp-token',
}
export const EVIDENCE_RECORD: Covering = { name: EVIDENCE_RECORD_NAME }

const ASIC = 'http://uri.etsi.org/02918/v1.2.1#'
const XMLDSIG = 'http://www.w3.org/2000/09/xmldsig#'
const SHA_256 = 'http://www.w3.org/2001/04/xmlenc#sha256'
/** By the end of a name, the longest first; what a message said of itself is not repeated. */
const TYPES: readonly (readonly [string, string])[] = [
  ['.jades.json', 'application/jose+json'],
  ['.json', 'application/json'],
  ['.txt', 'text/plain'],
  ['.xml', 'text/xml'],
  ['.pdf', 'application/pdf'],
  ['.zip', 'application/zip'],
  ['.p7s', 'application/pkcs7-signature'],
]
/** Names of ours need neither percent nor XML escapes. */
const NAME = /^(?:META-INF\/)?[A-Za-z0-9][A-Za-z0-9.-]*$/

/** @throws {TypeError} on a name that is none of ours, or nothing to cover */
export function formatManifest(covering: Covering, entries: readonly ManifestEntry[]): Buffer {
  if (entries.length === 0) throw new TypeError('A manifest covers something')
  const type = covering.type === undefined ? '' : `MimeType="${covering.type}" `
  const references = entries.map(
    ({ name, sha256 }) =>
      `<asic:DataObjectReference MimeType="${typeOf(name)}" URI="${checked(name)}">` +
      `<ds:DigestMethod Algorithm="${SHA_256}"/><ds:DigestValue>${sha256.toString('base64')}</ds:DigestValue>` +
      '</asic:DataObjectReference>',
  )
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>' +
      `<asic:ASiCManifest xmlns:asic="${ASIC}" xmlns:ds="${XMLDSIG}">` +
      `<asic:SigReference ${type}URI="${checked(covering.name)}"/>${references.join('')}</asic:ASiCManifest>`,
  )
}

function typeOf(name: string): string {
  return TYPES.find(([end]) => name.endsWith(end))?.[1] ?? 'application/octet-stream'
}

function checked(name: string): string {
  if (!NAME.test(name)) throw new TypeError('A file of a container has a name of ours')
  return name
}
