/** `owl evidence export`: what it takes. What it does is `evidence-commands.ts`, loaded when it runs. */

import type { Command } from 'commander'
import { parseRequestId, parseSeq } from '../../admin/log/query.ts'
import { GatewayError } from '../../errors.ts'
import type { Filters } from '../log/options.ts'
import { filtered, queryOf } from '../log/options.ts'
import type { EvidenceCommandDeps } from './export.ts'

export interface EvidenceExportOptions {
  /** Opens what an export needs of this configuration, for as long as the work takes. */
  readonly onExport: <T>(given: ExportGiven, work: (deps: EvidenceCommandDeps) => Promise<T>) => Promise<T>
  /** What to do when records could not be exported that should have been. */
  readonly fail: () => void
  readonly now: () => number
}

export interface ExportGiven extends Filters {
  readonly out?: string
  readonly seal?: true
  readonly exchange?: string
  readonly query?: true
}

/** @param evidence the command group */
export function registerEvidenceExport(evidence: Command, options: EvidenceExportOptions): void {
  const { onExport, fail, now } = options
  const command = evidence
    .command('export')
    .description('evidence of a record, an exchange or many records, as files that anyone can check')
    .argument('[seq]', 'number of the record')
    .option('--exchange <request-id>', 'all records of an exchange and a report for people, as one ZIP')
    .option('--query', 'all records that the filters let through, as one ZIP')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .option('--out <file>', 'where to write it; - is standard output')
    .option('--seal', 'with the seal of this gateway over each container, time-stamped')
    .option('--json', 'print JSON')
  filtered(command).action(async (seq: string | undefined, given: ExportGiven) => {
    const { exchange, query, seal } = given
    if ([seq, exchange, query].filter((each) => each !== undefined).length !== 1) {
      throw misused('an export is of one record, of an --exchange, or of a --query')
    }
    const { exportMany, exportOne, exportRequest } = await import('./export.ts')
    if (query === true) {
      // Each seal costs two time-stamps, and accredited authorities bill by the token.
      if (seal === true) throw misused('a --query exports without --seal')
      const { out: _, seal: __, query: ___, exchange: ____, ...filters } = given
      const asked = queryOf(filters, now())
      if (!(await onExport(given, (deps) => exportMany(deps, asked, given)))) fail()
      return
    }
    const used = Object.keys(given).filter((name) => FILTERS.has(name))
    if (used.length > 0) throw misused(`--${used[0]} goes with --query`)
    if (exchange !== undefined) await onExport(given, (deps) => exportRequest(deps, parseRequestId(exchange), given))
    else await onExport(given, (deps) => exportOne(deps, parseSeq(seq as string), given))
  })
}

const FILTERS: ReadonlySet<string> = new Set(['from', 'to', 'client', 'service', 'purpose', 'outcome', 'requestId'])

function misused(reason: string): GatewayError {
  return new GatewayError('BadRequest', { reason })
}
