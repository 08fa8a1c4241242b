/** `owl registry …`: the lead municipality's commands over its registry. Exit code: 0 done, 1 refused or not taken up. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import type { Identifier } from '../protocol/identifiers.ts'
import { readJson } from '../protocol/text.ts'
import type { Purpose } from '../trust/configuration.ts'
import { endpoint, given, httpUrl, identifier, instant, number, sha256 } from './arguments.ts'
import { addIssuingAuthority, addTimeStampAuthority, listAuthorities, removeAuthority } from './authorities.ts'
import type { ChangeDeps, MakeClient, Outcome, ServiceWish } from './changes.ts'
import { change, registerService, unregisterService } from './changes.ts'
import {
  addAgreement,
  addGateway,
  addMember,
  addPurpose,
  addSeal,
  addSubsystem,
  disableService,
  removeAgreement,
  removePurpose,
  removeSeal,
} from './commands.ts'
import type { EntryFaults } from './running-region.ts'
import { readRegion } from './running-region.ts'
import type { Content } from './store.ts'
import { initRegistry, openRegistry } from './store.ts'
import { formatAuthorities, formatOutcome, formatRegion } from './text.ts'

/** What the commands need of the rest of the product. */
export interface RegistryCommandsOptions {
  readonly makeClient: MakeClient
  readonly entryFaults: EntryFaults
  readonly now?: () => number
  /** A line for standard output or standard error. */
  readonly print?: (line: string) => void
  readonly complain?: (line: string) => void
  /** The command ends with exit code 1. */
  readonly fail?: () => void
}

/** Options of every command. */
interface Where {
  readonly federation: string
  readonly registry?: string
  readonly json?: boolean
}

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

const FEDERATION = join(import.meta.dirname, '../../var/federation.json')

export function registerRegistryCommands(program: Command, options: RegistryCommandsOptions): void {
  const { makeClient, entryFaults, now = Date.now } = options
  const print = options.print ?? ((line) => process.stdout.write(`${line}\n`))
  const complain = options.complain ?? ((line) => process.stderr.write(`${line}\n`))
  const fail = options.fail ?? (() => (process.exitCode = 1))
  const registry = program.command('registry').description('the region: members, services, purposes, agreements')
  const group = (name: string, about: string) => registry.command(name).description(about)

  /** A command on an existing registry: of the running region, or of `--registry DIR` alone. */
  function on<A extends readonly unknown[], O extends object>(
    command: Command,
    act: (deps: ChangeDeps, options: O, ...args: A) => Promise<Outcome>,
  ): void {
    whereOptions(command).action((...all: unknown[]) =>
      guarded(async () => {
        const where = command.opts<Where & O>()
        const region = where.registry === undefined ? await readRegion(where.federation) : undefined
        const store = openRegistry(where.registry ?? region?.registry.directory ?? '')
        try {
          const args = all.slice(0, -2) as unknown as A
          const done = await act(
            { store, makeClient, entryFaults, now, ...(region !== undefined && { region }) },
            where,
            ...args,
          )
          print(where.json === true ? JSON.stringify(done) : formatOutcome(done))
          if (done.gateways.some(({ state }) => state === 'late')) fail()
        } finally {
          store.close()
        }
      }),
    )
  }

  async function guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      complain((error as Error).message)
      fail()
    }
  }

  /** What is published, or was in an earlier version. */
  async function published({ at: version, federation, registry: directory, json }: Where & { readonly at?: number }) {
    const store = openRegistry(directory ?? (await readRegion(federation)).registry.directory)
    const found = version === undefined ? store.current() : store.at(version)
    store.close()
    if (found === undefined) throw new Error(`Version ${version} was never published`)
    return { ...found, json: json === true }
  }

  const init = registry.command('init').description('make a registry with a first version')
  init.requiredOption('--registry <dir>', 'folder to make it in').requiredOption('--content <file>', 'the region, JSON')
  init.action(() =>
    guarded(async () => {
      const { registry: directory, content } = init.opts<{ registry: string; content: string }>()
      initRegistry(directory, (await readJson(content)) as Content, now())
      print(`${directory} holds a registry`)
    }),
  )

  const show = registry
    .command('show')
    .description('what is published')
    .option('--at <version>', 'an earlier one', number)
  whereOptions(show).action(() =>
    guarded(async () => {
      const { json, ...shown } = await published(show.opts<Where & { at?: number }>())
      print(json ? shown.octets.toString() : formatRegion(shown))
    }),
  )

  const authority = group('authority', 'CAs that issue certificates, and authorities that time-stamp')
  const addAuthorityCommand = authority.command('add').description('register one more, or the new certificate of one')
  const addStampsCommand = addAuthorityCommand.command('time-stamp').description('who time-stamps message logs')
  addStampsCommand.requiredOption('--url <url>', 'where it answers (RFC 3161)', httpUrl)
  addStampsCommand.requiredOption('--certificate <file>', 'what it signs with, PEM or DER')
  addStampsCommand.requiredOption('--ca <file>', 'the CA that issued that, PEM or DER')
  addStampsCommand.requiredOption('--crl <url>', 'where the revocation list of that CA is', httpUrl)
  on(
    addStampsCommand,
    async (deps, { url, crl, ...files }: { url: string; certificate: string; ca: string; crl: string }) => {
      const [certificate, ca] = await Promise.all([readFile(files.certificate), readFile(files.ca)])
      return change(deps, (content) => addTimeStampAuthority(content, { url, certificate, ca, crl }, now()))
    },
  )
  const addIssuingCommand = addAuthorityCommand.command('issuing').description('who issues certificates of the region')
  addIssuingCommand.requiredOption('--certificate <file>', 'PEM or DER')
  addIssuingCommand.requiredOption('--ocsp <url>', 'its OCSP responder', httpUrl)
  addIssuingCommand.requiredOption('--crl <url>', 'its revocation list', httpUrl)
  on(addIssuingCommand, async (deps, wish: { certificate: string; ocsp: string; crl: string }) => {
    const certificate = await readFile(wish.certificate)
    return change(deps, (content) => addIssuingAuthority(content, { ...wish, certificate }, now()))
  })
  const removeAuthorityCommand = authority.command('remove').description('nothing new of it is believed')
  on(
    removeAuthorityCommand.argument('<sha256>', 'of its certificate, as owl registry authority list says it', sha256),
    (deps, _: object, fingerprint: string) => change(deps, (content) => removeAuthority(content, fingerprint)),
  )
  const listAuthoritiesCommand = authority.command('list').description('who they are, and how long they last')
  whereOptions(listAuthoritiesCommand).action(() =>
    guarded(async () => {
      const { configuration, json } = await published(listAuthoritiesCommand.opts<Where>())
      const authorities = listAuthorities(configuration)
      print(json ? JSON.stringify(authorities) : formatAuthorities(authorities, now()))
    }),
  )

  const member = group('member', 'agencies')
  const addMemberCommand = member.command('add').description('let an agency join')
  addMemberCommand.argument('<id>', 'INSTANCE/CLASS/MEMBER', identifier(3))
  addMemberCommand.requiredOption('--name <name>', 'as in its certificates').option('--dvdv <key>', 'DVDV key')
  addMemberCommand.requiredOption('--seal <file...>', 'seal certificate')
  on(addMemberCommand, async (deps, wish: { name: string; dvdv?: string; seal: string[] }, id: Identifier) => {
    const seals = await Promise.all(wish.seal.map((path) => readFile(path)))
    return change(deps, (content) => addMember(content, { id, ...wish, seals }, now()))
  })

  const seal = group('seal', 'seal certificates of a member')
  const addSealCommand = seal.command('add').description('register one more; what it signs is believed from now on')
  addSealCommand.argument('<member>', 'INSTANCE/CLASS/MEMBER', identifier(3))
  addSealCommand.requiredOption('--certificate <file>', 'PEM or DER')
  on(addSealCommand, async (deps, { certificate }: { certificate: string }, id: Identifier) => {
    const octets = await readFile(certificate)
    return change(deps, (content) => addSeal(content, id, octets, now()))
  })
  const removeSealCommand = seal.command('remove').description('what it signs is believed no longer')
  removeSealCommand.argument('<member>', 'INSTANCE/CLASS/MEMBER', identifier(3))
  on(
    removeSealCommand.argument('<sha256>', 'of the certificate, as owl cert show says it', sha256),
    (deps, _: object, id: Identifier, sha256: string) => change(deps, (content) => removeSeal(content, id, sha256)),
  )

  const subsystem = group('subsystem', 'subsystems of a member')
  const addSubsystemCommand = subsystem.command('add').description('register a subsystem')
  addSubsystemCommand.argument('<id>', 'four parts', identifier(4))
  addSubsystemCommand.option('--name <name>', 'its code when absent').option('--gateway <id>', 'who speaks for it')
  on(addSubsystemCommand, (deps, { name, gateway }: { name?: string; gateway?: string }, id: Identifier) =>
    change(deps, (content) => addSubsystem(content, id, name ?? id.split('/').at(-1) ?? id, gateway), [id]),
  )

  const gateway = group('gateway', 'gateways of a member')
  const addGatewayCommand = gateway.command('add').description('register a gateway, its address and certificates')
  addGatewayCommand.argument('<id>', 'INSTANCE/CLASS/MEMBER/CODE', identifier(4))
  addGatewayCommand.requiredOption('--address <url>', 'provider port, https://host:port')
  addGatewayCommand.requiredOption('--server <file>', 'certificate of its provider port')
  addGatewayCommand.requiredOption('--client <file>', 'certificate it shows when it calls')
  on(addGatewayCommand, async (deps, wish: { address: string; server: string; client: string }, id: Identifier) => {
    const [server, client] = await Promise.all([readFile(wish.server), readFile(wish.client)])
    return change(deps, (content) => addGateway(content, { id, address: wish.address, server, client }, now()))
  })

  const service = group('service', 'services of a subsystem')
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
  on(
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
  on(serviceId('remove', 'take it from registry and gateway'), (deps, _: object, id: Identifier) =>
    unregisterService(deps, id),
  )
  const disable = serviceId('disable', 'switch it off: callers read the notice').requiredOption(
    '--notice <text>',
    'what callers read',
  )
  on(disable, (deps, { notice }: { notice: string }, id: Identifier) =>
    change(deps, (content) => disableService(content, id, notice), [id]),
  )
  on(serviceId('enable', 'switch it on again'), (deps, _: object, id: Identifier) =>
    change(deps, (content) => disableService(content, id, undefined), [id]),
  )

  const purpose = group('purpose', 'why data may move')
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
  on(addPurposeCommand, (deps, wish: Partial<Purpose> & Where, code: string) => {
    const { federation: _f, registry: _r, json: _j, ...purpose } = wish
    return change(deps, (content) => addPurpose(content, code, purpose))
  })
  on(
    purpose.command('remove').description('take it away; no agreement may name it').argument('<code>'),
    (deps, _: object, code: string) => change(deps, (content) => removePurpose(content, code)),
  )

  const agreement = group('agreement', 'who may call what, and why')
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
  on(addAgreementCommand, (deps, wish: AgreementWish) => {
    const { client, service, method, path, purpose: purposes = [], allowIdnr, id, validUntil } = wish
    const idnr = allowIdnr && IDNR[allowIdnr]
    const validFrom = wish.validFrom ?? new Date(now()).toISOString()
    const agreed = { client, service, method, path, purposes, validFrom, ...given({ id, validUntil, idnr }) }
    return change(deps, (content) => addAgreement(content, agreed), [client, service])
  })
  const removeAgreementCommand = agreement.command('remove').description('end an agreement: calls are refused at once')
  on(removeAgreementCommand.argument('<id>', 'as owl registry show lists it'), (deps, _: object, id: string) =>
    change(deps, (content) => removeAgreement(content, id)),
  )
}

function whereOptions(command: Command): Command {
  return command
    .option('--federation <file>', 'the running region', FEDERATION)
    .option('--registry <dir>', 'change this registry alone, and no gateway')
    .option('--json', 'print JSON')
}
