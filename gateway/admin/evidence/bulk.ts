/**
 * Evidence of many records as one ZIP, written while it is read: memory does not grow with the number of records but for
 * the directory that ends the archive, some eighty octets each.
 */

import { containerName, formatContainer } from '../../evidence/container.ts'
import { contentOf, gathered } from '../../evidence/content.ts'
import type { ZipWriter } from '../../evidence/zip-writer.ts'
import { openZipWriter } from '../../evidence/zip-writer.ts'
import type { LogQuery, RecordSummary } from '../../message-log/message-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import { LIMIT_MAX } from '../log/query.ts'
import type { Lack, Packages } from './packages.ts'
import { NoEvidence } from './packages.ts'

export interface BulkExport {
  /** To be read once. */
  readonly octets: AsyncIterable<Uint8Array>
  /** What became of the records, complete once the octets are read. */
  readonly count: BulkCount
}

export interface BulkCount {
  exported: number
  /** Left out, and why. */
  readonly left: Record<Lack, number>
  /** Records whose contents are not those that were recorded: the first of them. */
  readonly damaged: number[]
}

/** Says in the archive itself what was asked for and what is not in it. */
export const SUMMARY_NAME = 'export.json'
const DAMAGED_MAX = 100

export function exportQuery(reader: LogReader, packages: Packages, query: LogQuery, now: number): BulkExport {
  const count: BulkCount = { exported: 0, left: { missing: 0, unstamped: 0, erased: 0, damaged: 0 }, damaged: [] }

  async function* write(): AsyncGenerator<Uint8Array> {
    const zip = openZipWriter()
    for await (const summary of everyRecord(reader, query)) yield* container(zip, summary)
    const { name: log, epoch } = reader.identity
    const summary = JSON.stringify({ log, epoch, madeAt: new Date(now).toISOString(), query, ...count })
    for (const part of zip.entry(SUMMARY_NAME, contentOf(Buffer.from(summary)), now)) yield* part.read()
    yield* zip.end().read()
  }

  async function* container(zip: ZipWriter, { seq, stamped }: RecordSummary): AsyncGenerator<Uint8Array> {
    if (!stamped) {
      count.left.unstamped += 1
      return
    }
    const from = await packages.read(seq).catch((error: unknown) => leaveOut(seq, error))
    if (from === undefined) return
    for (const part of zip.entry(containerName(from), formatContainer(from), from.at)) yield* part.read()
    count.exported += 1
  }

  function leaveOut(seq: number, error: unknown): undefined {
    if (!(error instanceof NoEvidence)) throw error
    count.left[error.lack] += 1
    if (error.lack === 'damaged' && count.damaged.length < DAMAGED_MAX) count.damaged.push(seq)
  }

  return { octets: gathered(write()), count }
}

/** Newest first, page after page. */
async function* everyRecord(reader: LogReader, query: LogQuery): AsyncGenerator<RecordSummary> {
  const { limit: _, after: from, ...filters } = query
  let after = from
  for (;;) {
    const page = await reader.list({ ...filters, limit: LIMIT_MAX, ...(after !== undefined && { after }) })
    yield* page.records
    if (page.next === null) return
    after = page.next
  }
}
