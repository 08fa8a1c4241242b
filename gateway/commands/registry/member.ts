/** `owl registry member|seal|subsystem|gateway …`: who belongs to the region, and by which certificates. */

import { readFile } from 'node:fs/promises'
import type { Identifier } from '../../protocol/identifiers.ts'
import { addGateway, addMember, addSeal, addSubsystem, removeSeal } from '../../registry/commands.ts'
import { identifier, sha256 } from './arguments.ts'
import { change } from './changes.ts'
import type { RegistryRun } from './run.ts'

export function registerMemberCommands(run: RegistryRun): void {
  const member = run.group('member', 'agencies')
  const addMemberCommand = member.command('add').description('let an agency join')
  addMemberCommand.argument('<id>', 'INSTANCE/CLASS/MEMBER', identifier(3))
  addMemberCommand.requiredOption('--name <name>', 'as in its certificates').option('--dvdv <key>', 'DVDV key')
  addMemberCommand.requiredOption('--seal <file...>', 'seal certificate')
  run.on(addMemberCommand, async (deps, wish: { name: string; dvdv?: string; seal: string[] }, id: Identifier) => {
    const seals = await Promise.all(wish.seal.map((path) => readFile(path)))
    return change(deps, (content) => addMember(content, { id, ...wish, seals }, run.now()))
  })

  const seal = run.group('seal', 'seal certificates of a member')
  const addSealCommand = seal.command('add').description('register one more; what it signs is believed from now on')
  addSealCommand.argument('<member>', 'INSTANCE/CLASS/MEMBER', identifier(3))
  addSealCommand.requiredOption('--certificate <file>', 'PEM or DER')
  run.on(addSealCommand, async (deps, { certificate }: { certificate: string }, id: Identifier) => {
    const octets = await readFile(certificate)
    return change(deps, (content) => addSeal(content, id, octets, run.now()))
  })
  const removeSealCommand = seal.command('remove').description('what it signs is believed no longer')
  removeSealCommand.argument('<member>', 'INSTANCE/CLASS/MEMBER', identifier(3))
  run.on(
    removeSealCommand.argument('<sha256>', 'of the certificate, as owl cert show says it', sha256),
    (deps, _: object, id: Identifier, sha256: string) => change(deps, (content) => removeSeal(content, id, sha256)),
  )

  const subsystem = run.group('subsystem', 'subsystems of a member')
  const addSubsystemCommand = subsystem.command('add').description('register a subsystem')
  addSubsystemCommand.argument('<id>', 'four parts', identifier(4))
  addSubsystemCommand.option('--name <name>', 'its code when absent').option('--gateway <id>', 'who speaks for it')
  run.on(addSubsystemCommand, (deps, { name, gateway }: { name?: string; gateway?: string }, id: Identifier) =>
    change(deps, (content) => addSubsystem(content, id, name ?? id.split('/').at(-1) ?? id, gateway), [id]),
  )

  const gateway = run.group('gateway', 'gateways of a member')
  const addGatewayCommand = gateway.command('add').description('register a gateway, its address and certificates')
  addGatewayCommand.argument('<id>', 'INSTANCE/CLASS/MEMBER/CODE', identifier(4))
  addGatewayCommand.requiredOption('--address <url>', 'provider port, https://host:port')
  addGatewayCommand.requiredOption('--server <file>', 'certificate of its provider port')
  addGatewayCommand.requiredOption('--client <file>', 'certificate it shows when it calls')
  run.on(addGatewayCommand, async (deps, wish: { address: string; server: string; client: string }, id: Identifier) => {
    const [server, client] = await Promise.all([readFile(wish.server), readFile(wish.client)])
    return change(deps, (content) => addGateway(content, { id, address: wish.address, server, client }, run.now()))
  })
}
