/** `owl log renew`: what it takes. What it does is `renewal-commands.ts`, loaded when it runs. */

import type { Command } from 'commander'
import { Option } from 'commander'
import type { WithConfig } from './options.ts'
import type { RenewalGiven } from './renew.ts'

export interface RenewalCommandOptions {
  readonly renew: (given: WithConfig & RenewalGiven) => Promise<void>
}

/** @param log the command group */
export function registerRenewalCommand(log: Command, { renew }: RenewalCommandOptions): void {
  log
    .command('renew')
    .description('renew the time-stamps of all evidence, or its hash trees with a stronger algorithm')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .addOption(new Option('--hash <algorithm>', 'renew the hash trees').choices(['sha384', 'sha512']))
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print JSON')
    .action(renew)
}
