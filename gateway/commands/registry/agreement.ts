/** `owl registry purpose|agreement …`: why data may move, and who may call what for that. */

import { Option } from 'commander'
import type { Identifier } from '../../protocol/identifiers.ts'
import { addAgreement, addPurpose, removeAgreement, removePurpose } from '../../registry/commands.ts'
import type { Purpose } from '../../trust/configuration.ts'
import { given, identifier, instant, number } from './arguments.ts'
import { change } from './changes.ts'
import type { Place, RegistryRun } from './run.ts'

interface AgreementWish {
  readonly client: Identifier
  readonly service: Identifier
  readonly method: string
  readonly path: string
  readonly purpose?: readonly string[]
  readonly allowIdnr?: keyof typeof IDNR
  readonly id?: string
  readonly validFrom?: string
  readonly validUntil?: string
}

/** Where an identification number may be. */
const IDNR = { request: ['request'], reply: ['reply'], both: ['request', 'reply'], none: [] } as const

export function registerAgreementCommands(run: RegistryRun): void {
  const purpose = run.group('purpose', 'why data may move')
  const addPurposeCommand = purpose.command('add').argument('<code>').description('register a purpose, or change it')
  addPurposeCommand
    .option('--title <title>')
    .option('--legal-basis <text>')
    .option('--data-categories <text...>')
    .option('--body-retention-days <n>', 'how long bodies are kept', number)
    .option('--record-retention-days <n>', 'how long records are kept', number)
    .addOption(new Option('--requires <header...>', 'X-Road headers it needs').choices(['issue', 'userId']))
    .option('--max-staleness-s <n>', 'how old the configuration may be', number)
    .option('--revocation-soft-fail', 'go on with a stale revocation status')
  run.on(addPurposeCommand, (deps, wish: Partial<Purpose> & Place, code: string) => {
    const { federation: _f, registry: _r, json: _j, ...purpose } = wish
    return change(deps, (content) => addPurpose(content, code, purpose))
  })
  run.on(
    purpose.command('remove').description('take it away; no agreement may name it').argument('<code>'),
    (deps, _: object, code: string) => change(deps, (content) => removePurpose(content, code)),
  )

  const agreement = run.group('agreement', 'who may call what, and why')
  const addAgreementCommand = agreement.command('add').description('agree, or add one more right to an agreement')
  addAgreementCommand
    .requiredOption('--client <id>', 'subsystem, or a member for all of its subsystems', identifier(3, 4))
    .requiredOption('--service <id>', 'five parts', identifier(5))
    .option('--method <method>', 'HTTP method or *', '*')
    .option('--path <glob>', '* within a segment, ** across', '**')
    .option('--purpose <code...>', 'allowed purposes; none: no purpose is required')
    .addOption(
      new Option('--allow-idnr [where]', 'messages that may carry an identification number, as a law lets them')
        .choices(Object.keys(IDNR))
        .preset('both'),
    )
    .option('--id <id>', 'of the agreement; made of client and service when absent')
    .option('--valid-from <time>', 'ISO 8601; now when absent', instant)
    .option('--valid-until <time>', 'ISO 8601', instant)
  run.on(addAgreementCommand, (deps, wish: AgreementWish) => {
    const { client, service, method, path, purpose: purposes = [], allowIdnr, id, validUntil } = wish
    const idnr = allowIdnr && IDNR[allowIdnr]
    const validFrom = wish.validFrom ?? new Date(run.now()).toISOString()
    const agreed = { client, service, method, path, purposes, validFrom, ...given({ id, validUntil, idnr }) }
    return change(deps, (content) => addAgreement(content, agreed), [client, service])
  })
  const removeAgreementCommand = agreement.command('remove').description('end an agreement: calls are refused at once')
  run.on(removeAgreementCommand.argument('<id>', 'as owl registry show lists it'), (deps, _: object, id: string) =>
    change(deps, (content) => removeAgreement(content, id)),
  )
}
