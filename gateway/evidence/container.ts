/**
 * One message's evidence as an ASiC-E container. EN 319 162-1 §4.4; the exact form is section 5 of the design of the
 * evidence: the group's files at the root, the evidence record with its manifest, and, when it is sealed, the exporting
 * gateway's seal over all of that with an archive time-stamp.
 */

import { sha256 } from '../protocol/hash-tree.ts'
import type { Content } from './content.ts'
import { contentOf, joined } from './content.ts'
import type { ManifestEntry } from './manifest.ts'
import {
  ARCHIVE_MANIFEST_NAME,
  ARCHIVE_TIME_STAMP,
  ARCHIVE_TIME_STAMP_NAME,
  EVIDENCE_RECORD,
  EVIDENCE_RECORD_NAME,
  formatManifest,
  RECORD_MANIFEST_NAME,
  SEAL,
  SEAL_MANIFEST_NAME,
  SEAL_NAME,
} from './manifest.ts'
import { openZipWriter } from './zip-writer.ts'

export const MIMETYPE = 'application/vnd.etsi.asic-e+zip'

/** What a container is called: names sort as the log does. */
export function containerName({ seq, kind }: { readonly seq: number; readonly kind: string }): string {
  return `${String(seq).padStart(10, '0')}-${kind}.asice`
}

/** A file of the group: octets that were hashed when it was recorded. */
export interface GroupFile {
  readonly name: string
  readonly sha256: Buffer
  readonly content: Content
}

/** What a container is made of. The caller has compared every file with its hash. */
export interface Package {
  /** Those of the group that are still there; `log-record.json` is one of them. */
  readonly files: readonly GroupFile[]
  /** RFC 4998, DER. */
  readonly evidenceRecord: Buffer
  /** Of the record, milliseconds since the Unix epoch: the time of every entry. */
  readonly at: number
}

export interface ContainerSeal {
  /** CAdES over this manifest, DER. */
  seal(manifest: Buffer): Promise<Buffer>
  /** RFC 3161 token over this hash, DER; nothing when no authority answers, or the seal lasts without. */
  archive(imprint: Buffer): Promise<Buffer | undefined>
}

/** @returns octets whose size is known; a body that is a file is read when they are */
export function formatContainer(from: Package): Content {
  return zipped(from, recordFiles(from))
}

/** The same with a seal. What it throws comes from the seal. */
export async function formatSealedContainer(from: Package, by: ContainerSeal): Promise<Content> {
  const record = recordFiles(from)
  const covered: ManifestEntry[] = [...from.files, ...record]
  const manifest = fileOf(SEAL_MANIFEST_NAME, formatManifest(SEAL, covered))
  const signature = fileOf(SEAL_NAME, await by.seal(manifest.octets))
  const sealed = [...record, manifest, signature]
  const archive = fileOf(ARCHIVE_MANIFEST_NAME, formatManifest(ARCHIVE_TIME_STAMP, [...covered, manifest, signature]))
  const token = await by.archive(archive.sha256)
  if (token === undefined) return zipped(from, sealed)
  return zipped(from, [...sealed, archive, fileOf(ARCHIVE_TIME_STAMP_NAME, token)])
}

interface MetaFile extends GroupFile {
  readonly octets: Buffer
}

function recordFiles({ files, evidenceRecord }: Package): MetaFile[] {
  return [
    fileOf(RECORD_MANIFEST_NAME, formatManifest(EVIDENCE_RECORD, files)),
    fileOf(EVIDENCE_RECORD_NAME, evidenceRecord),
  ]
}

function fileOf(name: string, octets: Buffer): MetaFile {
  return { name, octets, sha256: sha256(octets), content: contentOf(octets) }
}

function zipped({ files, at }: Package, more: readonly GroupFile[]): Content {
  const zip = openZipWriter()
  const parts = zip.entry('mimetype', contentOf(Buffer.from(MIMETYPE)), at)
  for (const { name, content } of [...files, ...more]) parts.push(...zip.entry(name, content, at))
  parts.push(zip.end())
  return joined(parts)
}
