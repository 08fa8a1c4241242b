/**
 * The format of an archive file: the records of a day, readable one by one, provable without the log they came from.
 *
 * Octets: magic · u32 length · header (JSON) · sections · index · text index · trailer. A section is a tag, a u32 length and
 * that many octets; numbers are big-endian. The index has the place of every record in 6 octets, 0 where the record was
 * erased before; the text index the same for texts. Batches stand open, since leaves and tokens say nothing about anybody;
 * everything else is sealed, each record under a key that its share in the log is needed for.
 */

import { HASH_BYTES } from '../../protocol/hash-tree.ts'

export const MAGIC = Buffer.from('OWLARCH1', 'latin1')
const END = Buffer.from('OWLARCHE', 'latin1')
export const TRAILER_BYTES = 28
/** Of a place in an index: 256 TiB. */
export const PLACE_BYTES = 6
export const SECTION_HEAD_BYTES = 5
export const HEADER_BYTES_MAX = 4096
export const SALT_BYTES = 32

/** Sections. */
export const RECORD = 0x52
export const TEXT = 0x54
export const BATCH = 0x42

export interface ArchiveHeader {
  readonly v: 1
  /** `gateway/node` */
  readonly log: string
  readonly epoch: number
  /** On which its batches were closed, UTC: `2026-11-23`. */
  readonly day: string
  /** SHA-256 of the archive file before, hex; null for the first. */
  readonly prev: string | null
  /** Records, those of the batches included, without a gap. */
  readonly first: number
  readonly last: number
  readonly firstBatch: number
  readonly lastBatch: number
  /** Hex. Makes two archive files of the same records differ in every sealed octet. */
  readonly salt: string
}

export interface Trailer {
  readonly indexAt: number
  readonly textIndexAt: number
  readonly texts: number
}

/** One batch as it stands open in the file. */
export interface ArchivedBatch {
  /** `log-record.json` of its own record, up to its basis. */
  readonly record: Buffer
  /** `batch-header.json` */
  readonly header: Buffer
  /** `batch-leaves.bin` */
  readonly leaves: Buffer
  readonly token: Buffer
}

/** What is sealed of one record. Texts are their numbers in the file. */
export interface ArchivedRecord {
  /** `log-record.json` up to its basis. */
  readonly record: Buffer
  readonly basis: number | null
  readonly etsiU: number | null
  readonly signature: string | null
  readonly extension: string | null
  readonly head: Buffer | null
  /** Only of the log's own records: that of a message is sealed apart. */
  readonly body: Buffer | null
  /** SHA-256 of the encrypted file that is the body. */
  readonly fileSha256: Buffer | null
}

export function archiveName(day: string, sha256: Buffer): string {
  return `${day}.${sha256.toString('hex')}.owlarchive`
}

const NAME = /^(\d{4}-\d\d-\d\d)\.([0-9a-f]{64})\.owlarchive$/

/** @returns day and hash as the name says them */
export function parseArchiveName(name: string): { readonly day: string; readonly sha256: string } | undefined {
  const [, day, sha256] = NAME.exec(name) ?? []
  return day === undefined || sha256 === undefined ? undefined : { day, sha256 }
}

export function formatHeader(header: ArchiveHeader): Buffer {
  const { v, log, epoch, day, prev, first, last, firstBatch, lastBatch, salt } = header
  const json = Buffer.from(JSON.stringify({ v, log, epoch, day, prev, first, last, firstBatch, lastBatch, salt }))
  return Buffer.concat([MAGIC, u32(json.length), json])
}

/** @param octets of the header alone @throws {Error} when it is none */
export function parseHeader(octets: Buffer): ArchiveHeader {
  const header = JSON.parse(octets.toString('utf8')) as Partial<ArchiveHeader>
  const { v, log, epoch, day, prev, first, last, firstBatch, lastBatch, salt } = header
  const isPlain =
    v === 1 &&
    typeof log === 'string' &&
    /^\d{4}-\d\d-\d\d$/.test(String(day)) &&
    (prev === null || /^[0-9a-f]{64}$/.test(String(prev))) &&
    /^[0-9a-f]{64}$/.test(String(salt)) &&
    [epoch, first, last, firstBatch, lastBatch].every((number) => Number.isSafeInteger(number) && Number(number) > 0) &&
    Number(first) < Number(last) &&
    Number(firstBatch) <= Number(lastBatch)
  // Read strictly: what is written again must be the same octets.
  if (
    !isPlain ||
    !formatHeader(header as ArchiveHeader)
      .subarray(MAGIC.length + 4)
      .equals(octets)
  ) {
    throw new Error('The header is not one of an archive file')
  }
  return header as ArchiveHeader
}

export function formatTrailer({ indexAt, textIndexAt, texts }: Trailer): Buffer {
  const octets = Buffer.alloc(TRAILER_BYTES)
  octets.writeUIntBE(indexAt, 2, PLACE_BYTES)
  octets.writeUIntBE(textIndexAt, 10, PLACE_BYTES)
  octets.writeUInt32BE(texts, 16)
  octets.set(END, TRAILER_BYTES - END.length)
  return octets
}

/** @param size of the whole file @throws {Error} when it does not fit the file */
export function parseTrailer(octets: Buffer, size: number, records: number): Trailer {
  const indexAt = octets.readUIntBE(2, PLACE_BYTES)
  const textIndexAt = octets.readUIntBE(10, PLACE_BYTES)
  const texts = octets.readUInt32BE(16)
  const fits =
    octets.length === TRAILER_BYTES &&
    octets.subarray(-END.length).equals(END) &&
    textIndexAt === indexAt + records * PLACE_BYTES &&
    textIndexAt + texts * PLACE_BYTES + TRAILER_BYTES === size
  if (!fits || octets.readUInt16BE(0) !== 0 || octets.readUInt16BE(8) !== 0)
    throw new Error('The end of the file is not there')
  return { indexAt, textIndexAt, texts }
}

export function formatSection(tag: number, parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(SECTION_HEAD_BYTES)
  head[0] = tag
  head.writeUInt32BE(
    parts.reduce((sum, { length }) => sum + length, 0),
    1,
  )
  return Buffer.concat([head, ...parts])
}

export function packBatch({ record, header, leaves, token }: ArchivedBatch): Buffer {
  return pack([record, header, leaves, token])
}

/** @throws {Error} when the octets are cut off or too many */
export function unpackBatch(octets: Buffer): ArchivedBatch {
  const [record, header, leaves, token] = unpack(octets, 4)
  if (record == null || header == null || leaves == null || token == null) throw new Error('A batch lacks a part')
  return { record, header, leaves, token }
}

export function packRecord(archived: ArchivedRecord): Buffer {
  const { record, basis, etsiU, signature, extension, head, body, fileSha256 } = archived
  const texts = [number(basis), number(etsiU), text(signature), text(extension)]
  return pack([record, ...texts, head, body, fileSha256])
}

/** @throws {Error} when the octets are cut off or too many */
export function unpackRecord(octets: Buffer): ArchivedRecord {
  const [record, basis, etsiU, signature, extension, head, body, fileSha256] = unpack(octets, 8)
  if (record == null) throw new Error('A record is missing')
  if (fileSha256 != null && fileSha256.length !== HASH_BYTES) throw new Error('A hash has another length')
  return {
    record,
    basis: basis?.readUInt32BE(0) ?? null,
    etsiU: etsiU?.readUInt32BE(0) ?? null,
    signature: signature?.toString('latin1') ?? null,
    extension: extension?.toString('latin1') ?? null,
    head: head ?? null,
    body: body ?? null,
    fileSha256: fileSha256 ?? null,
  }
}

/** Stands for a part that is not there; no part is that long. */
const ABSENT = 0xffff_ffff

function pack(parts: readonly (Uint8Array | null)[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => (part === null ? [u32(ABSENT)] : [u32(part.length), part])))
}

function unpack(octets: Buffer, count: number): (Buffer | null)[] {
  const parts: (Buffer | null)[] = []
  let at = 0
  for (let index = 0; index < count; index++) {
    const length = octets.readUInt32BE(at)
    at += 4
    if (length === ABSENT) parts.push(null)
    else {
      if (at + length > octets.length) throw new Error('Octets are cut off')
      parts.push(octets.subarray(at, at + length))
      at += length
    }
  }
  if (at !== octets.length) throw new Error('There are octets too many')
  return parts
}

function number(value: number | null): Buffer | null {
  return value === null ? null : u32(value)
}

function text(value: string | null): Buffer | null {
  return value === null ? null : Buffer.from(value, 'latin1')
}

function u32(value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}
