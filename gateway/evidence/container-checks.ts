/** A container's own form: its archive, its files, its manifests, its seal. EN 319 162-1 §4.4; design of the evidence, section 5. */

import { readAnyZip } from './any-zip-reader.ts'
import type { ByteSource } from './byte-source.ts'
import type { Checks } from './checks.ts'
import { openChecks, reasonOf } from './checks.ts'
import { MIMETYPE } from './container.ts'
import { DRAFT_HEAD_NAME } from './draft-signature.ts'
import type { EvidenceFile } from './files.ts'
import { evidenceFile } from './files.ts'
import { isLeftover, leftoversText } from './leftovers.ts'
import type { Covering } from './manifest.ts'
import {
  ARCHIVE_MANIFEST_NAME,
  ARCHIVE_TIME_STAMP,
  ARCHIVE_TIME_STAMP_NAME,
  EVIDENCE_RECORD,
  EVIDENCE_RECORD_NAME,
  formatManifest,
  META,
  RECORD_MANIFEST_NAME,
  SEAL,
  SEAL_MANIFEST_NAME,
  SEAL_NAME,
} from './manifest.ts'
import type { Manifest } from './manifest-reader.ts'
import { MANIFEST_BYTES_MAX, readManifest } from './manifest-reader.ts'
import type { Sealed } from './origin-checks.ts'
import { RECORD_BYTES_MAX } from './record-checks.ts'
import { checkSeal } from './seal-checks.ts'
import type { Verified, Verifying } from './verify.ts'
import { verifyFiles } from './verify.ts'
import type { ZipEntry } from './zip-reader.ts'
import { readZip, ZipError } from './zip-reader.ts'

type Files = ReadonlyMap<string, EvidenceFile>

/** Files of a container: the group, and seven of its own; and what may have been left between them. */
const ENTRIES_MAX = 24
const PACKED_MAX = 256
const MIMETYPE_NAME = 'mimetype'
const OBJECT_NAME = /^[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*$/
const META_NAMES: ReadonlySet<string> = new Set([
  RECORD_MANIFEST_NAME,
  EVIDENCE_RECORD_NAME,
  SEAL_MANIFEST_NAME,
  SEAL_NAME,
  ARCHIVE_MANIFEST_NAME,
  ARCHIVE_TIME_STAMP_NAME,
])

/** A container as a file. */
export function verifyContainer(source: ByteSource, verifying: Verifying): Verified {
  const checks = openChecks()
  const unpacked = unpack(source, verifying.isDraft, checks)
  if (unpacked === undefined) return { outcome: checks.outcome(), checks: checks.list, statement: {} }
  const { entries, leftovers, isAnew } = unpacked
  const files = new Map(entries.map((entry) => [entry.name, evidenceFile(entry.name, entry.content, entry.crc32)]))
  if (leftovers.length > 0) checks.warn('container.leftovers', leftoversText(leftovers))
  const verified = verifyPackage(files, verifying, checks)
  const { record } = verified.statement
  const stamp = entries[0]?.stamp
  const isUniform = entries.every((entry) => entry.stamp === stamp)
  // Times in the headers say what the record says, so that no octet of a container is without meaning.
  if (isAnew) checks.skip('container.time', 'another tool wrote the headers')
  else if (!verifying.isDraft && record !== undefined) {
    if (isUniform && stamp === dosTime(record.at)) checks.ok('container.time')
    else checks.fail('container.time', 'the archive names another time than the record')
  }
  return { ...verified, outcome: checks.outcome() }
}

interface Unpacked {
  readonly entries: readonly ZipEntry[]
  readonly leftovers: readonly string[]
  /** By another tool than the one that exported it. */
  readonly isAnew: boolean
}

/** In the one form that is written here, or in any that EN 319 162-1 §A.1 allows, which is a warning. */
function unpack(source: ByteSource, isDraft: boolean, checks: Checks): Unpacked | undefined {
  try {
    const found = [...readZip(source, { entriesMax: PACKED_MAX, isLenient: isDraft })]
    const entries = found.filter(({ name }) => !isLeftover(name))
    checks.ok('zip.form', `${entries.length} files`)
    return { entries, leftovers: found.flatMap(({ name }) => (isLeftover(name) ? [name] : [])), isAnew: false }
  } catch (error) {
    if (!(error instanceof ZipError)) {
      checks.fail('zip.form', reasonOf(error))
      return undefined
    }
    return unpackAnew(source, error, checks)
  }
}

function unpackAnew(source: ByteSource, { flaw }: ZipError, checks: Checks): Unpacked | undefined {
  try {
    const leftovers: string[] = []
    const onLeftover = (what: string): void => void leftovers.push(what)
    const found = [...readAnyZip(source, { entriesMax: PACKED_MAX, onLeftover })]
    leftovers.push(...found.flatMap(({ name }) => (isLeftover(name) ? [name] : [])))
    const entries = found.filter(({ name }) => !isLeftover(name))
    if (entries[0]?.name !== MIMETYPE_NAME || !entries[0].isPlainFirst) {
      checks.fail('container.files', 'mimetype is not the first file, stored and without an extra field')
    }
    // Sizes and sums of packed files are compared here, so that it shows before anything else is said.
    for (const { name, content, crc32 } of entries) evidenceFile(name, content, crc32).digests([])
    checks.warn('zip.form', `${entries.length} files, packed anew by another tool (${flaw})`)
    return { entries, leftovers, isAnew: true }
  } catch (error) {
    checks.fail('zip.form', reasonOf(error))
    return undefined
  }
}

/** A container's files, packed or not. */
export function verifyPackage(files: Files, verifying: Verifying, checks: Checks): Verified {
  let sealed: Sealed | undefined
  try {
    const flaw = filesFlaw(files, verifying.isDraft)
    if (flaw !== undefined) checks.fail('container.files', flaw)
    else {
      checks.ok('container.files')
      sealed = checkManifests(files, verifying, checks)
    }
  } catch (error) {
    checks.fail('container.files', reasonOf(error))
  }
  return verifyFiles(files, verifying, checks, sealed)
}

/** MS-DOS time and date of an instant, UTC, as in the headers: date in the upper half. APPNOTE.TXT §4.4.6 */
export function dosTime(at: number): number {
  const time = new Date(Math.min(Math.max(at, Date.UTC(1980, 0, 1)), Date.UTC(2107, 11, 31, 23, 59, 58)))
  const ofDay = (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1)
  const day = ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate()
  return ((day << 16) | ofDay) >>> 0
}

function filesFlaw(files: Files, isDraft: boolean): string | undefined {
  if (files.size > ENTRIES_MAX) return 'there are too many files'
  const [first] = files.keys()
  if (first !== MIMETYPE_NAME) return 'mimetype is not the first file'
  if (
    files
      .get(MIMETYPE_NAME)
      ?.octets(MIMETYPE.length + 1)
      .toString('latin1') !== MIMETYPE
  )
    return 'mimetype is another'
  for (const name of files.keys()) {
    const isKnown = name.startsWith(META) ? META_NAMES.has(name) : OBJECT_NAME.test(name)
    if (!isKnown) return 'there is a file that belongs to no container'
    if (name === DRAFT_HEAD_NAME && !isDraft) return 'it is of the draft, not of this profile'
  }
  const together = [
    [RECORD_MANIFEST_NAME, EVIDENCE_RECORD_NAME],
    [SEAL_MANIFEST_NAME, SEAL_NAME],
    [ARCHIVE_MANIFEST_NAME, ARCHIVE_TIME_STAMP_NAME],
  ] as const
  for (const [manifest, covering] of together) {
    if (files.has(manifest) !== files.has(covering)) return `${files.has(manifest) ? covering : manifest} is missing`
  }
  if (!files.has(EVIDENCE_RECORD_NAME)) return 'the evidence record is missing'
  if (!files.has('log-record.json')) return 'log-record.json is missing'
  return files.has(ARCHIVE_MANIFEST_NAME) && !files.has(SEAL_NAME) ? 'an archive time-stamp without a seal' : undefined
}

/** @returns the seal, when it holds over everything in the container */
function checkManifests(files: Files, verifying: Verifying, checks: Checks): Sealed | undefined {
  const { isDraft } = verifying
  const group = [...files.keys()].filter((name) => !name.startsWith(META) && name !== MIMETYPE_NAME)
  const record = [RECORD_MANIFEST_NAME, EVIDENCE_RECORD_NAME]
  const seal = [SEAL_MANIFEST_NAME, SEAL_NAME]
  const manifest = (name: string, covering: Covering, covered: readonly string[], id: 'record' | 'seal'): boolean => {
    const flaw = manifestFlaw(files, name, covering, covered, isDraft)
    if (flaw === undefined) return true
    checks.fail(`${id}.manifest`, flaw)
    return false
  }
  if (manifest(RECORD_MANIFEST_NAME, EVIDENCE_RECORD, group, 'record')) checks.ok('record.manifest')
  if (!files.has(SEAL_NAME)) return undefined
  const isArchived = files.has(ARCHIVE_MANIFEST_NAME)
  const fits =
    manifest(SEAL_MANIFEST_NAME, SEAL, [...group, ...record], 'seal') &&
    (!isArchived || manifest(ARCHIVE_MANIFEST_NAME, ARCHIVE_TIME_STAMP, [...group, ...record, ...seal], 'seal'))
  if (fits) checks.ok('seal.manifest', `${group.length + 2} files`)
  const octets = (name: string): Buffer => (files.get(name) as EvidenceFile).octets(RECORD_BYTES_MAX)
  const archive = isArchived
    ? { manifest: octets(ARCHIVE_MANIFEST_NAME), token: octets(ARCHIVE_TIME_STAMP_NAME) }
    : undefined
  const parts = { manifest: octets(SEAL_MANIFEST_NAME), seal: octets(SEAL_NAME), archive }
  const sealed = checkSeal(parts, verifying, checks)
  return fits ? sealed : undefined
}

/** It names what covers, and exactly what is covered. */
function manifestFlaw(
  files: Files,
  name: string,
  covering: Covering,
  covered: readonly string[],
  isDraft: boolean,
): string | undefined {
  const digestOf = (each: string): Buffer => (files.get(each) as EvidenceFile).digests(['sha256'])[0] as Buffer
  let manifest: Manifest
  try {
    const octets = (files.get(name) as EvidenceFile).octets(MANIFEST_BYTES_MAX)
    // As we write it ourselves, octet for octet: there is nothing left to read.
    if (
      octets.equals(
        formatManifest(
          covering,
          covered.map((each) => ({ name: each, sha256: digestOf(each) })),
        ),
      )
    )
      return
    manifest = readManifest(octets)
  } catch (error) {
    return `${name}: ${reasonOf(error)}`
  }
  if (manifest.covering !== covering.name) return `${name} is that of another file`
  if (manifest.type !== covering.type && !isDraft) return `${name} names another type`
  for (const entry of manifest.entries) {
    if (!covered.includes(entry.name)) return `${name} names a file that is not there, or not covered`
    if (!digestOf(entry.name).equals(entry.sha256)) return `${entry.name} is another than ${name} says`
  }
  return manifest.entries.length === covered.length ? undefined : `${name} leaves out a file`
}
