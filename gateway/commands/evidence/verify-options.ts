/** `owl evidence …`: which commands there are and what they take. What they do is loaded when one runs. */

import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { withValueNames } from '../list-options.ts'
import type { EvidenceTerminal } from './terminal.ts'
import type { ReadRegistry, VerifyGiven } from './verify.ts'

/** A year: longer would be no limit. */
const PROVEN_WITHIN_DAYS_MAX = 366

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
    .addOption(anchors('--seal-anchors', 'CAs that may issue seals, PEM or DER; files or directories'))
    .addOption(anchors('--time-stamp-anchors', 'CAs that may issue certificates of time-stamp authorities'))
    .addOption(anchors('--anchors', 'CAs that are believed for both, and the registry’s public JWK'))
    .option(
      '--registry <path...>',
      'global configurations: signed (.jws), or exported records (.asice); files or directories',
    )
    .option('--at <time>', 'verify as at this time, ISO 8601; now when absent')
    .option('--proven-within <days>', 'longest time between what is claimed and what is proven', days)
    .option('--body-digest <hex>', 'SHA-256 of a body that is not there')
    .addOption(
      new Option('--profile <name>', 'draft: forms from before the format was final').choices(['strict', 'draft']),
    )
    .option('--report <file>', 'write the report on the exchange anew, from what was verified')
    .option('--json', 'print JSON, one piece of evidence to a line')
    .action(async (paths: string[], given: VerifyGiven) => {
      const { verifyEvidence } = await import('./verify.ts')
      if (!(await verifyEvidence(paths, given, options))) options.failVerification()
    })
  return group
}

/** Files of anchors are told from evidence by their names. */
function anchors(name: string, description: string): Option {
  return withValueNames(new Option(`${name} <path...>`, description), /\.(?:pem|crt|cer|der|json)$/)
}

function days(text: string): number {
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value > 0 && value <= PROVEN_WITHIN_DAYS_MAX) return value
  throw new InvalidArgumentError(`It is a number of days up to ${PROVEN_WITHIN_DAYS_MAX}.`)
}
