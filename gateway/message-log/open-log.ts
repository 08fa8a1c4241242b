/**
 * The message log on SQLite, as the gateway's thread sees it: what is appended, what was seen, how it is doing. The work
 * is the writer's. Source: architecture, "Message log".
 */

import { dirname, join } from 'node:path'
import { GatewayError } from '../errors.ts'
import type { Identifier } from '../protocol/identifiers.ts'
import type { Archiving, ArchivingEvent, ArchivingHealth, ArchivingOptions } from './archiving/archiving.ts'
import { openArchiving } from './archiving/archiving.ts'
import { CLOCK_LEAD_MAX_MS, dueTime } from './erasure/due-time.ts'
import type { Erased, RetentionEvent } from './erasure/retention.ts'
import { openRetention } from './erasure/retention.ts'
import type { Decided, Request, RetentionRules } from './erasure/terms.ts'
import { openAccessNotes } from './files/access-notes.ts'
import { syncFile } from './files/body-files.ts'
import { openPseudonyms } from './keys/pseudonyms.ts'
import type { Appended, MessageLog, NewRecord } from './message-log.ts'
import { openRecentIds } from './recent-ids.ts'
import type { Access } from './record/access-event.ts'
import { formatAccess } from './record/access-event.ts'
import type { LogPlace } from './record/log-place.ts'
import type { LogFault } from './record/open-error.ts'
import type { StampingEvent, StampingHealth } from './stamping/stamping.ts'
import { openStamping } from './stamping/stamping.ts'
import type { RegisteredAuthority, TimeStampClientOptions } from './stamping/time-stamp-client.ts'
import { listsInTokens, openTimeStampClient } from './stamping/time-stamp-client.ts'
import { openStore } from './store/engine.ts'
import type { WitnessEvent, WitnessHealth } from './witness/witness.ts'
import { openWitness } from './witness/witness.ts'
import type { Retention } from './writer/new-entry.ts'
import { messageEntry, ownEntry } from './writer/new-entry.ts'
import type { WriterEvent } from './writer/writer-queue.ts'
import { openWriterQueue } from './writer/writer-queue.ts'
import { startWriter } from './writer/writer-thread.ts'

export interface MessageLogOptions extends ArchivingOptions {
  /** `INSTANCE/CLASS/MEMBER/SERVERCODE` */
  readonly gateway: Identifier
  /** `n1` when absent: a clustered gateway has one log per node. */
  readonly node?: string
  /** The database. */
  readonly file: string
  /** Directory of wrapped keys, apart from the log and its backups. */
  readonly keyStore: string
  /** 32 octets. */
  readonly masterKey: string
  /** Large bodies, on the file system of the spool; `bodies` beside the database when absent. */
  readonly bodies?: string
  /** Archive files, on any file system; `archive` beside the database when absent. */
  readonly archive?: string
  /** Apart from the log; `high-water.json` in the key store when absent. */
  readonly highWaterFile?: string
  /** How long bodies and records of a purpose are kept. */
  readonly retention: (purpose: string) => Retention
  /** The rules that these follow, by purpose, as they are put on record when something is erased. */
  readonly retentionRules?: () => RetentionRules
  /** Time of day, UTC, `HH:MM`, at which what is due is erased; also once after the start. Null: only when told to. */
  readonly eraseAt?: string | null
  readonly eraseStartMs?: number
  /** Dates are judged by a clock that is this far ahead of the latest time-stamp at the most. */
  readonly clockLeadMaxMs?: number
  /** Time-stamp authorities of the current configuration. */
  readonly authorities: () => readonly RegisteredAuthority[]
  readonly now: () => number
  readonly report?: (event: LogEvent) => void
  readonly stampIntervalMs?: number
  readonly stampRecordsMax?: number
  readonly stampFailureLimitMs?: number
  readonly stampRetryMs?: number
  readonly queueMax?: number
  readonly queueBytesMax?: number
  readonly commitBytesMax?: number
  readonly replayWindowMs?: number
  readonly recoverIntervalMs?: number
  /** Its files are looked at this often: what is deleted or replaced closes the log. */
  readonly lookIntervalMs?: number
  /** A log that is damaged, or older or other than its key store says, is opened all the same, closed. */
  readonly standsBy?: boolean
  /** Directories that have to stay as they are besides those of the log. */
  readonly watched?: readonly string[]
  readonly timeStamps?: Omit<TimeStampClientOptions, 'authorities' | 'now'>
}

export type LogEvent = WriterEvent | StampingEvent | WitnessEvent | RetentionEvent | ArchivingEvent

/** Times are milliseconds since the Unix epoch; what is absent is not known. */
export interface MessageLogHealth extends StampingHealth, WitnessHealth, ArchivingHealth {
  /** `gateway/node/epoch` */
  readonly id: string
  readonly isWritable: boolean
  /** Why it is closed until somebody has seen to it. */
  readonly fault?: LogFault
  readonly seq: number
  /** Records waiting or being written. */
  readonly queued: number
  /** Since the start: how many appends, and how long they waited in all. */
  readonly appended: number
  readonly appendMs: number
}

export interface AdoptedConfiguration {
  readonly version: number
  /** Hex. */
  readonly sha256: string
  readonly octets: Buffer
}

export interface SqliteLog extends MessageLog {
  /**
   * Puts a configuration on record before it is used. The one that was recorded last is not recorded again.
   *
   * @throws {GatewayError} `LoggingFailed`
   */
  appendConfiguration(configuration: AdoptedConfiguration): Promise<Appended>
  /** Puts on record who looks, before anything is shown. @throws {GatewayError} `LoggingFailed` */
  appendAccess(access: Access): Promise<Appended>
  /** Puts on record that something is erased, held or released, and carries it out. @throws {GatewayError} `LoggingFailed` */
  decide(request: Request): Promise<Decided>
  /** Everything whose date has passed. @throws {GatewayError} `LoggingFailed` */
  eraseDue(): Promise<Erased>
  /** Everything older than this. @throws {Error} what keeps it from going on */
  archive: Archiving['run']
  health(): MessageLogHealth
  /** Closes the batch now and resolves when every record is time-stamped. @throws when that fails */
  stampNow(): Promise<void>
}

const HOUR_MS = 3_600_000
/** Longer than a message can be fresh, by its sender's clock and ours. */
const RECENT_MS = 180_000
const MIB = 1024 * 1024

type PlaceOptions = Pick<
  MessageLogOptions,
  'gateway' | 'node' | 'file' | 'keyStore' | 'masterKey' | 'bodies' | 'archive' | 'highWaterFile'
>

/** @throws {LogOpenError} any flaw */
export async function openMessageLog(options: MessageLogOptions): Promise<SqliteLog> {
  const { now, retention, stampIntervalMs = 60_000, stampRecordsMax = 10_000, report = () => {} } = options
  const { stampFailureLimitMs = 4 * HOUR_MS, stampRetryMs = 1000, replayWindowMs = 24 * HOUR_MS } = options
  const { queueMax = 10_000, queueBytesMax = 64 * MIB, commitBytesMax = 16 * MIB, recoverIntervalMs = 1000 } = options
  const { lookIntervalMs = 500, standsBy = false, watched = [] } = options
  const { retentionRules = () => [], eraseAt = null, eraseStartMs = 10_000 } = options
  const { clockLeadMaxMs = CLOCK_LEAD_MAX_MS } = options

  const place = { ...placeOf(options), watched }
  const thread = await startWriter({ place, at: now(), replayWindowMs, standsBy })
  const { id, known, configuration } = thread.greeting
  const pseudonyms = openPseudonyms(options.masterKey, place.name)
  const queue = openWriterQueue(thread, {
    now,
    queueMax,
    queueBytesMax,
    commitBytesMax,
    recoverIntervalMs,
    lookIntervalMs,
    report,
    committed: () => stamping.committed(),
    reopened: (log) => stamping.learn(log),
  })
  const store = openStore(place.file, standsBy ? { name: place.name, epoch: 1 } : undefined)
  const lists = listsInTokens(store.batches)
  const client = openTimeStampClient({ known: lists, ...options.timeStamps, authorities: options.authorities, now })
  const { closeBatch, storeToken } = queue
  const stamping = openStamping(
    {
      ...{ stampIntervalMs, stampRecordsMax, stampFailureLimitMs, stampRetryMs },
      ...{ log: id, now, closeBatch, storeToken, report, stamp: client.stamp, state: () => queue.state },
    },
    known,
  )
  const retained = openRetention({
    ...{ eraseAt, eraseStartMs, rules: retentionRules, now, report, closeBatch: stamping.closeBatch },
    ...{ decide: queue.decide, erase: queue.erase },
    dueTime: () => dueTime({ now, clockLeadMaxMs, stampedAt: () => stamping.health().stampedAt, stamp: client.stamp }),
  })
  const witness = openWitness({ now, report, list: store.heads, store: queue.storeHeads })
  const archiving = openArchiving({ options, place, store, now, work: queue.archive, report })
  const appendEvent = (event: Buffer): Promise<Appended> => queue.append(ownEntry('access', event, now()))
  const notes = openAccessNotes({ file: place.file, append: appendEvent, report })
  const recent = openRecentIds(now, RECENT_MS, store.exchanges.takenSince(now() - RECENT_MS))
  /** Replay keys that are not on disk yet. */
  const inFlight = new Set<string>()
  let appended = 0
  let appendMs = 0
  let adopted = configuration ?? undefined

  async function append(record: NewRecord): Promise<Appended> {
    if (record.outcome === 'request' && stamping.isOverdue()) throw new GatewayError('TimestampingFailed')
    const { body, replaySender, requestId } = record
    const began = performance.now()
    const key = replaySender === undefined ? undefined : replayKey(replaySender, requestId)
    if (key !== undefined) {
      inFlight.add(key)
      recent.add(requestId)
    }
    try {
      if (body?.file !== undefined) await syncFile(body.file.path).catch(notWritten)
      const place = await queue.append(messageEntry(record, { at: now(), ...retention(record.purpose), pseudonyms }))
      appended += 1
      appendMs += performance.now() - began
      if (record.saying !== undefined) witness.heard(record.saying, place.seq)
      return place
    } finally {
      if (key !== undefined) inFlight.delete(key)
    }
  }

  return {
    id,
    append,
    abandon: ({ seq }) => queue.abandon(seq),
    seen(sender, requestId) {
      if (inFlight.has(replayKey(sender, requestId))) return true
      return recent.mayHave(requestId) && store.exchanges.isTaken(requestId, sender, now() - replayWindowMs)
    },
    head: stamping.head,
    appendAccess: (access) => appendEvent(formatAccess(access)),
    async appendConfiguration({ octets }) {
      const entry = ownEntry('configuration', octets, now())
      const digest = entry.bodySha256 as Buffer
      if (adopted !== undefined && digest.equals(adopted.sha256)) {
        return { seq: adopted.seq, leaf: Buffer.from(adopted.leaf) }
      }
      const place = await queue.append(entry)
      adopted = { ...place, sha256: digest }
      return place
    },
    health: () => ({
      id,
      isWritable: queue.state.isWritable,
      ...(queue.state.fault !== undefined && { fault: queue.state.fault }),
      seq: queue.state.seq,
      queued: queue.length,
      appended,
      appendMs,
      ...stamping.health(),
      ...witness.health(),
      ...archiving.health(),
    }),
    stampNow: stamping.stampNow,
    decide: retained.decide,
    eraseDue: retained.eraseDue,
    archive: archiving.run,
    async close() {
      await notes.close()
      await archiving.close()
      await retained.close()
      await stamping.close()
      await witness.close()
      await client.close()
      store.close()
      await queue.close()
    },
  }
}

/** Where the parts of a log are. */
export function placeOf(options: PlaceOptions): LogPlace {
  const { gateway, node = 'n1', file, keyStore, masterKey } = options
  return {
    name: `${gateway}/${node}`,
    file,
    bodies: options.bodies ?? join(dirname(file), 'bodies'),
    archive: options.archive ?? join(dirname(file), 'archive'),
    keys: { directory: keyStore, masterKeyFile: masterKey },
    highWaterFile: options.highWaterFile ?? join(keyStore, 'high-water.json'),
  }
}

function replayKey(sender: Identifier, requestId: string): string {
  return `${requestId} ${sender}`
}

function notWritten(cause: unknown): never {
  throw new GatewayError('LoggingFailed', { cause })
}
