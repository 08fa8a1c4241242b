/** What a verification is given: containers, archives of containers, directories, loose files. One piece of evidence after the other, so that memory does not grow with their number. */

import type { Dirent } from 'node:fs'
import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GatewayError } from '../errors.ts'
import { readAnyZip } from './any-zip-reader.ts'
import type { ByteSource, FileSource } from './byte-source.ts'
import { openFile } from './byte-source.ts'
import { reasonOf } from './checks.ts'
import type { EvidenceFile } from './files.ts'
import { evidenceFile } from './files.ts'
import { isLeftover } from './leftovers.ts'
import { EVIDENCE_RECORD_NAME, META } from './manifest.ts'
import { isCompanion } from './report-checks.ts'
import type { ZipEntry } from './zip-reader.ts'
import { ENTRIES_MAX } from './zip-reader.ts'

/** `label` may have been chosen by others. */
export type Piece =
  | { readonly kind: 'container'; readonly label: string; readonly source: ByteSource }
  | {
      readonly kind: 'files'
      readonly label: string
      readonly files: ReadonlyMap<string, EvidenceFile>
      /** A container unpacked: its manifests are there, too. */
      readonly isPackage: boolean
      readonly leftovers: readonly string[]
    }
  /** Beside evidence, in an archive or a directory. */
  | { readonly kind: 'leftovers'; readonly label: string; readonly names: readonly string[] }
  /** For people, of our archives. */
  | { readonly kind: 'companion'; readonly label: string; readonly source: ByteSource }
  /** Of an archive; `end` stands once more behind everything. */
  | { readonly kind: 'begin' | 'end' }
  | { readonly kind: 'refused'; readonly label: string; readonly reason: string }

export type EvidencePiece = Extract<Piece, { readonly kind: 'container' | 'files' | 'refused' }>

export function isEvidence(piece: Piece): piece is EvidencePiece {
  return piece.kind === 'container' || piece.kind === 'files' || piece.kind === 'refused'
}

export interface InputOptions {
  readonly isDraft: boolean
}

const FOLDERS_DEEP_MAX = 16
const LOOSE_FILES_MAX = 32
/** Named of one archive. */
const LEFTOVERS_MAX = 1000
const CONTAINER = /\.asice$/
const ARCHIVE = /\.zip$/

/** @throws {GatewayError} `BadRequest` on a path that is not there */
export function* readInputs(paths: readonly string[], options: InputOptions): Generator<Piece, void, void> {
  const loose: string[] = []
  for (const path of paths) {
    if (isDirectory(path)) {
      yield* readDirectory(path, options, 0)
      yield { kind: 'end' }
    } else if (isLeftover(basename(path))) yield { kind: 'leftovers', label: path, names: [basename(path)] }
    else if (isZip(path)) yield* readArchive(path)
    else if (isCompanion(basename(path))) yield { kind: 'companion', label: path, source: sourceOnDemand(path) }
    else loose.push(path)
  }
  if (loose.length > 0)
    yield looseFiles(loose.length === 1 ? (loose[0] as string) : `${loose.length} files`, loose, options)
  yield { kind: 'end' }
}

function isDirectory(path: string): boolean {
  try {
    const found = statSync(path)
    // Nobody waits for a pipe that has no other end.
    if (!found.isFile() && !found.isDirectory()) throw new TypeError('It is neither file nor directory')
    return found.isDirectory()
  } catch (cause) {
    throw new GatewayError('BadRequest', { reason: `${path} is not there or cannot be read`, cause })
  }
}

/** By its first octets: what it is called is no matter. An archive that begins otherwise is refused as one. */
function isZip(path: string): boolean {
  if (CONTAINER.test(path) || ARCHIVE.test(path)) return true
  const file = openFile(path)
  try {
    return file.size >= 4 && file.read(0, 4).readUInt32LE(0) === 0x04034b50
  } finally {
    file.close()
  }
}

/** One container, or an archive of containers; the first entry tells. */
function* readArchive(path: string): Generator<Piece, void, void> {
  const file = openFile(path)
  let isOpen = false
  const leftovers: string[] = []
  const onLeftover = (what: string): void => {
    // Folders are how archivers write that there are files in them.
    if (!what.endsWith('/') && leftovers.length < LEFTOVERS_MAX) leftovers.push(what)
  }
  try {
    if (CONTAINER.test(path) || isContainer(file)) {
      yield { kind: 'container', label: path, source: file }
      return
    }
    yield { kind: 'begin' }
    isOpen = true
    let containers = 0
    for (const entry of readAnyZip(file, { entriesMax: ENTRIES_MAX, onLeftover })) {
      const label = `${path}/${entry.name}`
      if (isLeftover(entry.name)) onLeftover(entry.name)
      else if (CONTAINER.test(entry.name)) {
        containers += 1
        yield { kind: 'container', label, source: checked(entry) }
      } else if (isCompanion(basename(entry.name))) yield { kind: 'companion', label, source: checked(entry) }
      else yield { kind: 'refused', label, reason: 'It is no container' }
    }
    if (leftovers.length > 0) yield { kind: 'leftovers', label: path, names: leftovers }
    if (containers === 0) yield { kind: 'refused', label: path, reason: 'There is no container in it' }
    yield { kind: 'end' }
  } catch (error) {
    yield { kind: 'refused', label: path, reason: reasonOf(error) }
    if (isOpen) yield { kind: 'end' }
  } finally {
    file.close()
  }
}

const FIRST = Buffer.from('mimetype')

function isContainer(file: FileSource): boolean {
  return file.size >= 38 && file.read(30, FIRST.length).equals(FIRST)
}

/** Its checksum, too. @throws {FileError} */
function checked({ name, content, crc32 }: ZipEntry): ByteSource {
  evidenceFile(name, content, crc32).digests([])
  return content
}

function* readDirectory(path: string, options: InputOptions, depth: number): Generator<Piece, void, void> {
  if (depth > FOLDERS_DEEP_MAX) {
    yield { kind: 'refused', label: path, reason: 'Folders are nested too deep' }
    return
  }
  const all = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  const entries = all.filter(({ name }) => !isLeftover(name))
  const leftovers = all.flatMap(({ name }) => (isLeftover(name) ? [name] : []))
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  const isPackage = names.includes('mimetype')
  if (isPackage || names.includes('log-record.json') || names.includes('signature.jades.json')) {
    const allMeta = entries.some(isMeta) ? readdirSync(join(path, META), { withFileTypes: true }) : []
    const inMeta = allMeta.filter(({ name }) => !isLeftover(name))
    leftovers.push(...allMeta.flatMap(({ name }) => (isLeftover(name) ? [`${META}${name}`] : [])))
    // What is neither file nor their folder nobody vouches for: a link, a pipe, a folder more.
    if (entries.some((entry) => !entry.isFile() && !isMeta(entry)) || inMeta.some((entry) => !entry.isFile())) {
      yield { kind: 'refused', label: path, reason: 'There is something beside the files of one message' }
      return
    }
    const paths = [...names.map((name) => join(path, name)), ...inMeta.map(({ name }) => join(path, META, name))]
    const piece = looseFiles(path, paths, options, isPackage)
    yield piece.kind === 'files' ? { ...piece, leftovers } : piece
    return
  }
  if (leftovers.length > 0) yield { kind: 'leftovers', label: path, names: leftovers }
  for (const entry of entries) {
    const inner = join(path, entry.name)
    // Links are not followed: a directory is what it holds.
    if (entry.isDirectory()) yield* readDirectory(inner, options, depth + 1)
    else if (CONTAINER.test(entry.name) || ARCHIVE.test(entry.name)) {
      if (entry.isFile()) yield* readArchive(inner)
      else yield { kind: 'refused', label: inner, reason: 'It is no file' }
    } else if (isCompanion(entry.name) && entry.isFile()) {
      yield { kind: 'companion', label: inner, source: sourceOnDemand(inner) }
    }
  }
}

function isMeta(entry: Dirent): boolean {
  return entry.isDirectory() && `${entry.name}/` === META
}

/** Files of one group, known by their names; the record by its extension. */
function looseFiles(label: string, paths: readonly string[], { isDraft }: InputOptions, isPackage = false): Piece {
  if (paths.length > LOOSE_FILES_MAX)
    return { kind: 'refused', label, reason: 'There are too many files for one message' }
  const files = new Map<string, EvidenceFile>()
  const sorted = isPackage ? [...paths].sort((a, b) => Number(isMimetype(b)) - Number(isMimetype(a))) : paths
  for (const path of sorted) {
    const name = nameOf(path, isDraft)
    if (files.has(name)) return { kind: 'refused', label, reason: `${name} is there twice` }
    files.set(name, evidenceFile(name, sourceOnDemand(path)))
  }
  return { kind: 'files', label, files, isPackage, leftovers: [] }
}

function isMimetype(path: string): boolean {
  return basename(path) === 'mimetype'
}

function nameOf(path: string, isDraft: boolean): string {
  const name = basename(path)
  if (name.endsWith('.ers')) return EVIDENCE_RECORD_NAME
  if (isDraft && /^signature[A-Za-z.-]*\.(?:json|jws)$/.test(name)) return 'signature.jades.json'
  return path.endsWith(`${META}${name}`) ? `${META}${name}` : name
}

/** Opened for each read: many loose files do not stay open. */
function sourceOnDemand(path: string): ByteSource {
  const { size } = statSync(path)
  function reading<T>(read: (file: FileSource) => T): T {
    const file = openFile(path)
    try {
      return read(file)
    } finally {
      file.close()
    }
  }
  return {
    size,
    read: (at, length) => reading((file) => file.read(at, length)),
    fill: (target, at) => reading((file) => file.fill(target, at)),
  }
}
