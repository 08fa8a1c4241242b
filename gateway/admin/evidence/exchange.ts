/** All evidence of one exchange in this log: a container for each message, and the report that says what is in them. */

import { formatContainer, formatSealedContainer } from '../../evidence/container.ts'
import type { Content } from '../../evidence/content.ts'
import { contentOf, joined } from '../../evidence/content.ts'
import { formatReport } from '../../evidence/report.ts'
import type { ReportedErasure } from '../../evidence/report-erasure.ts'
import { openZipWriter } from '../../evidence/zip-writer.ts'
import type { RecordSummary } from '../../message-log/message-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { Packages, RecordPackage } from './packages.ts'
import { containerName, NoEvidence } from './packages.ts'
import { openReporting } from './report.ts'
import type { SealingDeps, SealLife } from './sealing.ts'
import { openSealing } from './sealing.ts'

export interface ExchangeExport {
  readonly content: Content
  readonly files: readonly string[]
  /** The shortest of its seals; nothing without. */
  readonly life?: SealLife
  readonly problems: readonly string[]
}

export interface ExchangeOptions {
  readonly reader: LogReader
  readonly packages: Packages
  readonly sealing?: SealingDeps
  readonly now: () => number
}

export const REPORT_NAME = 'report.html'

/** @throws {NoEvidence} any lack but `erased`, which the report says */
export async function exportExchange(options: ExchangeOptions, requestId: string): Promise<ExchangeExport> {
  const { reader, packages, sealing, now } = options
  const summaries = await reader.exchange(requestId)
  if (summaries.length === 0) throw new NoEvidence('missing', 'There is no exchange of this request id in this log')
  const found: RecordPackage[] = []
  for (const { seq } of summaries) {
    const from = await packages.read(seq).catch(unlessErased)
    if (from !== undefined) found.push(from)
  }

  const zip = openZipWriter()
  const at = Math.max(...summaries.map((summary) => Date.parse(summary.at)))
  const erasures = await erasuresOf(reader, summaries)
  const report = openReporting(reader).report(requestId, { summaries, found, erasures }, now())
  const parts = zip.entry(REPORT_NAME, contentOf(formatReport(report)), at)
  const files: string[] = []
  const problems: string[] = []
  let life: SealLife | undefined
  for (const from of found) {
    const seal = sealing && openSealing(sealing)
    const container = seal === undefined ? formatContainer(from) : await formatSealedContainer(from, seal)
    const file = containerName(from)
    parts.push(...zip.entry(file, container, from.at))
    files.push(file)
    problems.push(...(seal?.problems ?? []))
    if (life !== 'short-lived') life = seal?.life
  }
  parts.push(zip.end())
  return { content: joined(parts), files, problems, ...(life !== undefined && { life }) }
}

async function erasuresOf(
  reader: LogReader,
  summaries: readonly RecordSummary[],
): Promise<ReadonlyMap<number, ReportedErasure>> {
  const found = new Map<number, ReportedErasure>()
  for (const { seq, erasedAt } of summaries) {
    const erasure = erasedAt === undefined ? undefined : (await reader.get(seq))?.erasure
    if (erasedAt === undefined || erasure === undefined) continue
    const why =
      erasure.by === 'retention'
        ? ({ by: 'retention', reason: erasure.rule } as const)
        : ({ by: 'order', reason: erasure.reason } as const)
    found.set(seq, { at: Date.parse(erasedAt), ...why, seq: erasure.seq })
  }
  return found
}

function unlessErased(error: unknown): undefined {
  if (error instanceof NoEvidence && error.lack === 'erased') return undefined
  throw error
}
