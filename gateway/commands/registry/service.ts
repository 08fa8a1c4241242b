/** `owl registry service …`: what a subsystem offers, and who answers it. */

import { Option } from 'commander'
import type { Identifier } from '../../protocol/identifiers.ts'
import { disableService } from '../../registry/commands.ts'
import { endpoint, given, httpUrl, identifier, number } from './arguments.ts'
import type { ServiceWish } from './changes.ts'
import { change, registerService, unregisterService } from './changes.ts'
import type { RegistryRun } from './run.ts'

export function registerServiceCommands(run: RegistryRun): void {
  const service = run.group('service', 'services of a subsystem')
  const addServiceCommand = service.command('add').description('register a service and let its gateway answer it')
  addServiceCommand.argument('<id>', 'five parts; a missing subsystem is made', identifier(5))
  addServiceCommand
    .option('--url <url>', 'HTTP service that answers it', httpUrl)
    .option('--adapter <name>', 'adapter that answers it; --url is then handed to it')
    .addOption(
      new Option('--client-auth <how>', 'how local systems of it authenticate').choices(['mtls', 'https', 'http']),
    )
    .option('--title <title>')
    .addOption(new Option('--type <type>').choices(['REST', 'OPENAPI']))
    .option('--endpoint <method-and-path>', "what it offers, e.g. 'POST /v1'; everything when absent", endpoint)
    .option('--timeout-ms <n>', 'how long it may take', number)
    .option('--body-bytes-max <n>', 'largest body', number)
  run.on(
    addServiceCommand,
    (deps, wish: Omit<ServiceWish, 'id'> & { endpoint?: ServiceWish['endpoints'] }, id: Identifier) => {
      const { url, adapter, clientAuth, title, type, endpoint: endpoints, timeoutMs, bodyBytesMax } = wish
      return registerService(
        deps,
        given({ id, url, adapter, clientAuth, title, type, endpoints, timeoutMs, bodyBytesMax }),
      )
    },
  )
  const serviceId = (name: string, about: string) =>
    service.command(name).description(about).argument('<id>', 'five parts', identifier(5))
  run.on(serviceId('remove', 'take it from registry and gateway'), (deps, _: object, id: Identifier) =>
    unregisterService(deps, id),
  )
  const disable = serviceId('disable', 'switch it off: callers read the notice').requiredOption(
    '--notice <text>',
    'what callers read',
  )
  run.on(disable, (deps, { notice }: { notice: string }, id: Identifier) =>
    change(deps, (content) => disableService(content, id, notice), [id]),
  )
  run.on(serviceId('enable', 'switch it on again'), (deps, _: object, id: Identifier) =>
    change(deps, (content) => disableService(content, id, undefined), [id]),
  )
}
