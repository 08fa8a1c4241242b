/** `owl evidence …`: which commands there are and what they take. What they do is loaded when one runs. */

import type { Command } from 'commander'
import type { EvidenceTerminal } from './terminal.ts'

export interface EvidenceCommandsOptions {
  readonly terminal: EvidenceTerminal
  /** What to do when evidence does not hold. */
  readonly failVerification: () => void
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** @returns the group, for commands that need a gateway's log */
export function registerEvidenceCommands(program: Command, _options: EvidenceCommandsOptions): Command {
  return program.command('evidence').description('what a message leaves behind: export it, check it without a gateway')
}
