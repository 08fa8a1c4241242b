/**
 * The log as its writer holds it: chain, open requests and the batch that is growing. Source: design of the evidence,
 * section 4; architecture, "Replay and crashes".
 */

import { HASH_BYTES, sha256, sha256Hex } from '../../protocol/hash-tree.ts'
import { rootOf, treeLevels } from '../../protocol/tree-levels.ts'
import type { BodyFiles } from '../files/body-files.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { dayOf } from '../keys/key-store.ts'
import { openRandomOctets } from '../keys/random-octets.ts'
import { NO_MESSAGE, UNSEALED } from '../record/draft.ts'
import type { Entry } from '../record/entry.ts'
import type { Decision } from '../record/erasure-event.ts'
import { formatDecision } from '../record/erasure-event.ts'
import type { NewHeads } from '../record/heads.ts'
import type { LogIdentity } from '../record/log-place.ts'
import type { InDoubt } from '../record/log-record.ts'
import {
  BATCH_HEADER_NAME,
  BATCH_LEAVES_NAME,
  EVENT_NAME,
  formatBatchHeader,
  formatInDoubt,
} from '../record/log-record.ts'
import type { ClosedBatch, Place, Result, StampedBatch } from '../record/log-state.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import type { RecordDates, ReplayKey } from '../store/log-store.ts'
import type { NewDecision, WritableStore } from '../store/writable-store.ts'
import type { Chain, EntryContext } from './chain.ts'
import { openChain } from './chain.ts'
import type { ChainEnd } from './chain-end.ts'
import { addUnbatched, emptyUnbatched, readChainEnd } from './chain-end.ts'

export interface LogFileDeps {
  readonly store: WritableStore
  readonly identity: LogIdentity
  readonly keys: KeyStore
  readonly files: BodyFiles
}

/** What follows from a decision, in the transaction of its record. */
export type DecisionEffect = Omit<NewDecision, 'seq' | 'id'>

export interface LogFile {
  readonly tip: Chain['tip']
  readonly open: ReadonlySet<number>
  readonly unbatched: number
  /** Of the records that are in no batch yet. */
  readonly unbatchedSince: number | undefined
  readonly batch: ChainEnd['batch']
  /** One commit. `inDoubt` are requests whose end is lost. */
  commit(work: Commit): readonly Result[]
  /** What `commit` was about to write when it threw: whether it did, only the reopened log can tell. */
  readonly attempted: { readonly tip: Chain['tip']; readonly results: readonly Result[] } | undefined
  /** @returns nothing when there is no record since the latest batch */
  closeBatch(at: number): ClosedBatch | undefined
  storeToken(batch: StampedBatch): void
  storeHeads(heard: NewHeads): void
  /** What somebody decided about erasing, as a record of the log's own, and what follows from it. */
  addDecision(decision: Decision, at: number, effect: DecisionEffect): Place
  /** Texts that many records have in common are stored anew from here on. */
  forgetTexts(): void
}

export interface Commit {
  readonly at: number
  readonly entries: readonly Entry[]
  /** A text that entries name by number. */
  readonly textOf: (number: number) => string
  readonly replayedSince: number
  readonly inDoubt: Iterable<number>
  readonly reason: InDoubt['reason']
}

/** A request that has no end yet. */
type OpenRequest = StoredRecord & Pick<RecordDates, 'recordUntil'>

/** @throws {LogOpenError} `damaged` */
export function openLogFile({ store, identity, keys, files }: LogFileDeps): LogFile {
  const end = readChainEnd(store)
  const chain = openChain({ store, identity, keys, files, random: openRandomOctets() }, end.tip)
  const { open } = end
  let { batch, unbatched } = end
  let attempted: LogFile['attempted']
  /** Texts in common are those of one day: `archive/archive-emptying.ts` relies on it. */
  let textsDay = Number.NaN

  function commit({ at, entries, textOf, replayedSince, inDoubt, reason }: Commit): readonly Result[] {
    const doubted = [...new Set(inDoubt)].filter((seq) => open.has(seq)).map(requestOf)
    const taken = store.exchanges.taken(entries.filter(hasReplayKey), replayedSince)
    const ended = new Set<number>()
    attempted = undefined
    const done = chain.commit(() => {
      const doubts = doubted.map((request) => ({ ...closeInDoubt(request, reason, at), at }))
      for (const { seq } of doubted) ended.add(seq)
      const results = entries.map((entry) => addEntry(entry, ended, { textOf, taken }))
      attempted = { tip: chain.tip, results }
      return { doubts, results }
    })
    attempted = undefined
    // Committed: from here on the state may follow.
    for (const doubt of done.doubts) addUnbatched(unbatched, doubt)
    for (const [index, result] of done.results.entries()) {
      const entry = entries[index] as Entry
      if (typeof result === 'string') continue
      addUnbatched(unbatched, { leaf: result.leaf, at: entry.at })
      if (entry.kind === 'request') open.add(result.seq)
    }
    for (const seq of ended) open.delete(seq)
    return done.results
  }

  /** A request has one end: a second one would make the log say two things. */
  function addEntry(
    entry: Entry,
    ended: Set<number>,
    from: Pick<Commit, 'textOf'> & Pick<EntryContext, 'taken'>,
  ): Result {
    const { ends, etsiU, basis } = entry
    if (ends !== null && (!open.has(ends) || ended.has(ends))) return 'ended'
    const { textOf, taken } = from
    const result = chain.addEntry(entry, { etsiU: textOf(etsiU), basis: textOf(basis), taken })
    if (ends !== null && typeof result !== 'string') ended.add(ends)
    return result
  }

  function requestOf(seq: number): OpenRequest {
    const row = store.records.get(seq, { bodies: false })
    if (row === undefined) throw new TypeError(`Record ${seq} is missing`)
    return { ...row, recordUntil: store.decisions.dates(seq)?.recordUntil ?? null }
  }

  function closeInDoubt(row: OpenRequest, reason: InDoubt['reason'], at: number): { leaf: Buffer } {
    const { seq } = row
    const request = Buffer.from(row.leaf)
    const event = Buffer.from(formatInDoubt({ request: { seq, leaf: request.toString('hex') }, reason }))
    // In an archive file it lies under this key, and so is erased with its purpose and day.
    keys.obtain({ day: dayOf(at), purpose: String(row.purpose), use: 'record' })
    const columns = {
      ...NO_MESSAGE,
      at,
      kind: 'in-doubt',
      side: row.side,
      requestId: row.requestId,
      xRoadId: row.xRoadId,
      client: row.client,
      service: row.service,
      method: row.method,
      purpose: row.purpose,
      recordUntil: row.recordUntil,
      ends: seq,
      bodyBytes: event.length,
    } as const
    return chain.add({
      columns,
      objects: [{ name: EVENT_NAME, sha256: sha256Hex(event) }],
      content: { ...UNSEALED, body: event },
      request,
      basis: null,
    })
  }

  function addDecision(decision: Decision, at: number, effect: DecisionEffect): Place {
    const event = Buffer.from(formatDecision(decision))
    const add = (): Place =>
      chain.add({
        columns: { ...NO_MESSAGE, at, kind: decision.event, bodyBytes: event.length },
        objects: [{ name: EVENT_NAME, sha256: sha256Hex(event) }],
        content: { ...UNSEALED, body: event },
        request: null,
        basis: null,
      })
    const place = chain.commit(add, ({ seq }) => ({ decision: { seq, id: decision.id, ...effect } }))
    addUnbatched(unbatched, { leaf: place.leaf, at })
    return place
  }

  function closeBatch(at: number): ClosedBatch | undefined {
    const { leaves, atMin, atMax } = unbatched
    const { count, octets } = leaves
    if (count === 0) return undefined
    const last = chain.tip.seq
    const first = last - count + 1
    const number = batch.number + 1
    const header = Buffer.from(
      formatBatchHeader({
        log: identity.name,
        epoch: identity.epoch,
        batch: number,
        first,
        last,
        count,
        prevHeader: batch.headerSha256?.toString('hex') ?? null,
        lastRecord: octets.toString('hex', octets.length - HASH_BYTES),
      }),
    )
    const headerSha256 = sha256(header)
    const openFrom = Math.min(last + 2, ...open)
    const times = { atMin: Math.min(atMin, at), atMax: Math.max(atMax, at) }
    const compute = (): ClosedBatch => {
      const objects = [
        { name: BATCH_HEADER_NAME, sha256: headerSha256.toString('hex') },
        { name: BATCH_LEAVES_NAME, sha256: sha256Hex(octets) },
      ]
      const columns = { ...NO_MESSAGE, at, kind: 'batch', bodyBytes: octets.length } as const
      const content = { ...UNSEALED, head: header, body: octets }
      const { seq, leaf } = chain.add({ columns, objects, content, request: null, basis: null })
      // Group 0, the batch's own record, comes first.
      const root = rootOf(treeLevels(Buffer.concat([leaf, octets]), 'sha256'))
      return { number, seq, leaf, headerSha256, root, count, since: atMin }
    }
    const closed = chain.commit(compute, ({ seq: own, root }) => ({
      batch: { number, own, first, last, ...times, openFrom, headerSha256, root },
    }))
    batch = { number, headerSha256 }
    if (dayOf(at) !== textsDay) chain.forgetTexts()
    textsDay = dayOf(at)
    unbatched = emptyUnbatched()
    return closed
  }

  return {
    get tip() {
      return chain.tip
    },
    get open() {
      return open
    },
    get unbatched() {
      return unbatched.leaves.count
    },
    get unbatchedSince() {
      return unbatched.leaves.count === 0 ? undefined : unbatched.atMin
    },
    get batch() {
      return batch
    },
    get attempted() {
      return attempted
    },
    commit,
    closeBatch,
    addDecision,
    storeToken: (token) => store.write({ token }),
    storeHeads: (heads) => store.write({ heads }),
    forgetTexts: chain.forgetTexts,
  }
}

function hasReplayKey(entry: Entry): entry is Entry & ReplayKey {
  return entry.sender !== null && entry.requestId !== null
}
