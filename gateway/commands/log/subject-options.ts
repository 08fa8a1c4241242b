/** `owl log subject`: what it takes. What it does is `subject-look-up.ts`, loaded when it runs. */

import type { Command } from 'commander'
import type { Terminal } from '../terminal.ts'
import type { WithConfig } from './options.ts'

/** @param log the command group */
export function registerSubjectCommand(log: Command, terminal: Terminal): void {
  log
    .command('subject')
    .description('what was exchanged about a person (Art. 15 DSGVO); that you ask is put on record')
    .argument('<reference...>', 'idnr:…, person:FAMILY NAME|GIVEN NAMES|YYYY-MM-DD, kfz:…; - reads them from input')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .option('--json', 'print JSON')
    .action(async (references: string[], given: WithConfig) => {
      const { lookUp } = await import('./subject-look-up.ts')
      await lookUp(terminal, given, references)
    })
}
