/** `owl log archive …`: which commands there are. What they do is `archive-commands.ts`, loaded when one runs. */

import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { OperatorOf } from '../operator-options.ts'
import { operatorFor, operatorOptions } from '../operator-options.ts'
import type { Terminal } from '../terminal.ts'
import type { RunDeps } from './archive.ts'
import type { LogCommandsOptions, WithConfig } from './options.ts'

export interface ArchiveCommandsOptions extends Pick<LogCommandsOptions, 'onLog' | 'failVerification' | 'now'> {
  readonly terminal: Terminal
  readonly readPlace: (config: string) => Promise<Pick<RunDeps, 'config' | 'place'>>
  readonly operatorOf: OperatorOf
}

interface RunGiven extends WithConfig {
  readonly afterDays?: number
  readonly cert?: string
  readonly key?: string
}

/** @param log the command group */
export function registerArchiveCommands(log: Command, options: ArchiveCommandsOptions): void {
  const { onLog, readPlace, operatorOf, failVerification, now, terminal } = options
  const archive = log.command('archive').description('days of the log that lie in archive files')

  archive
    .command('list')
    .description('archive files, their records, and whether they are where they should be')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .option('--json', 'print JSON')
    .action(async (given: WithConfig) => {
      const { listArchives } = await import('./archive.ts')
      if (!(await onLog(given, listArchives))) failVerification()
    })

  archive
    .command('verify')
    .description('archive files: by themselves when named alone, with all contents when the log is at hand')
    .argument('[file...]', 'archive files; all of the log when absent')
    .option('--config <file>', 'configuration of the gateway: opens what is sealed')
    .option('--json', 'print JSON')
    .action(async (files: string[], { config, json }: Partial<WithConfig>) => {
      const { verifyArchives, verifyFiles } = await import('./archive.ts')
      if (config === undefined && files.length === 0)
        archive.error('error: name archive files, or --config', EXIT_MISUSED)
      const holds =
        config === undefined
          ? await verifyFiles(files, terminal, json === true)
          : await onLog({ config, ...(json && { json }) }, (deps) => verifyArchives(deps, files))
      if (!holds) failVerification()
    })

  const run = archive
    .command('run')
    .description('archive now what is old enough; a running gateway does so by itself every night')
    .requiredOption('--config <file>', 'configuration of the gateway')
  operatorOptions(run)
    .option('--after-days <n>', 'other than log.archiveAfterDays', daysOf)
    .option('--json', 'print JSON')
    .action(async (given: RunGiven) => {
      const { config, afterDays, json } = given
      const { runArchiving } = await import('./archive.ts')
      const operator = await operatorFor(given, operatorOf)
      await runArchiving({
        ...(await readPlace(config)),
        terminal,
        now,
        json: json === true,
        ...(afterDays !== undefined && { afterDays }),
        ...operator,
      })
    })
}

const EXIT_MISUSED = { exitCode: 2 }

function daysOf(text: string): number {
  const days = Number(text)
  if (!/^\d{1,5}$/.test(text) || !Number.isInteger(days)) throw new InvalidArgumentError('a whole number of days')
  return days
}
