/**
 * Verifies a whole log: every object's hash, the chain, the ends of requests, the batches and their tokens. Source: design
 * of the evidence, sections 4 and 6. In constant memory: of the records only those of one batch and the open ones.
 */

import { setImmediate as turn } from 'node:timers/promises'
import { readCertificate, readRevocationList } from '../protocol/authority-certificates.ts'
import { sha256, treeRoot } from '../protocol/hash-tree.ts'
import type { TimeStampAuthority } from '../protocol/time-stamp.ts'
import { checkNotRevoked, verifyTimeStamp } from '../protocol/time-stamp.ts'
import { completeToken, readToken } from '../protocol/time-stamp-token.ts'
import type { DamageKind } from './damage.ts'
import { Damage, demand } from './damage.ts'
import type { ErasureCheck } from './erasure-check.ts'
import { openErasureCheck } from './erasure-check.ts'
import { formatBatchHeader } from './log-record.ts'
import type { LogReader } from './reader.ts'
import type { CheckedRecord } from './record-check.ts'
import { checkBodyFile, checkRecord } from './record-check.ts'
import type { StoredRecord } from './stored-record.ts'
import { bufferOf, selectStored, storedRecord } from './stored-record.ts'

export interface VerifyOptions {
  /** Time-stamp authorities that are believed; base64 of DER, as in the global configuration. */
  readonly anchors: readonly { readonly certificate: string; readonly ca: string }[]
  /** Records that the log is known to have had: the high-water mark, receipts of partners. Leaves are hex. */
  readonly witnesses?: readonly { readonly seq: number; readonly leaf: string }[]
}

export interface Verification {
  readonly isWhole: boolean
  /** Verified up to the damage. */
  readonly records: number
  readonly batches: number
  /** Records up to this one are time-stamped. */
  readonly stampedTo: number
  /** Time of the latest token, ISO 8601. */
  readonly stampedAt: string | null
  /** Records of which only the leaf is left. */
  readonly erased: number
  /** The first one. */
  readonly damage: { readonly seq: number; readonly kind: DamageKind; readonly message: string } | null
}

/** Records verified at a stretch: a few milliseconds. */
const CHUNK = 64

export async function verifyLog(reader: LogReader, options: VerifyOptions): Promise<Verification> {
  const log = new Verifier(reader, options)
  try {
    const select = selectStored(reader.database, 'WHERE record.seq > ? ORDER BY record.seq LIMIT ?')
    for (let last = Number.MIN_SAFE_INTEGER; ; ) {
      const rows = select.all(last, CHUNK)
      for (const row of rows) {
        const checked = log.take(storedRecord(row))
        if (checked !== undefined && checked.stored.bodyKey !== null) await checkBodyFile(checked, reader.contents)
      }
      if (rows.length < CHUNK) break
      last = log.records
      // Whoever shares this thread gets its turn.
      await turn()
    }
    log.finish()
    return log.report(null)
  } catch (error) {
    if (!(error instanceof Damage)) throw error
    return log.report({ seq: error.seq, kind: error.kind, message: error.message })
  }
}

/** An open request, for its end to be compared with. */
type Open = Pick<StoredRecord, 'requestId' | 'xRoadId' | 'client' | 'service' | 'method' | 'side' | 'purpose'> & {
  leaf: string
}

class Verifier {
  records = 0
  #batches = 0
  #stampedTo = 0
  #stampedAt: number | null = null
  #erased = 0
  #unstamped = false
  #before: Buffer | undefined
  #header: string | null = null
  #leaves: Buffer[] = []
  #atMin = Number.POSITIVE_INFINITY
  #atMax = Number.NEGATIVE_INFINITY
  readonly #open = new Map<number, Open>()
  readonly #reader: LogReader
  readonly #authorities: readonly TimeStampAuthority[]
  readonly #witnesses: ReadonlyMap<number, string>
  #isErasedInBatch = false
  readonly #erasures: ErasureCheck
  readonly #erasedRow: ReturnType<LogReader['database']['prepare']>
  readonly #batchRow: ReturnType<LogReader['database']['prepare']>

  constructor(reader: LogReader, { anchors, witnesses = [] }: VerifyOptions) {
    this.#reader = reader
    this.#batchRow = reader.database.prepare('SELECT * FROM batch WHERE number = ?')
    this.#erasures = openErasureCheck(reader.database, reader.contents)
    this.#erasedRow = reader.database.prepare('SELECT leaf FROM record WHERE seq = ? AND record_erased_at IS NOT NULL')
    this.#authorities = anchors.map(({ certificate, ca }) => ({
      unit: readCertificate(Buffer.from(certificate, 'base64')),
      ca: readCertificate(Buffer.from(ca, 'base64')),
    }))
    this.#witnesses = new Map(witnesses.map(({ seq, leaf }) => [seq, leaf]))
  }

  take(stored: StoredRecord): CheckedRecord | undefined {
    const seq = this.records + 1
    if (stored.seq !== seq) {
      const isExtra = stored.seq < seq
      throw new Damage(isExtra ? stored.seq : seq, isExtra ? 'chain' : 'missing', 'The numbers are not without a gap')
    }
    const leaf = bufferOf(stored.leaf)
    this.#checkWitness(seq, leaf)
    let checked: CheckedRecord | undefined
    if (stored.kind === null && stored.recordErasedAt !== null) this.#takeErased(stored)
    else {
      this.#erasures.body(stored)
      checked = checkRecord(stored, this.#reader.contents, this.#reader.identity)
      const before = this.#before?.toString('hex') ?? null
      demand(checked.record.prev === before, seq, 'chain', 'It names another record before it')
      this.#checkEnd(checked)
      this.#erasures.decision(checked.stored, checked.body)
      if (stored.kind === 'batch') this.#checkBatch(checked, leaf)
    }
    if (stored.kind !== 'batch') {
      this.#leaves.push(leaf)
      this.#widen(stored.at)
    }
    this.records = seq
    this.#before = leaf
    return checked
  }

  #takeErased(stored: StoredRecord): void {
    this.#erasures.record(stored)
    this.#erased += 1
    this.#isErasedInBatch = true
    if (stored.ends !== null) this.#open.delete(stored.ends)
  }

  #checkWitness(seq: number, leaf: Buffer): void {
    const witness = this.#witnesses.get(seq)
    demand(witness === undefined || witness === leaf.toString('hex'), seq, 'chain', 'It was another record once')
  }

  #widen(at: number | null): void {
    if (at === null) return
    this.#atMin = Math.min(this.#atMin, at)
    this.#atMax = Math.max(this.#atMax, at)
  }

  #checkEnd({ stored, record }: CheckedRecord): void {
    const { seq, kind, ends, requestId, xRoadId, client, service, method, side, purpose } = stored
    if (kind === 'request') {
      const leaf = bufferOf(stored.leaf).toString('hex')
      this.#open.set(seq, { requestId, xRoadId, client, service, method, side, purpose, leaf })
    }
    if (ends === null) return
    const request = this.#open.get(ends)
    if (request === undefined && this.#erasedLeaf(ends) === record.request) return
    demand(request !== undefined, seq, 'end', 'It ends no request, or one that had its end')
    demand(record.request === request.leaf, seq, 'end', 'It ends another request than recorded')
    const same =
      request.requestId === requestId &&
      request.xRoadId === xRoadId &&
      request.client === client &&
      request.service === service &&
      request.method === method &&
      request.side === side &&
      (kind !== 'in-doubt' || request.purpose === purpose)
    demand(same, seq, 'columns', 'Client, service, method or ids are others than those of the request')
    this.#open.delete(ends)
  }

  /** Hex; nothing of a record that is there. */
  #erasedLeaf(seq: number): string | undefined {
    const row = this.#erasedRow.get(seq)
    return row === undefined ? undefined : bufferOf(row['leaf'] as Uint8Array).toString('hex')
  }

  #checkBatch({ stored: { seq, at }, head, body }: CheckedRecord, leaf: Buffer): void {
    const leaves = this.#leaves
    const last = seq - 1
    const first = seq - leaves.length
    const expected = formatBatchHeader({
      log: this.#reader.identity.name,
      epoch: this.#reader.identity.epoch,
      batch: this.#batches + 1,
      first,
      last,
      count: leaves.length,
      prevHeader: this.#header,
      lastRecord: leaves.at(-1)?.toString('hex') ?? '',
    })
    demand(head?.toString('utf8') === expected, seq, 'batch', 'The batch header is not that of these records')
    demand(body?.equals(Buffer.concat(leaves)) === true, seq, 'batch', 'The leaves are not those of these records')
    const header = sha256(head)
    const root = treeRoot([leaf, ...leaves])
    this.#widen(at)
    const row = this.#batchRow.get(this.#batches + 1)
    const openFrom = Math.min(last + 2, ...this.#open.keys())
    const fits =
      row !== undefined &&
      row['seq'] === seq &&
      row['first'] === first &&
      row['last'] === last &&
      this.#fitsTimes(Number(row['at_min']), Number(row['at_max'])) &&
      (row['open_from'] === openFrom ||
        (Number(row['open_from']) < openFrom && this.#erasedLeaf(Number(row['open_from'])) !== undefined)) &&
      header.equals(row['header_sha256'] as Uint8Array) &&
      root.equals(row['root'] as Uint8Array)
    demand(fits, seq, 'batch', 'The batch is entered as another')
    this.#checkToken(seq, root, row)
    this.#batches += 1
    this.#header = header.toString('hex')
    this.#leaves = []
    this.#atMin = Number.POSITIVE_INFINITY
    this.#atMax = Number.NEGATIVE_INFINITY
  }

  /** The first or last record may be among the erased ones. */
  #fitsTimes(min: number, max: number): boolean {
    const isErased = this.#isErasedInBatch
    this.#isErasedInBatch = false
    return isErased ? min <= this.#atMin && max >= this.#atMax : min === this.#atMin && max === this.#atMax
  }

  #checkToken(seq: number, imprint: Buffer, row: Record<string, unknown>): void {
    const octets = row['token'] as Uint8Array | null
    if (octets === null) {
      demand(row['gen_time'] === null, seq, 'token', 'The token is not there')
      this.#unstamped = true
      return
    }
    // They are asked for in the order of the batches.
    demand(!this.#unstamped, seq, 'token', 'A token before this one is not there')
    const genTime = this.#verifyToken(bufferOf(octets), imprint)
    demand(genTime !== undefined, seq, 'token', 'The token holds for no authority that is believed')
    demand(genTime === row['gen_time'], seq, 'token', 'The time of the token is entered as another')
    this.#stampedTo = seq
    this.#stampedAt = genTime
  }

  #verifyToken(token: Buffer, imprint: Buffer): number | undefined {
    for (const authority of this.#authorities) {
      try {
        const { genTime } = verifyTimeStamp(token, authority, { imprint })
        const [list] = readToken(token).revocationLists
        if (list === undefined) continue
        checkNotRevoked(authority, readRevocationList(list, authority.ca))
        // Beside what is signed there may be nothing but what we put there.
        if (!completeToken(token, [authority.unit.der, authority.ca.der], list).equals(token)) continue
        return genTime
      } catch {
        // Another authority may have given it.
      }
    }
    return undefined
  }

  finish(): void {
    this.#erasures.finish()
    const { database } = this.#reader
    const last = this.records
    for (const seq of this.#witnesses.keys()) demand(seq <= last, last + 1, 'cut-off', `Record ${seq} was there once`)
    const extra = database.prepare('SELECT seq FROM batch WHERE number > ? AND seq <= ?').get(this.#batches, last)
    demand(extra === undefined, Number(extra?.['seq'] ?? 0), 'batch', 'A batch is entered that has no record')
    const stray = database.prepare('SELECT min(seq) AS low, max(seq) AS high FROM content').get()
    const low = Number(stray?.['low'] ?? 1)
    demand(low >= 1, low, 'missing', 'There are contents of no record')
  }

  report(damage: Verification['damage']): Verification {
    const { records } = this
    const stampedAt = this.#stampedAt === null ? null : new Date(this.#stampedAt).toISOString()
    const counted = { records, batches: this.#batches, stampedTo: this.#stampedTo, stampedAt, erased: this.#erased }
    return { isWhole: damage === null, ...counted, damage }
  }
}
