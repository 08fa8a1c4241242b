/**
 * All evidence of one exchange in this log: a container for each message, the report that says what is in them, and what
 * the report is made of beside them.
 */

import type { GroupFile } from '../../evidence/container.ts'
import { containerName, formatContainer, formatSealedContainer } from '../../evidence/container.ts'
import type { Content } from '../../evidence/content.ts'
import { contentOf, gathered, joined } from '../../evidence/content.ts'
import { EVIDENCE_RECORD_NAME, SEAL_NAME } from '../../evidence/manifest.ts'
import { formatReport } from '../../evidence/report.ts'
import { REPORT_NAME } from '../../evidence/report-checks.ts'
import type { MessageFacts } from '../../evidence/report-facts.ts'
import { buildReport, FAULT_BYTES_MAX, FAULT_NAME, readFacts } from '../../evidence/report-facts.ts'
import type { ReportStatement, StatedErasure } from '../../evidence/report-statement.ts'
import { formatStatement, PRODUCT_VERSION, STATEMENT_NAME } from '../../evidence/report-statement.ts'
import { openZipWriter } from '../../evidence/zip-writer.ts'
import type { RecordSummary } from '../../message-log/message-log.ts'
import type { LogReader } from '../../message-log/reading/reader.ts'
import type { RecordedConfiguration } from '../log/recorded-configurations.ts'
import { openRecordedConfigurations } from '../log/recorded-configurations.ts'
import type { Packages, RecordPackage } from './packages.ts'
import { NoEvidence } from './packages.ts'
import type { Sealing, SealingDeps, SealLife } from './sealing.ts'
import { openSealing } from './sealing.ts'

export interface ExchangeExport {
  readonly content: Content
  /** The containers. */
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
  const made: Made[] = []
  for (const from of found) made.push(await make(from, sealing && openSealing(sealing)))

  const statement: ReportStatement = {
    ...{ version: PRODUCT_VERSION, madeAt: now(), requestId, log: reader.identity.name },
    erasures: await erasuresOf(reader, summaries),
  }
  const facts = made.map((each) => each.facts)
  const configurations = configurationsOf(reader, facts)
  const report = buildReport(facts, statement, new Map(configurations.map((each) => [each.sha256, each.configuration])))

  const zip = openZipWriter()
  const at = Math.max(...summaries.map((summary) => Date.parse(summary.at) || 0))
  const entry = (name: string, content: Content, time = at): Content[] => zip.entry(name, content, time)
  const parts = [
    ...entry(REPORT_NAME, contentOf(formatReport(report))),
    ...entry(STATEMENT_NAME, contentOf(formatStatement(statement))),
    ...configurations.flatMap(({ configuration, octets }) =>
      entry(`configuration-${configuration.version}.json`, contentOf(octets)),
    ),
    ...made.flatMap(({ from, container }) => entry(containerName(from), container, from.at)),
  ]
  parts.push(zip.end())
  const lives = made.flatMap(({ life }) => life ?? [])
  const [life] = lives.includes('short-lived') ? ['short-lived' as const] : lives
  return {
    ...{ content: joined(parts), files: made.map(({ from }) => containerName(from)) },
    ...{ problems: made.flatMap(({ problems }) => problems), ...(life !== undefined && { life }) },
  }
}

interface Made {
  readonly from: RecordPackage
  readonly container: Content
  readonly facts: MessageFacts
  readonly life: SealLife | undefined
  readonly problems: readonly string[]
}

async function make(from: RecordPackage, seal: Sealing | undefined): Promise<Made> {
  const files = new Map([[EVIDENCE_RECORD_NAME, held(from.evidenceRecord)]])
  for (const file of from.files) files.set(file.name, held(await octetsOf(file), file.content.size))
  const sealing = seal && {
    archive: seal.archive,
    async seal(manifest: Buffer): Promise<Buffer> {
      const signature = await seal.seal(manifest)
      files.set(SEAL_NAME, held(signature))
      return signature
    },
  }
  const container = sealing === undefined ? formatContainer(from) : await formatSealedContainer(from, sealing)
  const facts = readFacts(containerName(from), files)
  return { from, container, facts, life: seal?.life, problems: seal?.problems ?? [] }
}

function held(octets: Buffer, size = octets.length): { size: number; octets: () => Buffer } {
  return { size, octets: () => octets }
}

/** Of bodies, which may be large, the report reads none but a fault. */
async function octetsOf({ name, content }: GroupFile): Promise<Buffer> {
  const isBody = name.startsWith('message-body.')
  if (isBody && (name !== FAULT_NAME || content.size > FAULT_BYTES_MAX)) return Buffer.alloc(0)
  return Buffer.concat(await Array.fromAsync(gathered(content.read())))
}

/** Those that the messages name, as far as this log has recorded them. */
function configurationsOf(reader: LogReader, facts: readonly MessageFacts[]): RecordedConfiguration[] {
  const recorded = openRecordedConfigurations(reader)
  const found = new Map<string, RecordedConfiguration>()
  for (const { record, signed, judged } of facts) {
    for (const sha256 of [judged, signed]) {
      const configuration = recorded.octetsNamed(record.seq, sha256)
      if (configuration !== undefined) found.set(configuration.sha256, configuration)
    }
  }
  return [...found.values()].sort((a, b) => a.configuration.version - b.configuration.version)
}

async function erasuresOf(reader: LogReader, summaries: readonly RecordSummary[]): Promise<StatedErasure[]> {
  const found: StatedErasure[] = []
  for (const { seq, erased, erasedAt } of summaries) {
    const erasure = erasedAt === undefined ? undefined : (await reader.get(seq))?.erasure
    if (erased === undefined || erasedAt === undefined || erasure === undefined) continue
    const why =
      erasure.by === 'retention'
        ? ({ by: 'retention', reason: erasure.rule } as const)
        : ({ by: 'order', reason: erasure.reason } as const)
    found.push({ seq, what: erased, at: Date.parse(erasedAt), ...why, decision: erasure.seq })
  }
  return found.sort((a, b) => a.seq - b.seq)
}

function unlessErased(error: unknown): undefined {
  if (error instanceof NoEvidence && error.lack === 'erased') return undefined
  throw error
}
