/**
 * Verifies one archive file. By itself it shows that its octets are those of its name, which records it has, and that their
 * leaves were time-stamped: no key is needed for that. What is sealed is only compared with the leaves where the log is at
 * hand, since its shares open it: `checkContents`. Source: design of the evidence, sections 4 and 6.
 */

import { basename } from 'node:path'
import { readCertificate } from '../../protocol/authority-certificates.ts'
import { groupLeaf, HASH_BYTES, sha256, treeRoot } from '../../protocol/hash-tree.ts'
import type { TimeStampAuthority } from '../../protocol/time-stamp.ts'
import { verifyTimeStamp } from '../../protocol/time-stamp.ts'
import { readToken } from '../../protocol/time-stamp-token.ts'
import type { ArchiveFile } from '../archive/archive-file.ts'
import { openArchiveFile } from '../archive/archive-file.ts'
import type { ArchivedBatch } from '../archive/archive-format.ts'
import { BATCH, parseArchiveName, RECORD, unpackBatch } from '../archive/archive-format.ts'
import type { LogReader } from '../reading/reader.ts'
import { ArchiveError } from '../record/archive-error.ts'
import type { ArchiveRow } from '../record/archive-row.ts'
import type { LogRecord } from '../record/log-record.ts'
import { completeRecord, formatBatchHeader } from '../record/log-record.ts'
import { checkBodyFile, checkRecord } from '../verification/record-check.ts'
import { hashFile } from './archive-output.ts'

export interface ArchiveFacts {
  readonly file: string
  /** `gateway/node` */
  readonly log: string
  readonly epoch: number
  readonly day: string
  readonly bytes: number
  readonly first: number
  readonly last: number
  readonly batches: number
  /** Records whose contents are in it; the others had been erased. */
  readonly records: number
  /** SHA-256 of the file before, hex. */
  readonly prev: string | null
  /** Of the first and the last token, ISO 8601. */
  readonly stampedFrom: string
  readonly stampedTo: string
  /** SHA-256 of the certificates of the time-stamp authorities, hex: whether they are believed is for others to say. */
  readonly authorities: readonly string[]
}

/** @throws {ArchiveError} any flaw */
export async function checkArchiveFile(path: string): Promise<ArchiveFacts> {
  const name = basename(path)
  const named = parseArchiveName(name)
  if (named === undefined) throw new ArchiveError('damaged', name, `${name} is not the name of an archive file`)
  const file = openArchiveFile(path)
  try {
    if (named.day !== file.header.day) throw file.damaged('it is of another day than its name')
    if ((await hashFile(path)).toString('hex') !== named.sha256)
      throw file.damaged('its octets are not those of its name')
    return readFacts(name, file)
  } finally {
    file.close()
  }
}

function readFacts(name: string, file: ArchiveFile): ArchiveFacts {
  const { log, epoch, day, first, last, firstBatch, lastBatch, prev } = file.header
  const authorities = new Set<string>()
  let batch = firstBatch
  let from = first
  let before: string | null | undefined
  let records = 0
  const times: number[] = []
  for (const { tag, octets, seq = 0 } of file.sections()) {
    if (tag !== BATCH && tag !== RECORD) continue
    records += 1
    if (tag !== BATCH) continue
    const archived = attempt(file, batch, () => unpackBatch(octets))
    const checked = attempt(file, batch, () =>
      checkBatch(archived, { log, epoch, batch, first: from, seq, prevHeader: before }),
    )
    authorities.add(checked.authority)
    times.push(checked.genTime)
    before = checked.header
    from = seq + 1
    batch += 1
  }
  const [earliest, latest] = [times[0], times.at(-1)]
  if (batch !== lastBatch + 1 || from !== last + 1 || earliest === undefined || latest === undefined) {
    throw file.damaged('it has other batches than it says')
  }
  return {
    ...{ file: name, log, epoch, day, bytes: file.bytes, first, last, batches: times.length, records, prev },
    stampedFrom: new Date(earliest).toISOString(),
    stampedTo: new Date(latest).toISOString(),
    authorities: [...authorities],
  }
}

interface Place {
  readonly log: string
  readonly epoch: number
  readonly batch: number
  readonly first: number
  /** Of the batch's own record. */
  readonly seq: number
  /** Undefined: the batch before is in another file. */
  readonly prevHeader: string | null | undefined
}

function checkBatch({ record, header, leaves, token }: ArchivedBatch, place: Place): BatchFacts {
  const { log, epoch, batch, first, seq } = place
  const said = JSON.parse(header.toString('utf8')) as { prevHeader: string | null }
  const last = seq - 1
  const lastRecord = leaves.subarray(-HASH_BYTES).toString('hex')
  const prevHeader = place.prevHeader === undefined ? said.prevHeader : place.prevHeader
  const count = last - first + 1
  const expected = formatBatchHeader({ log, epoch, batch, first, last, count, prevHeader, lastRecord })
  demand(header.toString('utf8') === expected && leaves.length === count * HASH_BYTES)
  const own = completeRecord(record, null)
  const { objects, prev, seq: ownSeq, kind } = JSON.parse(own.toString('utf8')) as LogRecord
  const hashes = [header, leaves].map((octets) => sha256(octets))
  const isOwn = kind === 'batch' && ownSeq === seq && prev === lastRecord
  demand(isOwn && objects.length === 2 && objects.every(({ sha256: hex }, at) => hex === hashes[at]?.toString('hex')))
  const list = Array.from({ length: count }, (_, at) => leaves.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
  const imprint = treeRoot([groupLeaf([...hashes, sha256(own)]), ...list])
  return { ...checkToken(token, imprint), header: sha256(header).toString('hex') }
}

interface BatchFacts {
  readonly genTime: number
  readonly authority: string
  /** SHA-256, hex. */
  readonly header: string
}

/** By the certificates that it carries. */
function checkToken(token: Buffer, imprint: Buffer): Pick<BatchFacts, 'genTime' | 'authority'> {
  const certificates = readToken(token).certificates.map((der) => readCertificate(der))
  for (const unit of certificates) {
    for (const ca of certificates) {
      if (unit === ca) continue
      try {
        const { genTime } = verifyTimeStamp(token, { unit, ca } satisfies TimeStampAuthority, { imprint })
        return { genTime, authority: sha256(unit.der).toString('hex') }
      } catch {
        // They stand in no order.
      }
    }
  }
  throw new Error('The time-stamp does not hold')
}

export interface ArchiveContents {
  /** Records opened and hashed, their bodies too where these are not erased. */
  readonly opened: number
  /** Their shares or keys are destroyed. */
  readonly erased: number
}

/**
 * Every record that the log finds in this file, against its leaf.
 *
 * @throws {Damage} the first that does not hold
 */
export async function checkContents(reader: LogReader, { first, last }: ArchiveRow): Promise<ArchiveContents> {
  const { store, contents, identity } = reader
  let opened = 0
  let erased = 0
  for (let from = first; from <= last; from += CHUNK) {
    for (const stored of store.records.between(from, Math.min(from + CHUNK - 1, last))) {
      if (stored.recordErasedAt !== null) {
        erased += 1
        continue
      }
      const checked = checkRecord(stored, contents, identity)
      if (checked.stored.bodyKey !== null) await checkBodyFile(checked, contents)
      opened += 1
    }
  }
  return { opened, erased }
}

const CHUNK = 64

function attempt<T>(file: ArchiveFile, batch: number, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw file.damaged(`batch ${batch} does not hold`, cause)
  }
}

function demand(condition: boolean): asserts condition {
  if (!condition) throw new Error('It is not what its record says')
}
