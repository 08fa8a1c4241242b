/** `owl log erase|hold|release|holds`: by the running gateway, which is asked at its admin port, or on the log at rest. */

import { randomUUID } from 'node:crypto'
import type { Order } from '../../admin/erasure/orders.ts'
import { parseOrder, refusalText } from '../../admin/erasure/orders.ts'
import { retentionRules } from '../../admin/erasure/retention-rules.ts'
import type { Config } from '../../config/config.ts'
import type { Erased } from '../../message-log/erasure/retention.ts'
import type { SqliteLog } from '../../message-log/open-log.ts'
import { openMessageLog } from '../../message-log/open-log.ts'
import type { LogReaderOptions } from '../../message-log/reading/reader.ts'
import { LogOpenError } from '../../message-log/record/open-error.ts'
import type { OperatorFiles } from '../admin-client.ts'
import { postToAdmin } from '../admin-client.ts'
import { lastSnapshot } from '../at-rest/sealing.ts'
import type { Column, Terminal } from '../terminal.ts'
import type { LogCommandDeps } from './read.ts'

export interface DecideDeps {
  readonly config: Config
  readonly place: LogReaderOptions
  readonly terminal: Terminal
  readonly now: () => number
  readonly json: boolean
  readonly operator?: OperatorFiles
}

type Done = Erased | { readonly seq: number; readonly records: number }

/** A million records that are due take minutes. */
const TIMEOUT_MS = 3_600_000
const PATHS = { erasure: '/log/erasures', hold: '/log/holds', release: '/log/releases' } as const
const DID = { erasure: 'erased', hold: 'held', release: 'released' } as const

/** @throws {GatewayError} `BadRequest` @throws {Error} what was refused, and why */
export async function decide(deps: DecideDeps, event: keyof typeof PATHS, asked: object): Promise<void> {
  const { terminal, json } = deps
  const order = parseOrder(event, asked)
  const log = await openAtRest(deps)
  const done = log === undefined ? await askGateway(deps, PATHS[event], asked) : await atRest(log, order)
  if (json) terminal.json(done)
  else if ('seq' in done) {
    terminal.out(`${terminal.style('green', DID[event])}  ${count(done.records)}; on record as ${done.seq}`)
  } else {
    const { bodies, records, keys, problem } = done
    terminal.out(`${terminal.style('green', 'erased')}  ${bodies} bodies, ${count(records)}; ${keys} keys destroyed`)
    if (problem !== undefined) terminal.say(`Not all of it: ${problem}`)
  }
}

const COLUMNS: readonly Column[] = [
  { title: 'SEQ', right: true },
  { title: 'SINCE' },
  { title: 'BY' },
  { title: 'REASON' },
  { title: 'ON RECORD AS', right: true },
]

export async function listHolds({ reader, terminal, json }: LogCommandDeps): Promise<void> {
  const holds = reader.holds()
  if (json) terminal.json({ holds })
  else if (holds.length === 0) terminal.say('Nothing is held.')
  else
    terminal.table(
      COLUMNS,
      holds.map(({ seq, at, by, reason, hold }) => [seq, at, by, reason, hold].map(String)),
    )
}

/** @returns nothing when somebody else has it open: the gateway runs */
async function openAtRest({ config, place, now }: DecideDeps): Promise<SqliteLog | undefined> {
  const known = await lastSnapshot(config).catch(() => undefined)
  try {
    return await openMessageLog({
      ...place,
      gateway: config.gateway,
      // Nothing is added but the decision; what is closed here the gateway has time-stamped when it runs.
      retention: () => ({ bodyRetentionDays: 0, recordRetentionDays: 0 }),
      authorities: () => [],
      retentionRules: () => retentionRules(known?.configuration.purposes ?? []),
      now,
      replayWindowMs: config.limits.replayWindowMs,
    })
  } catch (error) {
    if (error instanceof LogOpenError && error.flaw === 'locked') return undefined
    throw error
  }
}

async function atRest(log: SqliteLog, order: Order): Promise<Done> {
  try {
    if (order.event === 'due') return await log.eraseDue()
    const decided = await log.decide({ ...order, id: randomUUID(), by: 'console' })
    if ('refused' in decided) throw new Error(refusalText(decided))
    return decided
  } finally {
    await log.close()
  }
}

async function askGateway({ config, operator }: DecideDeps, path: string, asked: object): Promise<Done> {
  if (operator === undefined)
    throw new Error('The gateway is running: --cert and --key of one of its operators are needed')
  return (await postToAdmin(config, operator, path, asked, TIMEOUT_MS)) as Done
}

function count(records: number): string {
  return `${records} ${records === 1 ? 'record' : 'records'}`
}
