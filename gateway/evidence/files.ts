/** The files of one message's evidence, wherever they come from: hashed in pieces when they are large, held only when small. */

import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { hashOf } from '../protocol/sha2.ts'
import type { DigestName } from '../protocol/signed-data.ts'
import type { ByteSource } from './byte-source.ts'
import { HELD_BYTES_MAX } from './byte-source.ts'

export class FileError extends Error {
  override readonly name = 'FileError'
}

export interface EvidenceFile {
  readonly name: string
  readonly size: number
  /** @throws {FileError} when it is larger than `bytesMax`, or its checksum is wrong */
  octets(bytesMax: number): Buffer
  /** In the order asked for; with none, only the checksum is compared. @throws {FileError} when its checksum is wrong */
  digests(names: readonly DigestName[]): readonly Buffer[]
}

/** Read at a stretch. */
const PIECE_BYTES = 1024 * 1024

/** @param checksum CRC-32 of a file in an archive */
export function evidenceFile(name: string, content: ByteSource, checksum?: number): EvidenceFile {
  const { size } = content
  let held: Buffer | undefined
  const known = new Map<DigestName, Buffer>()

  function read(): Buffer {
    if (held !== undefined) return held
    const octets = content.read(0, size)
    if (checksum !== undefined && crc32(octets) !== checksum) throw damaged()
    held = octets
    return octets
  }

  return {
    name,
    size,
    octets(bytesMax) {
      if (size > bytesMax) throw new FileError('It is larger than such a file may be')
      return read()
    },
    digests(names) {
      const missing = names.filter((digest) => !known.has(digest))
      if (missing.length > 0 || names.length === 0) hashAll(missing)
      return names.map((digest) => known.get(digest) as Buffer)
    },
  }

  function hashAll(names: readonly DigestName[]): void {
    if (size <= HELD_BYTES_MAX) {
      const octets = read()
      for (const digest of names) known.set(digest, hashOf(digest, octets))
      return
    }
    const hashes = names.map((digest) => createHash(digest))
    const room = Buffer.allocUnsafe(PIECE_BYTES)
    let sum = 0
    for (let at = 0; at < size; at += PIECE_BYTES) {
      const piece = room.subarray(0, Math.min(PIECE_BYTES, size - at))
      content.fill(piece, at)
      for (const each of hashes) each.update(piece)
      if (checksum !== undefined) sum = crc32(piece, sum)
    }
    if (checksum !== undefined && sum !== checksum) throw damaged()
    for (const [index, digest] of names.entries()) known.set(digest, (hashes[index] as Hash).digest())
  }
}

function damaged(): FileError {
  return new FileError('Its CRC-32 is another than the archive says')
}
