/**
 * Makes an archive file out of batches of the log. Nothing is taken that does not verify, and nothing in the log changes:
 * that is `archive-emptying.ts`, once the file is on the disk.
 */

import { createHash, createHmac } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileKey, keptShare, nonceOf, recordKey, textShare } from '../archive/archive-files.ts'
import type { ArchiveHeader } from '../archive/archive-format.ts'
import {
  archiveName,
  BATCH,
  formatHeader,
  formatSection,
  formatTrailer,
  PLACE_BYTES,
  packBatch,
  packRecord,
  RECORD,
  SALT_BYTES,
  TEXT,
} from '../archive/archive-format.ts'
import type { BodyFiles } from '../files/body-files.ts'
import { bodyDirectory, bodyPath } from '../files/body-files.ts'
import { syncPath } from '../files/durable-file.ts'
import { seal } from '../keys/content-cipher.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { dateOf, dayOf } from '../keys/key-store.ts'
import type { LogReader } from '../reading/reader.ts'
import { ArchiveError } from '../record/archive-error.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import type { LogStore } from '../store/log-store.ts'
import type { CheckedRecord } from '../verification/record-check.ts'
import { checkBodyFile, checkRecord } from '../verification/record-check.ts'
import type { Output } from './archive-output.ts'
import { hashFile, openOutput } from './archive-output.ts'
import type { ArchivePlan, MadeArchive } from './terms.ts'

export interface ArchiveBuildDeps {
  readonly reader: LogReader
  readonly keys: Pick<KeyStore, 'read'>
  readonly files: Pick<BodyFiles, 'pathOf'>
  readonly directory: string
  readonly random: (bytes: number) => Buffer
}

export const PART = '.part'
const BUILDING = 'archive.building'
/** Records read at once: each with its body, if that is no file. */
const CHUNK = 32
const BUFFER_BYTES = 1024 * 1024

/**
 * The file lies beside its name, as `….part`, when this returns: it gets its name when the log has it entered.
 *
 * @throws {Damage} when a record does not verify @throws {ArchiveError} when the file before is missing
 */
export async function buildArchive(deps: ArchiveBuildDeps, plan: ArchivePlan): Promise<MadeArchive> {
  const { directory, random, reader } = deps
  prepare(directory, plan)
  const seed = random(SALT_BYTES)
  const header: ArchiveHeader = {
    v: 1,
    log: reader.identity.name,
    epoch: reader.identity.epoch,
    day: dateOf(plan.day),
    prev: plan.before?.split('.')[1] ?? null,
    ...{ first: plan.first, last: plan.last, firstBatch: plan.firstBatch, lastBatch: plan.lastBatch },
    salt: random(SALT_BYTES).toString('hex'),
  }
  const building = join(directory, BUILDING)
  const output = openOutput(building)
  try {
    output.write(formatHeader(header))
    await writeSections(deps, { plan, header, seed, output })
  } catch (error) {
    output.close()
    rmSync(building, { force: true })
    throw error
  }
  const { sha256, bytes } = output.finish()
  // What the disk has is what was hashed: the log gives up its own copy for it.
  if (!sha256.equals(await hashFile(building))) throw new Error('An archive file reads otherwise than it was written')
  renameSync(building, join(directory, archiveName(header.day, sha256) + PART))
  syncPath(directory)
  return { plan, sha256, bytes, textsBefore: textsBefore(reader.store, plan), seed }
}

/**
 * Texts are stored anew after the first batch of a day, so what follows the first batch that is left has newer ones than
 * that batch. While it is of the same day, or there is none, nothing can be said: the next file's texts go with these.
 */
function textsBefore({ records, batches, texts }: LogStore, { day, lastBatch }: ArchivePlan): number {
  const next = batches.numbered(lastBatch + 1)
  const closedAt = next === undefined ? undefined : records.get(next.own, { bodies: false })?.at
  if (next === undefined || closedAt == null || dayOf(closedAt) === day) return 0
  const { basis, etsiU } = texts.oldest(next.first, next.last)
  return basis === null || etsiU === null ? 0 : Math.min(basis, etsiU)
}

/** Of a record that had no share in the log. */
export function ownShare(seed: Uint8Array, seq: number): Buffer {
  return createHmac('sha256', seed).update(String(seq)).digest()
}

/** What stays in the log besides needs no secret of its own there: it says nothing about anybody. */
function shareOf({ header, seed }: Building, { seq, kind }: StoredRecord): Buffer {
  return kind === 'in-doubt' ? ownShare(seed, seq) : keptShare(header.salt, seq)
}

/** A directory that is not the one it was, an empty mount point for instance, must not be begun anew. */
function prepare(directory: string, { before }: ArchivePlan): void {
  if (before === null) mkdirSync(directory, { recursive: true, mode: 0o700 })
  else if (!existsSync(join(directory, before))) {
    throw new ArchiveError('missing', before, `Archive file ${before} is not in ${directory}: nothing more goes there`)
  }
  // Given up before they were entered.
  for (const name of readdirSync(directory)) {
    if (name === BUILDING || name.endsWith(PART)) rmSync(join(directory, name))
  }
}

interface Building {
  readonly plan: ArchivePlan
  readonly header: ArchiveHeader
  readonly seed: Buffer
  readonly output: Output
}

async function writeSections(deps: ArchiveBuildDeps, building: Building): Promise<void> {
  const { plan, header, output } = building
  const { store, contents, identity } = deps.reader
  const index = Buffer.alloc((plan.last - plan.first + 1) * PLACE_BYTES)
  const texts = new Map<number, number>()
  const textPlaces: number[] = []
  const key = deps.keys.read(fileKey(plan.day))
  if (key === undefined) throw new Error('The key of an archive file is not there')
  const keyOfFile = key

  /** @returns its number in the file */
  function numberOf(id: number | null): number | null {
    if (id === null) return null
    const known = texts.get(id)
    if (known !== undefined) return known
    const number = textPlaces.length
    const text = Buffer.from(String(store.texts.get(id)))
    textPlaces.push(output.at)
    output.write(formatSection(TEXT, [seal('arch', keyOfFile, textShare(header.salt, number), text)]))
    texts.set(id, number)
    return number
  }

  async function recordSection(checked: CheckedRecord): Promise<Buffer> {
    const { stored } = checked
    const { seq, share, signature, extension, bodyKey } = stored
    const head = checked.head ?? null
    const record = bufferOf(stored.record as Uint8Array)
    if (stored.kind === 'batch') {
      const token = store.batches.of(seq)?.token
      if (token == null) throw new Error(`Batch record ${seq} is not time-stamped`)
      return formatSection(BATCH, [
        packBatch({ record, header: head as Buffer, leaves: checked.body as Buffer, token }),
      ])
    }
    const isOwn = share === null
    const fileSha256 = bodyKey === null ? null : await moveBody(deps, checked)
    const packed = packRecord({
      ...{ record, signature, extension, head, fileSha256 },
      basis: numberOf(stored.basis),
      etsiU: numberOf(stored.etsiU),
      body: isOwn ? (checked.body ?? null) : null,
    })
    const recordKeyOctets = deps.keys.read(recordKey(stored, plan.day))
    if (recordKeyOctets === undefined) throw new Error(`The key of record ${seq} is not there`)
    const shareOctets = isOwn ? shareOf(building, stored) : bufferOf(share)
    const sealed = seal('arch', recordKeyOctets, shareOctets, packed, nonceOf({ header }))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(sealed.length)
    // A message's body has been sealed under a share of its own from the start.
    const body = isOwn || stored.body === null ? [] : [bufferOf(stored.body)]
    return formatSection(RECORD, [length, sealed, ...body])
  }

  for (let from = plan.first; from <= plan.last; from += CHUNK) {
    const to = Math.min(from + CHUNK - 1, plan.last)
    const rows = store.records.between(from, to)
    if (rows.length !== to - from + 1) throw new Error(`Records ${from} to ${to} are not all there`)
    for (const stored of rows) {
      if (stored.recordErasedAt !== null) continue
      const checked = checkRecord(stored, contents, identity)
      const section = await recordSection(checked)
      index.writeUIntBE(output.at, (stored.seq - plan.first) * PLACE_BYTES, PLACE_BYTES)
      output.write(section)
    }
  }

  const indexAt = output.at
  const textIndex = Buffer.alloc(textPlaces.length * PLACE_BYTES)
  for (const [number, place] of textPlaces.entries()) textIndex.writeUIntBE(place, number * PLACE_BYTES, PLACE_BYTES)
  output.write(index)
  output.write(textIndex)
  output.write(formatTrailer({ indexAt, textIndexAt: indexAt + index.length, texts: textPlaces.length }))
}

/** Encrypted as it is; its key stays in the log. @returns SHA-256 of the encrypted octets */
async function moveBody({ reader, files, directory }: ArchiveBuildDeps, checked: CheckedRecord): Promise<Buffer> {
  const { seq } = checked.stored
  await checkBodyFile(checked, reader.contents)
  const home = bodyDirectory(directory, seq)
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const copy = join(home, `${seq}${PART}`)
  const hash = createHash('sha256')
  const file = await open(copy, 'w', 0o600)
  try {
    for await (const octets of createReadStream(files.pathOf(seq), { highWaterMark: BUFFER_BYTES })) {
      hash.update(octets as Buffer)
      await file.writeFile(octets as Buffer)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  const sha256 = hash.digest()
  renameSync(copy, bodyPath(directory, seq, sha256))
  for (const path of [home, dirname(home), directory]) syncPath(path)
  return sha256
}
