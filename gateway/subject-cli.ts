/** `owl log subject`: what it takes. What it does is `subject-look-up.ts`, loaded when it runs. */

import type { Command } from 'commander'
import type { WithConfig } from './admin/log-cli.ts'
import type { OperatorFiles } from './admin/operator-port.ts'
import type { Terminal } from './admin/terminal.ts'

export interface SubjectGiven extends WithConfig, Partial<OperatorFiles> {}

/** @param log the command group */
export function registerSubjectCommand(log: Command, terminal: Terminal): void {
  log
    .command('subject')
    .description('what was exchanged about a person (Art. 15 DSGVO); that you ask is put on record')
    .argument('<reference...>', 'idnr:…, person:FAMILY NAME|GIVEN NAMES|YYYY-MM-DD, kfz:…; - reads them from input')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .option('--cert <file>', 'certificate of an operator, for a running gateway; that of the region when absent')
    .option('--key <file>', 'its key')
    .option('--json', 'print JSON')
    .action(async (references: string[], given: SubjectGiven) => {
      const { lookUp } = await import('./subject-look-up.ts')
      await lookUp(terminal, given, references)
    })
}
