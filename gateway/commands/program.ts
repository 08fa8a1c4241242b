/** The commands of `owl`. What a command needs is loaded when it runs, so that all of them start fast. */

import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Command, CommanderError } from 'commander'
import type { Config } from '../config/config.ts'
import { FAULTS, GatewayError } from '../errors.ts'
import { registerAdapterCommands } from './adapter/new.ts'
import type { OperatorFiles } from './admin-client.ts'
import type { Finding } from './doctor/files.ts'
import type { EvidenceCommandDeps } from './evidence/export.ts'
import type { ExportGiven } from './evidence/export-options.ts'
import { registerEvidenceExport } from './evidence/export-options.ts'
import { registerEvidenceCommands } from './evidence/verify-options.ts'
import { withOperandsApart } from './list-options.ts'
import type { RunDeps } from './log/archive.ts'
import { registerArchiveCommands } from './log/archive-options.ts'
import { registerErasureCommands } from './log/erase-options.ts'
import type { WithConfig } from './log/options.ts'
import { registerLogCommands } from './log/options.ts'
import type { LogCommandDeps } from './log/read.ts'
import type { PartnerCommandDeps } from './log/reconcile.ts'
import { registerPartnerCommands } from './log/reconcile-options.ts'
import type { RenewalGiven } from './log/renew.ts'
import { registerRenewalCommand } from './log/renew-options.ts'
import { registerSubjectCommand } from './log/subject-options.ts'
import type { OutputStream, Terminal } from './terminal.ts'
import { openTerminal, plain } from './terminal.ts'

const EXIT = { done: 0, failed: 1, misused: 2, unverified: 3 } as const
const ROOT = join(import.meta.dirname, '../..')
const FEDERATION = join(ROOT, 'var/federation.json')
const MARKS = { ok: 'green', warn: 'yellow', fail: 'red' } as const

/** Where a command speaks and what it is told beside its arguments. */
export interface Surroundings {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly environment: NodeJS.ProcessEnv
}

type Ending = keyof typeof EXIT

/** One run of the command line. */
interface Session {
  readonly terminal: Terminal
  readonly environment: NodeJS.ProcessEnv
  end(how: Ending): void
}

/**
 * Runs one command. Data goes to standard output, talk to standard error.
 *
 * @param args without the program's name
 * @returns the exit code: 0 done, 1 failed, 2 misused, 3 verification failed
 */
export async function runOwl(args: readonly string[], { stdout, stderr, environment }: Surroundings): Promise<number> {
  const terminal = openTerminal(stdout, stderr)
  let exitCode: number = EXIT.done
  const end = (how: Ending): void => {
    exitCode = EXIT[how]
  }
  const program = new Command('owl')
    .description('Gateway of the model region Ostwestfalen-Lippe: data exchange that is signed, logged and provable')
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError('(add --help to see how)')
  try {
    await registerCommands(program, args, { terminal, environment, end })
    await program.parseAsync(withOperandsApart(program, args), { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode !== 0) end('misused')
      return exitCode
    }
    const misused = error instanceof GatewayError && error.code === 'BadRequest'
    // There is no request here: the reason alone says it.
    terminal.say(`owl: ${plain((error as Error).message).replace(`${FAULTS.BadRequest.message}: `, '')}`)
    end(misused ? 'misused' : 'failed')
  }
  return exitCode
}

async function registerCommands(program: Command, args: readonly string[], session: Session): Promise<void> {
  const { terminal, end } = session
  const onLog = <T>(given: WithConfig, work: (deps: LogCommandDeps) => Promise<T>): Promise<T> =>
    withLog(session, given, work)
  const failVerification = (): void => end('unverified')
  const fail = (): void => end('failed')
  const now = Date.now
  gatewayCommands(program, session)
  await registryCommands(program, args, session)
  const log = registerLogCommands(program, { onLog, fail, failVerification, now })
  registerRenewalCommand(log, { renew: (given) => renew(session, given) })
  registerErasureCommands(log, { onLog, now, terminal, readPlace, operatorOf })
  registerArchiveCommands(log, { onLog, readPlace, operatorOf, terminal, failVerification, now })
  registerPartnerCommands(log, { onPartners: (given, work) => withPartnersOf(session, given, work), end, now })
  registerSubjectCommand(log, terminal)
  const evidence = registerEvidenceCommands(program, {
    terminal: { ...terminal, plain },
    failVerification,
    readRegistry: async (...given) => (await import('./evidence/stored-registry.ts')).readStoredRegistry(...given),
    now,
  })
  registerEvidenceExport(evidence, { onExport: (given, work) => withExport(session, given, work), fail, now })
  certificateCommands(program, session)
  doctorCommand(program, session)
  registerAdapterCommands(program, { terminal, root: ROOT, federation: FEDERATION })
}

async function readConfig(file: string): Promise<Config> {
  const { loadConfig } = await import('../config/config.ts')
  return loadConfig(file)
}

async function readPlace(file: string): Promise<Pick<RunDeps, 'config' | 'place'>> {
  const { loadConfig, logPlace } = await import('../config/config.ts')
  const config = await loadConfig(file)
  return { config, place: logPlace(config) }
}

/** A development region says beside its configurations who its operators are. */
async function operatorOf(file: string): Promise<OperatorFiles | undefined> {
  const { federationFile, readFederation } = await import('../region/federation.ts')
  const federation = await readFederation(federationFile(dirname(resolve(file)))).catch(() => undefined)
  return federation?.gateways.find(({ config }) => config === resolve(file))?.operator
}

async function withLog<T>(
  { terminal }: Session,
  { config: file, json }: WithConfig,
  work: (deps: LogCommandDeps) => Promise<T>,
): Promise<T> {
  const [{ config, place }, { openLogReader }, { findLogFault }, { lookingAt }] = await Promise.all([
    readPlace(file),
    import('../message-log/reading/reader.ts'),
    import('../message-log/reading/log-fault.ts'),
    import('./local-user.ts'),
  ])
  const fault = findLogFault(place)
  if (fault !== undefined) terminal.say(`${fault.message}. What to do: ${fault.next}.`)
  const reader = openLogReader({
    ...place,
    ...(fault !== undefined && { gone: { name: `${config.gateway}/n1`, epoch: 1 } }),
  })
  const looking = lookingAt(place.file)
  const verify: LogCommandDeps['verify'] = async (wish) => {
    const { verifyOwnLog } = await import('../admin/log/verification.ts')
    return verifyOwnLog(config, place, wish)
  }
  try {
    return await work({
      reader,
      looking,
      verify,
      ...(fault !== undefined && { fault, isGone: !existsSync(place.file) }),
      terminal,
      json: json === true,
    })
  } finally {
    reader.close()
  }
}

/** SIGINT and SIGTERM stop it between two steps; the next time it goes on from there. */
async function renew(
  { terminal }: Session,
  { config: file, json, ...given }: WithConfig & RenewalGiven,
): Promise<void> {
  const { renewEvidence } = await import('./log/renew.ts')
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const deps = { ...(await readPlace(file)), terminal, json: json === true, now: Date.now, signal: stopping.signal }
  await renewEvidence(deps, given)
}

async function withPartnersOf<T>(
  session: Session,
  given: WithConfig,
  work: (deps: PartnerCommandDeps) => Promise<T>,
): Promise<T> {
  return withLog(session, given, async (deps) => {
    const { withPartners } = await import('./at-rest/partners.ts')
    return withPartners(await readConfig(given.config), deps, work)
  })
}

async function withExport<T>(
  session: Session,
  given: ExportGiven,
  work: (deps: EvidenceCommandDeps) => Promise<T>,
): Promise<T> {
  return withLog(session, given, async (deps) => {
    const config = await readConfig(given.config)
    const exporting = { ...deps, now: Date.now, stampIntervalMs: config.log.stampIntervalMs }
    if (given.seal === undefined) return work(exporting)
    const { openSealingAlone } = await import('./at-rest/sealing.ts')
    const sealing = await openSealingAlone(config, Date.now)
    try {
      return await work({ ...exporting, sealing })
    } finally {
      await sealing.close()
    }
  })
}

function gatewayCommands(program: Command, session: Session): void {
  const gateway = program.command('gateway').description('run a gateway, check its configuration')
  gateway
    .command('start')
    .description('run it; SIGTERM ends it, SIGHUP makes it read services, clients and operators again')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .action(async ({ config }: WithConfig) => {
      const { applyProcessSettings } = await import('../process-settings.ts')
      applyProcessSettings(session.environment)
      const [{ startGateway, refuseStart }, { announceGateway }] = await Promise.all([
        import('../main.ts'),
        import('../region/federation.ts'),
      ])
      await startGateway(config).catch(refuseStart)
      // In a development region others look there for the process.
      await announceGateway(config, process.pid)
    })
  gateway
    .command('check')
    .description('whether a gateway starts with it: keys, certificates, services, adapters; asks nobody')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .option('--json', 'print JSON')
    .action(async ({ config: file, json }: WithConfig) => {
      const [{ examineConfig, examineFiles, onlyAdvice }, config] = await Promise.all([
        import('./doctor/files.ts'),
        readConfig(file),
      ])
      const readable: Finding = { state: 'ok', what: 'configuration', detail: file }
      // What a start would refuse fails, and nothing else does.
      const parts = [[readable], examineConfig(config), onlyAdvice(examineFiles(config, Date.now()))]
      await report(session, parts, json)
    })
}

/** Loaded only where it is meant: everybody else's help names it, and no more. */
async function registryCommands(program: Command, args: readonly string[], { terminal, end }: Session): Promise<void> {
  if (!args.slice(0, 2).includes('registry')) {
    program.command('registry').description('the region: members, services, purposes, agreements')
    return
  }
  const { registerRegistryCommands } = await import('./registry/registry.ts')
  registerRegistryCommands(program, {
    print: terminal.out,
    complain: terminal.say,
    fail: () => end('failed'),
    makeClient: async (...given) => (await import('../../certs-dev/make.ts')).makeClient(...given),
    entryFaults: async (...given) => (await import('../config/faults.ts')).entryFaults(...given),
  })
}

function certificateCommands(program: Command, session: Session): void {
  const cert = program.command('cert').description('what is in certificates, and how long they last')
  cert
    .command('show')
    .description('subject, issuer, validity, fingerprint')
    .argument('<file...>', 'PEM or DER')
    .option('--json', 'print JSON')
    .action(async (files: string[], { json }: { readonly json?: true }) => {
      const { factsOf, readCertificates, showCertificate } = await import('./doctor/certificates.ts')
      for (const file of files) {
        for (const certificate of await readCertificates(file)) {
          const facts = factsOf(file, certificate, Date.now())
          if (json) session.terminal.json(facts)
          else showCertificate(session.terminal, facts)
        }
      }
    })
  cert
    .command('check')
    .description('keys and certificates of a gateway: do they fit, how many days are left')
    .requiredOption('--config <file>', 'configuration of the gateway')
    .option('--json', 'print JSON')
    .action(async ({ config, json }: WithConfig) => {
      const { examinePairs } = await import('./doctor/files.ts')
      await report(session, [examinePairs(await readConfig(config), Date.now())], json)
    })
}

function doctorCommand(program: Command, session: Session): void {
  program
    .command('doctor')
    .description('what could keep a gateway from working, and what to do about it')
    .option('--config <file>', 'configuration of one gateway')
    .option('--federation <file>', 'or all gateways of a running region (default: var/federation.json)')
    .option('--json', 'print JSON')
    .action(async ({ config, federation, json }: Partial<WithConfig> & { readonly federation?: string }) => {
      const files = config === undefined ? await configsOf(federation ?? FEDERATION) : [config]
      await report(session, files.map(examine), json)
    })
}

async function configsOf(federation: string): Promise<string[]> {
  if (!existsSync(federation)) {
    throw new Error(`${federation} is not there: npm start runs the region, --config FILE looks at one gateway`)
  }
  const { readFederation } = await import('../region/federation.ts')
  return (await readFederation(federation)).gateways.map(({ config }) => config)
}

async function* examine(file: string): AsyncGenerator<Finding> {
  const [{ examineConfig, examineFiles }, { examineNetwork }] = await Promise.all([
    import('./doctor/files.ts'),
    import('./doctor/network.ts'),
  ])
  const what = 'configuration'
  let config: Config
  try {
    config = await readConfig(file)
  } catch (error) {
    const next = `mend it; npx owl gateway check --config ${file}`
    yield { state: 'fail', what, detail: (error as Error).message, next }
    return
  }
  yield { state: 'ok', what, detail: `${config.gateway}, ${file}` }
  yield* examineConfig(config)
  yield* examineFiles(config, Date.now())
  yield* examineNetwork(config, file, Date.now)
}

/** Prints as it goes, since some answers take their time. */
async function report(
  { terminal, end }: Session,
  parts: readonly (AsyncIterable<Finding> | Iterable<Finding>)[],
  json: true | undefined,
): Promise<void> {
  const counts = { ok: 0, warn: 0, fail: 0 }
  for (const findings of parts) {
    for await (const finding of findings) {
      const { state, what, detail, next } = finding
      counts[state]++
      if (json) terminal.json(finding)
      else {
        terminal.out(`${terminal.style(MARKS[state], state.padEnd(4))}  ${plain(what).padEnd(28)}  ${plain(detail)}`)
        if (next !== undefined) terminal.out(`      ${terminal.style('dim', '→')} ${next}`)
      }
    }
  }
  terminal.say(`${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} failed`)
  if (counts.fail > 0) end('failed')
}
