/** `owl adapter …`: what it takes. What it does is loaded when it runs. */

import { relative } from 'node:path'
import type { Command } from 'commander'
import type { Terminal } from '../terminal.ts'

export interface AdapterCommandsOptions {
  readonly terminal: Terminal
  /** The clone. */
  readonly root: string
  /** Of the region that is shown in what comes next. */
  readonly federation: string
}

export function registerAdapterCommands(
  program: Command,
  { terminal, root, federation: standard }: AdapterCommandsOptions,
): void {
  const adapter = program.command('adapter').description('adapters: shared schema to local system and back')
  adapter
    .command('new')
    .description('write one, with schemas, data and a test that passes')
    .argument('<agency/system/service>', 'e.g. bielefeld/veranstaltungen/termine')
    .option('--domain <name>', 'folder of its schemas; the name of the system when absent')
    .option('--federation <file>', 'the running region, for the commands that come next', standard)
    .action(async (name: string, { domain, federation }: { domain?: string; federation: string }) => {
      const { scaffoldAdapter } = await import('../../../adapters/scaffold.ts')
      const made = await scaffoldAdapter({ root, name, ...(domain !== undefined && { domain }) })
      for (const path of made.written) terminal.out(`${terminal.style('green', 'new')}      ${path}`)
      for (const path of made.changed) terminal.out(`${terminal.style('yellow', 'changed')}  ${path}`)
      const { nextSteps } = await import('./next-steps.ts')
      terminal.say('\nNext:')
      const shown = federation === standard ? [] : ['--federation', relative(process.cwd(), federation)]
      for (const step of await nextSteps(made, federation, shown)) terminal.say(`  ${step}`)
    })
}
