/** `owl log erase|hold|release|holds`: what they take. What they do is `erasure-commands.ts`, loaded when one runs. */

import type { Command } from 'commander'
import type { OperatorOf } from '../operator-options.ts'
import { operatorFor, operatorOptions } from '../operator-options.ts'
import type { Terminal } from '../terminal.ts'
import type { DecideDeps } from './erase.ts'
import type { LogCommandsOptions, WithConfig } from './options.ts'

export interface ErasureCommandsOptions extends Pick<LogCommandsOptions, 'onLog' | 'now'> {
  readonly terminal: Terminal
  readonly readPlace: (file: string) => Promise<Pick<DecideDeps, 'config' | 'place'>>
  readonly operatorOf: OperatorOf
}

interface Given extends WithConfig {
  readonly exchange?: string
  readonly reason?: string
  readonly body?: true
  readonly record?: true
  readonly due?: true
  readonly cert?: string
  readonly key?: string
}

/** @param log the command group */
export function registerErasureCommands(log: Command, options: ErasureCommandsOptions): void {
  const { onLog, now, terminal, readPlace, operatorOf } = options
  const command = (name: string, about: string): Command =>
    operatorOptions(
      log
        .command(name)
        .description(about)
        .argument('[seq]', 'number of a record')
        .option('--exchange <request-id>', 'or all records of an exchange')
        .requiredOption('--config <file>', 'configuration of the gateway'),
    ).option('--json', 'print JSON')

  const run = async (event: 'erasure' | 'hold' | 'release', seq: string | undefined, given: Given): Promise<void> => {
    const { exchange, reason, body, record, due, config, json } = given
    const { decide } = await import('./erase.ts')
    const what = body === record ? undefined : body ? 'body' : 'record'
    const asked = due
      ? { due }
      : {
          ...(seq !== undefined && { seq }),
          ...(exchange !== undefined && { exchange }),
          reason,
          ...(what && { what }),
        }
    const operator = await operatorFor(given, operatorOf)
    const deps = { ...(await readPlace(config)), terminal, now, json: json === true }
    await decide({ ...deps, ...operator }, event, asked)
  }

  command('erase', 'erase a body or a record, or everything whose date has passed')
    .option('--body', 'head, signature and digest stay')
    .option('--record', 'number and leaf stay')
    .option('--due', 'whatever the dates of the purposes say')
    .option('--reason <text>', 'stays in the log, in the clear: no personal data')
    .action((seq: string | undefined, given: Given) => run('erasure', seq, given))

  command('hold', 'keep from being erased: a court, a complaint, an audit')
    .option('--reason <text>', 'stays in the log, in the clear: no personal data')
    .action((seq: string | undefined, given: Given) => run('hold', seq, given))

  command('release', 'end the holds of a record or exchange')
    .option('--reason <text>', 'stays in the log, in the clear: no personal data')
    .action((seq: string | undefined, given: Given) => run('release', seq, given))

  log
    .command('holds')
    .description('what is held, since when, by whom and why')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .option('--json', 'print JSON')
    .action(async (given: WithConfig) => {
      const { listHolds } = await import('./erase.ts')
      await onLog(given, listHolds)
    })
}
