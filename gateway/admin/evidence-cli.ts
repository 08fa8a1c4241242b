/** `owl evidence export`: what it takes. What it does is `evidence-commands.ts`, loaded when it runs. */

import type { Command } from 'commander'
import type { EvidenceCommandDeps } from './evidence-commands.ts'
import { parseSeq } from './log-query.ts'

export interface EvidenceExportOptions {
  /** Opens what an export needs of this configuration, for as long as the work takes. */
  readonly onExport: <T>(given: ExportGiven, work: (deps: EvidenceCommandDeps) => Promise<T>) => Promise<T>
}

export interface ExportGiven {
  readonly config: string
  readonly json?: true
  readonly out?: string
  readonly seal?: true
}

/** @param evidence the command group */
export function registerEvidenceExport(evidence: Command, { onExport }: EvidenceExportOptions): void {
  evidence
    .command('export')
    .description('evidence of a record, as a file that anyone can check')
    .argument('<seq>', 'number of the record')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .option('--out <file>', 'where to write it; - is standard output (default: record-SEQ.asice)')
    .option('--seal', 'with the seal of this gateway over all of it, time-stamped')
    .option('--json', 'print JSON')
    .action(async (name: string, given: ExportGiven) => {
      const seq = parseSeq(name)
      const { exportRecord } = await import('./evidence-commands.ts')
      await onExport(given, (deps) => exportRecord(deps, seq, given))
    })
}
