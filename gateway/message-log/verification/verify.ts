/**
 * Verifies a log: every object's hash, the chain, the ends of requests, the batches and their tokens, what others know of
 * it; the whole, or what came since it was verified last. Source: design of the evidence, sections 4 and 6. In constant
 * memory: of the records only the leaves of one batch and the open requests.
 */

import { setImmediate as turn } from 'node:timers/promises'
import { HASH_BYTES } from '../../protocol/hash-tree.ts'
import type { LogReader } from '../reading/reader.ts'
import { ArchiveError } from '../record/archive-error.ts'
import type { StoredRecord } from '../record/stored-record.ts'
import { bufferOf } from '../record/stored-record.ts'
import type { BatchCheck, TimeStampAnchor } from './batch-check.ts'
import { openBatchCheck } from './batch-check.ts'
import type { DamageKind } from './damage.ts'
import { Damage, demand } from './damage.ts'
import type { EndCheck } from './end-check.ts'
import { openEndCheck } from './end-check.ts'
import { openErasureCheck } from './erasure-check.ts'
import type { KnownHead, KnownRecord } from './known-check.ts'
import { openKnownCheck } from './known-check.ts'
import type { CheckedRecord } from './record-check.ts'
import { checkBodyFile, checkRecord } from './record-check.ts'
import { checkRenewals } from './renewal-check.ts'
import { openSignatureCheck } from './signature-check.ts'
import type { VerifiedPoint } from './verified-point.ts'

export interface VerifyOptions {
  /** Time-stamp authorities that are believed. */
  readonly anchors: readonly TimeStampAnchor[]
  /** Records that the log is known to have had: the high-water mark, receipts of partners. */
  readonly witnesses?: readonly KnownRecord[]
  /** Heads of this log that partners have received. */
  readonly heads?: readonly KnownHead[]
  /** What tokens of this log are over that are held elsewhere: in evidence that was given out. */
  readonly imprints?: readonly KnownHead[]
  /** Only what came after it is verified; it is from a file that who changes the log cannot change. */
  readonly since?: VerifiedPoint | undefined
  /** The own record of the batch to stop at: what has to be compared with the whole log is left to who verifies the end. */
  readonly until?: number
  /** Signatures of messages too: without it, that they are those that were recorded. */
  readonly signatures?: boolean
}

export interface Verification {
  readonly isWhole: boolean
  /** The first record that was looked at: 1 when the whole log was verified. */
  readonly from: number
  /** Verified up to the damage, those before `from` included. */
  readonly records: number
  readonly batches: number
  /** Records up to this one are time-stamped. */
  readonly stampedTo: number
  /** Time of the latest token, ISO 8601. */
  readonly stampedAt: string | null
  /** Records of which only the leaf is left, among those that were looked at. */
  readonly erased: number
  /** The first one. */
  readonly damage: { readonly seq: number; readonly kind: DamageKind; readonly message: string } | null
  /** From where a later verification may go on; absent until a token holds, and where there is damage. */
  readonly point?: VerifiedPoint
  /** The state at `until`. */
  readonly end?: VerifiedPoint
}

/** Records verified at a stretch: a few milliseconds. */
const CHUNK = 128

export async function verifyLog(reader: LogReader, options: VerifyOptions): Promise<Verification> {
  const log = openVerifier(reader, options)
  const { until = Number.MAX_SAFE_INTEGER } = options
  try {
    log.begin()
    const { scan } = reader.store.records
    for (;;) {
      // A whole log begins before its first number: an inserted record may have any.
      const records = scan(log.seq === 0 ? Number.MIN_SAFE_INTEGER : log.seq, Math.min(CHUNK, until - log.seq))
      for (const stored of records) {
        const checked = log.take(stored)
        if (checked !== undefined && checked.stored.bodyKey !== null) await checkBodyFile(checked, reader.contents)
      }
      if (records.length === 0 || log.seq >= until) break
      // Whoever shares this thread gets its turn.
      await turn()
    }
    if (options.until === undefined) {
      log.finish()
      await checkRenewals(reader, options.anchors)
    }
    return log.report(null)
  } catch (error) {
    if (error instanceof ArchiveError) return log.report({ seq: log.seq, kind: 'archive', message: error.message })
    if (!(error instanceof Damage)) throw error
    return log.report({ seq: error.seq, kind: error.kind, message: error.message })
  }
}

interface Verifier {
  /** The latest record that was taken. */
  readonly seq: number
  /** What was verified before has to be what the rest builds on. @throws {Damage} */
  begin(): void
  /** @returns nothing of an erased record @throws {Damage} */
  take(stored: StoredRecord): CheckedRecord | undefined
  /** @throws {Damage} */
  finish(): void
  report(damage: Verification['damage']): Verification
}

function openVerifier(reader: LogReader, options: VerifyOptions): Verifier {
  const { anchors, witnesses = [], heads = [], imprints = [], since, until } = options
  const { store, contents, identity } = reader
  const checkSignature = options.signatures === true ? openSignatureCheck(contents) : undefined
  const ends: EndCheck = openEndCheck(store.records)
  const batches: BatchCheck = openBatchCheck(reader, { anchors, ends, start: since })
  const erasures = openErasureCheck(store, contents)
  const known = openKnownCheck(reader, { witnesses, heads, imprints, after: since?.seq ?? 0 })
  let seq = since?.seq ?? 0
  let before = since?.leaf ?? null
  let erased = 0
  let point: VerifiedPoint | undefined
  let end: VerifiedPoint | undefined

  function begin(): void {
    if (since === undefined) return
    const check = (at: number): CheckedRecord | undefined => {
      const stored = store.records.get(at)
      demand(stored !== undefined, at, 'missing', 'The record is not there')
      return stored.kind === null ? undefined : checkRecord(stored, contents, identity)
    }
    known.begin({ seq: since.seq, leaf: since.leaf })
    for (const at of since.open) {
      const checked = check(at)
      if (checked !== undefined) ends.take(checked)
    }
    if (until !== undefined) return
    // What must not be erased follows from all decisions ever taken.
    for (const at of store.decisions.upTo(since.seq)) {
      const checked = check(at)
      if (checked !== undefined) erasures.decision(checked.stored, checked.body)
    }
  }

  function take(stored: StoredRecord): CheckedRecord | undefined {
    const next = seq + 1
    demand(stored.seq >= next, stored.seq, 'extra', 'There is a record more than there was')
    demand(stored.seq === next, next, 'missing', 'The record is not there')
    const leaf = bufferOf(stored.leaf)
    known.record(next, leaf)
    const isErased = stored.kind === null && stored.recordErasedAt !== null
    const checked = isErased ? takeErased(stored) : takeKept(stored)
    seq = next
    before = checked?.leaf ?? leaf.toString('hex')
    if (stored.kind !== 'batch') batches.take(leaf, stored.at)
    else if (checked !== undefined) closeBatch(checked)
    return checked
  }

  function takeErased(stored: StoredRecord): undefined {
    demand(stored.leaf.length === HASH_BYTES, stored.seq, 'leaf', 'The leaf is not a hash')
    erasures.record(stored)
    erased += 1
    if (stored.ends !== null) ends.ended(stored.ends)
  }

  function takeKept(stored: StoredRecord): CheckedRecord {
    erasures.body(stored)
    const checked = checkRecord(stored, contents, identity)
    demand(checked.record.prev === before, stored.seq, 'chain', 'It names another record before it')
    checkSignature?.(checked)
    ends.take(checked)
    known.message(checked)
    erasures.decision(checked.stored, checked.body)
    return checked
  }

  function closeBatch(checked: CheckedRecord): void {
    const { isStamped, root } = batches.close(checked)
    known.batch(seq, batches.state, root)
    if (!isStamped && seq !== until) return
    const here = pointHere(checked)
    if (isStamped) point = here
    if (seq === until) end = here
  }

  function pointHere({ leaf }: CheckedRecord): VerifiedPoint {
    return { log: `${identity.name}/${identity.epoch}`, seq, leaf, batches: batches.state, open: [...ends.open] }
  }

  function finish(): void {
    erasures.finish()
    known.finish(seq, batches.state)
    batches.finish(seq)
    const stray = store.records.stray(seq)
    demand(stray === undefined, Number(stray), 'extra', 'There are contents of no record')
  }

  return {
    get seq() {
      return seq
    },
    begin,
    take,
    finish,
    report(damage) {
      const { number, stampedTo, stampedAt } = batches.state
      return {
        isWhole: damage === null,
        from: (since?.seq ?? 0) + 1,
        records: seq,
        batches: number,
        stampedTo,
        stampedAt: stampedAt === null ? null : new Date(stampedAt).toISOString(),
        erased,
        damage,
        ...(damage === null && (point ?? since) !== undefined && { point: point ?? since }),
        ...(damage === null && end !== undefined && { end }),
      }
    },
  }
}
