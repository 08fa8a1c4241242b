/** A message log in a fresh directory, real in every part. */

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createMasterKey } from '../../../gateway/message-log/keys/key-store.ts'
import type { LogEvent, MessageLogOptions, SqliteLog } from '../../../gateway/message-log/open-log.ts'
import { openMessageLog } from '../../../gateway/message-log/open-log.ts'

export const GATEWAY = 'OWL/GOV/05711000/SS1'

export interface LogRig {
  readonly directory: string
  readonly options: MessageLogOptions
  readonly events: LogEvent[]
  open(more?: Partial<MessageLogOptions>): Promise<SqliteLog>
  /** Closes what is open and removes everything. */
  close(): Promise<void>
}

/** @param under where to make the directory */
export async function makeLogRig(under = tmpdir()): Promise<LogRig> {
  const directory = await mkdtemp(join(under, 'owl-log-'))
  await mkdir(join(directory, 'secret'))
  const masterKey = join(directory, 'secret', 'master.key')
  createMasterKey(masterKey)
  const events: LogEvent[] = []
  const options: MessageLogOptions = {
    gateway: GATEWAY,
    file: join(directory, 'log', 'log.sqlite'),
    keyStore: join(directory, 'secret', 'keys'),
    masterKey,
    retention: () => ({ bodyRetentionDays: 30, recordRetentionDays: 1095 }),
    authorities: () => [],
    now: Date.now,
    report: (event) => events.push(event),
    recoverIntervalMs: 50,
  }
  const logs: SqliteLog[] = []
  return {
    directory,
    options,
    events,
    async open(more = {}) {
      const log = await openMessageLog({ ...options, ...more })
      logs.push(log)
      return log
    },
    async close() {
      for (const log of logs) await log.close().catch(() => {})
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** The tables themselves, for tests that look behind the port. */
export function readTables({ file }: Pick<MessageLogOptions, 'file'>): DatabaseSync {
  return new DatabaseSync(file, { readOnly: true })
}
