/** `owl evidence …`: which commands there are and what they take. What they do is loaded when one runs. */

import type { Command } from 'commander'
import { Option } from 'commander'
import type { EvidenceTerminal } from './terminal.ts'
import type { ReadRegistry, VerifyGiven } from './verify.ts'

export interface EvidenceCommandsOptions {
  readonly terminal: EvidenceTerminal
  /** What to do when evidence does not hold. */
  readonly failVerification: () => void
  readonly readRegistry: ReadRegistry
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** @returns the group, for commands that need a gateway's log */
export function registerEvidenceCommands(program: Command, options: EvidenceCommandsOptions): Command {
  const group = program
    .command('evidence')
    .description('what a message leaves behind: export it, check it without a gateway')
  group
    .command('verify')
    .description('needs no gateway, network or database; exit code 3 when something is not proven')
    .argument('<path...>', 'containers, archives of them, directories, or the loose files of one message')
    .option('--anchors <path...>', 'CAs that are believed, PEM or DER; files or directories')
    .option(
      '--registry <path...>',
      'global configurations: signed (.jws), or exported records (.asice); files or directories',
    )
    .option('--at <time>', 'verify as at this time, ISO 8601; now when absent')
    .option('--body-digest <hex>', 'SHA-256 of a body that is not there')
    .addOption(
      new Option('--profile <name>', 'draft: forms from before the format was final').choices(['strict', 'draft']),
    )
    .option('--json', 'print JSON, one piece of evidence to a line')
    .action(async (paths: string[], given: VerifyGiven) => {
      const { verifyEvidence } = await import('./verify.ts')
      if (!(await verifyEvidence(paths, given, options))) options.failVerification()
    })
  return group
}
