/** `owl log …`: which commands there are and what they take. What they do is `log-commands.ts`, loaded when one runs. */

import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import { Option } from 'commander'
import { OUTCOMES, parseLogQuery } from '../../admin/log/query.ts'
import { GatewayError } from '../../errors.ts'
import type { LogQuery } from '../../message-log/message-log.ts'
import type { LogCommandDeps } from './read.ts'

export interface LogCommandsOptions {
  /** Opens the log of this configuration, beside a running gateway or without one, for as long as the work takes. */
  readonly onLog: <T>(given: WithConfig, work: (deps: LogCommandDeps) => Promise<T>) => Promise<T>
  /** What to do when nothing was found, and when the log does not hold. */
  readonly fail: () => void
  readonly failVerification: () => void
  readonly now: () => number
}

export interface WithConfig {
  readonly config: string
  readonly json?: true
}

export interface Filters extends WithConfig, Readonly<Partial<Record<keyof LogQuery, string>>> {}

interface VerifyGiven {
  readonly sinceLast?: boolean
  readonly signatures?: boolean
  readonly threads?: string
}

const VERIFY_THREADS = 4
const TAIL_LINES = 10
const AGE = /^(\d{1,5})([smhd])$/
const AGE_MS = { s: 1000, m: 60_000, h: 3600_000, d: 86_400_000 } as const

/** @returns the command group, for what is registered elsewhere */
export function registerLogCommands(program: Command, options: LogCommandsOptions): Command {
  const { onLog, now } = options
  const log = program.command('log').description('the message log: what was asked, answered and refused')
  const command = (name: string, about: string): Command =>
    log
      .command(name)
      .description(about)
      .requiredOption('--config <file>', 'configuration of the gateway')
      .option('--json', 'print JSON')

  filtered(command('list', 'records, newest first'))
    .option('--limit <n>', '1 to 1000; 100 when absent')
    .option('--after <seq>', 'only older ones than this')
    .action(async (given: Filters) => {
      const query = queryOf(given, now())
      const { listRecords } = await import('./read.ts')
      await onLog(given, (deps) => listRecords(deps, query))
    })

  command('show', 'one record, or all of an exchange')
    .argument('<seq-or-request-id>')
    .addOption(new Option('--part <name>', 'its exact octets').choices(['head', 'body', 'signature', 'record']))
    .action(async (name: string, given: WithConfig & { readonly part?: 'head' | 'body' | 'signature' | 'record' }) => {
      const { showRecords, writePart } = await import('./read.ts')
      const { part } = given
      const found = await onLog(given, (deps) =>
        part === undefined ? showRecords(deps, name) : writePart(deps, name, part),
      )
      if (!found) options.fail()
    })

  filtered(command('tail', 'the latest records, and those that come'))
    .option('-n, --lines <n>', 'how many of those already there', String(TAIL_LINES))
    .action(async (given: Filters & { readonly lines: string }) => {
      const query = queryOf({ ...given, limit: given.lines }, now())
      const { tailRecords } = await import('./read.ts')
      const stopping = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
      await onLog(given, (deps) => tailRecords(deps, query, stopping.signal))
    })

  command('verify', 'chain, batches and time-stamps of the whole log; exit code 3 when it does not hold')
    .option('--since-last', 'only what came since it was verified last')
    .option('--signatures', 'signatures of messages too; takes several times as long')
    .option('--threads <n>', 'how many verify at a time; as many as there are processors, at most 4, when absent')
    .action(async (given: WithConfig & VerifyGiven) => {
      const { verifyWhole } = await import('./read.ts')
      const wish = { ...given, threads: threadsOf(given.threads) }
      if (!(await onLog(given, (deps) => verifyWhole(deps, wish)))) options.failVerification()
    })
  return log
}

/** @throws {GatewayError} `BadRequest` */
function threadsOf(given = String(Math.min(VERIFY_THREADS, availableParallelism()))): number {
  if (/^[1-9]\d?$/.test(given)) return Number(given)
  throw new GatewayError('BadRequest', { reason: 'threads are from 1 to 99' })
}

/** The options that say which records are meant. */
export function filtered(command: Command): Command {
  return command
    .option('--from <time>', 'ISO 8601, or how long ago: 30m, 12h, 7d')
    .option('--to <time>', 'the same; not included')
    .option('--client <id>', 'INSTANCE/CLASS/MEMBER/SUBSYSTEM')
    .option('--service <id>', 'INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE')
    .option('--purpose <code>')
    .option('--request-id <id>')
    .addOption(new Option('--outcome <outcome>').choices([...OUTCOMES]))
}

/** @throws {GatewayError} `BadRequest` */
export function queryOf(
  { config: _, json: __, ...given }: Filters & { readonly lines?: string },
  now: number,
): LogQuery {
  const { lines: ___, from, to, ...rest } = given
  return parseLogQuery({
    ...rest,
    ...(from !== undefined && { from: instantOf(from, now) }),
    ...(to !== undefined && { to: instantOf(to, now) }),
  })
}

/** A day is its beginning in UTC, an age counts back from now; anything else has to be a time already. */
export function instantOf(text: string, now: number): string {
  const [, count, unit] = AGE.exec(text) ?? []
  if (unit !== undefined) return new Date(now - Number(count) * AGE_MS[unit as keyof typeof AGE_MS]).toISOString()
  return /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text
}
