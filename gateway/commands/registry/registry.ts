/** `owl registry …`: the lead municipality's commands over its registry. Exit code: 0 done, 1 refused or not taken up. */

import type { Command } from 'commander'
import { readJson } from '../../protocol/text.ts'
import type { Content } from '../../registry/store.ts'
import { initRegistry } from '../../registry/store.ts'
import { registerAgreementCommands } from './agreement.ts'
import { number } from './arguments.ts'
import { registerAuthorityCommands } from './authority.ts'
import { registerMemberCommands } from './member.ts'
import type { Place, RegistryCommandsOptions } from './run.ts'
import { openRegistryRun, withPlace } from './run.ts'
import { registerServiceCommands } from './service.ts'
import { formatRegion } from './text.ts'

export function registerRegistryCommands(program: Command, options: RegistryCommandsOptions): void {
  const registry = program.command('registry').description('the region: members, services, purposes, agreements')
  const run = openRegistryRun(registry, options)

  const init = registry.command('init').description('make a registry with a first version')
  init.requiredOption('--registry <dir>', 'folder to make it in').requiredOption('--content <file>', 'the region, JSON')
  init.action(() =>
    run.guarded(async () => {
      const { registry: directory, content } = init.opts<{ registry: string; content: string }>()
      initRegistry(directory, (await readJson(content)) as Content, run.now())
      run.print(`${directory} holds a registry`)
    }),
  )

  const show = registry
    .command('show')
    .description('what is published')
    .option('--at <version>', 'an earlier one', number)
  withPlace(show).action(() =>
    run.guarded(async () => {
      const { json, ...shown } = await run.published(show.opts<Place & { at?: number }>())
      run.print(json ? shown.octets.toString() : formatRegion(shown))
    }),
  )

  registerAuthorityCommands(run)
  registerMemberCommands(run)
  registerServiceCommands(run)
  registerAgreementCommands(run)
}
