/** `owl log partners|reconcile|contradictions`: what they take. What they do is `partner-commands.ts`, loaded when one runs. */

import type { Command } from 'commander'
import { GatewayError } from '../../errors.ts'
import type { WithConfig } from './options.ts'
import { instantOf } from './options.ts'
import type { PartnerCommandDeps } from './reconcile.ts'

export interface PartnerCommandsOptions {
  /** Opens log, key and connections of this configuration, for as long as the work takes. */
  readonly onPartners: <T>(given: WithConfig, work: (deps: PartnerCommandDeps) => Promise<T>) => Promise<T>
  /** What to do when a partner did not answer, and when two logs contradict each other. */
  readonly end: (how: 'failed' | 'unverified') => void
  readonly now: () => number
}

interface Given extends WithConfig {
  readonly from?: string
  readonly to?: string
  readonly all?: true
}

/** @param log the command group */
export function registerPartnerCommands(log: Command, options: PartnerCommandsOptions): void {
  const { onPartners, end, now } = options
  const command = (name: string, about: string): Command =>
    log
      .command(name)
      .description(about)
      .requiredOption('--config <file>', 'configuration of the gateway')
      .option('--json', 'print JSON')

  command('partners', 'what is known of each partner’s log, and came of comparing it').action(
    async (given: WithConfig) => {
      const { showPartners } = await import('./reconcile.ts')
      await onPartners(given, (deps) => showPartners(deps))
    },
  )

  command('reconcile', 'compare the log with a partner’s, digest by digest; exit code 3 when they contradict')
    .argument('[member]', 'INSTANCE/CLASS/MEMBER, or one gateway of it')
    .option('--all', 'with every partner, since the last time, as happens every night')
    .option('--from <time>', 'ISO 8601, or how long ago: 30m, 12h, 7d; since the last time when absent')
    .option('--to <time>', 'the same; two minutes ago when absent')
    .action(async (member: string | undefined, given: Given) => {
      const { from, to, all } = given
      const isAll = all === true && member === undefined && from === undefined && to === undefined
      if (!isAll && (all === true || member === undefined)) throw misused('it takes a member, or --all and no time')
      const asked = {
        ...(from !== undefined && { from: instantOf(from, now()) }),
        ...(to !== undefined && { to: instantOf(to, now()) }),
      }
      const { reconcileEvery, reconcileMember } = await import('./reconcile.ts')
      const result = await onPartners(given, (deps) =>
        member === undefined ? reconcileEvery(deps) : reconcileMember(deps, member, asked),
      )
      if (result === 'failed') end('failed')
      if (result === 'alarm') end('unverified')
    })

  command(
    'contradictions',
    'signed messages that cannot both be true, by their records; exit code 3 when there are any',
  )
    .option('--export <file>', 'write what proves them: one ZIP of the containers and of what partners signed')
    .action(async (given: WithConfig & { readonly export?: string }) => {
      const { showContradictions } = await import('./reconcile.ts')
      if ((await onPartners(given, (deps) => showContradictions(deps, given.export))) > 0) end('unverified')
    })
}

function misused(reason: string): GatewayError {
  return new GatewayError('BadRequest', { reason })
}
